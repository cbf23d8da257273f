//! Promises S4 and S5: groups, and what the two modes make of a stretch of the log.

use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_change::Type;
use persona_registry::wire::pb::{PersonaView, WatchMode};

use crate::harness::{Server, document};
use crate::history::{Writer, import};
use crate::recorder::{Follower, Map, everything, listed};

fn full(mode: WatchMode) -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest { view: PersonaView::Full.into(), ..everything("default", mode) }
}

/// A server whose ring reaches back as far as wanted: what is behind it comes from the view's log.
async fn server(ring_commits: usize) -> Server {
    Server::start_with(|options| options.registry.ring_commits = ring_commits).await
}

#[tokio::test]
async fn s4_a_big_commit_comes_in_consecutive_fragments_and_only_the_last_is_a_place() {
    for ring_commits in [1000, 1] {
        let server = server(ring_commits).await;
        let before = Follower::synced(&server, full(WatchMode::Latest)).await;
        let documents: Vec<_> = (0..40)
            .map(|number| format!("file-{number:02}"))
            .map(|name| (name.clone(), document(&name, &"word ".repeat(3000))))
            .collect();
        let revision = import(&server, "folder", &documents).await;
        // Behind the ring that holds one commit.
        let last = Writer::new(&server).await.put("default", "one-more", "1").await.unwrap();
        for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
            let mut place = before.recorder.places[0].clone();
            for broken_off in [true, false] {
                let mut follower = Follower::at(&server, full(mode), &place).await;
                if broken_off {
                    // Left in the middle of the group, the place is still the one before it.
                    while follower.recorder.fragments == 0 {
                        follower.next().await;
                    }
                    let recorder = &follower.recorder;
                    place = (recorder.token.clone(), recorder.cursor, recorder.map.clone());
                    assert_eq!((place.1, place.2.len()), (0, 0));
                    continue;
                }
                follower.reach(last).await;
                let recorder = follower.recorder;
                assert!(recorder.fragments >= 4, "{} fragments of 600 KB", recorder.fragments);
                assert_eq!(recorder.map, listed(&server, "default").await.1);
                let sizes: Vec<_> =
                    recorder.groups.iter().map(|it| (it.revision, it.changes.len())).collect();
                match mode {
                    WatchMode::EveryVersion => assert_eq!(sizes, [(revision, 40), (last, 1)]),
                    _ => assert_eq!(sizes, [(last, 41)]),
                }
            }
        }
    }
}

#[tokio::test]
async fn s5_every_version_tells_each_change_once_however_far_behind_the_stream_is() {
    for ring_commits in [1000, 3] {
        let server = server(ring_commits).await;
        let start = Follower::synced(&server, full(WatchMode::EveryVersion)).await.recorder.places[0].clone();
        let mut hand = Writer::new(&server).await;
        for round in 0..30 {
            hand.put("default", ["a", "b", "c"][round % 3], &format!("round {round}")).await.unwrap();
            if round % 5 == 4 {
                hand.delete("default", "a").await.unwrap();
            }
        }
        let mut follower = Follower::at(&server, full(WatchMode::EveryVersion), &start).await;
        follower.reach(hand.history.head()).await;
        assert_eq!(follower.recorder.groups, hand.history.groups_after(0, |_| true));
    }
}

