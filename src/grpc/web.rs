//! gRPC-Web, which browsers speak, on the port of gRPC, and a plain word to whoever speaks neither.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::future::{self, FutureExt as _, MapOk, TryFutureExt as _};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::combinators::MapFrame;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer as _, Service, ServiceExt as _};
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutBody;

use super::rope::Rope;
use crate::edge::cors::Origins;
use crate::edge::lines;

const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web";
const WEB_TEXT: &str = "application/grpc-web-text";

const SPEAKS: &str = "This is a persona registry. The port speaks gRPC over HTTP/2, and gRPC-Web over HTTP/1.1 and \
                      HTTP/2: POST with the content type application/grpc-web+proto or application/grpc-web-text+proto.\n";
const FOREIGN: &str = "This registry does not let pages of this origin call it. It is started with --web-origin \
                       and the origin, such as http://localhost:5173, for each that may.\n";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The layer around everything. gRPC passes it untouched.
#[derive(Debug, Clone)]
pub struct Web<S> {
    grpc: S,
    browsers: Arc<Browsers>,
}

/// What holds for gRPC-Web.
#[derive(Debug)]
struct Browsers {
    origins: Origins,
    cors: Option<CorsLayer>,
    /// How long a request's body may stand still. HTTP/1.1 has no ping that would tell that nobody is there.
    body_limit: Duration,
}

/// What a request is, by what its head says.
enum Kind {
    Grpc,
    /// With the content type that the answer is to have.
    Web(&'static str, &'static str),
    Preflight,
    Other(StatusCode),
}

fn kind<B>(request: &Request<B>) -> Kind {
    let headers = request.headers();
    if request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return Kind::Preflight;
    }
    if request.method() != Method::POST {
        return Kind::Other(StatusCode::METHOD_NOT_ALLOWED);
    }
    let is_h2 = request.version() == http::Version::HTTP_2;
    if is_h2 && headers.get(header::CONTENT_TYPE).is_some_and(|content| content == GRPC) {
        return Kind::Grpc;
    }
    // Parameters say nothing here, and some clients write `charset`.
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let content =
        text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sent = match content.strip_suffix("+proto").unwrap_or(&content) {
        WEB => WEB,
        WEB_TEXT => WEB_TEXT,
        kind if kind == GRPC || content.starts_with("application/grpc+") => {
            // Its trailers need HTTP/2.
            return if is_h2 { Kind::Grpc } else { Kind::Other(StatusCode::UNSUPPORTED_MEDIA_TYPE) };
        }
        _ => return Kind::Other(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    };
    // Who does not say what it takes takes what it sends.
    let accept = text(header::ACCEPT).to_ascii_lowercase();
    let wanted = match (accept.contains(WEB_TEXT), accept.contains(WEB)) {
        (true, _) => WEB_TEXT,
        (false, true) => WEB,
        (false, false) => sent,
    };
    Kind::Web(sent, wanted)
}

impl<S> Web<S> {
    /// Puts the layer around a service. Bodies of gRPC-Web requests that stand still for `body_limit` are given up.
    pub fn new(grpc: S, origins: Origins, body_limit: Duration) -> Self {
        let cors = origins.layer();
        Self { grpc, browsers: Arc::new(Browsers { origins, cors, body_limit }) }
    }
}

/// A plain answer of one line.
fn plain(status: StatusCode, line: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(line)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    }
    response
}

type Called<R> = Response<Either<R, Roped>>;
/// What is said in one piece, as if it were in several.
type Roped = MapFrame<Body, fn(Frame<Bytes>) -> Frame<Rope>>;
fn right<R>(body: Body) -> Either<R, Roped> {
    let roped: fn(Frame<Bytes>) -> Frame<Rope> = |frame| frame.map_data(Rope::from);
    Either::Right(body.map_frame(roped))
}

type Passed<F, R> = MapOk<F, fn(Response<R>) -> Called<R>>;
type Answering<R> = Pin<Box<dyn Future<Output = Result<Called<R>, Infallible>> + Send>>;

impl<S, B, R> Service<Request<B>> for Web<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    <S as Service<Request<B>>>::Future: Send + 'static,
    <S as Service<Request<Body>>>::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + 'static,
    R: HttpBody<Data = Rope> + Send + 'static,
    R::Error: Into<BoxError> + fmt::Display,
{
    type Response = Called<R>;
    type Error = Infallible;
    type Future = future::Either<Passed<<S as Service<Request<B>>>::Future, R>, Answering<R>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.grpc, context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let kind = kind(&request);
        let refused = match kind {
            Kind::Grpc => {
                let pass: fn(Response<R>) -> Called<R> = |response| response.map(Either::Left);
                return self.grpc.call(request).map_ok(pass).left_future();
            }
            Kind::Web(..) | Kind::Preflight if self.browsers.origins.allow(request.headers()) => None,
            Kind::Web(..) | Kind::Preflight => {
                let origin = request.headers().get(header::ORIGIN);
                if lines::REFUSED.pass() {
                    tracing::info!(?origin, path = request.uri().path(), "a page's call was refused");
                }
                Some(plain(StatusCode::FORBIDDEN, FOREIGN))
            }
            Kind::Other(status) => Some(plain(status, SPEAKS)),
        };
        if let Some(refused) = refused {
            return future::ready(Ok(refused.map(right))).boxed().right_future();
        }
        if let Kind::Web(sent, wanted) = kind {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(sent));
            headers.insert(header::ACCEPT, HeaderValue::from_static(wanted));
        }
        let request = request.map(|body| TimeoutBody::new(self.browsers.body_limit, body));
        let service: GrpcWebService<_> = GrpcWebLayer::new().layer(StatusInBody(self.grpc.clone()));
        let answer = match &self.browsers.cors {
            Some(cors) => cors.layer(service).oneshot(request).left_future(),
            None => service.oneshot(request).right_future(),
        };
        answer.map_ok(|response| response.map(right)).boxed().right_future()
    }
}

/// An answer that is only a status has it in its headers, which a page sees only where CORS shows them, and which
/// some clients do not look for there. The place that all know is a trailers frame in the body.
#[derive(Debug, Clone)]
struct StatusInBody<S>(S);

const STATUS: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

impl<S, R> Service<Request<Body>> for StatusInBody<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible>,
    S::Future: Send + 'static,
    R: HttpBody<Data = Rope> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = future::MapOk<S::Future, fn(Response<R>) -> Response<Body>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request).map_ok(|response| {
            let (mut parts, body) = response.into_parts();
            let moved = |name: &'static str| {
                Some((header::HeaderName::from_static(name), parts.headers.remove(name)?))
            };
            let status: HeaderMap = STATUS.into_iter().filter_map(moved).collect();
            let body = if status.is_empty() {
                Body::new(
                    body.map_frame(|frame| frame.map_data(|mut rope| rope.copy_to_bytes(rope.remaining()))),
                )
            } else {
                let trailers: Result<_, Infallible> = Ok(Frame::<Bytes>::trailers(status));
                Body::new(StreamBody::new(futures_util::stream::iter([trailers])))
            };
            Response::from_parts(parts, body)
        })
    }
}
