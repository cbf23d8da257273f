//! The client against a registry that fails on purpose: what is retried, under which id, and how a watch resumes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use persona_registry::client::{Client, ClientError, Options, Selection, Server, Start, Step};
use persona_registry::wire::pb;
use tonic::Code;

use pb::watch_personas_request::Start as Asked;
use pb::watch_personas_response::{Event, Progress};

use crate::stub::{Script, Stub, refusal, serve};

async fn connect(stub: &Stub) -> Client {
    let server: Server = serve(stub).await.parse().unwrap();
    Client::connect(&server, Options::default()).await.unwrap()
}

fn stub(failures: &[(Code, &str)]) -> Stub {
    let failures = failures.iter().map(|(code, reason)| refusal(*code, reason)).collect();
    Stub(Arc::new(Mutex::new(Script { failures, ..Script::default() })))
}

#[tokio::test]
async fn a_put_is_retried_under_one_request_id() {
    let stub =
        stub(&[(Code::Unavailable, "WRITE_OUTCOME_UNKNOWN"), (Code::DeadlineExceeded, "DEADLINE_EXPIRED")]);
    let client = connect(&stub).await;
    let response = client.put(pb::PutPersonaRequest::default()).await.unwrap();
    assert_eq!(response.version, 1);
    let ids = stub.0.lock().unwrap().request_ids.clone();
    assert_eq!(ids.len(), 3);
    assert!(!ids[0].is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    client.put(pb::PutPersonaRequest::default()).await.unwrap();
    let own = pb::PutPersonaRequest { request_id: "mine".to_owned(), ..Default::default() };
    client.put(own).await.unwrap();
    let ids = stub.0.lock().unwrap().request_ids.clone();
    assert_ne!(ids[3], ids[0], "another put is another request");
    assert_eq!(ids[4], "mine");
}

#[tokio::test]
async fn a_decided_put_is_not_retried() {
    let stub = stub(&[(Code::Aborted, "ETAG_MISMATCH")]);
    let error = connect(&stub).await.put(pb::PutPersonaRequest::default()).await.unwrap_err();
    assert_eq!(error.reason(), Some(pb::ErrorReason::EtagMismatch));
    assert_eq!(stub.0.lock().unwrap().request_ids.len(), 1);
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let stub = stub(&[(Code::Unavailable, "SERVER_DRAINING"); 9]);
    let error = connect(&stub).await.put(pb::PutPersonaRequest::default()).await.unwrap_err();
    assert_eq!(error.reason(), Some(pb::ErrorReason::ServerDraining));
    assert_eq!(stub.0.lock().unwrap().request_ids.len(), 4, "once, and three times more");
}

#[tokio::test]
async fn a_listing_reads_all_pages_empty_ones_too() {
    let stub = Stub::default();
    for name in ["a", "b"] {
        let persona = pb::Persona { name: name.to_owned(), ..Default::default() };
        stub.0.lock().unwrap().personas.insert(name.to_owned(), persona);
    }
    let personas = connect(&stub).await.list("default").await.unwrap();
    let names: Vec<_> = personas.iter().map(|persona| persona.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn an_answer_that_lacks_what_was_promised_is_an_error() {
    let request = pb::GetPersonaRequest { name: "hollow".to_owned(), ..Default::default() };
    let error = connect(&Stub::default()).await.get(request).await.unwrap_err();
    assert!(matches!(error, ClientError::Incomplete("the persona")));
}

#[tokio::test]
async fn a_broken_watch_resumes_from_its_last_token() {
    let message = |revision: i64, token: &str| pb::WatchPersonasResponse {
        event: Some(Event::Progress(Progress { revision })),
        resume_token: token.to_owned(),
    };
    let stub = Stub::default();
    stub.0.lock().unwrap().streams = VecDeque::from([
        vec![message(1, "")],
        vec![message(2, "t2"), message(3, "")],
        vec![message(4, "t4")],
    ]);
    let client = connect(&stub).await;
    let mut watch = client.watch(Selection::default(), Start::Snapshot).await.unwrap();
    let (mut messages, mut lost) = (0, 0);
    let end = loop {
        match watch.next().await {
            Ok(Step::Message(_)) => messages += 1,
            Ok(Step::Lost { .. }) => lost += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(end.reason(), Some(pb::ErrorReason::StoreMismatch), "what trying again does not mend ends it");
    assert_eq!((messages, lost), (4, 3));
    assert_eq!(watch.resume_token(), Some("t4"));
    let token = |token: &str| Some(Asked::ResumeToken(token.to_owned()));
    assert_eq!(stub.0.lock().unwrap().starts, [None, None, token("t2"), token("t4")]);
}

#[tokio::test]
async fn nothing_listening_is_told_with_the_address() {
    let server: Server = "127.0.0.1:9".parse().unwrap();
    let error = Client::connect(&server, Options::default()).await.unwrap_err();
    let ClientError::Unreachable { server, .. } = error else { panic!("{error}") };
    assert_eq!(server, "http://127.0.0.1:9");
}
