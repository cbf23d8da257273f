//! What every call meets before business logic, whatever protocol it came by: a request id, a caller, a span,
//! a deadline, and recovery from panics.

mod body;
pub mod cors;
mod deadline;
mod peer;
mod request_id;
pub mod stall;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use tower::Service;
use tracing::Instrument as _;

pub use self::body::GuardedBody;
pub use self::peer::{Peer, PeerCertificate, UnreadableCertificate, WithPeer};
use crate::domain::{Caller, Principal};

/// Name of the header that carries the request id, both ways.
pub const REQUEST_ID: &str = "x-request-id";

/// Why a call ends at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Its deadline passed.
    DeadlineExpired,
    /// The header that tells the deadline cannot be read.
    TimeoutInvalid(String),
    /// Its code panicked.
    Panicked,
}

/// Turns a failure into what a response ends with: headers of a response without a body, or trailers.
pub type Explain = fn(&Failure) -> HeaderMap;

/// The layer around all services.
#[derive(Debug, Clone)]
pub struct Edge<S> {
    inner: S,
    explain: Explain,
}

impl<S> Edge<S> {
    /// Puts the edge around a service.
    pub const fn new(inner: S, explain: Explain) -> Self {
        Self { inner, explain }
    }
}

impl<S, B, R> Service<Request<B>> for Edge<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: http_body::Body<Data = bytes::Bytes> + Default + Unpin + Send + 'static,
{
    type Response = Response<GuardedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let call_id = request_id::of(request.headers());
        let span = tracing::info_span!("rpc", method = request.uri().path(), request_id = &*call_id);
        let deadline = deadline::of(request.headers());
        let explain = self.explain;
        // Until authentication is on, every caller is the same one.
        let caller = Caller { principal: Principal::anonymous(), call_id: call_id.clone() };
        request.extensions_mut().insert(caller);
        let started = tokio::time::Instant::now();
        let answer = match deadline {
            Err(problem) => Err(Failure::TimeoutInvalid(problem)),
            Ok(deadline) => {
                let deadline = deadline.map(|within| started + within);
                let call = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
                call.map(|call| (call, deadline)).map_err(|_| Failure::Panicked)
            }
        };
        let inside = span.clone();
        let future = async move {
            let (answer, deadline) = match answer {
                Err(failure) => (Err(failure), None),
                Ok((call, deadline)) => (within(call, deadline).await, deadline),
            };
            let response = match answer {
                Ok(answer) => answer?,
                Err(failure) => {
                    tracing::warn!(?failure, "the call ended at the edge");
                    alone(explain(&failure))
                }
            };
            let (mut parts, body) = response.into_parts();
            if let Ok(value) = HeaderValue::from_str(&call_id) {
                parts.headers.insert(REQUEST_ID, value);
            }
            let body = GuardedBody::new(body, &parts.headers, deadline, explain, inside, started);
            Ok(Response::from_parts(parts, body))
        };
        Box::pin(future.instrument(span))
    }
}

/// Runs a call to its deadline at most; a panic in it ends this call only.
async fn within<T>(
    call: impl Future<Output = T>,
    deadline: Option<tokio::time::Instant>,
) -> Result<T, Failure> {
    let call = AssertUnwindSafe(call).catch_unwind();
    let outcome = match deadline {
        None => call.await,
        Some(deadline) => {
            tokio::time::timeout_at(deadline, call).await.map_err(|_| Failure::DeadlineExpired)?
        }
    };
    outcome.map_err(|_| Failure::Panicked)
}

/// A response that is its headers.
fn alone<R: Default>(headers: HeaderMap) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.headers_mut() = headers;
    response
}
