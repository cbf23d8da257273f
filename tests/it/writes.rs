//! Promises W about single writes: preconditions, rehearsals and names.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::faulty::{Disk, Mood};
use crate::harness::{Server, bytes_of, delete, document, get, metadata, put, reason, refused};
use persona_registry::wire::pb::{self, ErrorReason};

/// Sixteen of these at once, each with a body that never was: the one that won, and the refusals.
async fn race(server: &Server, request: pb::PutPersonaRequest) -> (pb::PutPersonaResponse, Vec<Status>) {
    let mut writers = tokio::task::JoinSet::new();
    let round = server.registry.head();
    for writer in 0..16 {
        let (mut client, mut request) = (server.client().await, request.clone());
        request.content = document("a", &format!("by writer {writer} after {round}")).into();
        writers.spawn(async move { client.put_persona(request).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "exactly one wins");
    let won = won.into_iter().next().unwrap().unwrap().into_inner();
    (won, lost.into_iter().map(Result::unwrap_err).collect())
}

#[tokio::test]
async fn w1_of_many_writers_with_one_etag_exactly_one_wins() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut etag = client.put_persona(put("a", "first")).await.unwrap().into_inner().etag;
    for round in 0..5 {
        let (won, lost) = race(&server, pb::PutPersonaRequest { etag, ..put("a", "") }).await;
        assert_eq!(won.version, round + 2);
        for status in lost {
            let status = refused(Err::<(), _>(status), Code::Aborted, ErrorReason::EtagMismatch);
            assert_eq!(metadata(&status, "etag"), won.etag, "the current one");
            assert_eq!((&*metadata(&status, "namespace"), &*metadata(&status, "name")), ("default", "a"));
        }
        etag = won.etag;
    }
}

#[tokio::test]
async fn w1_of_many_that_only_create_exactly_one_does() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for round in 1..=3 {
        let (won, lost) = race(&server, pb::PutPersonaRequest { create_only: true, ..put("a", "") }).await;
        assert_eq!(won.version, round, "one that was deleted does not count, and numbers go on");
        for status in lost {
            let status = refused(Err::<(), _>(status), Code::AlreadyExists, ErrorReason::PersonaExists);
            assert_eq!(metadata(&status, "etag"), won.etag);
        }
        client.delete_persona(delete("a")).await.unwrap();
    }
}

#[tokio::test]
async fn w1_of_an_absent_persona_no_etag_is_the_current_one() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = client.put_persona(put("a", "1")).await.unwrap().into_inner();
    let second = client.put_persona(put("a", "2")).await.unwrap().into_inner();
    let etag = |etag: &str| pb::DeletePersonaRequest { etag: etag.to_owned(), ..delete("a") };
    let stale = client.delete_persona(etag(&first.etag)).await;
    let stale = refused(stale, Code::Aborted, ErrorReason::EtagMismatch);
    assert_eq!(metadata(&stale, "etag"), second.etag);
    client.delete_persona(etag(&second.etag)).await.unwrap();
    for name in ["a", "nobody"] {
        let request = pb::PutPersonaRequest { etag: second.etag.clone(), ..put(name, "3") };
        let status = refused(client.put_persona(request).await, Code::Aborted, ErrorReason::EtagMismatch);
        assert_eq!(metadata(&status, "etag"), "", "there is none");
        let request = pb::DeletePersonaRequest { etag: second.etag.clone(), ..delete(name) };
        refused(client.delete_persona(request).await, Code::NotFound, ErrorReason::PersonaNotFound);
    }
    // The same bytes as a version of another number are another etag.
    let third = client.put_persona(put("a", "2")).await.unwrap().into_inner();
    assert!(third.version == 3 && third.etag != second.etag && third.digest == second.digest);
    for (request, field) in [
        (pb::PutPersonaRequest { etag: "nonsense".to_owned(), ..put("a", "4") }, "etag"),
        (pb::PutPersonaRequest { etag: third.etag, create_only: true, ..put("a", "4") }, "create_only"),
    ] {
        let status =
            refused(client.put_persona(request).await, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert_eq!(metadata(&status, "field"), field);
    }
}

/// Code, reason, words and details: all that a caller sees of a failure.
fn seen(status: &Status) -> (Code, ErrorReason, String, String) {
    let details = status.get_error_details();
    // How much of the disk is free is another matter at each call.
    let metadata = details.error_info().unwrap().metadata.iter();
    let mut metadata: Vec<_> = metadata.filter(|(key, _)| *key != "free_bytes").collect();
    metadata.sort();
    let details = format!("{metadata:?} {:?} {:?}", details.bad_request(), details.retry_info());
    (status.code(), reason(status), status.message().to_owned(), details)
}

