//! Promises S: how a stream begins, what it selects, and how many there may be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use persona_registry::wire::pb;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{ErrorReason, WatchMode};
use tonic::Code;

use crate::harness::{Server, delete, metadata, put, refused, soon};
use crate::history::{History, Writer};
use crate::recorder::{Follower, everything, key, listed, resuming};

const MODES: [WatchMode; 2] = [WatchMode::Latest, WatchMode::EveryVersion];

#[tokio::test]
async fn s1_opened_comes_first_and_at_once_also_on_an_empty_store() {
    let server = Server::start().await;
    for mode in [WatchMode::Unspecified, WatchMode::Latest, WatchMode::EveryVersion] {
        let mut follower = Follower::open(&server, everything("-", mode)).await;
        let Event::Opened(opened) = follower.next().await else { panic!("Opened comes first") };
        let header = opened.header.clone().unwrap();
        assert_eq!((header.store_id, header.revision), (server.registry.store_id().to_string(), 0));
        assert_eq!(opened.progress_interval.unwrap().seconds, 1);
        let holds = if mode == WatchMode::EveryVersion { mode } else { WatchMode::Latest };
        assert_eq!(opened.mode(), holds);
        let Event::Synced(synced) = follower.next().await else { panic!("the snapshot was empty") };
        assert_eq!((synced.revision, synced.count), (0, 0));
    }
    let unsaid = pb::WatchPersonasRequest::default();
    let mut follower = Follower::open(&server, unsaid).await;
    let Event::Opened(opened) = follower.next().await else { panic!("Opened comes first") };
    assert_eq!(opened.progress_interval.unwrap().seconds, 15);
}

#[tokio::test]
async fn s1_a_bad_request_is_refused_with_every_violation() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let names = vec!["twice".to_owned(), "twice".to_owned()];
    let progress_interval = Some(prost_types::Duration { seconds: 0, nanos: 999_999_999 });
    let request = pb::WatchPersonasRequest { names, progress_interval, mode: 9, ..Default::default() };
    let answer = client.watch_personas(request).await;
    let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    for field in ["names[1]", "mode", "progress_interval"] {
        assert!(status.message().contains(field), "{field} in {}", status.message());
    }
    let many = (0..=1000).map(|number| format!("persona-{number}")).collect();
    let request = pb::WatchPersonasRequest { names: many, ..Default::default() };
    refused(client.watch_personas(request).await, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    assert_eq!(server.registry.status().watches, 0);
}

/// Puts and deletes among 40 names until told to stop.
async fn write_until(server: &Server, writer: usize, stop: Arc<AtomicBool>) -> History {
    let mut hand = Writer::new(server).await;
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (namespace, name) = (["default", "other"][round % 2], format!("persona-{writer}-{}", round % 7));
        hand.put(namespace, &name, &format!("round {round}")).await.unwrap();
        if round % 3 == 2 {
            hand.delete(namespace, &name).await.unwrap();
        }
    }
    hand.history
}

#[tokio::test]
async fn s2_a_snapshot_shows_one_revision_whatever_writers_do_and_only_newer_changes_follow() {
    let server = Server::start().await;
    let mut hand = Writer::new(&server).await;
    let text = "word ".repeat(1000);
    for number in 0..120 {
        hand.put("default", &format!("persona-0-{number}"), &text).await.unwrap();
    }
    let mut history = hand.history;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = async {
        let (one, other) = (write_until(&server, 0, stop.clone()), write_until(&server, 1, stop.clone()));
        futures_util::future::join(one, other).await
    };
    let watching = async {
        let mut followers = Vec::new();
        for round in 0..6 {
            let view = if round < 4 { pb::PersonaView::Full } else { pb::PersonaView::Basic };
            let request = pb::WatchPersonasRequest { view: view.into(), ..everything("-", MODES[round % 2]) };
            let follower = Follower::synced(&server, request).await;
            followers.push((follower.recorder.cursor, follower.recorder.map.clone(), follower));
        }
        stop.store(true, Ordering::Relaxed);
        followers
    };
    let ((one, other), followers) = futures_util::future::join(writing, watching).await;
    history.extend(one);
    history.extend(other);
    let (revision, list) = listed(&server, "-").await;
    assert_eq!(revision, history.head());
    for (at, snapshot, mut follower) in followers {
        assert_eq!(snapshot, history.view(at, |_| true), "the snapshot of revision {at}");
        // The recorder saw to it that no change up to `at` came.
        follower.reach(revision).await;
        assert_eq!(follower.recorder.map, list);
    }
}

