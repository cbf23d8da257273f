//! Promises C: durability, and what reads show.

use std::sync::{Arc, Mutex};

use tonic::Code;

use crate::faulty::{Disk, Mood, copy};
use crate::harness::{Server, bytes_of, delete, document, get, metadata, put, reason, refused, soon};
use persona_registry::journal;
use persona_registry::wire::pb::get_status_response::{Durability, WriteState};
use persona_registry::wire::pb::{self, ErrorReason};

async fn status(server: &Server) -> pb::GetStatusResponse {
    server.admin().await.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner()
}

/// A version that was acknowledged.
type Acked = (String, i64, Vec<u8>);

async fn check_all_there(server: &Server, acked: &[Acked]) {
    let mut client = server.client().await;
    for (name, version, content) in acked {
        let selector = Some(pb::get_persona_request::Selector::Version(*version));
        let found = client.get_persona(pb::GetPersonaRequest { selector, ..get(name) }).await.unwrap();
        assert_eq!(&bytes_of(&found.into_inner().persona.unwrap()), content, "{name} {version}");
    }
}

#[tokio::test]
async fn c1_what_was_acknowledged_survives_a_server_that_never_got_to_stop() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut acked = Vec::new();
    for round in 0..12 {
        let request = put(&format!("persona-{}", round % 4), &round.to_string());
        let content = request.content.to_vec();
        let done = client.put_persona(request).await.unwrap().into_inner();
        acked.push((done.name, done.version, content));
    }
    let gone = client.delete_persona(delete("persona-1")).await.unwrap().into_inner();
    // The server lives on and has told its files nothing: this is what a kill would leave.
    let left = tempfile::tempdir().unwrap();
    copy(&server.data_dir(), &left.path().join("data"));
    let second = Server::start_with(|options| options.registry.data_dir = left.path().join("data")).await;
    let status = status(&second).await;
    let header = status.header.unwrap();
    assert_eq!(header.revision, gone.revision);
    assert_eq!(header.store_id, server.registry.store_id().to_string());
    assert_eq!(status.counts.unwrap().personas, 3);
    check_all_there(&second, &acked).await;
    let absent = second.client().await.get_persona(get("persona-1")).await;
    refused(absent, Code::NotFound, ErrorReason::PersonaNotFound);
}

#[tokio::test]
async fn c1_what_was_acknowledged_survives_in_the_middle_of_other_writes() {
    let server = Server::start().await;
    let acked: Arc<Mutex<Vec<Acked>>> = Arc::default();
    let count = tokio::sync::watch::Sender::new(0);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (mut client, acked, count) = (server.client().await, Arc::clone(&acked), count.clone());
        writers.spawn(async move {
            for round in 0.. {
                let request = put(&format!("persona-{writer}"), &format!("{round} {}", "x".repeat(3000)));
                let content = request.content.to_vec();
                let done = client.put_persona(request).await.unwrap().into_inner();
                acked.lock().unwrap().push((done.name, done.version, content));
                count.send_modify(|count| *count += 1);
            }
        });
    }
    soon(count.subscribe().wait_for(|count| *count > 40)).await.unwrap();
    let before: Vec<Acked> = acked.lock().unwrap().clone();
    let left = tempfile::tempdir().unwrap();
    let (from, to) = (server.data_dir(), left.path().join("data"));
    tokio::task::spawn_blocking(move || copy(&from, &to)).await.unwrap();
    writers.shutdown().await;
    let second = Server::start_with(|options| options.registry.data_dir = left.path().join("data")).await;
    check_all_there(&second, &before).await;
}

#[tokio::test]
async fn c1_the_status_says_what_ok_means() {
    for (durability, said) in [
        (journal::Durability::Strict, Durability::Strict),
        (journal::Durability::Relaxed, Durability::Relaxed),
    ] {
        let server = Server::start_with(|options| options.registry.journal.durability = durability).await;
        server.client().await.put_persona(put("a", "1")).await.unwrap();
        assert_eq!(status(&server).await.durability(), said);
    }
}