/// Rehearses, then does it: the same is said, and only the second changes anything.
async fn rehearse(server: &Server, request: pb::PutPersonaRequest) -> Option<pb::PutPersonaResponse> {
    let mut client = server.client().await;
    let before = (server.registry.head(), server.registry.status().versions);
    let rehearsal = pb::PutPersonaRequest { validate_only: true, ..request.clone() };
    let said = client.put_persona(rehearsal).await;
    assert_eq!(before, (server.registry.head(), server.registry.status().versions));
    let done = client.put_persona(request).await;
    match (said, done) {
        (Ok(said), Ok(done)) => {
            let (said, done) = (said.into_inner(), done.into_inner());
            let fresh = !done.unchanged && !done.replayed;
            assert_eq!(said.revision, if fresh { 0 } else { done.revision });
            let said =
                pb::PutPersonaResponse { header: done.header.clone(), revision: done.revision, ..said };
            assert_eq!(said, done);
            Some(done)
        }
        (Err(said), Err(done)) => {
            assert_eq!(seen(&said), seen(&done));
            None
        }
        (said, done) => panic!("rehearsed {said:?}, done {done:?}"),
    }
}

async fn rehearse_deletion(server: &Server, request: pb::DeletePersonaRequest) -> bool {
    let mut client = server.client().await;
    let before = server.registry.head();
    let rehearsal = pb::DeletePersonaRequest { validate_only: true, ..request.clone() };
    let said = client.delete_persona(rehearsal).await;
    assert_eq!(before, server.registry.head());
    let done = client.delete_persona(request).await;
    match (said, done) {
        (Ok(said), Ok(done)) => {
            let (said, done) = (said.into_inner(), done.into_inner());
            assert_eq!(said.revision, if done.replayed { done.revision } else { 0 });
            let said =
                pb::DeletePersonaResponse { header: done.header.clone(), revision: done.revision, ..said };
            assert_eq!(said, done);
            true
        }
        (Err(said), Err(done)) => {
            assert_eq!(seen(&said), seen(&done));
            false
        }
        (said, done) => panic!("rehearsed {said:?}, done {done:?}"),
    }
}

#[tokio::test]
async fn w4_a_rehearsal_says_what_the_real_call_says_and_changes_nothing() {
    let server = Server::start().await;
    let with_id = |id: &str, request| pb::PutPersonaRequest { request_id: id.to_owned(), ..request };
    let content =
        |text: &str| pb::PutPersonaRequest { content: text.as_bytes().to_vec().into(), ..Default::default() };
    let first = rehearse(&server, with_id("one", put("a", "1"))).await.unwrap();
    assert!(rehearse(&server, with_id("one", put("a", "1"))).await.unwrap().replayed);
    assert!(rehearse(&server, put("a", "1")).await.unwrap().unchanged);
    assert!(rehearse(&server, with_id("two", put("a", "1"))).await.unwrap().unchanged);
    assert_eq!(rehearse(&server, put("a", "2")).await.unwrap().version, 2);
    let warned = content("---\nname: My Agent\ndescription: x\ntools: 5\n---\nbody\n");
    assert!(!rehearse(&server, warned).await.unwrap().diagnostics.is_empty());
    for refusal in [
        with_id("one", put("a", "another payload")),
        pb::PutPersonaRequest { etag: first.etag.clone(), ..put("a", "3") },
        pb::PutPersonaRequest { create_only: true, ..put("a", "3") },
        pb::PutPersonaRequest { name: "b".to_owned(), ..put("a", "3") },
        pb::PutPersonaRequest { namespace: "No Name".to_owned(), ..put("a", "3") },
        pb::PutPersonaRequest { message: "m".repeat(2000), ..put("a", "3") },
        content("no front matter, so nobody knows its name"),
        content("---\nname: a\n---\n"),
        put("a", &"x".repeat(256 * 1024)),
    ] {
        assert!(rehearse(&server, refusal).await.is_none());
    }
    let by = |id: &str, etag: &str| pb::DeletePersonaRequest {
        request_id: id.to_owned(),
        etag: etag.to_owned(),
        ..delete("a")
    };
    assert!(!rehearse_deletion(&server, by("", &first.etag)).await);
    assert!(rehearse_deletion(&server, by("one", "")).await);
    assert!(rehearse_deletion(&server, by("one", "")).await, "replayed");
    assert!(!rehearse_deletion(&server, by("one", &first.etag)).await, "another payload");
    assert!(!rehearse_deletion(&server, by("", "")).await, "it is gone");
    assert_eq!(rehearse(&server, put("a", "1")).await.unwrap().version, 3);
}

#[tokio::test]
async fn w4_a_rehearsal_that_is_never_followed_leaves_no_trace() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let rehearsal =
        pb::PutPersonaRequest { validate_only: true, request_id: "id".to_owned(), ..put("a", "1") };
    for _ in 0..2 {
        let said = client.put_persona(rehearsal.clone()).await.unwrap().into_inner();
        assert!(!said.replayed && said.version == 1 && said.revision == 0);
    }
    refused(client.get_persona(get("a")).await, Code::NotFound, ErrorReason::PersonaNotFound);
    // Its id is free for anything.
    let other = pb::PutPersonaRequest { request_id: "id".to_owned(), ..put("a", "2") };
    assert!(!client.put_persona(other).await.unwrap().into_inner().replayed);
}

