//! Writes of one connection gathered, so that the answers of many calls leave by one system call.
//!
//! HTTP/2 hands over every frame of data by itself and flushes after it, which makes a system call an answer. Here writes go into a
//! bounded buffer and a flush is a promise: [`Outlet::turn`], called after every poll of the connection, keeps it. While other
//! calls of the connection run, what is there waits for one more turn, in which their answers join it; the task is woken for that at
//! once, so nothing waits for time to pass.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::AsyncWrite;

/// Bytes that are gathered at most; then the peer must take some.
const MOST: usize = 128 * 1024;
/// Bytes that a new buffer has room for.
const FIRST: usize = 16 * 1024;
/// Buffers that are kept for whoever writes next.
const SPARES: usize = 32;

/// Buffers that no connection uses now. An idle connection holds none, and a busy one need not ask for memory each time.
#[derive(Debug, Clone, Default)]
pub(super) struct Spares(Arc<Mutex<Vec<BytesMut>>>);

impl Spares {
    fn held(&self) -> MutexGuard<'_, Vec<BytesMut>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> BytesMut {
        self.held().pop().unwrap_or_else(|| BytesMut::with_capacity(FIRST))
    }

    fn give(&self, buffer: BytesMut) {
        let mut held = self.held();
        if held.len() < SPARES {
            held.push(buffer);
        }
    }
}

/// Gathers what is written to `writer`: one end for the protocol to write to, one for whoever drives the connection.
pub(super) fn gather<W>(writer: W, spares: Spares) -> (Gathered<W>, Outlet<W>) {
    let outbox = Outbox { writer, spares, waiting: None, unflushed: false, put_off: false, failed: None };
    let outbox = Arc::new(Mutex::new(outbox));
    (Gathered(Arc::clone(&outbox)), Outlet(outbox))
}

/// What both ends share.
#[derive(Debug)]
struct Outbox<W> {
    writer: W,
    spares: Spares,
    /// What the writer has not taken; there only while there is something.
    waiting: Option<BytesMut>,
    /// The writer took something and was not flushed since.
    unflushed: bool,
    /// What waits was left for this turn by the last one.
    put_off: bool,
    /// Why the writer took no more in a turn, until the protocol has heard of it.
    failed: Option<io::Error>,
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    fn room(&self) -> usize {
        MOST - self.waiting.as_ref().map_or(0, BytesMut::len)
    }

    /// Gives the writer all that waits.
    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(waiting) = &mut self.waiting {
            let taken = ready!(Pin::new(&mut self.writer).poll_write(context, waiting))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            if taken == waiting.len() {
                // From its beginning again: what came behind a part that was passed over would be moved to the front.
                waiting.clear();
            } else {
                waiting.advance(taken);
            }
            if waiting.is_empty()
                && let Some(empty) = self.waiting.take()
            {
                self.spares.give(empty);
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.writer).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes of these as much as there is room for; where there is none, room is made first.
    fn take(&mut self, slices: &[io::IoSlice<'_>], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.heard()?;
        if self.room() == 0
            && let Poll::Ready(drained) = self.drain(context)
        {
            drained?;
        }
        let room = self.room();
        if room == 0 {
            return Poll::Pending;
        }
        let mut taken = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            let part = slice.get(..slice.len().min(room - taken)).unwrap_or_default();
            self.waiting.get_or_insert_with(|| self.spares.take()).extend_from_slice(part);
            taken += part.len();
        }
        Poll::Ready(Ok(taken))
    }

    fn heard(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

/// What the protocol writes to.
#[derive(Debug)]
pub(super) struct Gathered<W>(Arc<Mutex<Outbox<W>>>);

impl<W> Gathered<W> {
    fn outbox(&self) -> MutexGuard<'_, Outbox<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Gathered<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.outbox().take(&[io::IoSlice::new(bytes)], context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.outbox().take(slices, context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.outbox().heard())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outbox = self.outbox();
        outbox.heard()?;
        ready!(outbox.drain(context))?;
        Pin::new(&mut outbox.writer).poll_shutdown(context)
    }
}

/// What lets out what was gathered.
#[derive(Debug)]
pub(super) struct Outlet<W>(Arc<Mutex<Outbox<W>>>);

impl<W: AsyncWrite + Unpin> Outlet<W> {
    /// Ends a turn: belongs behind every poll of the connection, with the same context. `more`: other calls run, whose answers may
    /// come with the next turn.
    pub(super) fn turn(&self, context: &mut Context<'_>, more: bool) {
        let mut outbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if outbox.failed.is_some() {
            return;
        }
        let waits = outbox.waiting.is_some() && outbox.room() > 0;
        outbox.put_off = more && waits && !outbox.put_off;
        if outbox.put_off {
            context.waker().wake_by_ref();
        } else if let Poll::Ready(Err(error)) = outbox.drain(context) {
            outbox.failed = Some(error);
            context.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests;
