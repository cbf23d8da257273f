//! Promises S7 and S8: how far a stream is, also when nothing else is to be told.

use persona_registry::wire::pb;
use persona_registry::wire::pb::WatchMode;
use persona_registry::wire::pb::watch_personas_response::Event;

use crate::harness::Server;
use crate::history::Writer;
use crate::recorder::{Follower, everything, listed};

#[tokio::test]
async fn s8_progress_comes_with_the_streams_own_cursor_busy_or_idle() {
    let server = Server::start().await;
    let mut hand = Writer::new(&server).await;
    let first = hand.put("default", "a", "1").await.unwrap();
    let modes = [WatchMode::Latest, WatchMode::EveryVersion];
    let mut streams = Vec::new();
    for mode in modes {
        let never =
            pb::WatchPersonasRequest { names: vec!["never".to_owned()], ..everything("default", mode) };
        streams.push((
            everything("default", mode),
            Follower::synced(&server, everything("default", mode)).await,
        ));
        streams.push((never.clone(), Follower::synced(&server, never).await));
    }
    // Idle: the cursor is the head.
    for (_, follower) in &mut streams {
        let Event::Progress(progress) = follower.next().await else { panic!("nothing else is to be told") };
        assert_eq!(progress.revision, first);
    }
    // Busy: changes that keep coming do not put it off, neither where they are told nor where they are passed over.
    // The recorder sees to it that none up to there comes after it.
    let mut round = 0;
    while streams.iter().any(|(_, follower)| follower.recorder.progress.len() < 3) {
        round += 1;
        let head = hand.put("default", "a", &format!("round {round}")).await.unwrap();
        for (request, follower) in &mut streams {
            if request.names.is_empty() {
                follower.reach(head).await;
            } else {
                follower.next_if_any().await;
            }
        }
    }
    let head = hand.history.head();
    for (_, mut follower) in streams {
        for (revision, map) in &follower.recorder.progress {
            let takes = |key: &(String, String)| follower.recorder.map.contains_key(key);
            assert_eq!(*map, hand.history.view(*revision, takes));
        }
        // What was told is a place too.
        follower.resume(&server, WatchMode::Latest).await;
        follower.reach(head).await;
        assert!(
            follower.recorder.map.is_empty() || follower.recorder.map == listed(&server, "default").await.1
        );
    }
}