#[tokio::test]
async fn c1_w3_after_a_failed_sync_the_outcome_is_unknown_then_read_only_and_a_retry_decides() {
    for mood in [Mood::FailSync, Mood::FailWrite] {
        let mut disk = None;
        let server = Server::start_with(|options| disk = Some(Disk::of(options))).await;
        let disk = disk.unwrap();
        let mut client = server.client().await;
        let known = pb::PutPersonaRequest { request_id: "known".to_owned(), ..put("a", "1") };
        let first = client.put_persona(known.clone()).await.unwrap().into_inner();
        let unknown = pb::PutPersonaRequest { request_id: "unknown".to_owned(), ..put("b", "1") };

        disk.set(mood);
        let lost = client.put_persona(unknown.clone()).await;
        refused(lost, Code::Unavailable, ErrorReason::WriteOutcomeUnknown);
        // The disk is well again, but nobody knows what it holds: only a restart finds out.
        disk.set(Mood::Well);
        for request in [put("c", "1"), unknown.clone()] {
            let refusal = client.put_persona(request).await;
            let refusal = refused(refusal, Code::FailedPrecondition, ErrorReason::RegistryReadOnly);
            assert!(metadata(&refusal, "cause").contains("the disk is broken"));
        }
        let refusal = client.delete_persona(delete("a")).await;
        refused(refusal, Code::FailedPrecondition, ErrorReason::RegistryReadOnly);
        assert_eq!(status(&server).await.write_state(), WriteState::ReadOnly);
        // Reads go on, show nothing that is not durable, and what needs no write is answered.
        assert!(client.get_persona(get("a")).await.unwrap().into_inner().persona.is_some());
        let absent = client.get_persona(get("b")).await;
        refused(absent, Code::NotFound, ErrorReason::PersonaNotFound);
        assert!(client.put_persona(known.clone()).await.unwrap().into_inner().replayed);

        let server = server.restart().await;
        let mut client = server.client().await;
        assert_eq!(status(&server).await.write_state(), WriteState::Writable);
        let happened = client.get_persona(get("b")).await.is_ok();
        let decided = client.put_persona(unknown.clone()).await.unwrap().into_inner();
        assert_eq!((decided.replayed, decided.version), (happened, 1));
        assert!(!(happened && mood == Mood::FailWrite), "nothing had been written");
        let again = client.put_persona(unknown).await.unwrap().into_inner();
        assert!(again.replayed && again.revision == decided.revision && decided.revision > first.revision);
    }
}

#[tokio::test]
async fn c1_a_full_disk_refuses_before_anything_is_written_and_goes_on_once_there_is_room() {
    let mut disk = None;
    let server = Server::start_with(|options| {
        disk = Some(Disk::of(options));
        // What fits into reserved room would still be written.
        options.registry.journal.reserve_bytes = 4096;
    })
    .await;
    let disk = disk.unwrap();
    let mut client = server.client().await;
    client.put_persona(put("a", "1")).await.unwrap();
    let large = pb::PutPersonaRequest { request_id: "id".to_owned(), ..put("b", &"word ".repeat(2000)) };
    disk.set(Mood::Full);
    for _ in 0..2 {
        let refusal = client.put_persona(large.clone()).await;
        refused(refusal, Code::ResourceExhausted, ErrorReason::StoreFull);
    }
    assert!(client.get_persona(get("a")).await.unwrap().into_inner().persona.is_some());
    let absent = client.get_persona(get("b")).await;
    refused(absent, Code::NotFound, ErrorReason::PersonaNotFound);
    assert!(client.put_persona(put("a", "1")).await.unwrap().into_inner().unchanged, "which needs no room");
    disk.set(Mood::Well);
    let done = client.put_persona(large.clone()).await.unwrap().into_inner();
    assert!(!done.replayed && done.revision == 2);
    assert_eq!(status(&server).await.write_state(), WriteState::Writable);
    let server = server.restart().await;
    assert!(server.client().await.put_persona(large).await.unwrap().into_inner().replayed);
}

#[tokio::test]
async fn c1_a_relaxed_registry_turns_read_only_when_a_later_sync_fails() {
    let mut disk = None;
    let server = Server::start_with(|options| {
        disk = Some(Disk::of(options));
        options.registry.journal.durability = journal::Durability::Relaxed;
    })
    .await;
    let disk = disk.unwrap();
    let mut client = server.client().await;
    disk.set(Mood::FailSync);
    client.put_persona(put("a", "1")).await.unwrap();
    let turned = async { while status(&server).await.write_state() != WriteState::ReadOnly {} };
    soon(turned).await;
    let refusal = client.put_persona(put("a", "2")).await;
    refused(refusal, Code::FailedPrecondition, ErrorReason::RegistryReadOnly);
    disk.set(Mood::Well);
    let server = server.restart().await;
    // The process ended, the power did not.
    check_all_there(&server, &[("a".to_owned(), 1, document("a", "1"))]).await;
}

#[tokio::test]
async fn c2_reads_reflect_every_write_that_returned_before() {
    let server = Server::start().await;
    let mut pairs = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let (mut one, mut other) = (server.client().await, server.client().await);
        pairs.spawn(async move {
            let name = format!("persona-{writer}");
            for round in 0..10 {
                let done = one.put_persona(put(&name, &round.to_string())).await.unwrap().into_inner();
                let batch = pb::BatchGetPersonasRequest { names: vec![name.clone()], ..Default::default() };
                let list = pb::ListPersonasRequest::default();
                let got = other.get_persona(get(&name)).await.unwrap().into_inner();
                let batch = other.batch_get_personas(batch).await.unwrap().into_inner();
                let listed = other.list_personas(list).await.unwrap().into_inner();
                let in_list = listed.personas.into_iter().find(|persona| persona.name == name).unwrap();
                for (header, persona) in [
                    (got.header, got.persona.unwrap()),
                    (batch.header, batch.personas[0].clone()),
                    (listed.header, in_list),
                ] {
                    assert_eq!((persona.version, &persona.etag), (done.version, &done.etag));
                    assert!(header.unwrap().revision >= done.revision);
                }
                if round % 4 == 3 {
                    one.delete_persona(delete(&name)).await.unwrap();
                    let gone = other.get_persona(get(&name)).await.unwrap_err();
                    assert_eq!(reason(&gone), ErrorReason::PersonaNotFound);
                }
            }
        });
    }
    pairs.join_all().await;
}

