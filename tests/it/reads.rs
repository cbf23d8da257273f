//! Promises G and B: one persona, and several at once.

use prost::Message as _;
use tonic::Code;

use crate::harness::{Server, bytes_of, delete, document, get, metadata, put, refused};
use persona_registry::domain::limits;
use persona_registry::wire::pb::{self, ErrorReason};

fn version(name: &str, number: i64) -> pb::GetPersonaRequest {
    let selector = Some(pb::get_persona_request::Selector::Version(number));
    pb::GetPersonaRequest { selector, ..get(name) }
}

fn batch(names: &[String]) -> pb::BatchGetPersonasRequest {
    pb::BatchGetPersonasRequest { names: names.to_vec(), ..Default::default() }
}

#[tokio::test]
async fn g1_what_is_missing_is_said_exactly() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for text in ["1", "2"] {
        client.put_persona(put("a", text)).await.unwrap();
        client.put_persona(put("gone", text)).await.unwrap();
    }
    client.delete_persona(delete("gone")).await.unwrap();

    for request in [get("nobody"), version("nobody", 1), get("gone")] {
        let status =
            refused(client.get_persona(request.clone()).await, Code::NotFound, ErrorReason::PersonaNotFound);
        assert_eq!(metadata(&status, "namespace"), "default");
        assert_eq!(metadata(&status, "name"), request.name);
    }
    // A name that exists elsewhere does not exist here.
    let elsewhere = pb::GetPersonaRequest { namespace: "other".to_owned(), ..get("a") };
    let status = refused(client.get_persona(elsewhere).await, Code::NotFound, ErrorReason::PersonaNotFound);
    assert_eq!(metadata(&status, "namespace"), "other");
    for request in [version("a", 3), version("gone", 3), version("a", i64::MAX)] {
        let answer = client.get_persona(request.clone()).await;
        let status = refused(answer, Code::NotFound, ErrorReason::VersionNotFound);
        let Some(pb::get_persona_request::Selector::Version(number)) = request.selector else { panic!() };
        assert_eq!(metadata(&status, "version"), number.to_string());
        assert_eq!(metadata(&status, "name"), request.name);
    }
    for number in [0, -1, i64::MIN] {
        let answer = client.get_persona(version("a", number)).await;
        let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert_eq!(metadata(&status, "field"), "version");
    }
    for number in [1, 2] {
        let kept = client.get_persona(version("gone", number)).await.unwrap().into_inner().persona.unwrap();
        assert_eq!(bytes_of(&kept), document("gone", &number.to_string()));
        assert_eq!(kept.version, number);
    }
}

#[tokio::test]
async fn g2_what_the_client_has_is_not_sent_again() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = client.put_persona(put("a", "1")).await.unwrap().into_inner();
    let basic = pb::PersonaView::Basic.into();
    let of = |etag: &str| pb::GetPersonaRequest { if_none_match: etag.to_owned(), ..get("a") };
    for request in [of(&first.etag), pb::GetPersonaRequest { view: basic, ..of(&first.etag) }] {
        let answer = client.get_persona(request).await.unwrap().into_inner();
        assert!(answer.not_modified && answer.persona.is_none());
        assert_eq!(answer.header, first.header);
    }
    let second = client.put_persona(put("a", "2")).await.unwrap().into_inner();
    let answer = client.get_persona(of(&first.etag)).await.unwrap().into_inner();
    assert!(!answer.not_modified);
    assert_eq!(answer.persona.unwrap().etag, second.etag);
    let old = pb::GetPersonaRequest { if_none_match: first.etag.clone(), ..version("a", 1) };
    assert!(client.get_persona(old).await.unwrap().into_inner().not_modified);
    let answer = client.get_persona(of("not an etag")).await;
    let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    assert_eq!(metadata(&status, "field"), "if_none_match");
    client.delete_persona(delete("a")).await.unwrap();
    refused(client.get_persona(of(&second.etag)).await, Code::NotFound, ErrorReason::PersonaNotFound);
}

