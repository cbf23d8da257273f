//! Streams and connections whose reader stopped reading: nothing can pass data that waits, so after a while they end.
//!
//! A stream that has to wait has a task of its own. The HTTP/2 layer takes what the body hands over whatever its size, and the next of it
//! only when the reader has room, so that a body hands over bounded pieces.
//! The body notes when it handed something over; the task is dropped, which resets the stream, when it was not
//! asked again for too long.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::lines;
use super::turn::Turn;

/// How a stream's body stands with its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// It was asked for more since it handed something over, or has nothing more.
    Nothing,
    /// It has come to be, or handed over data, since its task began to run.
    Now,
    /// It had done so before, and was not asked for more since.
    Before,
}

thread_local! {
    /// That of the stream whose task runs on this thread; none: there is no such task. It is kept with the task and put here while the
    /// task runs, so that a body needs no way of its own to reach it.
    static HANDED: Cell<Option<Handed>> = const { Cell::new(None) };
}

/// The body of the stream whose task runs has come to be, or handed over data.
pub(super) fn handed_over() {
    HANDED.set(HANDED.get().map(|_| Handed::Now));
}

/// It was asked for more: its reader has room.
pub(super) fn asked() {
    HANDED.set(HANDED.get().map(|_| Handed::Nothing));
}

/// Puts back what was there, whatever happens meanwhile.
struct Outer(Option<Handed>);

impl Drop for Outer {
    fn drop(&mut self) {
        HANDED.set(self.0);
    }
}

/// Runs the tasks of one connection's HTTP/2 streams, counts them, and ends those that stall.
#[derive(Debug, Clone)]
pub struct Executor {
    /// How long data may wait for a reader.
    limit: Duration,
    running: Running,
}

impl Executor {
    /// For a new connection.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, running: Running::default() }
    }

    /// Tells from now on how many streams run.
    #[must_use]
    pub fn running(&self) -> Running {
        self.running.clone()
    }
}

/// How many streams of a connection run.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<AtomicUsize>);

impl Running {
    /// So many now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::Relaxed);
        One(self.clone())
    }
}

/// One stream that is counted until this is dropped.
#[derive(Debug)]
struct One(Running);

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Most calls can be answered at once: those need no task. What has to wait goes on in one of its own, which asks again for
    /// whatever it waits for.
    fn execute(&self, future: F) {
        let (limit, handed, one) = (self.limit, Handed::Nothing, self.running.one());
        let mut stream = Box::pin(Guarded {
            task: future,
            limit,
            handed,
            since: None,
            timer: None,
            turn: None,
            _one: one,
        });
        let mut nobody = Context::from_waker(Waker::noop());
        match catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll(&mut nobody))) {
            Ok(Poll::Pending) => drop(tokio::spawn(stream)),
            // A panic ends its stream and not the connection: what is dropped is reset.
            Ok(Poll::Ready(())) | Err(_) => {}
        }
    }
}

pin_project! {
    /// A stream's task with its watchdog; the timer exists only while data waits.
    struct Guarded<F> {
        #[pin]
        task: F,
        limit: Duration,
        handed: Handed,
        since: Option<Instant>,
        timer: Option<Pin<Box<Sleep>>>,
        turn: Option<Turn>,
        _one: One,
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let outer = Outer(HANDED.replace(Some(*this.handed)));
        let polled = if context.waker().will_wake(Waker::noop()) {
            this.task.poll(context)
        } else {
            Turn::of(this.turn, context).take(|context| this.task.as_mut().poll(context))
        };
        let handed = HANDED.get().unwrap_or(Handed::Nothing);
        drop(outer);
        if polled.is_ready() {
            return Poll::Ready(());
        }
        *this.since = match handed {
            Handed::Nothing => None,
            // Only who has to wait needs the time.
            Handed::Now => Some(Instant::now()),
            Handed::Before => *this.since,
        };
        *this.handed = if this.since.is_some() { Handed::Before } else { Handed::Nothing };
        let Some(since) = *this.since else {
            *this.timer = None;
            return Poll::Pending;
        };
        let end = since + *this.limit;
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        if timer.as_mut().poll(context).is_ready() {
            if lines::UNREAD.pass() {
                tracing::warn!(limit = ?this.limit, "a stream was reset: its reader stopped reading");
            }
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// A connection of HTTP/1.1, which has no streams to reset: it ends once what is written has not moved for the limit.
#[derive(Debug)]
pub struct Connection<S> {
    inner: S,
    limit: Duration,
    /// Runs while the reader has no room.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Connection<S> {
    /// Puts the watch on a connection.
    pub const fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, timer: None }
    }

    /// Passes on what became of a write, or the end once writes have waited for too long.
    fn watched<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if timer.as_mut().poll(context).is_ready() {
            if lines::UNREAD.pass() {
                tracing::warn!(?limit, "a connection was ended: its reader stopped reading");
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watched(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.watched(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(context);
        self.watched(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_stream_that_need_not_wait_is_over_at_once_and_one_that_has_to_goes_on() {
        use hyper::rt::Executor as _;
        let executor = Executor::new(Duration::from_secs(60));
        let running = executor.running();
        let (done, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let (goes_on, waits) = tokio::sync::oneshot::channel::<()>();
        let at_once = done.clone();
        executor.execute(async move { at_once.send("at once").unwrap() });
        assert_eq!((seen.try_recv(), running.count()), (Ok("at once"), 0));
        executor.execute(async move {
            waits.await.unwrap();
            done.send("later").unwrap();
        });
        executor.execute(async { panic!("on purpose") });
        assert_eq!(running.count(), 1, "a panic ends one stream");
        goes_on.send(()).unwrap();
        assert_eq!(seen.recv().await, Some("later"));
        while running.count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_write_that_finds_no_room_for_too_long_fails_and_one_that_does_in_time_does_not() {
        let (mut reader, inner) = tokio::io::duplex(8);
        let mut connection = Connection::new(inner, Duration::from_millis(200));
        let reads = tokio::spawn(async move {
            let mut taken = [0; 64];
            reader.read_exact(&mut taken).await.unwrap();
            reader
        });
        connection.write_all(&[0; 64]).await.unwrap();
        let reader = reads.await.unwrap();
        let error = connection.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(reader);
    }
}
