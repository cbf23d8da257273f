//! A network between client and server that fails when told to: a real TCP proxy, real bytes, real cuts.

use std::collections::HashSet;
use std::net::SocketAddr;

use persona_registry::client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::soon;

/// A port that stays the test's own: connecting is refused while nobody listens, and nobody else can take it.
#[derive(Debug)]
pub struct Port {
    pub address: SocketAddr,
    _kept: TcpSocket,
}

impl Port {
    pub fn keep() -> Self {
        let kept = socket();
        kept.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: kept.local_addr().unwrap(), _kept: kept }
    }

    pub fn listen(&self) -> TcpListener {
        let socket = socket();
        socket.bind(self.address).unwrap();
        socket.listen(1024).unwrap()
    }
}

/// Sockets that may be bound beside one another: one that keeps the port, and one that listens now and then.
fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket
}

/// What the proxy does, and what it has seen.
#[derive(Debug, Clone, Copy)]
pub struct State {
    upstream: SocketAddr,
    /// Every connection made before this number changed is cut.
    cuts: usize,
    /// Connections are taken and closed at once.
    turning_away: bool,
    /// Bytes from the server wait.
    holding: bool,
    /// So many answers will still be lost, each with its connection.
    to_lose: usize,
    /// Connections that were closed at once.
    pub turned_away: usize,
    /// Calls that the server began to answer.
    pub answered: usize,
    /// Connections that were taken and not closed at once.
    pub connections: usize,
    /// Bytes that the server sent, over all connections.
    pub sent: usize,
}

/// Forwards bytes both ways, and fails when told to.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    state: watch::Sender<State>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before the server at this address.
    pub fn before(upstream: SocketAddr) -> Self {
        let state = State {
            upstream,
            cuts: 0,
            turning_away: false,
            holding: false,
            to_lose: 0,
            turned_away: 0,
            answered: 0,
            connections: 0,
            sent: 0,
        };
        let mut proxy = Self { port: Port::keep(), state: watch::Sender::new(state), accepting: None };
        proxy.open();
        proxy
    }

    pub fn address(&self) -> String {
        self.port.address.to_string()
    }

    pub async fn client(&self, options: client::Options) -> client::Client {
        let server: client::Server = self.address().parse().unwrap();
        client::Client::connect(&server, options).await.unwrap()
    }

    /// New connections go to another server from now on.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.state.send_modify(|state| state.upstream = upstream);
    }

    /// Listens; a proxy does from the start.
    pub fn open(&mut self) {
        self.accepting = Some(tokio::spawn(accept(self.port.listen(), self.state.clone())));
    }

    /// Stops listening: whoever connects is refused. Connections that stand go on.
    pub async fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Over once the task let go of its listener.
            drop(accepting.await);
        }
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Closes every new connection at once, or no longer.
    pub fn turn_away(&self, yes: bool) {
        self.state.send_modify(|state| state.turning_away = yes);
    }

    /// Holds back what the server sends, or lets it go.
    pub fn hold(&self, yes: bool) {
        self.state.send_modify(|state| state.holding = yes);
    }

    /// Forwards the next so many requests, and cuts the connection instead of bringing the answer back.
    pub fn lose_answers(&self, count: usize) {
        self.state.send_modify(|state| state.to_lose = count);
    }

    /// What was seen so far.
    pub fn seen(&self) -> State {
        *self.state.borrow()
    }

    /// Waits until this much was seen.
    pub async fn until(&self, seen: impl FnMut(&State) -> bool) {
        drop(soon(self.state.subscribe().wait_for(seen)).await.unwrap());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: watch::Sender<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        if state.borrow().turning_away {
            drop(stream);
            state.send_modify(|state| state.turned_away += 1);
        } else {
            state.send_modify(|state| state.connections += 1);
            tokio::spawn(carry(stream, state.clone()));
        }
    }
}

/// One connection, until either side or the test ends it.
async fn carry(client: TcpStream, state: watch::Sender<State>) {
    let mut news = state.subscribe();
    let State { cuts, upstream, .. } = *news.borrow_and_update();
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = bring_back(from_server, to_client, &state) => {}
        _ = news.wait_for(|state| state.cuts != cuts) => {}
    }
}

async fn bring_back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &watch::Sender<State>) {
    let mut news = state.subscribe();
    let (mut frames, mut buffer, mut waiting) = (Frames::default(), vec![0; 16 * 1024], Vec::new());
    loop {
        tokio::select! {
            read = from.read(&mut buffer) => {
                let Some(bytes) = read.ok().filter(|count| *count > 0).map(|count| &buffer[..count]) else { return };
                waiting.extend_from_slice(bytes);
                let answers = frames.answers(bytes);
                let mut lost = false;
                state.send_if_modified(|state| {
                    lost = answers > 0 && state.to_lose > 0;
                    state.to_lose -= usize::from(lost);
                    state.answered += answers;
                    state.sent += bytes.len();
                    answers > 0
                });
                if lost {
                    return;
                }
            }
            _ = news.changed() => {}
        }
        if !state.borrow().holding {
            if to.write_all(&waiting).await.is_err() {
                return;
            }
            waiting.clear();
        }
    }
}

/// Follows the HTTP/2 frames of one connection as far as is needed to see a call being answered.
#[derive(Debug, Default)]
struct Frames {
    head: Vec<u8>,
    body_left: usize,
    answered: HashSet<[u8; 4]>,
}

impl Frames {
    /// How many calls these bytes begin to answer: the first HEADERS frame of a stream does.
    fn answers(&mut self, mut bytes: &[u8]) -> usize {
        const HEADERS: u8 = 1;
        let before = self.answered.len();
        while !bytes.is_empty() {
            let wanted = if self.body_left > 0 { self.body_left } else { 9 - self.head.len() };
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if self.body_left > 0 {
                self.body_left -= part.len();
                continue;
            }
            self.head.extend_from_slice(part);
            if let [l0, l1, l2, kind, _, s0, s1, s2, s3] = self.head[..] {
                self.body_left = u32::from_be_bytes([0, l0, l1, l2]) as usize;
                if kind == HEADERS {
                    self.answered.insert([s0, s1, s2, s3]);
                }
                self.head.clear();
            }
        }
        self.answered.len() - before
    }
}
