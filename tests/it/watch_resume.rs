//! Promise S3: a token is a place, and nothing is missed or told twice from there on.

use persona_registry::wire::pb;
use persona_registry::wire::pb::watch_personas_request::Start;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{ErrorReason, WatchMode};
use tonic::Code;

use crate::harness::{Server, refused};
use crate::history::{History, Writer, import};
use crate::recorder::{Follower, Map, everything, listed, resuming};

/// Puts, deletions and a big commit, among few names; what each did.
async fn eventful(server: &Server) -> History {
    let mut hand = Writer::new(server).await;
    for round in 0..24 {
        let name = format!("persona-{}", round % 4);
        hand.put("default", &name, &format!("round {round}")).await.unwrap();
        if round % 3 == 1 {
            hand.delete("default", &name).await.unwrap();
        }
        if round == 12 {
            let documents: Vec<_> = (0..40)
                .map(|number| format!("file-{number:02}"))
                .map(|name| (name.clone(), crate::harness::document(&name, &"word ".repeat(2000))))
                .collect();
            let revision = import(server, "folder", &documents).await;
            for (name, _) in documents {
                hand.history.add(revision, ("default".to_owned(), name), Some(1));
            }
        }
    }
    hand.history
}

/// Every place of a recorded stream, in both modes: what comes after it, and none of what came before.
async fn every_place_goes_on(server: &Server, history: &History, places: &[(String, i64, Map)]) {
    let (head, list) = listed(server, "default").await;
    assert_eq!(head, history.head());
    for place in places {
        let after = history.groups_after(place.1, |_| true);
        let request = everything("default", WatchMode::EveryVersion);
        let mut follower = Follower::at(server, request, place).await;
        follower.reach(head).await;
        assert_eq!(follower.recorder.groups, after, "after {}", place.1);
        assert_eq!(follower.recorder.map, list);

        let request = everything("default", WatchMode::Latest);
        let mut follower = Follower::at(server, request, place).await;
        follower.reach(head).await;
        assert_eq!(follower.recorder.map, list, "after {}", place.1);
        assert!(follower.recorder.groups.len() <= 1, "a stretch comes as one group");
    }
}

#[tokio::test]
async fn s3_every_token_of_a_stream_is_a_place_to_go_on_from_in_whatever_way_it_is_served() {
    let server = Server::start().await;
    let recorded = Follower::synced(&server, everything("default", WatchMode::EveryVersion)).await;
    let lagging = Follower::synced(&server, everything("default", WatchMode::Latest)).await;
    let history = eventful(&server).await;
    let mut places = Vec::new();
    for mut follower in [recorded, lagging] {
        follower.reach(history.head()).await;
        places.extend(follower.recorder.places);
    }
    places.sort_by_key(|place| place.1);
    places.dedup_by_key(|place| place.1);
    assert!(places.len() > 30, "one a commit");

    // From the ring; after a restart, whose ring is empty; and from a ring that reaches back two commits.
    every_place_goes_on(&server, &history, &places).await;
    let server = server.restart().await;
    every_place_goes_on(&server, &history, &places).await;
    let mut stopped = server.stop().await;
    stopped.options.registry.ring_commits = 2;
    let server = stopped.start().await.unwrap();
    let mut hand = Writer::new(&server).await;
    hand.history = history;
    for round in 0..6 {
        hand.put("default", "persona-0", &format!("after the restart {round}")).await.unwrap();
    }
    every_place_goes_on(&server, &hand.history, &places).await;
}

#[tokio::test]
async fn s3_a_stream_that_begins_now_misses_nothing_after_its_first_message_and_tells_nothing_before() {
    let server = Server::start().await;
    let mut hand = Writer::new(&server).await;
    hand.put("default", "a", "1").await.unwrap();
    for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
        let now =
            pb::WatchPersonasRequest { start: Some(Start::FromNow(true)), ..everything("default", mode) };
        let mut follower = Follower::open(&server, now).await;
        let Event::Opened(opened) = follower.next().await else { panic!("Opened comes first") };
        let opened_at = opened.header.unwrap().revision;
        assert_eq!(opened_at, hand.history.head());
        let token = follower.recorder.token.clone();
        hand.put("default", "a", &format!("again {mode:?}")).await.unwrap();
        hand.put("default", "b", &format!("again {mode:?}")).await.unwrap();
        let head = hand.history.head();
        follower.reach(head).await;
        let told: usize = follower.recorder.groups.iter().map(|group| group.changes.len()).sum();
        assert_eq!((told, follower.recorder.whole), (2, false), "no snapshot and no Synced");
        assert!(follower.recorder.groups[0].revision > opened_at);
        // Opened itself was a place.
        let mut again = Follower::open(&server, resuming(&everything("default", mode), &token)).await;
        again.reach(head).await;
        assert_eq!(again.recorder.groups.iter().map(|group| group.changes.len()).sum::<usize>(), 2);
    }
    let unset = pb::WatchPersonasRequest {
        start: Some(Start::FromNow(false)),
        ..everything("default", WatchMode::Latest)
    };
    assert_eq!(Follower::synced(&server, unset).await.recorder.map.len(), 2);
}

#[tokio::test]
async fn s3_a_place_ahead_of_the_registry_is_refused() {
    let server = Server::start().await;
    let mut hand = Writer::new(&server).await;
    hand.put("default", "a", "1").await.unwrap();
    let store_id = server.registry.store_id();
    let binding = persona_registry::registry::Selection {
        namespace: Some("default".parse().unwrap()),
        ..Default::default()
    }
    .binding();
    let revision = persona_registry::domain::Revision(2);
    let token = persona_registry::registry::ResumeToken { revision }.print(store_id, binding);
    let request = resuming(&everything("default", WatchMode::Latest), &token);
    let answer = server.client().await.watch_personas(request.clone()).await;
    refused(answer, Code::OutOfRange, ErrorReason::RevisionInFuture);
    hand.put("default", "a", "2").await.unwrap();
    Follower::open(&server, request).await.next().await;
}
