//! What every call meets before business logic, whatever protocol it came by: a request id, a caller, a span,
//! a deadline, and recovery from panics.

mod body;
mod conduct;
pub mod cors;
mod deadline;
mod gate;
pub mod lines;
mod peer;
mod request_id;
mod share;
pub mod stall;
mod turn;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::time::Instant;
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

pub use self::body::GuardedBody;
use self::body::{Counted, Watchdog};
pub use self::conduct::{Conduct, Vain};
use self::gate::{Call, Entered, Entry};
pub use self::gate::{Gate, Tell, Turned};
use self::lines::Lines;
pub use self::peer::{Peer, PeerCertificate, UnreadableCertificate, WithPeer};
pub use self::share::{Kind, Limits};
use crate::auth::{Cause, Refusal};
use crate::metrics::Calls;

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
    /// Who calls is not told, not believed, or may do something else by now.
    Refused(Refusal),
    /// The caller asks for more than one may have.
    OverShare {
        /// Of what.
        kind: Kind,
        /// How much one may have.
        limit: usize,
    },
    /// All callers together ask for more than is served.
    Overloaded,
}

impl Failure {
    /// What it cost in vain; none where the caller is not to blame, or was served for a while.
    fn vain(&self) -> Option<Vain> {
        match self {
            Self::Refused(Refusal::Invalid(Cause::Signature)) => Some(Vain::Forged),
            Self::Refused(_) | Self::OverShare { .. } => Some(Vain::Refused),
            Self::TimeoutInvalid(_) => Some(Vain::Malformed),
            Self::DeadlineExpired | Self::Panicked | Self::Overloaded => None,
        }
    }

    /// Which lines of the log it belongs to.
    fn lines(&self) -> &'static Lines {
        match self {
            Self::Panicked => &lines::FAULTS,
            _ => &lines::REFUSED,
        }
    }
}

/// Turns a failure into what a response ends with: headers of a response without a body, or trailers.
pub type Explain = fn(&Failure) -> HeaderMap;

/// The layer around all services.
#[derive(Debug, Clone)]
pub struct Edge<S> {
    inner: S,
    gate: Gate,
    explain: Explain,
    calls: Arc<Calls>,
}

impl<S> Edge<S> {
    /// Puts the edge around a service; `calls` counts what comes and how it ends.
    pub const fn new(inner: S, gate: Gate, explain: Explain, calls: Arc<Calls>) -> Self {
        Self { inner, gate, explain, calls }
    }
}

impl<S, B, R> Service<Request<B>> for Edge<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
    R: http_body::Body + Default + Unpin + Send + 'static,
{
    type Response = Response<GuardedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call_id = request_id::of(request.headers());
        let started = Instant::now();
        let entry = deadline::of(request.headers()).map_err(Failure::TimeoutInvalid).map(|deadline| {
            let call = Call::of(&request, &call_id);
            let entry = self.gate.enter(&call, request.headers(), request.extensions());
            (entry, deadline.map(|within| started + within))
        });
        // In the span from the beginning where it is known: a log in JSON reads all fields again when one is added.
        let principal = match &entry {
            Ok((Entry::Now(Ok(entered)), _)) => Some(entered.caller.principal.as_str()),
            _ => None,
        };
        let span = tracing::info_span!(
            "rpc",
            method = request.uri().path(),
            request_id = &*call_id,
            principal = principal
        );
        let method = self.calls.begin(request.uri().path());
        let conduct = request.extensions().get::<Conduct>().cloned();
        let begun = match entry {
            Err(failure) => Begun::Ended(failure),
            Ok((entry, deadline)) => span.in_scope(|| self.begin(request, entry, &call_id, deadline)),
        };
        let (explain, inside) = (self.explain, span.clone());
        let future = async move {
            let (answer, watchdog) = match begun {
                Begun::Ended(failure) => (Err(failure), Watchdog::default()),
                Begun::Called(call, watchdog) => (within(call, watchdog.deadline).await, watchdog),
                Begun::Asking(call, deadline) => match within(call, deadline).await {
                    Ok(Ok((answer, watchdog))) => (Ok(answer), watchdog),
                    Ok(Err(failure)) | Err(failure) => (Err(failure), Watchdog::default()),
                },
            };
            let charge = |what: Option<Vain>| {
                if let (Some(what), Some(conduct)) = (what, &conduct) {
                    conduct.charge(what, 1);
                }
            };
            let response = match answer {
                Ok(answer) => {
                    let answer = answer?;
                    charge(answer.extensions().get().copied());
                    answer
                }
                Err(failure) => {
                    charge(failure.vain());
                    if failure.lines().pass() {
                        tracing::warn!(?failure, "the call ended at the edge");
                    }
                    alone(explain(&failure))
                }
            };
            let (mut parts, body) = response.into_parts();
            if let Ok(mut value) = HeaderValue::from_str(&call_id) {
                // No two answers have the same: HTTP/2 need not keep it to name it again.
                value.set_sensitive(true);
                parts.headers.insert(REQUEST_ID, value);
            }
            let body = GuardedBody::new(
                body,
                &parts.headers,
                watchdog,
                explain,
                inside,
                Counted { method, started },
            );
            Ok(Response::from_parts(parts, body))
        };
        Box::pin(future.instrument(span))
    }
}

/// Looks at who calls, then calls.
type Asking<T> = Pin<Box<dyn Future<Output = Result<(T, Watchdog), Failure>> + Send>>;

/// A call that has begun.
enum Begun<F, T> {
    /// It is over already.
    Ended(Failure),
    /// It was let in.
    Called(F, Watchdog),
    /// Who calls is looked at first, then it is called.
    Asking(Asking<T>, Option<Instant>),
}

impl<S> Edge<S> {
    fn begin<B>(
        &mut self,
        mut request: Request<B>,
        entry: Entry,
        call_id: &Arc<str>,
        deadline: Option<Instant>,
    ) -> Begun<S::Future, Result<S::Response, S::Error>>
    where
        S: Service<Request<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Send + 'static,
    {
        let bearer = match entry {
            Entry::Now(Err(failure)) => return Begun::Ended(failure),
            Entry::Now(Ok(entered)) => {
                let watchdog = self.admitted(entered, &mut request, deadline);
                let call = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
                return call.map_or(Begun::Ended(Failure::Panicked), |call| Begun::Called(call, watchdog));
            }
            Entry::Later(bearer) => bearer,
        };
        let (edge, call_id) = (self.clone(), call_id.clone());
        let asking = async move {
            let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
            let path = request.uri().path().to_owned();
            let call = Call { path: &path, call_id: &call_id, peer };
            let entered = edge.gate.verify(&call, &bearer).await?;
            tracing::Span::current().record("principal", entered.caller.principal.as_str());
            let watchdog = edge.admitted(entered, &mut request, deadline);
            Ok((edge.inner.oneshot(request).await, watchdog))
        };
        Begun::Asking(Box::pin(asking), deadline)
    }

    /// Tells the services who calls, and the body what may end it.
    fn admitted<B>(&self, entered: Entered, request: &mut Request<B>, deadline: Option<Instant>) -> Watchdog {
        let Entered { caller, session, place } = entered;
        request.extensions_mut().insert(caller);
        let session = session.map(|session| (self.gate.clone(), session));
        Watchdog { deadline, session, _place: Some(place) }
    }
}

/// Runs a call to its deadline at most; a panic in it ends this call only.
async fn within<T>(call: impl Future<Output = T>, deadline: Option<Instant>) -> Result<T, Failure> {
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
