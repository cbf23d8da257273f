//! Promises W2 and W3: a request id makes a retry safe.

use std::time::Duration;

use tonic::Code;
use tonic::transport::Channel;

use crate::faulty::{Disk, Mood};
use crate::harness::{Server, clock, delete, document, get, metadata, put, reason, refused, soon};
use crate::raw;
use persona_registry::domain::limits;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};

fn with_id(id: &str, request: pb::PutPersonaRequest) -> pb::PutPersonaRequest {
    pb::PutPersonaRequest { request_id: id.to_owned(), ..request }
}

fn deletion(id: &str, name: &str) -> pb::DeletePersonaRequest {
    pb::DeletePersonaRequest { request_id: id.to_owned(), ..delete(name) }
}

/// The first outcome, as a replay gives it.
fn replay_of(first: &pb::PutPersonaResponse, header: &Option<pb::ResponseHeader>) -> pb::PutPersonaResponse {
    pb::PutPersonaResponse { replayed: true, header: header.clone(), ..first.clone() }
}

#[tokio::test]
async fn w2_the_first_outcome_comes_again_also_after_a_restart() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let created = client.put_persona(with_id("create", put("a", "1"))).await.unwrap().into_inner();
    let unchanged = client.put_persona(with_id("again", put("a", "1"))).await.unwrap().into_inner();
    assert!(unchanged.unchanged && !unchanged.replayed);
    let only = pb::PutPersonaRequest { create_only: true, ..with_id("only", put("b", "1")) };
    let only_done = client.put_persona(only.clone()).await.unwrap().into_inner();
    let based = pb::PutPersonaRequest { etag: created.etag.clone(), ..with_id("based", put("a", "2")) };
    let based_done = client.put_persona(based.clone()).await.unwrap().into_inner();
    let gone = client.delete_persona(deletion("delete", "a")).await.unwrap().into_inner();
    // The world moves on; none of the first four would come out as it did.
    let moved = client.put_persona(put("a", "other")).await.unwrap().into_inner();
    let mut server = server;
    for _ in 0..2 {
        let mut client = server.client().await;
        for (request, first) in [
            (with_id("create", put("a", "1")), &created),
            (with_id("again", put("a", "1")), &unchanged),
            (only.clone(), &only_done),
            (based.clone(), &based_done),
        ] {
            let replayed = client.put_persona(request).await.unwrap().into_inner();
            assert_eq!(replayed, replay_of(first, &moved.header));
        }
        let replayed = client.delete_persona(deletion("delete", "a")).await.unwrap().into_inner();
        let first =
            pb::DeletePersonaResponse { replayed: true, header: moved.header.clone(), ..gone.clone() };
        assert_eq!(replayed, first);
        server = server.restart().await;
    }
    let found = server.client().await.get_persona(get("a")).await.unwrap().into_inner();
    assert_eq!(found.persona.unwrap().etag, moved.etag, "replays change nothing");
}

#[tokio::test]
async fn w2_an_id_is_for_one_request_only() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = client.put_persona(put("a", "0")).await.unwrap().into_inner();
    let used = with_id("id", put("a", "1"));
    client.put_persona(used.clone()).await.unwrap();
    let used_all = || used.clone();
    for other in [
        pb::PutPersonaRequest { content: document("a", "2").into(), ..used_all() },
        pb::PutPersonaRequest { namespace: "other".to_owned(), ..used_all() },
        pb::PutPersonaRequest { name: "a".to_owned(), ..used_all() },
        pb::PutPersonaRequest { dialect: pb::Dialect::ClaudeCode.into(), ..used_all() },
        pb::PutPersonaRequest { profile: pb::Profile::Plain.into(), ..used_all() },
        pb::PutPersonaRequest { etag: first.etag.clone(), ..used_all() },
        pb::PutPersonaRequest { create_only: true, ..used_all() },
        pb::PutPersonaRequest { message: "another reason".to_owned(), ..used_all() },
    ] {
        let status =
            refused(client.put_persona(other).await, Code::InvalidArgument, ErrorReason::RequestIdReused);
        assert_eq!(metadata(&status, "request_id"), "id");
    }
    let spelled = pb::PutPersonaRequest { namespace: "default".to_owned(), ..used_all() };
    assert!(client.put_persona(spelled).await.unwrap().into_inner().replayed, "the same, parsed");

    let used = deletion("id", "a");
    let gone = client.delete_persona(used.clone()).await.unwrap().into_inner();
    assert!(!gone.replayed, "an id of a put is free for a deletion");
    for other in [
        pb::DeletePersonaRequest { namespace: "other".to_owned(), ..used.clone() },
        pb::DeletePersonaRequest { name: "b".to_owned(), ..used.clone() },
        pb::DeletePersonaRequest { etag: first.etag, ..used.clone() },
        pb::DeletePersonaRequest { message: "another reason".to_owned(), ..used },
    ] {
        let answer = client.delete_persona(other).await;
        refused(answer, Code::InvalidArgument, ErrorReason::RequestIdReused);
    }
}