#[tokio::test]
async fn s5_latest_tells_the_difference_between_where_a_stream_is_and_where_it_gets_to() {
    // What is there before, what happens, and what a stream that is behind is told of it.
    let cases: [(bool, &str, &[Type]); 8] = [
        (false, "p", &[Type::Created]),
        (false, "ppp", &[Type::Created]),
        (false, "pd", &[]),
        (false, "pdp", &[Type::Created]),
        (true, "pp", &[Type::Updated]),
        (true, "pd", &[Type::Deleted]),
        (true, "dp", &[Type::Deleted, Type::Created]),
        (true, "pdpdpp", &[Type::Deleted, Type::Created]),
    ];
    for ring_commits in [1000, 1] {
        let server = server(ring_commits).await;
        let mut hand = Writer::new(&server).await;
        for (number, (is_there, ..)) in cases.iter().enumerate() {
            if *is_there {
                hand.put("default", &format!("case-{number}"), "before").await.unwrap();
            }
        }
        let start = Follower::synced(&server, full(WatchMode::Latest)).await.recorder.places[0].clone();
        // Turn by turn, so that the cases lie between one another in the log.
        for turn in 0..6 {
            for (number, (_, steps, _)) in cases.iter().enumerate() {
                let name = format!("case-{number}");
                match steps.chars().nth(turn) {
                    Some('p') => drop(hand.put("default", &name, &format!("turn {turn}")).await.unwrap()),
                    Some(_) => drop(hand.delete("default", &name).await.unwrap().unwrap()),
                    None => {}
                }
            }
        }
        let head = hand.history.head();
        let mut follower = Follower::at(&server, full(WatchMode::Latest), &start).await;
        follower.reach(head).await;
        let recorder = &follower.recorder;
        assert_eq!(recorder.map, hand.history.view(head, |_| true));
        let [group] = recorder.groups.as_slice() else { panic!("one stretch, one group") };
        assert_eq!(group.revision, head);
        for (number, (.., expected)) in cases.iter().enumerate() {
            let name = format!("case-{number}");
            let told = group.changes.iter().filter(|change| change.key.1 == name);
            let told: Vec<_> = told.map(|change| change.kind).collect();
            assert_eq!(told, *expected, "case {number}");
        }
        // The last deletion there was, and the version before it.
        let last_case = group.changes.iter().filter(|change| change.key.1 == "case-7");
        let last_case: Vec<_> = last_case.map(|change| change.version).collect();
        assert_eq!(last_case, [3, 5]);
    }
}

#[tokio::test]
async fn s5_a_stretch_in_which_nothing_selected_changed_is_passed_in_silence() {
    for ring_commits in [1000, 1] {
        let server = server(ring_commits).await;
        for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
            let request = pb::WatchPersonasRequest { names: vec!["never".to_owned()], ..full(mode) };
            let start = Follower::synced(&server, request.clone()).await.recorder.places[0].clone();
            let mut hand = Writer::new(&server).await;
            for round in 0..20 {
                hand.put("default", "a", &format!("{mode:?} {round}")).await.unwrap();
            }
            let mut follower = Follower::at(&server, request, &start).await;
            follower.reach(hand.history.head()).await;
            assert_eq!((follower.recorder.groups.len(), follower.recorder.map.clone()), (0, Map::new()));
        }
    }
}

/// Documents whose BASIC view is far larger than what a message is cut at: the head of each is almost all of it.
#[tokio::test]
async fn s4_no_message_outgrows_what_clients_take_whatever_the_view() {
    let server = Server::start().await;
    let empty = Follower::synced(&server, everything("default", WatchMode::Latest)).await;
    let documents: Vec<_> = (0..400)
        .map(|number| {
            let name = format!("file-{number:03}");
            let description = "word ".repeat(1600);
            let more = "word ".repeat(1300);
            let text =
                format!("---\nname: {name}\ndescription: {description}\nx-more: {more}\n---\n# {name}\n");
            (name, text.into_bytes())
        })
        .collect();
    for chunk in documents.chunks(40) {
        import(&server, "folder", chunk).await;
    }
    let (head, list) = listed(&server, "default").await;
    assert_eq!(list.len(), 400);
    for view in [PersonaView::Basic, PersonaView::Full] {
        let view = view.into();
        // The recorder holds every message against the bound.
        let request = pb::WatchPersonasRequest { view, ..everything("default", WatchMode::Latest) };
        assert_eq!(Follower::synced(&server, request.clone()).await.recorder.map, list);
        let mut follower = Follower::at(&server, request, &empty.recorder.places[0]).await;
        follower.reach(head).await;
        assert_eq!(follower.recorder.map, list);
    }
}
