//! What every call meets at the edge: recovery from panics, deadlines and request ids, over a real socket.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use persona_registry::edge::{Edge, REQUEST_ID};
use persona_registry::grpc;
use persona_registry::metrics::Calls;
use persona_registry::registry::Registry;
use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{ErrorReason, WatchMode};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use crate::harness::{Server, get, put, reason, refused, soon};
use crate::recorder::{Recorder, everything};

/// Says what goes wrong in a call: where its code panics, or that it never answers.
pub const MISHAP: &str = "x-mishap";

/// The registry's services with mishaps in them.
#[derive(Clone)]
pub struct Clumsy<S>(S);

impl<S, B> Service<Request<B>> for Clumsy<S>
where
    S: Service<Request<B>, Response = Response<grpc::Reply>>,
    S::Future: Send + 'static,
{
    type Response = Response<Mishaps>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Mishaps>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mishap = request.headers().get(MISHAP).map(|value| value.to_str().unwrap().to_owned());
        assert_ne!(mishap.as_deref(), Some("call"), "on purpose");
        let call = self.0.call(request);
        Box::pin(async move {
            let call = async { Ok(call.await?.map(Mishaps::new)) };
            match mishap.as_deref() {
                Some("future") => panic!("on purpose"),
                Some("silence") => std::future::pending().await,
                Some("body") => Ok(call.await?.map(|body| Mishaps::new(Crumbling { body, frames: 0 }))),
                Some("second frame") => {
                    Ok(call.await?.map(|body| Mishaps::new(Crumbling { body, frames: 1 })))
                }
                _ => call.await,
            }
        })
    }
}

type Mishaps = UnsyncBoxBody<grpc::Rope, tonic::Status>;

/// A body that panics after so many frames.
struct Crumbling {
    body: Mishaps,
    frames: usize,
}

impl http_body::Body for Crumbling {
    type Data = grpc::Rope;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<grpc::Rope>, tonic::Status>>> {
        assert!(self.frames > 0, "on purpose");
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.frames -= usize::from(polled.is_ready());
        polled
    }
}

/// The registry's services behind the edge, with mishaps in them.
pub async fn clumsy_service(registry: &Registry) -> Edge<Clumsy<grpc::Encoded<grpc::Transport<Routes>>>> {
    let services = grpc::services(registry).await.unwrap();
    Edge::new(Clumsy(services.routes), crate::errors::open(), grpc::status::at_edge, Arc::new(Calls::new([])))
}

/// Serves them; gives the address.
async fn clumsy(registry: &Registry) -> std::net::SocketAddr {
    let service = clumsy_service(registry).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // One connection a client: what ends it ends all calls that come after.
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(
                server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone())),
            );
        }
    });
    address
}

fn with_mishap<T>(message: T, mishap: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert(MISHAP, mishap.parse().unwrap());
    request.metadata_mut().insert(REQUEST_ID, "call-7".parse().unwrap());
    request
}

fn request_id(metadata: &tonic::metadata::MetadataMap) -> &str {
    metadata.get(REQUEST_ID).expect("every answer has a request id").to_str().unwrap()
}

