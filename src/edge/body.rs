//! A response body under guard: a deadline, a panic or a reader that stopped reading ends it in order, and its
//! end is logged.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::gate::Gate;
use super::share::Place;
use super::stall;
use super::{Explain, Failure, lines};
use crate::auth::Session;
use crate::metrics::Method;

/// A body that ends in order whatever its code or its reader does.
pub struct GuardedBody<B> {
    inner: B,
    watchdog: Watchdog,
    /// What ends a body that is not all there at once.
    end: Option<Pin<Box<dyn Future<Output = Failure> + Send>>>,
    explain: Explain,
    span: tracing::Span,
    counted: Counted,
    state: State,
    frames: u32,
}

/// The codes UNKNOWN, INTERNAL and DATA_LOSS: whoever calls did nothing wrong.
const FAULTS: [&str; 3] = ["2", "13", "15"];

/// Frames of data that only a stream has.
const STREAM_FRAMES: u32 = 2;

/// Where a call is counted once it is over.
#[derive(Debug)]
pub(super) struct Counted {
    pub method: Arc<Method>,
    pub started: Instant,
}

/// What may end a call from outside, and what it holds until it ends.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    pub deadline: Option<Instant>,
    /// Who calls, where anybody is told apart.
    pub session: Option<(Gate, Session)>,
    /// Given back when the call is over.
    pub _place: Option<Place>,
}

impl Watchdog {
    /// Resolves when the call must end; none: it need not.
    fn watch(&self) -> Option<Pin<Box<dyn Future<Output = Failure> + Send>>> {
        let deadline = self.deadline.map(|at| async move {
            tokio::time::sleep_until(at).await;
            Failure::DeadlineExpired
        });
        let objection =
            self.session.as_ref().and_then(|(gate, session)| gate.until_objection(session.clone()));
        Some(match (deadline, objection) {
            (None, None) => return None,
            (Some(deadline), None) => Box::pin(deadline),
            (None, Some(objection)) => Box::pin(objection),
            (Some(deadline), Some(objection)) => Box::pin(async move {
                tokio::select! {
                    failure = deadline => failure,
                    failure = objection => failure,
                }
            }),
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Streaming,
    /// With this `grpc-status`.
    Ended(String),
}

impl<B: Body> GuardedBody<B> {
    pub(super) fn new(
        inner: B,
        headers: &HeaderMap,
        watchdog: Watchdog,
        explain: Explain,
        span: tracing::Span,
        counted: Counted,
    ) -> Self {
        let state = headers.get("grpc-status").map_or(State::Streaming, ended);
        // A reader that gives no room from the beginning never has the body asked for anything.
        if matches!(state, State::Streaming) {
            stall::handed_over();
        }
        Self { inner, watchdog, end: None, explain, span, counted, state, frames: 0 }
    }
}

fn ended(status: &HeaderValue) -> State {
    State::Ended(String::from_utf8_lossy(status.as_bytes()).into_owned())
}

impl<B> GuardedBody<B> {
    fn fail<D, E>(&mut self, failure: &Failure) -> Poll<Option<Result<Frame<D>, E>>> {
        if failure.lines().pass() {
            tracing::warn!(parent: &self.span, ?failure, "the stream ended at the edge");
        }
        let mut trailers = (self.explain)(failure);
        // That one belongs to a response's head, which has gone out.
        trailers.remove(http::header::CONTENT_TYPE);
        self.state = trailers.get("grpc-status").map_or(State::Ended(String::new()), ended);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

impl<B: Body + Unpin> Body for GuardedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        // The stream's task is told when the reader does not take what it was given.
        stall::asked();
        if matches!(this.state, State::Ended(_)) {
            return Poll::Ready(None);
        }
        if let Some(end) = &mut this.end
            && let Poll::Ready(failure) = end.as_mut().poll(context)
        {
            return this.fail(&failure);
        }
        let Self { span, inner, .. } = this;
        let poll = AssertUnwindSafe(|| Pin::new(inner).poll_frame(context));
        let polled = span.in_scope(|| catch_unwind(poll));
        let Ok(polled) = polled else { return this.fail(&Failure::Panicked) };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.state = trailers.get("grpc-status").map_or(State::Ended(String::new()), ended);
                } else {
                    stall::handed_over();
                    this.frames = this.frames.saturating_add(1);
                    if this.frames == STREAM_FRAMES && this.end.is_none() {
                        this.end = this.watchdog.watch();
                    }
                }
            }
            Poll::Ready(_) => this.state = State::Ended(String::new()),
            Poll::Pending if this.end.is_none() => {
                // So does a body that makes its reader wait.
                this.end = this.watchdog.watch();
                if let Some(end) = &mut this.end
                    && let Poll::Ready(failure) = end.as_mut().poll(context)
                {
                    return this.fail(&failure);
                }
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for GuardedBody<B> {
    fn drop(&mut self) {
        let status = match &self.state {
            State::Ended(status) => status.as_str(),
            State::Streaming => "cut",
        };
        let took = self.counted.started.elapsed();
        self.counted.method.ended(status, took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match status {
            // What went well is of interest to whoever debugs; a line a call would cost more than the call.
            "0" | "cut" => tracing::debug!(parent: &self.span, grpc_status = status, micros, "done"),
            _ => {
                let lines = if FAULTS.contains(&status) { &lines::FAULTS } else { &lines::REFUSED };
                if lines.pass() {
                    tracing::info!(parent: &self.span, grpc_status = status, micros, "done");
                }
            }
        }
    }
}