#[tokio::test]
async fn w4_a_rehearsal_is_refused_where_the_registry_takes_no_writes() {
    let full = Server::start_with(|options| options.registry.min_free_bytes = u64::MAX).await;
    assert!(rehearse(&full, put("a", "1")).await.is_none());

    let mut disk = None;
    let server = Server::start_with(|options| disk = Some(Disk::of(options))).await;
    let mut client = server.client().await;
    client.put_persona(put("a", "1")).await.unwrap();
    disk.unwrap().set(Mood::FailSync);
    client.put_persona(put("a", "2")).await.unwrap_err();
    assert!(rehearse(&server, put("a", "3")).await.is_none());
    assert!(!rehearse_deletion(&server, delete("a")).await);
    assert!(rehearse(&server, put("a", "1")).await.unwrap().unchanged, "which needs no write");
}

#[tokio::test]
async fn w9_the_name_of_the_request_and_of_the_document_must_be_equal() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let put_as = |name: &str, written: &str| {
        let content = document(written, "1").into();
        pb::PutPersonaRequest { name: name.to_owned(), content, ..Default::default() }
    };
    // Equal, or given once only; what the document says counts as its slug.
    for (name, written, stored) in [
        ("plain", "plain", "plain"),
        ("", "plain", "plain"),
        ("my-agent", "My Agent", "my-agent"),
        ("", "My Agent", "my-agent"),
        ("backend_developer", "backend_developer", "backend_developer"),
    ] {
        let done = client.put_persona(put_as(name, written)).await.unwrap().into_inner();
        assert_eq!(done.name, stored);
        let found = client.get_persona(get(stored)).await.unwrap().into_inner().persona.unwrap();
        assert_eq!(found.display_name, written);
    }
    for (name, written) in [
        ("other", "plain"),
        ("backend-developer", "backend_developer"),
        ("My Agent", "My Agent"),
        ("a/b", "plain"),
    ] {
        let refusal = client.put_persona(put_as(name, written)).await;
        let status = refused(refusal, Code::InvalidArgument, ErrorReason::NameInvalid);
        assert_eq!(metadata(&status, "field"), "name");
        let validate = pb::ValidatePersonaRequest {
            content: document(written, "1").into(),
            name: name.to_owned(),
            ..Default::default()
        };
        let refusal = client.validate_persona(validate).await;
        refused(refusal, Code::InvalidArgument, ErrorReason::NameInvalid);
    }
    // A document without a name takes the request's, and needs one.
    let nameless = |name: &str| pb::PutPersonaRequest {
        name: name.to_owned(),
        content: "Just a prompt.\n".into(),
        dialect: pb::Dialect::Markdown.into(),
        ..Default::default()
    };
    assert_eq!(client.put_persona(nameless("given")).await.unwrap().into_inner().name, "given");
    let status =
        refused(client.put_persona(nameless("")).await, Code::InvalidArgument, ErrorReason::NameInvalid);
    assert_eq!(metadata(&status, "field"), "name");
}

#[tokio::test]
async fn w7_a_deletion_takes_a_revision_and_no_version() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for text in ["1", "2"] {
        client.put_persona(put("a", text)).await.unwrap();
    }
    let gone = client.delete_persona(delete("a")).await.unwrap().into_inner();
    assert_eq!((gone.version, gone.revision, gone.header.unwrap().revision), (2, 3, 3));
    assert_eq!((&*gone.namespace, &*gone.name), ("default", "a"));
    refused(client.get_persona(get("a")).await, Code::NotFound, ErrorReason::PersonaNotFound);
    refused(client.delete_persona(delete("a")).await, Code::NotFound, ErrorReason::PersonaNotFound);
    let counts = server.registry.status();
    assert_eq!((counts.namespaces, counts.personas, counts.versions), (0, 0, 2));
    for (number, text) in [(1, "1"), (2, "2")] {
        let selector = Some(pb::get_persona_request::Selector::Version(number));
        let found = client.get_persona(pb::GetPersonaRequest { selector, ..get("a") }).await.unwrap();
        assert_eq!(bytes_of(&found.into_inner().persona.unwrap()), document("a", text));
    }
    // Even the bytes that it last had are a new version: what was deleted is not there to be unchanged.
    let again = client.put_persona(put("a", "2")).await.unwrap().into_inner();
    assert_eq!((again.version, again.revision, again.unchanged), (3, 4, false));
    let server = server.restart().await;
    let last = server.client().await.put_persona(put("a", "3")).await.unwrap().into_inner();
    assert_eq!((last.version, last.revision), (4, 5));
}