#[tokio::test]
async fn s2_a_stream_follows_what_it_selects_and_nothing_else() {
    let server = Server::start().await;
    let mut hand = Writer::new(&server).await;
    let names: BTreeSet<_> = ["b", "c", "later"].into_iter().map(str::to_owned).collect();
    let named = |namespace: &str, mode| pb::WatchPersonasRequest {
        names: names.iter().cloned().collect(),
        ..everything(namespace, mode)
    };
    for (namespace, name) in [("default", "a"), ("default", "b"), ("other", "b"), ("other", "c")] {
        hand.put(namespace, name, "1").await.unwrap();
    }
    let mut followers = Vec::new();
    for mode in MODES {
        for namespace in ["", "default", "other", "empty-yet", "-"] {
            for request in [everything(namespace, mode), named(namespace, mode)] {
                followers.push((request.clone(), Follower::synced(&server, request).await));
            }
        }
    }
    for namespace in ["default", "other", "empty-yet"] {
        for name in ["a", "b", "later", "never-asked-for"] {
            hand.put(namespace, name, "2").await.unwrap();
            hand.put(namespace, name, "3").await.unwrap();
            hand.delete(namespace, name).await.unwrap();
        }
        hand.put(namespace, "later", "4").await.unwrap();
    }
    for (request, mut follower) in followers {
        let synced_at = follower.recorder.cursor;
        follower.reach(hand.history.head()).await;
        let namespace = if request.namespace.is_empty() { "default" } else { &request.namespace };
        let takes = |(space, name): &(String, String)| {
            (namespace == "-" || namespace == space)
                && (request.names.is_empty() || request.names.contains(name))
        };
        let recorder = follower.recorder;
        assert_eq!(recorder.map, hand.history.view(recorder.cursor, takes));
        if request.mode() == WatchMode::EveryVersion {
            assert_eq!(recorder.groups, hand.history.groups_after(synced_at, takes));
        }
    }
}

#[tokio::test]
async fn s12_a_token_belongs_to_its_store_and_selection_and_to_nothing_else_of_the_request() {
    let server = Server::start().await;
    let mut hand = Writer::new(&server).await;
    hand.put("default", "a", "1").await.unwrap();
    let named = |names: &[&str]| pb::WatchPersonasRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..everything("default", WatchMode::Latest)
    };
    let all = Follower::synced(&server, named(&[])).await.recorder.token;
    let two = Follower::synced(&server, named(&["a", "b"])).await.recorder.token;
    hand.put("default", "a", "2").await.unwrap();

    let other = |change: fn(&mut pb::WatchPersonasRequest)| {
        let mut request = named(&[]);
        change(&mut request);
        resuming(&request, &all)
    };
    let damaged = format!("d{}", &all[1..]);
    assert_ne!(damaged, all);
    let bad = [
        other(|request| request.namespace = "-".to_owned()),
        other(|request| request.namespace = "other".to_owned()),
        other(|request| request.names = vec!["a".to_owned()]),
        resuming(&named(&["a"]), &two),
        resuming(&named(&["a", "b", "c"]), &two),
        resuming(&named(&[]), &two),
        resuming(&named(&[]), "no token"),
        resuming(&named(&[]), ""),
        resuming(&named(&[]), &damaged),
    ];
    let mut client = server.client().await;
    for request in bad {
        let answer = client.watch_personas(request).await;
        refused(answer, Code::InvalidArgument, ErrorReason::ResumeTokenInvalid);
    }
    let stranger = Server::start().await;
    let answer = stranger.client().await.watch_personas(resuming(&named(&[]), &all)).await;
    refused(answer, Code::FailedPrecondition, ErrorReason::StoreMismatch);

    let server = server.restart().await;
    let good = [
        resuming(&named(&[]), &all),
        other(|request| request.namespace = String::new()),
        other(|request| request.view = pb::PersonaView::Full.into()),
        other(|request| request.mode = WatchMode::EveryVersion.into()),
        other(|request| request.progress_interval = None),
        resuming(&named(&["b", "a"]), &two),
    ];
    for request in good {
        let mut follower = Follower::open(&server, request).await;
        follower.reach(2).await;
        assert_eq!(follower.recorder.groups.len(), 1);
    }
}

