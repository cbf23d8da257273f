//! Findings that a document is let in with: by whom, for which document, and what is kept of it.

use persona_registry::wire::pb::{self, ErrorReason, audit_record::Action};
use tonic::Code;

use crate::auth::{caller, seeded};
use crate::harness::{Server, get, metadata, put, refused};
use crate::issuer::claims;
use crate::program::{beside, run};

/// Made here, so that no scanner takes this file for a leak.
pub fn secret() -> String {
    ["ghp_", "a8Fk2", "mZ0qLw9", "XcV7bN4", "tRy6Uo1", "Ps3DgHjK5e"].concat()
}

fn document(name: &str) -> Vec<u8> {
    let secret = secret();
    format!("---\nname: {name}\ndescription: Use in tests.\n---\n# {name}\n\nThe key is {secret} here.\n")
        .into_bytes()
}

fn waived(name: &str, rules: &[(&str, &str)]) -> pb::PutPersonaRequest {
    let waiver =
        |(rule, reason): &(&str, &str)| pb::Waiver { rule: (*rule).into(), reason: (*reason).into() };
    pb::PutPersonaRequest {
        content: document(name).into(),
        waivers: rules.iter().map(waiver).collect(),
        ..Default::default()
    }
}

const REASON: (&str, &str) = ("SEC405", "revoked long ago");

#[tokio::test]
async fn a_finding_is_waived_for_one_document_and_stands_in_its_history() {
    let server = Server::start().await;
    let mut client = server.client().await;
    refused(client.put_persona(waived("a", &[])).await, Code::InvalidArgument, ErrorReason::PersonaInvalid);
    // What the rehearsal says, the real call says.
    let rehearsal = pb::PutPersonaRequest { validate_only: true, ..waived("a", &[REASON]) };
    let rehearsed = client.put_persona(rehearsal).await.unwrap().into_inner();
    let request = pb::PutPersonaRequest { request_id: "once".to_owned(), ..waived("a", &[REASON]) };
    let done = client.put_persona(request.clone()).await.unwrap().into_inner();
    assert_eq!(done.diagnostics, rehearsed.diagnostics);
    let found: Vec<_> = done.diagnostics.iter().filter(|one| one.code == "SEC405").collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].waivable && !found[0].blocks_storing && found[0].waiver_reason == REASON.1);
    assert_eq!(found[0].severity(), pb::Severity::Error);
    // The waivers are part of what the request asks for.
    let mut other = request.clone();
    other.waivers[0].reason = "another reason".to_owned();
    refused(client.put_persona(other).await, Code::InvalidArgument, ErrorReason::RequestIdReused);
    assert!(client.put_persona(request).await.unwrap().into_inner().replayed);
    let kept = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap().waivers;
    assert_eq!(kept, [pb::Waiver { rule: "SEC405".to_owned(), reason: REASON.1.to_owned() }]);
    // The next document needs its own; one that needs none keeps none.
    let mut next = waived("a", &[]);
    next.content = [&document("a")[..], b"And more.\n"].concat().into();
    refused(client.put_persona(next).await, Code::InvalidArgument, ErrorReason::PersonaInvalid);
    let harmless = pb::PutPersonaRequest { content: put("a", "text").content, ..waived("a", &[REASON]) };
    client.put_persona(harmless).await.unwrap();
    assert!(client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap().waivers.is_empty());
    // All of it outlives a restart.
    let server = server.restart().await;
    let first =
        pb::GetPersonaRequest { selector: Some(pb::get_persona_request::Selector::Version(1)), ..get("a") };
    let first = server.client().await.get_persona(first).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(first.waivers, kept);
    let records = crate::audit::log(&server).await;
    let told: Vec<_> = records.iter().filter(|one| one.action() == Action::Waiver).collect();
    assert_eq!(told.len(), 1);
    let (record, persona) = (told[0], &first);
    assert_eq!((record.what.as_str(), record.detail.as_str()), REASON);
    assert_eq!((record.name.as_str(), record.version, record.revision), ("a", 1, persona.revision));
    assert_eq!(record.after_digest, persona.digest);
}

#[tokio::test]
async fn what_cannot_be_waived_is_refused_with_its_place() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let long = "x".repeat(1025);
    for (rules, field) in [
        (&[("SYN005", "why")][..], "waivers[0].rule"),
        (&[REASON, ("SEC999", "why")], "waivers[1].rule"),
        (&[("sec405", "why")], "waivers[0].rule"),
        (&[REASON, REASON], "waivers[1].rule"),
        (&[("SEC405", " ")], "waivers[0].reason"),
        (&[("SEC405", &long)], "waivers[0].reason"),
        (&[REASON; 17], "waivers"),
    ] {
        let answer = client.put_persona(waived("a", rules)).await;
        let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert!(status.message().contains(field), "{field}: {}", status.message());
    }
    // One rule's waiver waives no other's findings.
    let answer = client.put_persona(waived("a", &[("SEC406", "why")])).await;
    refused(answer, Code::InvalidArgument, ErrorReason::PersonaInvalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_administers_the_namespace_waives() {
    let (server, signer, _) = seeded().await;
    let operation = |put: pb::PutPersonaRequest| pb::batch_write_personas_request::Operation {
        kind: Some(pb::batch_write_personas_request::operation::Kind::Put(
            pb::batch_write_personas_request::Put {
                content: put.content,
                waivers: put.waivers,
                ..Default::default()
            },
        )),
    };
    let batch = |name: &str| pb::BatchWritePersonasRequest {
        operations: vec![operation(waived(name, &[REASON]))],
        ..Default::default()
    };
    for role in ["writer", "promoter"] {
        let mut caller = caller(&server, Some(&signer.token(&claims(role)))).await;
        let status = refused(
            caller.personas.put_persona(waived("new", &[REASON])).await,
            Code::PermissionDenied,
            ErrorReason::PermissionDenied,
        );
        if role == "writer" {
            assert_eq!(metadata(&status, "permission"), "administer");
        }
        let answer = caller.personas.batch_write_personas(batch("new")).await;
        refused(answer, Code::PermissionDenied, ErrorReason::PermissionDenied);
    }
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    admin.personas.put_persona(waived("new", &[REASON])).await.unwrap();
    let done = admin.personas.batch_write_personas(batch("newer")).await.unwrap().into_inner();
    assert_eq!(done.results[0].version, 1);
}

#[tokio::test]
async fn the_command_waives_with_a_reason() {
    let server = Server::start().await;
    let file = server.scratch().join("vault.md");
    std::fs::write(&file, document("vault")).unwrap();
    let file = file.to_str().unwrap();
    let put = |more: &[&str]| run(beside(server.address, &[&["put", file], more].concat()));
    let refused = put(&[]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let done = put(&["--waive", "SEC405=revoked long ago"]).await;
    assert!(done.code == Some(0) && done.err.contains("waived: revoked long ago"), "{done:?}");
    let wrong = put(&["--waive", "SEC405"]).await;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}