#[tokio::test]
async fn w2_only_ok_is_remembered() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let etag = client.put_persona(put("a", "1")).await.unwrap().into_inner().etag;
    client.put_persona(put("a", "2")).await.unwrap();
    let stale = pb::PutPersonaRequest { etag, ..with_id("id", put("a", "3")) };
    for _ in 0..2 {
        refused(client.put_persona(stale.clone()).await, Code::Aborted, ErrorReason::EtagMismatch);
    }
    refused(client.delete_persona(deletion("id", "b")).await, Code::NotFound, ErrorReason::PersonaNotFound);
    let done = client.put_persona(with_id("id", put("b", "1"))).await.unwrap().into_inner();
    assert!(!done.replayed);
    assert!(!client.delete_persona(deletion("id", "b")).await.unwrap().into_inner().replayed);
}

#[tokio::test]
async fn w2_replay_comes_before_preconditions_and_they_before_unchanged() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let create = pb::PutPersonaRequest { create_only: true, ..with_id("id", put("a", "1")) };
    let first = client.put_persona(create.clone()).await.unwrap().into_inner();
    assert!(client.put_persona(create.clone()).await.unwrap().into_inner().replayed);
    let other = pb::PutPersonaRequest { content: document("a", "2").into(), ..create };
    refused(client.put_persona(other).await, Code::InvalidArgument, ErrorReason::RequestIdReused);
    // What is there already is no excuse for a precondition that fails.
    let same = pb::PutPersonaRequest { create_only: true, ..put("a", "1") };
    refused(client.put_persona(same).await, Code::AlreadyExists, ErrorReason::PersonaExists);
    client.put_persona(put("a", "2")).await.unwrap();
    let same = pb::PutPersonaRequest { etag: first.etag, ..put("a", "2") };
    refused(client.put_persona(same).await, Code::Aborted, ErrorReason::EtagMismatch);
}

#[tokio::test]
async fn w2_an_id_is_remembered_for_a_day_and_then_forgotten() {
    let time = clock();
    let server = Server::start_with(|options| options.registry.clock = time.clone()).await;
    let mut client = server.client().await;
    client.put_persona(with_id("early", put("a", "1"))).await.unwrap();
    time.advance(Duration::from_secs(2));
    client.put_persona(with_id("late", put("b", "1"))).await.unwrap();
    time.advance(limits::IDEMPOTENCY - Duration::from_secs(1));
    // One is a second older than a day, the other a second younger.
    let again = reuse(&mut client, "early", "a").await;
    assert!(client.put_persona(with_id("late", put("b", "1"))).await.unwrap().into_inner().replayed);
    let server = server.restart().await;
    let mut client = server.client().await;
    assert!(client.put_persona(with_id("late", put("b", "1"))).await.unwrap().into_inner().replayed);
    assert!(client.put_persona(again).await.unwrap().into_inner().replayed);
}

/// Puts under this id, each time something else, until the id is forgotten and one of them is taken.
async fn reuse(client: &mut PersonaServiceClient<Channel>, id: &str, name: &str) -> pb::PutPersonaRequest {
    let request = with_id(id, put(name, "again"));
    let taken = async {
        loop {
            match client.put_persona(request.clone()).await {
                Ok(done) => return assert!(!done.into_inner().replayed),
                Err(status) => assert_eq!(reason(&status), ErrorReason::RequestIdReused),
            }
        }
    };
    soon(taken).await;
    request
}

