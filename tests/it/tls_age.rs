//! Connections that grow old: their clients make new ones, and nobody's call is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use persona_registry::client::{Client, Options, Selection, Start, Step, Watch};
use persona_registry::wire::pb::watch_personas_response::Event;
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Server, get, put, soon};

/// Forwards to a server, and counts its connections.
async fn counted(server: &Server) -> (String, Arc<AtomicUsize>) {
    let (listener, count) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(AtomicUsize::new(0)));
    let (address, upstream) = (listener.local_addr().unwrap().to_string(), server.address);
    let counting = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counting.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut on = TcpStream::connect(upstream).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut stream, &mut on).await);
            });
        }
    });
    (address, count)
}

async fn connect(address: &str) -> Client {
    Client::connect(&address.parse().unwrap(), Options::default()).await.unwrap()
}

async fn event(watch: &mut Watch) -> Event {
    match soon(watch.next()).await.unwrap() {
        Step::Message(message) => message.event.unwrap(),
        Step::Lost { cause, .. } => panic!("the stream was cut: {cause}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_calls_again_and_again_sees_no_error_while_connections_are_exchanged() {
    let server = Server::start_with(|options| {
        options.connection_age = Some(Duration::from_millis(20));
    })
    .await;
    let (address, connections) = counted(&server).await;
    // A call that is handed to a connection in the moment in which it is closed is not sent, and tried again.
    let client = connect(&address).await;
    client.put(put("a", "1")).await.unwrap();
    let mut calls = 0;
    while connections.load(Ordering::Relaxed) < 20 {
        let read = soon(client.read(get("a"))).await.unwrap();
        assert_eq!(read.version, 1);
        calls += 1;
    }
    assert!(calls > 20, "{calls} calls");
}

#[tokio::test]
async fn an_old_connection_without_calls_is_closed_in_order() {
    let age = Duration::from_millis(50);
    let server = Server::start_with(|options| options.connection_age = Some(age)).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    );
    let (_sender, connection) = handshake.await.unwrap();
    soon(connection).await.unwrap();
}

#[tokio::test]
async fn a_stream_outlives_the_age_of_its_connection_unless_there_is_a_grace() {
    let age = Duration::from_millis(50);
    let server = Server::start_with(|options| options.connection_age = Some(age)).await;
    let client = connect(&server.address.to_string()).await;
    let mut watch = client.watch(Selection::default(), Start::Snapshot).await.unwrap();
    while !matches!(event(&mut watch).await, Event::Synced(_)) {}
    tokio::time::sleep(age * 4).await;
    for version in 1..=3 {
        // This call makes a connection of its own; the stream is where it was.
        client.put(put("a", &version.to_string())).await.unwrap();
        while !matches!(event(&mut watch).await, Event::Changes(_)) {}
    }

    let server = Server::start_with(|options| {
        options.connection_age = Some(age);
        options.connection_age_grace = Some(age);
    })
    .await;
    let client = connect(&server.address.to_string()).await;
    let mut watch = client.watch(Selection::default(), Start::Snapshot).await.unwrap();
    while let Step::Message(_) = soon(watch.next()).await.unwrap() {}
    // And goes on by itself.
    client.put(put("a", "1")).await.unwrap();
    loop {
        if let Step::Message(message) = soon(watch.next()).await.unwrap()
            && matches!(message.event, Some(Event::Changes(_)))
        {
            return;
        }
    }
}
