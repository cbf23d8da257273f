//! Taking connections: which protocol each speaks, and what each may cost.

use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::coalesce::{Spares, gather};
use super::drive::{Age, serve};
use super::meter::{Heard, Said};
use super::tls::Acceptor;
use super::{Options, Service};
use crate::edge::{Conduct, Peer, WithPeer, stall};

/// What a client that speaks HTTP/2 says first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a request's head, whatever the protocol.
const HEAD_BYTES: u32 = 16 * 1024;
/// Bytes below which hyper takes no bound for a connection's buffers.
const LEAST_BUFFER: usize = 8 * 1024;

/// Takes connections until told to stop; answers those that still run.
pub(super) async fn accept(
    listener: TcpListener,
    service: Service,
    tls: Option<Acceptor>,
    options: Options,
    mut stop: watch::Receiver<bool>,
) -> JoinSet<()> {
    let options = Arc::new(options);
    let places = Arc::new(Semaphore::new(options.connections));
    let (mut connections, spares) = (JoinSet::new(), Spares::default());
    loop {
        let place = tokio::select! {
            _ = stop.changed() => break,
            place = Arc::clone(&places).acquire_owned() => place,
            Some(_) = connections.join_next() => continue,
        };
        let Ok(place) = place else { break };
        let (stream, address) = loop {
            tokio::select! {
                _ = stop.changed() => return connections,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => break accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: those that close make room.
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        };
        // Without this a small answer waits 40 ms for the reader's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay is off");
        }
        give_up_after(&stream, options.stall_limit);
        let (service, tls, options, stop) =
            (service.clone(), tls.clone(), Arc::clone(&options), stop.clone());
        let spares = spares.clone();
        connections.spawn(async move {
            match tls {
                None => plain(stream, address, service, &options, spares, stop).await,
                Some(tls) => secure(stream, address, &tls, service, &options, spares, stop).await,
            }
            drop(place);
        });
    }
    connections
}

/// Has the system end a connection whose peer acknowledges nothing for so long: a notebook that was shut says no word,
/// HTTP/1.1 has no ping to ask it by, and the system's own patience is a quarter of an hour.
fn give_up_after(stream: &TcpStream, limit: Duration) {
    #[cfg(target_os = "linux")]
    {
        let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, limit) {
            tracing::debug!(%error, "peers that vanish are noticed late");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, limit);
}

/// Serves one connection without TLS to its end.
async fn plain(
    stream: TcpStream,
    address: SocketAddr,
    service: Service,
    options: &Options,
    spares: Spares,
    stop: watch::Receiver<bool>,
) {
    let end = Instant::now() + options.first_bytes;
    let conduct = Conduct::new(options.vain_each_second);
    let service = WithPeer::new(service, Peer { address, certificate: None }, conduct);
    let (reader, writer) = stream.into_split();
    connection(reader, writer, end, service, options, spares, stop).await;
}

/// Serves one connection with TLS to its end. The handshake takes of the time that the first bytes have.
async fn secure(
    stream: TcpStream,
    address: SocketAddr,
    tls: &Acceptor,
    service: Service,
    options: &Options,
    spares: Spares,
    mut stop: watch::Receiver<bool>,
) {
    let end = Instant::now() + options.first_bytes;
    let secured = tokio::select! {
        // In a box: what stands for hours need not have room for its handshake.
        secured = Box::pin(tls.secure(stream, address, end)) => secured,
        _ = stop.changed() => return,
    };
    let Some((stream, certificate)) = secured else { return };
    let conduct = Conduct::new(options.vain_each_second);
    let service = WithPeer::new(service, Peer { address, certificate }, conduct);
    let (reader, writer) = tokio::io::split(stream);
    connection(reader, writer, end, service, options, spares, stop).await;
}

/// Serves one connection to its end. It has until `end` to say which protocol it speaks.
async fn connection<R, W>(
    mut reader: R,
    writer: W,
    end: Instant,
    service: WithPeer<Service>,
    options: &Options,
    spares: Spares,
    mut stop: watch::Receiver<bool>,
) where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    // Until it has said what it speaks a connection is nothing that a drain should wait for, nor a place taken for long.
    let said = tokio::select! {
        said = tokio::time::timeout_at(end, first_bytes(&mut reader)) => said,
        _ = stop.changed() => return,
    };
    let Ok(Ok(said)) = said else { return };
    let is_h2 = said == PREFACE;
    let reader = Cursor::new(said).chain(Heard::new(reader, service.conduct(), is_h2));
    let writer = Said::new(writer, service.conduct(), is_h2);
    let service = TowerToHyperService::new(service);
    let age = Age::of(options);
    if is_h2 {
        let executor = stall::Executor::new(options.stall_limit);
        let running = executor.running();
        let (writer, outlet) = gather(writer, spares);
        // Made in a block, so that nothing of how it is made is there for as long as it runs.
        let connection = {
            let mut builder = http2::Builder::new(executor);
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(options.streams_per_connection)
                .max_send_buf_size(options.send_buffer_bytes)
                .max_header_list_size(HEAD_BYTES)
                .keep_alive_interval(options.keepalive)
                .keep_alive_timeout(options.keepalive);
            let stream = TokioIo::new(tokio::io::join(reader, writer));
            Box::pin(builder.serve_connection(stream, service))
        };
        let turn = |context: &mut Context<'_>| outlet.turn(context, running.count() > 1);
        serve(connection, turn, age, stop).await;
    } else {
        // One answer at a time: there is nothing to gather.
        let connection = {
            let stream = stall::Connection::new(tokio::io::join(reader, writer), options.stall_limit);
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(options.first_bytes)
                .max_header_size(HEAD_BYTES as usize)
                .max_buf_size(options.send_buffer_bytes.max(LEAST_BUFFER));
            Box::pin(builder.serve_connection(TokioIo::new(stream), service))
        };
        serve(connection, |_| {}, age, stop).await;
    }
}

/// What a client says until it is plain whether that is the preface of HTTP/2. It is the preface, or it is something else.
async fn first_bytes(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut said = Vec::with_capacity(PREFACE.len());
    while said.len() < PREFACE.len() && PREFACE.starts_with(&said) {
        let missing = PREFACE.len() - said.len();
        if (&mut *reader).take(missing as u64).read_buf(&mut said).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(said)
}
