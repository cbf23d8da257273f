//! What becomes of streams and shares of callers as credentials end, policies change and keys are exchanged.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use persona_registry::wire::pb;
use persona_registry::wire::pb::ErrorReason;
use persona_registry::wire::pb::watch_personas_response::Event;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::auth::{caller, grant, policy, seeded, server_of, told};
use crate::harness::{get, metadata, put, reason, soon};
use crate::issuer::{self, KeyServer, Signer, believed, claims, claims_for};

/// Reads a stream to its end; what its messages named, its last token and its status.
pub async fn to_its_end(
    mut stream: Streaming<pb::WatchPersonasResponse>,
) -> (BTreeSet<String>, String, Status) {
    let (mut named, mut token) = (BTreeSet::new(), String::new());
    loop {
        match soon(stream.message()).await {
            Ok(Some(message)) => {
                if !message.resume_token.is_empty() {
                    token = message.resume_token.clone();
                }
                if let Some(Event::Snapshot(snapshot)) = message.event {
                    let names = snapshot.personas.iter();
                    named.extend(names.map(|one| format!("{}/{}", one.namespace, one.name)));
                }
            }
            Ok(None) => panic!("a stream ends with a status"),
            Err(status) => return (named, token, status),
        }
    }
}

/// What a stream names up to the end of its snapshot, and its token there.
async fn at_first(stream: &mut Streaming<pb::WatchPersonasResponse>) -> (BTreeSet<String>, String) {
    let mut named = BTreeSet::new();
    loop {
        let message = soon(stream.message()).await.unwrap().unwrap();
        match message.event {
            Some(Event::Snapshot(snapshot)) => {
                named.extend(snapshot.personas.iter().map(|one| format!("{}/{}", one.namespace, one.name)));
            }
            Some(Event::Synced(_)) => return (named, message.resume_token),
            _ => {}
        }
    }
}

