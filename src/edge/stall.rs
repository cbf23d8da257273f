//! Streams whose reader stopped reading: nothing can pass data that waits, so after a while they are reset.
//!
//! The HTTP/2 layer runs each stream in a task of its own and asks the body for more only when the reader has room.
//! The body notes when it handed something over; the task is dropped, which resets the stream, when it was not
//! asked again for too long.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// When a stream's body last handed over data that it has not been asked to follow up.
#[derive(Debug, Clone, Default)]
pub struct Guard(Arc<Mutex<Option<Instant>>>);

impl Guard {
    pub(super) fn arm(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub(super) fn disarm(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

tokio::task_local! {
    static GUARD: Guard;
}

/// The guard of the stream whose task this is.
pub(super) fn current() -> Option<Guard> {
    GUARD.try_with(Clone::clone).ok()
}

/// Runs the tasks of HTTP/2 streams, and ends those that stall.
#[derive(Debug, Clone, Copy)]
pub struct Executor {
    /// How long data may wait for a reader.
    pub limit: Duration,
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let guard = Guard::default();
        let task = Box::pin(GUARD.scope(guard.clone(), future));
        tokio::spawn(Guarded { task, guard, limit: self.limit, timer: None });
    }
}

/// A stream's task with its watchdog; the timer exists only while data waits.
struct Guarded<F> {
    task: Pin<Box<F>>,
    guard: Guard,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Guarded<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.task.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = this.guard.since() else {
            this.timer = None;
            return Poll::Pending;
        };
        let end = since + this.limit;
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        if timer.as_mut().poll(context).is_ready() {
            tracing::warn!(limit = ?this.limit, "a stream was reset: its reader stopped reading");
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