#[tokio::test]
async fn s13_there_are_so_many_places_and_an_ended_stream_gives_its_own_back() {
    let server = Server::start_with(|options| options.registry.watch_streams = 2).await;
    let open = || Follower::synced(&server, everything("-", WatchMode::Latest));
    let (first, second) = (open().await, open().await);
    let mut client = server.client().await;
    for _ in 0..3 {
        let answer = client.watch_personas(everything("-", WatchMode::Latest)).await;
        let status = refused(answer, Code::ResourceExhausted, ErrorReason::TooManyWatches);
        assert_eq!(metadata(&status, "limit"), "2");
    }
    let counts = server.admin().await.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(counts.counts.unwrap().watches, 2, "a refusal takes no place");
    drop(first);
    // The server hears of it by a reset of the stream, which takes its time.
    let mut third = soon(async {
        loop {
            match client.watch_personas(everything("-", WatchMode::Latest)).await {
                Ok(stream) => return stream.into_inner(),
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted);
                    tokio::task::yield_now().await;
                }
            }
        }
    })
    .await;
    assert!(matches!(third.message().await.unwrap().unwrap().event, Some(Event::Opened(_))));
    drop(second);
}

#[tokio::test]
async fn l4_watching_goes_on_where_a_listing_ended() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut written = Vec::new();
    for number in 0..5 {
        let put = client.put_persona(put(&format!("persona-{number}"), "1")).await.unwrap().into_inner();
        written.push(put.revision);
    }
    let (mut page_token, mut names, mut pages) = (String::new(), Vec::new(), 0);
    let (listed_at, token) = loop {
        let request = pb::ListPersonasRequest { page_size: 2, page_token, ..Default::default() };
        let page = client.list_personas(request).await.unwrap().into_inner();
        names.extend(page.personas.iter().map(key));
        if pages == 0 {
            // Written while the listing goes on: not in it, so it is a change after it.
            client.put_persona(put("persona-9", "1")).await.unwrap();
            client.put_persona(put("persona-0", "2")).await.unwrap();
            client.delete_persona(delete("persona-4")).await.unwrap();
        }
        pages += 1;
        if page.next_page_token.is_empty() {
            break (page.header.unwrap().revision, page.resume_token);
        }
        assert!(page.resume_token.is_empty(), "only the last page is a place to watch from");
        page_token = page.next_page_token;
    };
    assert_eq!((names.len(), Some(listed_at)), (5, written.last().copied()));
    for mode in MODES {
        let mut follower = Follower::open(&server, resuming(&everything("default", mode), &token)).await;
        follower.reach(listed_at + 3).await;
        let mut told: Vec<_> = follower.recorder.groups.into_iter().flat_map(|group| group.changes).collect();
        told.sort_by_key(|change| change.revision);
        let told: Vec<_> = told.iter().map(|it| (it.revision - listed_at, it.key.1.as_str())).collect();
        assert_eq!(told, [(1, "persona-9"), (2, "persona-0"), (3, "persona-4")]);
    }
}
