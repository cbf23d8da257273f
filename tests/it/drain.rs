//! Promise S11: a planned end is told, loses nothing, and comes in time.

use std::time::Duration;

use persona_registry::wire::pb;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::watch_personas_response::closing::Reason;
use persona_registry::wire::pb::{ErrorReason, PersonaView, WatchMode};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Server, document, reason, refused, soon};
use crate::history::{Writer, import};
use crate::recorder::{Follower, everything, listed};

fn full(mode: WatchMode) -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest { view: PersonaView::Full.into(), ..everything("default", mode) }
}

#[tokio::test]
async fn s11_health_turns_first_then_streams_close_with_a_place_to_go_on_from() {
    // A grace that no test waits for: whoever holds up the end fails this one.
    let mut server = Server::start_with(|options| options.grace = Duration::from_secs(600)).await;
    let mut hand = Writer::new(&server).await;
    hand.put("default", "a", "1").await.unwrap();
    let mut followers = Vec::new();
    for mode in [WatchMode::Latest, WatchMode::EveryVersion, WatchMode::Latest, WatchMode::EveryVersion] {
        followers.push((mode, Follower::synced(&server, full(mode)).await));
    }
    // A load balancer's own watch, which nobody ends but the server.
    let mut health = HealthClient::new(server.channel().await);
    let mut watched = Vec::new();
    for service in ["", "persona.registry.v1.PersonaService", "persona.registry.v1.AdminService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut stream = health.watch(request).await.unwrap().into_inner();
        let first = soon(stream.message()).await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving, "{service:?}");
        watched.push(stream);
    }
    let head = hand.put("default", "a", "2").await.unwrap();
    server.begin_stop();
    for stream in &mut watched {
        let next = soon(stream.message()).await.unwrap().unwrap();
        assert_eq!(next.status(), ServingStatus::NotServing);
    }
    for (_, follower) in &mut followers {
        follower.reach(head).await;
        let closing = loop {
            match follower.next().await {
                Event::Closing(closing) => break closing,
                event => assert!(matches!(event, Event::Progress(_)), "{event:?}"),
            }
        };
        assert_eq!(closing.reason(), Reason::ServerDraining);
        assert_eq!(closing.retry_delay.unwrap().seconds, 1);
        let status = follower.try_next().await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::Unavailable, ErrorReason::ServerDraining));
    }
    let server = server.stop().await.start().await.unwrap();
    let mut hand = Writer::new(&server).await;
    let head = hand.put("default", "b", "3").await.unwrap();
    for (mode, mut follower) in followers {
        follower.resume(&server, mode).await;
        follower.reach(head).await;
        assert_eq!(follower.recorder.map, listed(&server, "default").await.1);
        assert_eq!(follower.recorder.groups.len(), 2, "one before, one after, none twice");
    }
}

#[tokio::test]
async fn s11_new_watches_are_refused_while_draining_and_reads_and_writes_are_answered() {
    let server = Server::start().await;
    let mut client = server.client().await;
    server.registry.drain();
    let answer = client.watch_personas(full(WatchMode::Latest)).await;
    refused(answer, Code::Unavailable, ErrorReason::ServerDraining);
    Writer::new(&server).await.put("default", "a", "1").await.unwrap();
    assert_eq!(listed(&server, "default").await.1.len(), 1);
}

#[tokio::test]
async fn s11_a_group_that_is_under_way_is_finished_before_the_stream_closes() {
    let server = Server::start().await;
    for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
        let mut follower = Follower::narrow(&server, full(mode)).await;
        while !follower.recorder.whole {
            follower.next().await;
        }
        let documents: Vec<_> = (0..40)
            .map(|number| format!("file-{number:02}"))
            .map(|name| (name.clone(), document(&name, &format!("{mode:?} {}", "word ".repeat(3000)))))
            .collect();
        let head = import(&server, "folder", &documents).await;
        while follower.recorder.fragments == 0 {
            follower.next().await;
        }
        if mode == WatchMode::EveryVersion {
            server.registry.drain();
            // The recorder sees to it that nothing comes between fragments.
            follower.end().await;
            assert!(follower.recorder.is_closed);
            assert_eq!(follower.recorder.cursor, head);
        }
    }
}

#[tokio::test]
async fn s11_the_end_comes_within_the_grace_time_whatever_clients_do() {
    // Were it not for the grace time, the streams that stall would hold up the end for longer than patience lasts.
    let server = Server::start_with(|options| {
        options.grace = Duration::from_millis(500);
        options.stall_limit = Duration::from_secs(600);
    })
    .await;
    let mut hand = Writer::new(&server).await;
    let mut stalled = Vec::new();
    for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
        stalled.push((mode, Follower::narrow(&server, full(mode)).await));
    }
    let mut reader = Follower::synced(&server, full(WatchMode::EveryVersion)).await;
    for number in 0..6 {
        let text = format!("{number} {}", "word ".repeat(50_000));
        hand.put("default", "a", &text).await.unwrap();
    }
    reader.reach(hand.history.head()).await;
    let idle_connection = server.channel().await;
    let server = server.stop().await.start().await.unwrap();
    drop(idle_connection);
    assert!(reader.end().await.code() == Code::Unavailable && reader.recorder.is_closed);
    let list = listed(&server, "default").await.1;
    for (mode, mut follower) in stalled {
        follower.end().await;
        // One that was cut within the snapshot has no place yet, and begins anew.
        follower.resume(&server, mode).await;
        follower.reach(hand.history.head()).await;
        assert_eq!(follower.recorder.map, list);
    }
}
