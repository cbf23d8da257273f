//! The anchor: a bare tonic service as anybody would write it. It holds its answers as messages, gives a clone of them to whoever
//! asks, and does nothing else; the same messages, codec, runtime and build as the registry.

use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use persona_registry::wire::pb;
use prost::Message;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::service::Routes;
use tonic_prost::ProstCodec;
use tower::Service;

use crate::common::Failure;

/// Serves the answers in these files (one Get, one List) on a free port, and says on which.
pub fn serve(get: &Path, list: &Path) -> Result<(), Failure> {
    let get = pb::GetPersonaResponse::decode(&*std::fs::read(get)?)?;
    let list = pb::ListPersonasResponse::decode(&*std::fs::read(list)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        let routes = Routes::new(Anchor { get: get.into(), list: list.into() }).prepare();
        // What `tonic::transport::Server` does below its services; its feature would change how the client under test speaks.
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(routes.clone());
            let connection = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    })
}

#[derive(Clone)]
struct Anchor {
    get: Arc<pb::GetPersonaResponse>,
    list: Arc<pb::ListPersonasResponse>,
}

impl NamedService for Anchor {
    const NAME: &'static str = "persona.registry.v1.PersonaService";
}

impl Service<Request<Body>> for Anchor {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { get, list } = self.clone();
        Box::pin(async move {
            let response = if request.uri().path().ends_with("/GetPersona") {
                let answer = move |_: tonic::Request<pb::GetPersonaRequest>| {
                    std::future::ready(Ok(tonic::Response::new((*get).clone())))
                };
                Grpc::new(ProstCodec::default()).unary(tower::service_fn(answer), request).await
            } else {
                let answer = move |_: tonic::Request<pb::ListPersonasRequest>| {
                    std::future::ready(Ok(tonic::Response::new((*list).clone())))
                };
                Grpc::new(ProstCodec::default()).unary(tower::service_fn(answer), request).await
            };
            Ok(response)
        })
    }
}
