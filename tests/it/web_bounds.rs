//! What a connection of HTTP/1.1 may cost: each ends that says too little, too much, or does not read.

use std::time::Duration;

use persona_registry::wire::pb;
use persona_registry::wire::pb::{PersonaView, WatchMode};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::{Server, get, soon};
use crate::history::Writer;
use crate::raw::{GET, WATCH, framed};
use crate::recorder::{Follower, everything};
use crate::web_client::{Encoding, Page};

/// Says this and no more; gives what comes back until the server ends the connection.
async fn say(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    rest(&mut stream).await
}

/// What comes until the end, be it in order or a reset.
async fn rest(stream: &mut TcpStream) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match soon(stream.read(&mut part)).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(read) => all.extend(&part[..read]),
        }
    }
}

/// The head of a call, for a body of so many bytes.
fn head(path: &str, length: usize) -> String {
    let kind = Encoding::Binary.content_type();
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn web_a_connection_that_does_not_finish_what_it_says_is_ended() {
    let server = Server::start_with(|options| options.first_bytes = Duration::from_millis(200)).await;
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "POST / HT", "POST / HTTP/1.1\r\nhost: x\r\n"] {
        assert_eq!(say(&server, beginning.as_bytes()).await, "", "{beginning:?}");
    }
    // One that was answered and says nothing more.
    let message = framed(0, &get("a").encode_to_vec());
    let call = [head(GET, message.len()).as_bytes(), &message].concat();
    let answered = say(&server, &call).await;
    assert!(answered.starts_with("HTTP/1.1 200 OK\r\n") && answered.contains("grpc-status:5"), "{answered}");
}

#[tokio::test]
async fn web_a_head_over_16_kib_is_refused() {
    let server = Server::start().await;
    for (length, expected) in [(12 * 1024, "HTTP/1.1 405"), (17 * 1024, "HTTP/1.1 431")] {
        let filler = "x".repeat(length);
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: {filler}\r\n\r\n");
        let answer = say(&server, head.as_bytes()).await;
        assert!(answer.starts_with(expected), "{length}: {answer}");
    }
    let answer = say(&server, b"\x16\x03\x01 what TLS begins with\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn web_a_body_that_stands_still_is_given_up() {
    let server = Server::start_with(|options| options.stall_limit = Duration::from_millis(200)).await;
    let message = framed(0, &get("a").encode_to_vec());
    let part = [head(GET, message.len()).as_bytes(), &message[..message.len() - 1]].concat();
    let answer = say(&server, &part).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("grpc-status:3"), "{answer}");
}

fn full() -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest {
        view: PersonaView::Full.into(),
        ..everything("default", WatchMode::EveryVersion)
    }
}

async fn watches_become(server: &Server, number: u64) {
    soon(async {
        while server.registry.status().watches != number {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_page_that_stops_reading_is_cut_off_delays_nobody_and_one_that_is_idle_is_left_alone() {
    let server = Server::start_with(|options| options.stall_limit = Duration::from_millis(500)).await;
    let quiet = pb::WatchPersonasRequest { names: vec!["quiet".to_owned()], ..full() };
    let mut idle = Page::open(server.address).await;
    let message = framed(0, &quiet.encode_to_vec());
    let idle = idle.post(Encoding::Binary, WATCH, &[], &message).await;

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stalled = socket.connect(server.address).await.unwrap();
    let message = framed(0, &full().encode_to_vec());
    stalled.write_all(&[head(WATCH, message.len()).as_bytes(), &message].concat()).await.unwrap();
    watches_become(&server, 2).await;

    let mut reader = Follower::synced(&server, full()).await;
    let mut hand = Writer::new(&server).await;
    // More than the kernel holds for a reader, if need be.
    for number in 0..128 {
        hand.put("default", "a", &format!("{number} {}", "word ".repeat(50_000))).await.unwrap();
        reader.reach(hand.history.head()).await;
    }
    watches_become(&server, 2).await;
    let read = rest(&mut stalled).await;
    assert!(read.starts_with("HTTP/1.1 200 OK\r\n"), "{} bytes", read.len());
    // 32 MB were written meanwhile; what comes now is what the kernel held.
    assert!(read.len() < 16 * 1024 * 1024, "{} bytes were held", read.len());
    drop(idle);
    watches_become(&server, 1).await;
}

#[tokio::test]
async fn web_a_page_that_goes_away_leaves_nothing_behind() {
    let server = Server::start().await;
    let mut page = Page::open(server.address).await;
    let message = framed(0, &everything("-", WatchMode::Latest).encode_to_vec());
    let answer = page.post(Encoding::Binary, WATCH, &[], &message).await;
    watches_become(&server, 1).await;
    drop((answer, page));
    watches_become(&server, 0).await;
}
