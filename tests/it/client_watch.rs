//! The client's watch over connections that break and servers that go: nothing lost, nothing twice.

use persona_registry::client::{Client, Options, Selection, Start, Step, Watch};
use persona_registry::domain::Namespace;
use persona_registry::seed::Source;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason};

use crate::harness::{PATIENCE, Server, document, put, soon};
use crate::proxy::{Port, Proxy};

fn every_version() -> Selection {
    Selection { mode: pb::WatchMode::EveryVersion, ..Selection::default() }
}

/// The next event; broken streams are passed over.
async fn event(watch: &mut Watch) -> Event {
    loop {
        if let Step::Message(message) = soon(watch.next()).await.unwrap() {
            return message.event.unwrap();
        }
    }
}

/// The revision of the next changes; what else comes is passed over, but nothing may begin anew.
async fn change(watch: &mut Watch) -> i64 {
    loop {
        match event(watch).await {
            Event::Changes(changes) => return changes.revision,
            Event::Snapshot(_) | Event::Synced(_) => panic!("it resumes, it does not begin anew"),
            Event::Opened(_) | Event::Progress(_) | Event::Closing(_) => {}
        }
    }
}

/// Reads until the stream breaks, and tells the revisions of the changes that still came.
async fn until_lost(watch: &mut Watch) -> Vec<i64> {
    let mut seen = Vec::new();
    loop {
        match soon(watch.next()).await.unwrap() {
            Step::Lost { .. } => return seen,
            Step::Message(message) => {
                if let Some(Event::Changes(changes)) = message.event {
                    seen.push(changes.revision);
                }
            }
        }
    }
}

async fn synced(watch: &mut Watch) -> i64 {
    loop {
        if let Event::Synced(synced) = event(watch).await {
            return synced.count;
        }
    }
}

#[tokio::test]
async fn a_cut_watch_resumes_without_loss_or_duplicate() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let mut watch =
        proxy.client(Options::default()).await.watch(every_version(), Start::Snapshot).await.unwrap();
    assert_eq!(synced(&mut watch).await, 0);
    let mut writer = server.client().await;
    let (mut seen, mut written) = (Vec::new(), 0);
    for _ in 0..4 {
        for _ in 0..5 {
            written += 1;
            writer.put_persona(put("a", &written.to_string())).await.unwrap();
        }
        // Cut with changes on their way: some arrive, the others are asked for again.
        seen.push(change(&mut watch).await);
        proxy.cut();
        seen.extend(until_lost(&mut watch).await);
        // And some that are written while nobody listens.
        written += 1;
        writer.put_persona(put("a", &written.to_string())).await.unwrap();
    }
    while seen.last() != Some(&written) {
        seen.push(change(&mut watch).await);
    }
    assert_eq!(seen, (1..=written).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_watch_cut_in_its_snapshot_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    // More than a connection takes without being read, so that the cut is certain to fall into the snapshot.
    let body = "word ".repeat(4000);
    for number in 0..100 {
        let name = format!("p{number}");
        std::fs::write(folder.path().join(format!("{name}.md")), document(&name, &body)).unwrap();
    }
    let source = Source { namespace: Namespace::default(), dir: folder.path().to_owned() };
    let server = Server::start_with(|options| options.sources.push(source)).await;
    let proxy = Proxy::before(server.address);
    let mut watch =
        proxy.client(Options::default()).await.watch(Selection::default(), Start::Snapshot).await.unwrap();
    assert!(matches!(event(&mut watch).await, Event::Opened(_)));
    assert!(matches!(event(&mut watch).await, Event::Snapshot(_)));
    assert_eq!(watch.resume_token(), None, "half a snapshot is no place to go on from");
    proxy.cut();
    assert_eq!(until_lost(&mut watch).await, [] as [i64; 0]);
    assert!(matches!(event(&mut watch).await, Event::Opened(_)));
    let mut count = 0;
    let told = loop {
        match event(&mut watch).await {
            Event::Snapshot(snapshot) => count += snapshot.personas.len(),
            Event::Synced(synced) => break synced.count,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((count, told), (100, 100));
    assert!(watch.resume_token().is_some());
}

#[tokio::test]
async fn a_watch_lives_through_a_restart_of_its_server() {
    let port = Port::keep();
    let server = Server::start().await.stop().await.start_on(&port).await.unwrap();
    let address = port.address.to_string().parse().unwrap();
    let client = Client::connect(&address, Options::default()).await.unwrap();
    let mut watch = client.watch(every_version(), Start::Snapshot).await.unwrap();
    assert_eq!(synced(&mut watch).await, 0);
    client.put(put("a", "1")).await.unwrap();
    assert_eq!(change(&mut watch).await, 1);

    let stopping = tokio::spawn(server.stop());
    let Event::Closing(closing) = event(&mut watch).await else { panic!("a planned end is announced") };
    let Step::Lost { cause, wait } = soon(watch.next()).await.unwrap() else { panic!("and then it ends") };
    assert_eq!(cause.reason(), Some(ErrorReason::ServerDraining));
    let asked = std::time::Duration::try_from(closing.retry_delay.unwrap()).unwrap();
    assert!(wait >= asked, "it waits as it was asked to");

    let stopped = soon(stopping).await.unwrap();
    let Step::Lost { cause, .. } = soon(watch.next()).await.unwrap() else { panic!("nobody listens") };
    assert!(cause.is_transient(), "{cause:?}");
    let server = stopped.start_on(&port).await.unwrap();
    server.client().await.put_persona(put("a", "2")).await.unwrap();
    assert_eq!(change(&mut watch).await, 2);
}

#[tokio::test]
async fn a_watch_ends_when_its_registry_has_another_store() {
    let (server, other) = (Server::start().await, Server::start().await);
    let proxy = Proxy::before(server.address);
    let mut watch = proxy.client(Options::default()).await.watch(every_version(), Start::Now).await.unwrap();
    assert!(matches!(event(&mut watch).await, Event::Opened(_)));
    proxy.lead_to(other.address);
    proxy.cut();
    assert!(matches!(soon(watch.next()).await.unwrap(), Step::Lost { .. }));
    let error = soon(watch.next()).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::StoreMismatch));
}