#[tokio::test]
async fn w2_an_id_used_anew_is_remembered_from_then_on_also_by_a_view_made_anew() {
    let time = clock();
    let server = Server::start_with(|options| options.registry.clock = time.clone()).await;
    let mut client = server.client().await;
    for (id, name) in [("one", "a"), ("two", "b")] {
        client.put_persona(with_id(id, put(name, "1"))).await.unwrap();
        time.advance(Duration::from_secs(1));
    }
    time.advance(limits::IDEMPOTENCY);
    let again = reuse(&mut client, "one", "a").await;
    drop(client);
    // The journal still holds both uses, and the view is made from it.
    let stopped = server.stop().await;
    std::fs::remove_dir_all(stopped.data_dir().join("view-1")).unwrap();
    let server = stopped.start().await.unwrap();
    let mut client = server.client().await;
    // Once the second is forgotten, the older use of the first has been looked at.
    reuse(&mut client, "two", "b").await;
    assert!(client.put_persona(again).await.unwrap().into_inner().replayed);
}

#[tokio::test]
async fn w2_a_retry_beside_the_original_makes_one_commit() {
    let server = Server::start().await;
    for round in 0..5 {
        let before = server.registry.head().0;
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let mut client = server.client().await;
            let request = with_id(&format!("id-{round}"), put("a", &round.to_string()));
            writers.spawn(async move { client.put_persona(request).await.unwrap().into_inner() });
        }
        let answers = writers.join_all().await;
        assert_eq!(server.registry.head().0, before + 1);
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        for answer in &answers {
            let same = pb::PutPersonaResponse {
                replayed: answer.replayed,
                ..replay_of(&answers[0], &answer.header)
            };
            assert_eq!(answer, &same);
        }
    }
}

#[tokio::test]
async fn w3_a_retry_decides_a_write_whose_deadline_passed() {
    let mut disk = None;
    let server = Server::start_with(|options| disk = Some(Disk::of(options))).await;
    let disk = disk.unwrap();
    let mut client = server.client().await;
    client.put_persona(put("z", "1")).await.unwrap();
    disk.set(Mood::Hold);
    let (mut writer, first) = (server.client().await, with_id("first", put("a", "1")));
    let held = tokio::spawn(async move { writer.put_persona(put("c", "1")).await });
    disk.held().await;
    // These two wait behind the one that is held, and stop waiting; the third does not.
    let second = with_id("second", put("b", "1"));
    for request in [&first, &second] {
        let answer = raw::send(server.address, raw::PUT, &[("grpc-timeout", b"1m")], request).await;
        refused(answer.result(), Code::DeadlineExceeded, ErrorReason::DeadlineExpired);
    }
    disk.set(Mood::Well);
    soon(held).await.unwrap().unwrap();
    for (request, name) in [(first, "a"), (second, "b")] {
        refused(client.get_persona(get(name)).await, Code::NotFound, ErrorReason::PersonaNotFound);
        let decided = client.put_persona(request.clone()).await.unwrap().into_inner();
        assert!(!decided.replayed && decided.version == 1, "nobody waited for it, so it never happened");
        assert!(client.put_persona(request).await.unwrap().into_inner().replayed);
    }
}

#[tokio::test]
async fn w3_a_retry_finds_the_write_that_happened_after_its_caller_went_away() {
    let mut disk = None;
    let server = Server::start_with(|options| disk = Some(Disk::of(options))).await;
    let disk = disk.unwrap();
    let mut client = server.client().await;
    client.put_persona(put("z", "1")).await.unwrap();
    disk.set(Mood::Hold);
    let request = with_id("id", put("a", "1"));
    let (mut caller, sent) = (server.client().await, request.clone());
    let call = tokio::spawn(async move { caller.put_persona(sent).await });
    // It was decided and is being written when nobody waits for it any more.
    disk.held().await;
    call.abort();
    assert!(soon(call).await.unwrap_err().is_cancelled());
    disk.set(Mood::Well);
    let decided = client.put_persona(request).await.unwrap().into_inner();
    assert_eq!((decided.replayed, decided.version), (true, 1));
}