#[tokio::test]
async fn b1_a_batch_comes_whole_in_the_order_asked_for() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let names: Vec<String> = (0..100).map(|number| format!("p{:02}", (number * 37) % 100)).collect();
    let mut writers = tokio::task::JoinSet::new();
    for name in names.clone() {
        let mut client = client.clone();
        writers.spawn(async move { client.put_persona(put(&name, "1")).await.unwrap() });
    }
    writers.join_all().await;
    let answer = client.batch_get_personas(batch(&names)).await.unwrap().into_inner();
    let found: Vec<_> = answer.personas.iter().map(|persona| persona.name.clone()).collect();
    assert_eq!(found, names);
    assert_eq!(bytes_of(&answer.personas[0]), document("p00", "1"));

    let mut one_more = names.clone();
    one_more.push("p100".to_owned());
    let twice = ["p01".to_owned(), "p02".to_owned(), "p01".to_owned()];
    for (names, field) in [(&one_more[..], "names"), (&twice, "names[2]"), (&[], "names")] {
        let answer = client.batch_get_personas(batch(names)).await;
        let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert_eq!(metadata(&status, "field"), field);
    }
    let bad = ["p01".to_owned(), "No Name".to_owned()];
    let answer = client.batch_get_personas(batch(&bad)).await;
    let status = refused(answer, Code::InvalidArgument, ErrorReason::NameInvalid);
    assert_eq!(metadata(&status, "field"), "names[1]");
}

#[tokio::test]
async fn b1_missing_names_are_listed_twenty_at_most() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["a", "gone"] {
        client.put_persona(put(name, "1")).await.unwrap();
    }
    client.delete_persona(delete("gone")).await.unwrap();
    let few = ["x".to_owned(), "a".to_owned(), "gone".to_owned()];
    let status =
        refused(client.batch_get_personas(batch(&few)).await, Code::NotFound, ErrorReason::PersonaNotFound);
    assert_eq!(metadata(&status, "missing"), "2");
    assert_eq!(metadata(&status, "names"), "x,gone");
    assert_eq!(metadata(&status, "namespace"), "default");
    // The longest names there are still fit into trailers.
    let many: Vec<String> = (0..100).map(|number| format!("{number:064}")).collect();
    let status =
        refused(client.batch_get_personas(batch(&many)).await, Code::NotFound, ErrorReason::PersonaNotFound);
    assert_eq!(metadata(&status, "missing"), "100");
    let listed = metadata(&status, "names");
    assert_eq!(listed.split(',').collect::<Vec<_>>(), many[..20]);
}

#[tokio::test]
async fn b1_a_batch_over_three_mib_says_how_many_fit() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let body = format!("{}\n", "word ".repeat(15)).repeat(250 * 1024 / 76);
    let names: Vec<String> = (0..14).map(|number| format!("p{number:02}")).collect();
    for name in &names {
        client.put_persona(put(name, &body)).await.unwrap();
    }
    let answer = client.batch_get_personas(batch(&names)).await;
    let status = refused(answer, Code::InvalidArgument, ErrorReason::BatchTooLarge);
    assert_eq!(metadata(&status, "limit_bytes"), limits::RESPONSE_BYTES.to_string());
    let fit: usize = metadata(&status, "fit").parse().unwrap();
    assert!((1..names.len()).contains(&fit));
    let answer = client.batch_get_personas(batch(&names[..fit])).await.unwrap().into_inner();
    assert_eq!(answer.personas.len(), fit);
    let size = answer.encoded_len();
    let next = answer.personas[0].encoded_len();
    assert!(size <= limits::RESPONSE_BYTES && size + next > limits::RESPONSE_BYTES - 8 * 1024);
    let answer = client.batch_get_personas(batch(&names[..=fit])).await;
    refused(answer, Code::InvalidArgument, ErrorReason::BatchTooLarge);
    let basic = pb::BatchGetPersonasRequest { view: pb::PersonaView::Basic.into(), ..batch(&names) };
    assert_eq!(client.batch_get_personas(basic).await.unwrap().into_inner().personas.len(), names.len());
    // A missing one is told first: the caller would meet it anyway.
    let mut missing = names;
    missing.push("nobody".to_owned());
    let answer = client.batch_get_personas(batch(&missing)).await;
    refused(answer, Code::NotFound, ErrorReason::PersonaNotFound);
}