#[tokio::test]
async fn a_token_of_another_selection_is_refused_at_once() {
    let server = Server::start().await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let mut watch = client.watch(Selection::default(), Start::Snapshot).await.unwrap();
    synced(&mut watch).await;
    let token = watch.resume_token().unwrap().to_owned();
    let other = Selection { names: vec!["a".to_owned()], ..Selection::default() };
    for (selection, token) in [(other, token.clone()), (Selection::default(), format!("{token}A"))] {
        let error = client.watch(selection, Start::Token(token)).await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::ResumeTokenInvalid));
    }
    assert!(client.watch(Selection::default(), Start::Token(token)).await.is_ok());
}

#[tokio::test]
async fn a_watch_waits_for_a_place_among_the_streams() {
    let server = Server::start_with(|options| options.registry.watch_streams = 1).await;
    let proxy = Proxy::before(server.address);
    let client = proxy.client(Options::default()).await;
    let mut watch = client.watch(every_version(), Start::Now).await.unwrap();
    assert!(matches!(event(&mut watch).await, Event::Opened(_)));
    let direct: persona_registry::client::Server = server.address.to_string().parse().unwrap();
    let direct = Client::connect(&direct, Options::default()).await.unwrap();
    let error = direct.watch(every_version(), Start::Now).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::TooManyWatches));
    assert!(error.retry_delay().is_some_and(|delay| !delay.is_zero()));

    proxy.cut();
    assert_eq!(until_lost(&mut watch).await, [] as [i64; 0]);
    let end = tokio::time::Instant::now() + PATIENCE;
    let rival = loop {
        // The server gives the place back when it notices the cut; there is no other sign of that than this.
        match direct.watch(every_version(), Start::Now).await {
            Ok(rival) => break rival,
            Err(error) => assert_eq!(error.reason(), Some(ErrorReason::TooManyWatches)),
        }
        assert!(tokio::time::Instant::now() < end, "the place is free within patience");
    };
    let Step::Lost { cause, wait } = soon(watch.next()).await.unwrap() else { panic!("the place is taken") };
    assert_eq!(cause.reason(), Some(ErrorReason::TooManyWatches));
    assert!(wait >= cause.retry_delay().unwrap(), "it waits as it was asked to");
    drop(rival);
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    assert_eq!(change(&mut watch).await, 1);
}
