//! The frames of an HTTP/2 connection, counted as they pass: what manages the connection and asks for nothing goes on its
//! account, and a connection that owes much is not read until it is forgiven.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::edge::{Conduct, Vain};

/// Bytes of a frame's head (RFC 9113, 4.1).
const HEAD: usize = 9;

/// Kinds of frames (RFC 9113, 6).
mod kind {
    pub(super) const DATA: u8 = 0x0;
    pub(super) const PRIORITY: u8 = 0x2;
    pub(super) const RST_STREAM: u8 = 0x3;
    pub(super) const SETTINGS: u8 = 0x4;
    pub(super) const PING: u8 = 0x6;
    /// All above are no frames of the protocol, and passed over.
    pub(super) const CONTINUATION: u8 = 0x9;
}

/// The flag of a DATA frame that ends its stream.
const END_STREAM: u8 = 0x1;

/// Finds the heads of frames in a stream of bytes.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; HEAD],
    /// Bytes of the head that have passed.
    has: usize,
    /// Bytes of the frame that are still to pass.
    rest: usize,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
}

impl Frames {
    fn pass(&mut self, mut bytes: &[u8], mut meet: impl FnMut(Head)) {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let passing = self.rest.min(bytes.len());
                self.rest -= passing;
                bytes = bytes.split_at(passing).1;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(HEAD - self.has));
            for (place, byte) in self.head.iter_mut().skip(self.has).zip(now) {
                *place = *byte;
            }
            self.has += now.len();
            bytes = later;
            if self.has == HEAD {
                let [a, b, c, kind, flags, ..] = self.head;
                let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                (self.has, self.rest) = (0, length);
                meet(Head { length, kind, flags });
            }
        }
    }
}

/// What a frame that was heard costs in vain.
fn heard(head: Head) -> Option<Vain> {
    match head.kind {
        kind::PING | kind::SETTINGS | kind::PRIORITY => Some(Vain::Frame),
        kind::DATA if head.length == 0 && head.flags & END_STREAM == 0 => Some(Vain::Frame),
        kind::RST_STREAM => Some(Vain::Reset),
        kind if kind > kind::CONTINUATION => Some(Vain::Frame),
        _ => None,
    }
}

/// What a frame that was said cost in vain: a stream that is reset here was one too many, or broke the rules.
fn said(head: Head) -> Option<Vain> {
    (head.kind == kind::RST_STREAM).then_some(Vain::Reset)
}

/// What passes one way.
#[derive(Debug)]
struct Meter {
    conduct: Conduct,
    frames: Option<Frames>,
    costs: fn(Head) -> Option<Vain>,
}

impl Meter {
    /// Counts what passes.
    fn pass(&mut self, bytes: &[u8]) {
        let Some(frames) = &mut self.frames else { return };
        let (mut some, mut resets) = (0, 0);
        frames.pass(bytes, |head| match (self.costs)(head) {
            Some(Vain::Reset) => resets += 1,
            Some(_) => some += 1,
            None => {}
        });
        for (what, times) in [(Vain::Frame, some), (Vain::Reset, resets)] {
            if times > 0 {
                self.conduct.charge(what, times);
            }
        }
    }
}

/// The half of a connection that is read, from its first frame on.
#[derive(Debug)]
pub(super) struct Heard<R> {
    inner: R,
    meter: Meter,
    /// Runs while the connection waits.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<R> Heard<R> {
    /// `frames`: the bytes are frames of HTTP/2, and not another protocol's.
    pub(super) fn new(inner: R, conduct: Conduct, frames: bool) -> Self {
        let meter = Meter { conduct, frames: frames.then(Frames::default), costs: heard };
        Self { inner, meter, pause: None }
    }

    /// Is ready when the connection may be read.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(end) = self.meter.conduct.waits_until() {
            let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
            if pause.deadline() < end {
                pause.as_mut().reset(end);
            }
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        self.pause = None;
        Poll::Ready(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Heard<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_pause(context));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        this.meter.pass(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

/// The half of a connection that is written, from its first frame on.
#[derive(Debug)]
pub(super) struct Said<W> {
    inner: W,
    meter: Meter,
}

impl<W> Said<W> {
    /// As for `Heard`.
    pub(super) fn new(inner: W, conduct: Conduct, frames: bool) -> Self {
        Self { inner, meter: Meter { conduct, frames: frames.then(Frames::default), costs: said } }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Said<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.meter.pass(bytes.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, slices))?;
        let mut left = written;
        for slice in slices {
            let (passed, _) = slice.split_at(left.min(slice.len()));
            self.meter.pass(passed);
            left -= passed.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, 1]);
        bytes.resize(HEAD + length, kind);
        bytes
    }

    proptest! {
        #[test]
        fn frames_are_met_however_they_are_cut(
            frames in prop::collection::vec((0..12_u8, 0..2_u8, 0..300_usize), 0..20),
            cuts in prop::collection::vec(1..50_usize, 1..200),
        ) {
            let bytes = frames.iter().flat_map(|(kind, flags, length)| frame(*kind, *flags, *length));
            let bytes: Vec<u8> = bytes.collect();
            let (mut met, mut finder, mut left) = (Vec::new(), Frames::default(), &bytes[..]);
            for cut in cuts.iter().cycle().take_while(|_| !bytes.is_empty()) {
                let (now, later) = left.split_at(left.len().min(*cut));
                finder.pass(now, |head| met.push((head.kind, head.flags, head.length)));
                left = later;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(met, frames);
        }
    }

    #[tokio::test]
    async fn what_asks_for_nothing_is_read_more_slowly_and_nothing_is_lost() {
        let conduct = Conduct::new(Duration::from_millis(20));
        let (mut far, near) = tokio::io::duplex(1 << 20);
        let mut heard = Heard::new(near, conduct.clone(), true);
        // HEADERS and DATA with something in it cost nothing, whatever they are full of.
        let calls = [frame(1, 4, 6), frame(0, 0, 60)].concat().repeat(1000);
        far.write_all(&calls).await.unwrap();
        let mut read = vec![0; calls.len()];
        heard.read_exact(&mut read).await.unwrap();
        assert!(read == calls && conduct.waits_until().is_none());
        // 1,000 frames of 4 µs are forgiven in 200 ms, half of which it need not wait for.
        let pings = frame(6, 0, 8).repeat(1000);
        far.write_all(&pings).await.unwrap();
        let mut read = vec![0; pings.len()];
        let begun = Instant::now();
        heard.read_exact(&mut read).await.unwrap();
        assert!(read == pings && conduct.waits_until().is_some());
        far.write_all(b"x").await.unwrap();
        assert_eq!(heard.read_u8().await.unwrap(), b'x');
        assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn streams_that_are_reset_here_are_on_the_account_too() {
        let conduct = Conduct::new(Duration::from_millis(1));
        let (near, _far) = tokio::io::duplex(1 << 20);
        let mut said = Said::new(near, conduct.clone(), true);
        let resets = frame(3, 0, 4).repeat(100);
        let slices = [IoSlice::new(&resets[..7]), IoSlice::new(&resets[7..])];
        assert_eq!(said.write_vectored(&slices).await.unwrap(), resets.len());
        assert!(conduct.waits_until().is_some_and(|end| end <= Instant::now() + Duration::from_secs(2)));
        // Of another protocol nothing is known.
        let conduct = Conduct::new(Duration::from_millis(1));
        let (near, _far) = tokio::io::duplex(1 << 20);
        Said::new(near, conduct.clone(), false).write_all(&resets).await.unwrap();
        assert_eq!(conduct.waits_until(), None);
    }
}
