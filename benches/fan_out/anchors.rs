//! The anchors. A bare tonic service whose streams follow a broadcast channel, as anybody would write it; and a bare loop that writes
//! the same bytes to one socket after the other. Each tells on a line of its own when it has been asked to publish, and does so.

use std::convert::Infallible;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use persona_registry::wire::pb;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tonic::Status;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::service::Routes;
use tonic_prost::ProstCodec;
use tower::Service;

use crate::common::Failure;

/// Serves streams of this message on a free port, and publishes it once for every byte on the port that is told second.
pub fn broadcast(message: &Path) -> Result<(), Failure> {
    let message = pb::WatchPersonasResponse::decode(&*std::fs::read(message)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (listener, asked) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        println!("listening on {} {}", listener.local_addr()?, asked.local_addr()?);
        let (sender, _) = broadcast::channel(16);
        let routes = Routes::new(Anchor(sender.clone())).prepare();
        tokio::spawn(async move {
            let (mut asked, _) = asked.accept().await?;
            while tokio::io::AsyncReadExt::read_u8(&mut asked).await.is_ok() {
                drop(sender.send(message.clone()));
            }
            Ok::<_, std::io::Error>(())
        });
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(routes.clone());
            let mut connection = http2::Builder::new(TokioExecutor::new());
            connection.max_concurrent_streams(None);
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    })
}

#[derive(Clone)]
struct Anchor(broadcast::Sender<pb::WatchPersonasResponse>);

impl NamedService for Anchor {
    const NAME: &'static str = "persona.registry.v1.PersonaService";
}

type Told = Pin<Box<dyn futures_util::Stream<Item = Result<pb::WatchPersonasResponse, Status>> + Send>>;

impl Service<Request<Body>> for Anchor {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let sender = self.0.clone();
        Box::pin(async move {
            let watch = move |_: tonic::Request<pb::WatchPersonasRequest>| {
                let changes = stream::unfold(sender.subscribe(), async |mut receiver| {
                    let change = receiver.recv().await.map_err(|error| Status::data_loss(error.to_string()));
                    Some((change, receiver))
                });
                let opened = stream::once(async { Ok(pb::WatchPersonasResponse::default()) });
                let told: Told = Box::pin(opened.chain(changes));
                std::future::ready(Ok(tonic::Response::new(told)))
            };
            Ok(Grpc::new(ProstCodec::default()).server_streaming(tower::service_fn(watch), request).await)
        })
    }
}

/// Takes sockets on a free port, and writes these bytes to each of them once for every byte on the port that is told second.
pub fn write_loop(message: &Path) -> Result<(), Failure> {
    let message = std::fs::read(message)?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let asked = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {} {}", listener.local_addr()?, asked.local_addr()?);
    let sockets = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    let taken = Arc::clone(&sockets);
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            drop(socket.set_nodelay(true));
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        }
    });
    let (mut asked, _) = asked.accept()?;
    while asked.read_exact(&mut [0]).is_ok() {
        for socket in sockets.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            socket.write_all(&message)?;
        }
    }
    Ok(())
}
