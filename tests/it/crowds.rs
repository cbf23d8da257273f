//! Many answers on one connection: they are gathered into few writes, and come whole to whoever reads, however slowly; and a
//! reader that ends or stops reading holds up nobody.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use persona_registry::server::tls::ClientAuth;
use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::rustls::version::TLS13;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::certs::{Secure, config, secured};
use crate::harness::{Server, get, put, soon};

/// Whether a reader reads.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Option<Waker>)>>);

impl Gate {
    fn open(&self) {
        let mut held = self.0.lock().unwrap();
        held.0 = true;
        if let Some(waker) = held.1.take() {
            waker.wake();
        }
    }

    fn opened() -> Self {
        let gate = Self::default();
        gate.open();
        gate
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut held = self.0.lock().unwrap();
        if held.0 {
            return Poll::Ready(());
        }
        held.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A stream of which few bytes are read at a time, once the gate is open.
struct Slow<S> {
    inner: S,
    gate: Gate,
    each: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.gate.poll(context));
        let mut bytes = vec![0; self.each.min(buffer.remaining())];
        let mut part = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut part))?;
        buffer.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

type Client = PersonaServiceClient<Channel>;

/// A client over this stream. Its windows are so wide that only the socket holds the server back.
async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Client {
    let endpoint = Endpoint::from_static("http://registry.example")
        .initial_stream_window_size(8 * 1024 * 1024)
        .initial_connection_window_size(256 * 1024 * 1024);
    let mut once = Some(TokioIo::new(stream));
    let connect = tower::service_fn(move |_| {
        std::future::ready(once.take().ok_or(io::Error::other("there is one connection")))
    });
    PersonaServiceClient::new(endpoint.connect_with_connector(connect).await.unwrap())
        .max_decoding_message_size(8 * 1024 * 1024)
}

/// A connection that holds little unread.
async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

/// Two handles of one socket.
fn doubled(stream: TcpStream) -> (TcpStream, std::net::TcpStream) {
    let stream = stream.into_std().unwrap();
    let other = stream.try_clone().unwrap();
    (TcpStream::from_std(stream).unwrap(), other)
}

/// Waits until more has come than a connection begins with: answers.
async fn arrived(socket: &std::net::TcpStream) {
    let socket = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
    let mut bytes = [0; 4000];
    soon(async { while socket.peek(&mut bytes).await.unwrap() < 1000 {} }).await;
}

/// Puts personas of 1 to 240 KB, and reads them one by one.
async fn filled(mut client: Client) -> BTreeMap<String, pb::Persona> {
    let mut personas = BTreeMap::new();
    for number in 0..24 {
        let name = format!("persona-{number}");
        let body = format!("{number} ").repeat(if number % 3 == 0 { 80_000 } else { 300 * number });
        client.put_persona(put(&name, &body)).await.unwrap();
        let answer = client.get_persona(get(&name)).await.unwrap().into_inner();
        personas.insert(name, answer.persona.unwrap());
    }
    personas
}

type Calls = JoinSet<(String, Result<pb::Persona, Status>)>;

/// Asks for all of them, so many times, at once.
fn crowd(client: &Client, personas: &BTreeMap<String, pb::Persona>, times: usize) -> Calls {
    let mut calls = JoinSet::new();
    for name in (0..times).flat_map(|_| personas.keys().cloned()) {
        let mut client = client.clone();
        calls.spawn(async move {
            let answer = client.get_persona(get(&name)).await;
            (name, answer.map(|answer| answer.into_inner().persona.unwrap()))
        });
    }
    calls
}

/// All of them answered rightly.
async fn answered(calls: Calls, personas: &BTreeMap<String, pb::Persona>) {
    for (name, answer) in soon(calls.join_all()).await {
        assert!(answer.unwrap() == personas[&name], "{name} came otherwise");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_a_crowd_come_whole_to_fast_and_slow_readers() {
    let server = Server::start().await;
    let personas = filled(server.client().await).await;
    for each in [700, 20_000, usize::MAX] {
        let inner = narrow(server.address).await;
        let client = over(Slow { inner, gate: Gate::opened(), each }).await;
        answered(crowd(&client, &personas, 2), &personas).await;
    }
    answered(crowd(&server.client().await, &personas, 8), &personas).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_a_crowd_come_whole_over_tls() {
    let secure = Secure::start_with(ClientAuth::None, |_| {}).await;
    let mut personas = BTreeMap::new();
    for each in [700, usize::MAX] {
        let inner = narrow(secure.server.address).await;
        let config = config(&secure.authority.pem(), &[&TLS13], &["h2"], None);
        let inner = secured(inner, config).await.unwrap();
        let client = over(Slow { inner, gate: Gate::opened(), each }).await;
        if personas.is_empty() {
            personas = filled(client.clone()).await;
        }
        answered(crowd(&client, &personas, 2), &personas).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_finishes_the_answers_of_a_reader_that_comes_late() {
    let mut server = Server::start_with(|options| options.grace = Duration::from_secs(600)).await;
    let personas = filled(server.client().await).await;
    let gate = Gate::default();
    let (inner, other) = doubled(narrow(server.address).await);
    let client = over(Slow { inner, gate: gate.clone(), each: 20_000 }).await;
    let calls = crowd(&client, &personas, 1);
    arrived(&other).await;
    server.begin_stop();
    // Nothing new is taken any more, so the drain has come to the connections.
    soon(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    gate.open();
    answered(calls, &personas).await;
    soon(server.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_nothing_more_is_no_reason_to_stay() {
    let server = Server::start_with(|options| options.grace = Duration::from_secs(600)).await;
    let personas = filled(server.client().await).await;
    let gate = Gate::default();
    let (inner, other) = doubled(narrow(server.address).await);
    let client = over(Slow { inner, gate: gate.clone(), each: 20_000 }).await;
    let calls = crowd(&client, &personas, 2);
    arrived(&other).await;
    other.shutdown(Shutdown::Write).unwrap();
    gate.open();
    // What was cut off fails, and what came is right.
    for (name, answer) in soon(calls.join_all()).await {
        assert!(answer.is_err() || answer.unwrap() == personas[&name], "{name} came otherwise");
    }
    answered(crowd(&server.client().await, &personas, 1), &personas).await;
    drop((client, other));
    soon(server.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_is_given_up() {
    let server = Server::start_with(|options| {
        options.grace = Duration::from_secs(600);
        options.stall_limit = Duration::from_millis(500);
    })
    .await;
    let personas = filled(server.client().await).await;
    let gate = Gate::default();
    let inner = narrow(server.address).await;
    let client = over(Slow { inner, gate, each: 1 }).await;
    let calls = crowd(&client, &personas, 8);
    answered(crowd(&server.client().await, &personas, 1), &personas).await;
    // It holds its end open for as long as this test runs; the server ends all the same.
    soon(server.stop()).await;
    drop(calls);
}
