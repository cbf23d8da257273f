//! The client over a network that fails: what is tried again, under which id, and that it is done once.

use std::time::Duration;

use persona_registry::client::{Client, ClientError, Options};
use persona_registry::domain::Namespace;
use persona_registry::seed::Source;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;

use crate::harness::{Server, delete, document, get, put, soon};
use crate::proxy::{Port, Proxy};

fn retrying(retries: u32) -> Options {
    Options { retries, ..Options::default() }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_once() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;

    proxy.lose_answers(2);
    let stored = client.put(put("a", "1")).await.unwrap();
    assert_eq!((stored.version, stored.revision, stored.replayed), (1, 1, true));
    assert_eq!(proxy.seen().answered, 3, "two answers were lost, the third came");

    proxy.lose_answers(1);
    let stored = client.put(put("a", "2")).await.unwrap();
    assert_eq!((stored.version, stored.replayed), (2, true), "another put is another request");

    proxy.lose_answers(1);
    let gone = client.delete(delete("a")).await.unwrap();
    assert_eq!((gone.version, gone.revision, gone.replayed), (2, 3, true));
    assert_eq!(server.registry.head().0, 3, "three writes, three revisions");
}

#[tokio::test]
async fn a_request_id_of_the_callers_own_is_kept() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let own = pb::PutPersonaRequest { request_id: "mine".to_owned(), ..put("a", "1") };
    assert!(!client.put(own.clone()).await.unwrap().replayed);
    assert!(client.put(own).await.unwrap().replayed);
    let same = client.put(put("a", "1")).await.unwrap();
    assert!(same.unchanged && !same.replayed, "without an id it is a request of its own");
}

#[tokio::test]
async fn attempts_come_to_an_end_and_the_outcome_can_be_learnt() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let request = pb::PutPersonaRequest { request_id: "one".to_owned(), ..put("a", "1") };
    proxy.lose_answers(usize::MAX);
    let error = client.put(request.clone()).await.unwrap_err();
    assert_eq!(proxy.seen().answered, 4, "once, and three times more");
    assert!(error.is_undecided(), "{error:?}");
    assert_eq!(error.reason(), None, "the network failed, the registry said nothing");

    proxy.lose_answers(0);
    let stored = client.put(request).await.unwrap();
    assert_eq!((stored.version, stored.revision, stored.replayed), (1, 1, true));
    assert_eq!(server.registry.head().0, 1);
}

#[tokio::test]
async fn an_answer_that_is_late_is_asked_for_again() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let options = Options { call_timeout: Duration::from_millis(250), ..retrying(100) };
    let client = proxy.client(options).await;
    proxy.hold(true);
    let waiting = tokio::spawn(async move { client.put(put("a", "1")).await });
    proxy.until(|state| state.answered >= 2).await;
    proxy.hold(false);
    let stored = soon(waiting).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.replayed), (1, true));
    assert_eq!(server.registry.head().0, 1);
}

#[tokio::test]
async fn a_write_waits_for_a_server_that_comes_back() {
    let server = Server::start().await;
    let mut proxy = Proxy::before(server.address);
    let (hasty, patient) = (proxy.client(retrying(0)).await, proxy.client(retrying(3)).await);

    proxy.close().await;
    proxy.cut();
    let error = loop {
        // The first call may still find the old connection, just cut.
        let error = hasty.put(put("a", "1")).await.unwrap_err();
        assert!(error.is_undecided(), "{error:?}");
        let ClientError::Refused(refusal) = error else { panic!("{error:?}") };
        if refusal.code == Code::Unavailable {
            break refusal;
        }
    };
    assert!(error.message.contains("Connection refused"), "{error:?}");
    proxy.open();
    assert_eq!(hasty.put(put("a", "1")).await.unwrap().version, 1, "the connection mends itself");

    proxy.turn_away(true);
    proxy.cut();
    let waiting = tokio::spawn(async move { patient.put(put("a", "2")).await });
    proxy.until(|state| state.turned_away > 0).await;
    proxy.turn_away(false);
    let stored = soon(waiting).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.replayed), (2, false));
    assert_eq!(server.registry.head().0, 2);
}

#[tokio::test]
async fn a_decided_put_is_not_tried_again() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let based = pb::PutPersonaRequest { etag: "1-0123456789abcdef".to_owned(), ..put("a", "1") };
    let error = client.put(based).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::EtagMismatch));
    let error = client.get(get("a")).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::PersonaNotFound));
    assert_eq!(proxy.seen().answered, 2);
}

#[tokio::test]
async fn a_full_registry_is_asked_again_when_it_says() {
    let server = Server::start_with(|options| options.registry.min_free_bytes = u64::MAX).await;
    let proxy = Proxy::before(server.address);
    let error = proxy.client(retrying(1)).await.put(put("a", "1")).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::StoreFull));
    assert!(error.retry_delay().is_some_and(|delay| !delay.is_zero()));
    assert!(!error.is_undecided(), "nothing was written, and the registry says so");
    assert_eq!(proxy.seen().answered, 2, "once, and once more");
}

#[tokio::test]
async fn an_unmodified_persona_is_none() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let stored = client.put(put("a", "1")).await.unwrap();
    let kept = pb::GetPersonaRequest { if_none_match: stored.etag, ..get("a") };
    assert!(client.get(kept.clone()).await.unwrap().is_none());
    client.put(put("a", "2")).await.unwrap();
    assert_eq!(client.get(kept).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_listing_reads_all_pages() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..120).map(|number| format!("p{number:03}")).collect();
    for name in &names {
        std::fs::write(folder.path().join(format!("{name}.md")), document(name, "x")).unwrap();
    }
    let source = Source { namespace: Namespace::default(), dir: folder.path().to_owned() };
    let server = Server::start_with(|options| options.sources.push(source)).await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let listed = client.list("default").await.unwrap();
    assert_eq!(
        listed.iter().map(|persona| &persona.name).collect::<Vec<_>>(),
        names.iter().collect::<Vec<_>>()
    );
    assert_eq!(proxy.seen().answered, 3, "50 a page");
}

#[tokio::test]
async fn nothing_listening_is_told_with_the_address() {
    let port = Port::keep();
    let server = port.address.to_string().parse().unwrap();
    let error = Client::connect(&server, Options::default()).await.unwrap_err();
    let ClientError::Unreachable { server, cause } = error else { panic!("{error}") };
    assert_eq!(server, format!("http://{}", port.address));
    assert!(cause.contains("refused"), "{cause}");
}