#[tokio::test]
async fn c2_nothing_that_is_not_durable_is_shown() {
    let mut disk = None;
    let server = Server::start_with(|options| disk = Some(Disk::of(options))).await;
    let disk = disk.unwrap();
    let (mut client, mut writer) = (server.client().await, server.client().await);
    client.put_persona(put("a", "old")).await.unwrap();
    disk.set(Mood::Hold);
    let waiting = tokio::spawn(async move { writer.put_persona(put("a", "new")).await });
    disk.held().await;
    let got = client.get_persona(get("a")).await.unwrap().into_inner();
    assert_eq!(bytes_of(&got.persona.unwrap()), document("a", "old"));
    assert_eq!((got.header.unwrap().revision, status(&server).await.header.unwrap().revision), (1, 1));
    let listed = client.list_personas(pb::ListPersonasRequest::default()).await.unwrap().into_inner();
    assert_eq!((listed.personas[0].version, listed.header.unwrap().revision), (1, 1));
    disk.set(Mood::Well);
    assert_eq!(soon(waiting).await.unwrap().unwrap().into_inner().revision, 2);
    let got = client.get_persona(get("a")).await.unwrap().into_inner();
    assert_eq!(bytes_of(&got.persona.unwrap()), document("a", "new"));
}

#[tokio::test]
async fn c3_a_revision_above_the_head_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let head = client.put_persona(put("a", "1")).await.unwrap().into_inner().revision;
    let store_id = server.registry.store_id().to_string();
    for (store_id, min_revision, expected) in [
        (store_id.as_str(), 0, None),
        (&store_id, head, None),
        (&store_id, head + 1, Some((Code::OutOfRange, ErrorReason::RevisionInFuture))),
        (&store_id, i64::MAX, Some((Code::OutOfRange, ErrorReason::RevisionInFuture))),
        (&store_id, -1, Some((Code::InvalidArgument, ErrorReason::ArgumentInvalid))),
        ("", head, Some((Code::InvalidArgument, ErrorReason::ArgumentInvalid))),
        ("nonsense", head, Some((Code::InvalidArgument, ErrorReason::ArgumentInvalid))),
    ] {
        let options = Some(pb::ReadOptions { store_id: store_id.to_owned(), min_revision, at_revision: 0 });
        let one = pb::GetPersonaRequest { read_options: options.clone(), ..get("a") };
        let batch = pb::BatchGetPersonasRequest {
            names: vec!["a".to_owned()],
            read_options: options.clone(),
            ..Default::default()
        };
        let list = pb::ListPersonasRequest { read_options: options, ..Default::default() };
        for answer in [
            client.get_persona(one).await.map(|_| ()),
            client.batch_get_personas(batch).await.map(|_| ()),
            client.list_personas(list).await.map(|_| ()),
        ] {
            let Some((code, reason)) = expected else {
                answer.unwrap();
                continue;
            };
            let status = refused(answer, code, reason);
            if reason == ErrorReason::RevisionInFuture {
                assert_eq!(metadata(&status, "revision"), head.to_string());
            }
        }
    }
}

#[tokio::test]
async fn c5_every_response_says_store_and_revision() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let store_id = server.registry.store_id().to_string();
    assert!(store_id.len() == 32 && store_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let at = |revision| Some(pb::ResponseHeader { store_id: store_id.clone(), revision });

    let validate = pb::ValidatePersonaRequest { content: document("a", "1").into(), ..Default::default() };
    assert_eq!(client.validate_persona(validate.clone()).await.unwrap().into_inner().header, at(0));
    assert_eq!(status(&server).await.header, at(0));
    assert_eq!(client.put_persona(put("a", "1")).await.unwrap().into_inner().header, at(1));
    assert_eq!(client.put_persona(put("b", "1")).await.unwrap().into_inner().header, at(2));
    assert_eq!(client.put_persona(put("a", "1")).await.unwrap().into_inner().header, at(2), "unchanged");
    assert_eq!(client.get_persona(get("a")).await.unwrap().into_inner().header, at(2));
    let batch = pb::BatchGetPersonasRequest { names: vec!["a".to_owned()], ..Default::default() };
    assert_eq!(client.batch_get_personas(batch).await.unwrap().into_inner().header, at(2));
    let list = pb::ListPersonasRequest::default();
    assert_eq!(client.list_personas(list).await.unwrap().into_inner().header, at(2));
    assert_eq!(client.validate_persona(validate).await.unwrap().into_inner().header, at(2));
    assert_eq!(client.delete_persona(delete("b")).await.unwrap().into_inner().header, at(3));
    assert_eq!(status(&server).await.header, at(3));
    let mut stream = client.watch_personas(pb::WatchPersonasRequest::default()).await.unwrap().into_inner();
    let first = soon(stream.message()).await.unwrap().unwrap();
    let Some(pb::watch_personas_response::Event::Opened(opened)) = first.event else {
        panic!("{first:?} is not Opened");
    };
    assert_eq!(opened.header, at(3));
}