#[tokio::test]
async fn a_panic_ends_its_own_call_in_order_and_nothing_else() {
    let server = Server::start().await;
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    let address = clumsy(&server.registry).await;
    // No reconnecting: the calls between the panics go over the same connection.
    let mut client = PersonaServiceClient::new(raw(address).await);
    for mishap in ["call", "future", "body"] {
        let answer = soon(client.get_persona(with_mishap(get("a"), mishap))).await;
        let status = refused(answer, Code::Internal, ErrorReason::Internal);
        assert!(!status.message().contains("on purpose"), "the words are for the log");
        let good = soon(client.get_persona(get("a"))).await.unwrap();
        assert_eq!(good.into_inner().persona.unwrap().name, "a");
    }
    let request = with_mishap(everything("-", WatchMode::Latest), "second frame");
    let mut stream = soon(client.watch_personas(request)).await.unwrap().into_inner();
    let first = soon(stream.message()).await.unwrap().unwrap();
    assert!(matches!(first.event, Some(Event::Opened(_))));
    let status = loop {
        match soon(stream.message()).await {
            Ok(message) => assert!(message.is_some(), "it does not end as if all were well"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status)), (Code::Internal, ErrorReason::Internal));
    soon(async {
        while server.registry.status().watches > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    soon(client.get_persona(get("a"))).await.unwrap();
}

/// A client that leaves deadlines to the server: tonic's channel keeps them itself, and would be first.
async fn raw(address: std::net::SocketAddr) -> Raw {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Raw(sender)
}

#[derive(Clone)]
struct Raw(hyper::client::conn::http2::SendRequest<Body>);

impl Service<Request<Body>> for Raw {
    type Response = Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        *request.uri_mut() = format!("http://registry{path}").parse().unwrap();
        Box::pin(self.0.send_request(request))
    }
}

#[tokio::test]
async fn a_deadline_ends_a_call_that_does_not_answer() {
    let server = Server::start().await;
    let address = clumsy(&server.registry).await;
    let mut client = PersonaServiceClient::new(raw(address).await);
    let mut request = with_mishap(get("a"), "silence");
    request.set_timeout(Duration::from_millis(50));
    let status = refused(
        soon(client.get_persona(request)).await,
        Code::DeadlineExceeded,
        ErrorReason::DeadlineExpired,
    );
    assert_eq!(request_id(status.metadata()), "call-7");
}

#[tokio::test]
async fn a_deadline_ends_a_stream_in_order_and_one_that_is_far_off_does_not() {
    let server = Server::start().await;
    let mut client = PersonaServiceClient::new(raw(server.address).await);
    let mut request = with_mishap(everything("-", WatchMode::Latest), "none");
    request.set_timeout(Duration::from_millis(500));
    let answer = soon(client.watch_personas(request)).await.unwrap();
    assert_eq!(request_id(answer.metadata()), "call-7");
    let (mut stream, mut recorder) = (answer.into_inner(), Recorder::default());
    let status = loop {
        match soon(stream.message()).await {
            Ok(message) => recorder.take(&message.unwrap()),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status)), (Code::DeadlineExceeded, ErrorReason::DeadlineExpired));
    assert!(recorder.whole, "Opened and Synced came before");

    // The longest that the protocol can say: 11,415 years.
    let mut request = tonic::Request::new(everything("-", WatchMode::Latest));
    request.metadata_mut().insert("grpc-timeout", "99999999H".parse().unwrap());
    let mut stream = soon(client.watch_personas(request)).await.unwrap().into_inner();
    let mut recorder = Recorder::default();
    while recorder.progress.is_empty() {
        recorder.take(&soon(stream.message()).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn a_timeout_that_cannot_be_read_is_refused() {
    let server = Server::start().await;
    let mut client = PersonaServiceClient::new(raw(server.address).await);
    for bad in ["soon", "1", "-1S", "123456789S"] {
        let mut request = tonic::Request::new(get("a"));
        request.metadata_mut().insert("grpc-timeout", bad.parse().unwrap());
        let answer = soon(client.get_persona(request)).await;
        let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert!(status.message().contains(bad), "{}", status.message());
    }
}

#[tokio::test]
async fn every_answer_repeats_the_request_id_or_has_one_of_its_own() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut request = tonic::Request::new(put("a", "1"));
    request.metadata_mut().insert(REQUEST_ID, "mine:1".parse().unwrap());
    assert_eq!(request_id(client.put_persona(request).await.unwrap().metadata()), "mine:1");
    let mut request = tonic::Request::new(get("nobody"));
    request.metadata_mut().insert(REQUEST_ID, "mine:2".parse().unwrap());
    assert_eq!(request_id(client.get_persona(request).await.unwrap_err().metadata()), "mine:2");
    let mut request = tonic::Request::new(get("a"));
    request.metadata_mut().insert(REQUEST_ID, "not well formed".parse().unwrap());
    let answer = client.get_persona(request).await.unwrap();
    assert_eq!(request_id(answer.metadata()).len(), 36, "a new one");
}

#[tokio::test]
async fn a_unary_answer_of_an_expired_write_says_that_its_outcome_is_unknown() {
    let server = Server::start().await;
    let address = clumsy(&server.registry).await;
    let mut client = PersonaServiceClient::new(raw(address).await);
    let mut request = with_mishap(pb::PutPersonaRequest::default(), "silence");
    request.set_timeout(Duration::from_millis(20));
    let answer = soon(client.put_persona(request)).await;
    let status = refused(answer, Code::DeadlineExceeded, ErrorReason::DeadlineExpired);
    assert!(status.message().contains("request_id"), "{}", status.message());
}
