//! Promise S9: a watcher that does not read costs a bounded amount, and nobody but itself.

use std::time::Duration;

use http_body_util::BodyExt as _;
use persona_registry::wire::pb;
use persona_registry::wire::pb::{PersonaView, WatchMode};
use prost::Message as _;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

use crate::harness::{Server, soon};
use crate::history::Writer;
use crate::raw::framed;
use crate::recorder::{Follower, everything, listed};

/// About 250 KB: the server sends two or three of them into a window of 64 KiB before it has to wait.
fn big(number: usize) -> String {
    format!("{number} {}", "word ".repeat(50_000))
}

fn full(mode: WatchMode) -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest { view: PersonaView::Full.into(), ..everything("default", mode) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_stalled_watcher_delays_no_writer_and_no_other_watcher_and_is_not_queued_for() {
    // The ring holds four of the documents, so that the stalled streams are served from the log.
    let server = Server::start_with(|options| options.registry.ring_bytes = 1024 * 1024).await;
    let mut stalled = Vec::new();
    for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
        let mut follower = Follower::narrow(&server, full(mode)).await;
        while !follower.recorder.whole {
            follower.next().await;
        }
        stalled.push((mode, follower));
    }
    let mut reader = Follower::synced(&server, full(WatchMode::EveryVersion)).await;
    let mut hand = Writer::new(&server).await;
    const DOCUMENTS: usize = 128;
    for number in 0..DOCUMENTS {
        let name = format!("persona-{}", number % 3);
        hand.put("default", &name, &big(number)).await.unwrap();
        // The other watcher is told of each while the stalled ones take nothing.
        reader.reach(hand.history.head()).await;
    }
    assert_eq!(reader.recorder.groups.len(), DOCUMENTS);
    assert_eq!(server.registry.status().watches, 3, "they are all still there");
    let list = listed(&server, "default").await.1;
    for (mode, mut follower) in stalled {
        assert!(follower.recorder.groups.is_empty());
        follower.reach(hand.history.head()).await;
        assert_eq!(follower.recorder.map, list);
        let groups = follower.recorder.groups;
        match mode {
            WatchMode::EveryVersion => assert_eq!(groups, hand.history.groups_after(0, |_| true)),
            // Whatever had been queued for it would come now: it was about 1 MiB of 32.
            _ => assert!(groups.len() <= 8, "{} groups", groups.len()),
        }
    }
}

#[tokio::test]
async fn s9_a_stream_that_stalls_is_reset_and_goes_on_without_loss_and_an_idle_one_is_left_alone() {
    let server = Server::start_with(|options| options.stall_limit = Duration::from_millis(300)).await;
    let quiet = pb::WatchPersonasRequest { names: vec!["quiet".to_owned()], ..full(WatchMode::Latest) };
    // Both know all there is to know; the idle one also when its window is all but used up.
    let mut idle = Follower::synced(&server, quiet.clone()).await;
    let mut narrow = Follower::narrow(&server, quiet).await;
    while !narrow.recorder.whole {
        narrow.next().await;
    }
    let mut stalled = Vec::new();
    for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
        stalled.push((mode, Follower::narrow(&server, full(mode)).await));
    }
    let mut hand = Writer::new(&server).await;
    for number in 0..6 {
        hand.put("default", &format!("persona-{}", number % 2), &big(number)).await.unwrap();
    }
    // They end after the limit, and the idle ones have been idle for longer.
    soon(async {
        while server.registry.status().watches > 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    hand.put("default", "quiet", "a word at last").await.unwrap();
    for follower in [&mut idle, &mut narrow] {
        follower.reach(hand.history.head()).await;
        assert_eq!(follower.recorder.map.len(), 1);
    }
    let list = listed(&server, "default").await.1;
    for (mode, mut follower) in stalled {
        let status = follower.end().await;
        // Nothing passes a blocked stream, so this is the transport's word and not the registry's.
        assert!(status.get_details_error_info().is_none(), "{status:?}");
        let refusal = persona_registry::client::Refusal::from(status);
        assert!(refusal.is_transient(), "the client comes back: {refusal:?}");
        assert!(follower.recorder.cursor < hand.history.head());
        // One that was cut within the snapshot has no place yet, and begins anew.
        follower.resume(&server, mode).await;
        follower.reach(hand.history.head()).await;
        assert_eq!(follower.recorder.map, list);
        if mode == WatchMode::EveryVersion {
            assert_eq!(follower.recorder.groups, hand.history.groups_after(0, |_| true));
        }
    }
}

#[tokio::test]
async fn s9_a_stalled_snapshot_is_reset_too() {
    let server = Server::start_with(|options| options.stall_limit = Duration::from_millis(200)).await;
    let mut hand = Writer::new(&server).await;
    for number in 0..4 {
        hand.put("default", &format!("persona-{number}"), &big(number)).await.unwrap();
    }
    let mut follower = Follower::narrow(&server, full(WatchMode::Latest)).await;
    soon(async {
        while server.registry.status().watches > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    follower.end().await;
    assert_eq!((follower.recorder.whole, follower.recorder.token.as_str()), (false, ""));
    Follower::synced(&server, full(WatchMode::Latest)).await;
}

/// What was asked for once is held no longer than what is followed.
#[tokio::test]
async fn s9_an_answer_that_nobody_takes_is_reset_and_one_that_is_taken_is_whole() {
    let server = Server::start_with(|options| options.stall_limit = Duration::from_millis(200)).await;
    let mut hand = Writer::new(&server).await;
    for number in 0..4 {
        hand.put("default", &format!("persona-{number}"), &big(number)).await.unwrap();
    }
    let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let message = pb::ListPersonasRequest { view: PersonaView::Full.into(), ..Default::default() };
    let message = framed(0, &message.encode_to_vec());
    // How long it is not taken, in seconds: a busy machine may be late.
    for patience in [1, 4, 16] {
        let mut channel = endpoint.connect().await.unwrap();
        let mut call = async || {
            let request = http::Request::post("/persona.registry.v1.PersonaService/ListPersonas")
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            let body = Body::new(http_body_util::Full::new(message.clone()));
            let call = channel.ready().await.unwrap().call(request.body(body).unwrap());
            soon(call).await.unwrap().into_body()
        };
        let whole = soon(call().await.collect()).await.unwrap().to_bytes();
        assert!(whole.len() > 4 * 250_000, "{}", whole.len());
        let left = call().await;
        tokio::time::sleep(Duration::from_secs(patience)).await;
        if soon(left.collect()).await.is_err() {
            return;
        }
    }
    panic!("it was held until somebody came");
}