fn everywhere() -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest { namespace: "-".to_owned(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_a_stream_ends_when_its_token_expires_and_goes_on_with_a_new_one() {
    let (server, signer, _) = seeded().await;
    let mut first = caller(&server, Some(&signer.token(&claims_for("reader", 2)))).await;
    let stream = first.personas.watch_personas(pb::WatchPersonasRequest::default()).await.unwrap();
    let (named, token, ended) = to_its_end(stream.into_inner()).await;
    assert_eq!(named, BTreeSet::from(["default/a".to_owned()]));
    assert_eq!((ended.code(), reason(&ended)), (Code::Unauthenticated, ErrorReason::CredentialsInvalid));
    assert_eq!(metadata(&ended, "cause"), "expired");
    let again = first.personas.get_persona(get("a")).await.map(drop);
    assert_eq!(
        told(&again),
        "CREDENTIALS_INVALID expired",
        "what was verified once is not believed for ever"
    );
    let mut second = caller(&server, Some(&signer.token(&claims("reader")))).await;
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    let revision = admin.personas.put_persona(put("a", "meanwhile")).await.unwrap().into_inner().revision;
    let start = Some(pb::watch_personas_request::Start::ResumeToken(token));
    let resume = pb::WatchPersonasRequest { start, ..Default::default() };
    let mut stream = second.personas.watch_personas(resume).await.unwrap().into_inner();
    loop {
        let message = soon(stream.message()).await.unwrap().unwrap();
        if let Some(Event::Changes(changes)) = message.event {
            assert_eq!(changes.revision, revision);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_what_is_seen_everywhere_changes_with_the_policy() {
    let (server, signer, shared) = seeded().await;
    let mut reader = caller(&server, Some(&signer.token(&claims("reader")))).await;
    let list = pb::ListPersonasRequest { namespace: "-".to_owned(), ..Default::default() };
    let seen = |page: pb::ListPersonasResponse| -> BTreeSet<String> {
        page.personas.iter().map(|one| format!("{}/{}", one.namespace, one.name)).collect()
    };
    let only = BTreeSet::from(["default/a".to_owned()]);
    let both = BTreeSet::from(["default/a".to_owned(), "other/a".to_owned()]);
    assert_eq!(seen(reader.personas.list_personas(list.clone()).await.unwrap().into_inner()), only);
    let namespaces = reader.personas.list_namespaces(pb::ListNamespacesRequest::default()).await.unwrap();
    assert_eq!(namespaces.into_inner().namespaces.len(), 1);
    let status = reader.admin.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    assert!(status.counts.is_none(), "how much there is elsewhere is not told");
    let mut stream = reader.personas.watch_personas(everywhere()).await.unwrap().into_inner();
    let (named, token) = at_first(&mut stream).await;
    // One of a single namespace whose grant stays is begun anew too, and goes on where it was.
    let single = reader.personas.watch_personas(pb::WatchPersonasRequest::default()).await.unwrap();
    let mut single = single.into_inner();
    let (_, token_of_single) = at_first(&mut single).await;
    shared.lock().unwrap().grants.push(grant("corp:reader", "reader@other"));
    let (_, _, ended) = to_its_end(stream).await;
    assert!(named == only && reason(&ended) == ErrorReason::AccessChanged, "{ended:?}");
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(seen(reader.personas.list_personas(list).await.unwrap().into_inner()), both);
    let start = Some(pb::watch_personas_request::Start::ResumeToken(token));
    let refused = reader.personas.watch_personas(pb::WatchPersonasRequest { start, ..everywhere() }).await;
    assert_eq!(reason(&refused.unwrap_err()), ErrorReason::ResumeTokenInvalid, "it is of another selection");
    let (_, _, ended) = to_its_end(single).await;
    assert_eq!(reason(&ended), ErrorReason::AccessChanged);
    let start = Some(pb::watch_personas_request::Start::ResumeToken(token_of_single));
    let resume = pb::WatchPersonasRequest { start, ..Default::default() };
    reader.personas.watch_personas(resume).await.unwrap();
    // Without any grant the stream ends, and no other begins.
    let mut stream = reader.personas.watch_personas(everywhere()).await.unwrap().into_inner();
    let (named, _) = at_first(&mut stream).await;
    shared.lock().unwrap().grants.retain(|one| !one.to[0].matches("corp:reader"));
    to_its_end(stream).await;
    assert_eq!(named, both);
    let refused = reader.personas.watch_personas(everywhere()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_keys_are_exchanged_without_a_gap_and_an_issuer_that_is_away_changes_nothing() {
    let (old, new) = (Signer::ec("old"), Signer::rsa("new"));
    let keys = KeyServer::start(issuer::set(&[&old])).await;
    let shared = Arc::new(Mutex::new(policy(believed(keys.source()))));
    // Keys are fetched when a token names one that is not known, and otherwise rarely.
    let rarely = |options: &mut persona_registry::server::Options| {
        options.auth.as_mut().unwrap().refresh = Duration::from_secs(600);
    };
    let server = server_of(&shared, rarely).await;
    let (by_old, by_new) = (old.token(&claims("reader")), new.token(&claims("reader")));
    let list = async |token: &str| {
        let mut caller = caller(&server, Some(token)).await;
        told(&caller.personas.list_personas(pb::ListPersonasRequest::default()).await.map(drop))
    };
    assert_eq!(list(&by_old).await, "ok");
    assert_eq!(list(&by_new).await, "CREDENTIALS_INVALID unknown_key");
    *keys.answer.lock().unwrap() = None;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(list(&by_new).await, "CREDENTIALS_INVALID unknown_key");
    assert_eq!(list(&by_old).await, "ok", "what was had stays in use");
    let stream = {
        let mut caller = caller(&server, Some(&by_old)).await;
        caller.personas.watch_personas(pb::WatchPersonasRequest::default()).await.unwrap().into_inner()
    };
    *keys.answer.lock().unwrap() = Some(issuer::set(&[&old, &new]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((list(&by_new).await.as_str(), list(&by_old).await.as_str()), ("ok", "ok"));
    // The old key is withdrawn: what it signed ends.
    *keys.answer.lock().unwrap() = Some(issuer::set(&[&new]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let unknown = Signer::ed("unheard-of").token(&claims("reader"));
    assert_eq!(list(&unknown).await, "CREDENTIALS_INVALID unknown_key");
    assert_eq!(list(&by_old).await, "CREDENTIALS_INVALID unknown_key");
    let (_, _, ended) = to_its_end(stream).await;
    assert_eq!(metadata(&ended, "cause"), "unknown_key");
    // A flood of unknown keys asks the issuer no more often than it may.
    let (before, began) = (keys.asked.load(Ordering::Relaxed), std::time::Instant::now());
    for _ in 0..50 {
        assert_eq!(list(&Signer::ed("x").token(&claims("reader"))).await, "CREDENTIALS_INVALID unknown_key");
    }
    let asked = keys.asked.load(Ordering::Relaxed) - before;
    let pauses = began.elapsed().as_millis() / 20 + 2;
    assert!((asked as u128) <= pauses, "{asked} times in {pauses} pauses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_health_is_open_and_everything_else_is_not() {
    let (server, signer, shared) = seeded().await;
    let mut health = HealthClient::new(server.channel().await);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
    let describe = async |token: Option<String>| {
        use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
        let mut client = ServerReflectionClient::new(server.channel().await);
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let asked =
            tonic_reflection::pb::v1::ServerReflectionRequest { host: String::new(), message_request };
        let mut request = tonic::Request::new(tokio_stream::once(asked));
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        client.server_reflection_info(request).await.map(drop)
    };
    assert_eq!(describe(None).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(describe(Some(signer.token(&claims("nobody")))).await.is_ok());
    shared.lock().unwrap().open_reflection = true;
    for _ in 0..500 {
        if describe(None).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("reflection never opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_who_is_not_let_in_is_on_record_without_what_they_sent() {
    let (server, signer, _) = seeded().await;
    let token = Signer::ed("one").token(&claims("admin"));
    let mut forger = caller(&server, Some(&token)).await;
    forger.personas.get_persona(get("a")).await.unwrap_err();
    let mut reader = caller(&server, Some(&signer.token(&claims("reader")))).await;
    let there = pb::GetPersonaRequest { namespace: "other".to_owned(), ..get("a") };
    reader.personas.get_persona(there).await.unwrap_err();
    reader.personas.put_persona(put("a", "mine")).await.unwrap_err();
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    let list = pb::ListAuditRecordsRequest { page_size: 100, ..Default::default() };
    for _ in 0..500 {
        let page = admin.admin.list_audit_records(list.clone()).await.unwrap().into_inner();
        let refused: Vec<_> = page
            .audit_records
            .iter()
            .filter(|one| !one.reason.is_empty())
            .map(|one| {
                (one.method.as_str(), one.reason.as_str(), one.principal.as_str(), one.namespace.as_str())
            })
            .collect();
        if refused.len() == 3 {
            let expected = [
                ("PutPersona", "PERMISSION_DENIED", "corp:reader", "default"),
                ("GetPersona", "PERMISSION_DENIED", "corp:reader", "other"),
                ("GetPersona", "CREDENTIALS_INVALID", "anonymous", ""),
            ];
            assert_eq!(refused, expected);
            assert!(page.audit_records.iter().all(|one| !format!("{one:?}").contains(&token)));
            let written = page.audit_records.iter().filter(|one| one.principal == "corp:admin").count();
            assert_eq!(written, 4, "who wrote is on record too");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not all were recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_a_token_that_was_believed_is_judged_by_the_terms_of_now() {
    let (server, signer, shared) = seeded().await;
    let mut reader = caller(&server, Some(&signer.token(&claims("reader")))).await;
    assert!(reader.personas.get_persona(get("a")).await.is_ok());
    shared.lock().unwrap().issuers[0].audiences = vec!["another-service".to_owned()];
    for _ in 0..500 {
        match told(&reader.personas.get_persona(get("a")).await.map(drop)).as_str() {
            // Its keys are fetched for the new terms first.
            "ok" | "KEYS_UNAVAILABLE" => tokio::time::sleep(Duration::from_millis(10)).await,
            other => return assert_eq!(other, "CREDENTIALS_INVALID audience"),
        }
    }
    panic!("it is believed on terms that are over");
}
