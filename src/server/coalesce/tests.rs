//! Whatever is written, flushed and taken in whatever order: the peer gets just these bytes, and nobody sleeps through it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use proptest::prelude::*;

use super::*;

/// A peer that takes so many bytes and no more until it is given room, a few with each write.
#[derive(Debug, Default)]
struct Peer {
    room: usize,
    each: usize,
    taken: Vec<u8>,
    flushed: usize,
    writes: usize,
    is_shut: bool,
    fails: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Clone)]
struct Wire(Arc<Mutex<Peer>>);

impl Wire {
    fn of(room: usize, each: usize) -> Self {
        Self(Arc::new(Mutex::new(Peer { room, each, ..Peer::default() })))
    }

    fn peer(&self) -> MutexGuard<'_, Peer> {
        self.0.lock().unwrap()
    }

    /// Gives it room, and wakes who waits for that.
    fn open(&self, room: usize) {
        let mut peer = self.peer();
        peer.room += room;
        if let Some(waker) = peer.waker.take() {
            waker.wake();
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut peer = self.peer();
        assert!(!peer.is_shut, "nothing is written behind the end");
        if peer.fails {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if peer.room == 0 {
            peer.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let taken = bytes.len().min(peer.room).min(peer.each.max(1));
        peer.room -= taken;
        peer.writes += 1;
        peer.taken.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut peer = self.peer();
        peer.flushed = peer.taken.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.peer().is_shut = true;
        Poll::Ready(Ok(()))
    }
}

/// Remembers that the task was woken.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Woken {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// Both ends over a peer, and the task that drives them.
struct Bench {
    wire: Wire,
    gathered: Gathered<Wire>,
    outlet: Outlet<Wire>,
    woken: Arc<Woken>,
    waker: Waker,
    sent: Vec<u8>,
}

impl Bench {
    fn new(room: usize, each: usize) -> Self {
        let wire = Wire::of(room, each);
        let (gathered, outlet) = gather(wire.clone(), Spares::default());
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        Self { wire, gathered, outlet, woken, waker, sent: Vec::new() }
    }

    /// Writes the next bytes of a sequence that tells every place apart, in two slices; how many were taken.
    fn write(&mut self, count: usize) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = (self.sent.len()..self.sent.len() + count).map(|at| (at % 251) as u8).collect();
        let (one, other) = bytes.split_at(count / 3);
        let slices = [io::IoSlice::new(one), io::IoSlice::new(other)];
        let waker = self.waker.clone();
        let written =
            Pin::new(&mut self.gathered).poll_write_vectored(&mut Context::from_waker(&waker), &slices);
        if let Poll::Ready(Ok(taken)) = &written {
            self.sent.extend_from_slice(&bytes[..*taken]);
        }
        written
    }

    /// Writes that the peer saw, and bytes that were flushed to it.
    fn written(&self) -> (usize, usize) {
        let peer = self.wire.peer();
        (peer.writes, peer.flushed)
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        let waker = self.waker.clone();
        Pin::new(&mut self.gathered).poll_flush(&mut Context::from_waker(&waker))
    }

    fn shutdown(&mut self) -> Poll<io::Result<()>> {
        let waker = self.waker.clone();
        Pin::new(&mut self.gathered).poll_shutdown(&mut Context::from_waker(&waker))
    }

    fn turn(&self, more: bool) {
        self.outlet.turn(&mut Context::from_waker(&self.waker), more);
    }

    /// Has turns for as long as the task is woken, as a runtime would.
    fn settle(&self, more: bool) {
        let turns = (0..10_000).take_while(|_| self.woken.take()).map(|_| self.turn(more)).count();
        assert!(turns < 10_000, "it never sleeps");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(usize),
    Flush,
    Turn(bool),
    Open(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1usize..70_000).prop_map(Step::Write),
        2 => (1usize..600).prop_map(Step::Write),
        2 => Just(Step::Flush),
        3 => any::<bool>().prop_map(Step::Turn),
        3 => (1usize..100_000).prop_map(Step::Open),
    ]
}

proptest! {
    #[test]
    fn the_peer_gets_what_was_written_in_order_and_nothing_waits_for_ever(
        room in 0usize..200_000,
        each in prop_oneof![1usize..300, 1000usize..200_000],
        steps in prop::collection::vec(step(), 0..60),
        more in any::<bool>(),
        shut in any::<bool>(),
    ) {
        let mut bench = Bench::new(room, each);
        for step in steps {
            match step {
                Step::Write(count) => match bench.write(count) {
                    Poll::Ready(written) => prop_assert!((1..=count).contains(&written.unwrap())),
                    // Nobody takes anything now, and whoever does will say so.
                    Poll::Pending => {
                        prop_assert_eq!(bench.wire.peer().room, 0);
                        prop_assert!(bench.wire.peer().waker.is_some());
                    }
                },
                Step::Flush => prop_assert!(bench.flush().is_ready()),
                Step::Turn(more) => bench.turn(more),
                Step::Open(room) => bench.wire.open(room),
            }
            let taken = bench.wire.peer().taken.clone();
            prop_assert!(bench.sent.len() - taken.len() <= MOST);
            prop_assert!(bench.sent.starts_with(&taken));
        }
        // Every poll of the task ends a turn, and from here on only wakers cause polls.
        bench.turn(more);
        bench.settle(more);
        bench.wire.open(usize::MAX / 2);
        bench.settle(more);
        prop_assert_eq!(&bench.wire.peer().taken, &bench.sent);
        prop_assert_eq!(bench.wire.peer().flushed, bench.sent.len());
        if shut {
            prop_assert!(bench.shutdown().is_ready() && bench.wire.peer().is_shut);
        }
    }

    #[test]
    fn the_end_comes_behind_all_bytes(writes in prop::collection::vec(1usize..50_000, 0..8), each in 1usize..100_000) {
        let mut bench = Bench::new(0, each);
        for count in writes {
            drop(bench.write(count));
        }
        while bench.shutdown().is_pending() {
            prop_assert!(!bench.wire.peer().is_shut);
            bench.wire.open(10_000);
            prop_assert!(bench.woken.take(), "whoever shuts down is told of room");
        }
        prop_assert!(bench.wire.peer().is_shut);
        prop_assert_eq!(&bench.wire.peer().taken, &bench.sent);
    }
}

#[test]
fn what_is_written_while_others_run_leaves_at_once_with_theirs() {
    let mut bench = Bench::new(usize::MAX / 2, usize::MAX);
    for _ in 0..3 {
        assert!(bench.write(1000).is_ready() && bench.flush().is_ready());
    }
    bench.turn(true);
    assert_eq!(bench.wire.peer().writes, 0);
    assert!(bench.woken.take(), "the next turn comes by itself");
    assert!(bench.write(1000).is_ready());
    bench.turn(true);
    assert_eq!(bench.written(), (1, 4000));
    assert!(!bench.woken.take(), "and then it sleeps");
}

#[test]
fn what_is_written_alone_leaves_with_its_turn() {
    let mut bench = Bench::new(usize::MAX / 2, usize::MAX);
    assert!(bench.write(1000).is_ready());
    bench.turn(false);
    assert_eq!(bench.written(), (1, 1000));
    assert!(!bench.woken.take());
}

#[test]
fn a_peer_that_takes_nothing_holds_up_writes_at_the_bound_and_gives_way_when_it_reads() {
    let mut bench = Bench::new(0, usize::MAX);
    while let Poll::Ready(written) = bench.write(30_000) {
        written.unwrap();
    }
    assert_eq!(bench.sent.len(), MOST);
    bench.wire.open(10);
    assert!(bench.woken.take());
    assert!(matches!(bench.write(30_000), Poll::Ready(Ok(10))));
}

#[test]
fn the_protocol_hears_of_a_broken_connection_whatever_it_does_next() {
    type Next = fn(&mut Bench) -> Poll<io::Result<()>>;
    let write: Next = |bench| bench.write(10).map_ok(drop);
    for next in [write, Bench::flush, Bench::shutdown] {
        let mut bench = Bench::new(0, 1);
        assert!(bench.write(1000).is_ready());
        bench.wire.peer().fails = true;
        bench.turn(false);
        assert!(bench.woken.take(), "it is asked to look");
        bench.turn(false);
        assert!(!bench.woken.take(), "once");
        let Poll::Ready(Err(error)) = next(&mut bench) else { panic!("it hears nothing") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    // At the bound the write itself fails.
    let mut bench = Bench::new(0, 1);
    while bench.write(30_000).is_ready() {}
    bench.wire.peer().fails = true;
    assert!(matches!(bench.write(10), Poll::Ready(Err(_))));
}

#[test]
fn buffers_go_round_and_an_idle_connection_has_none() {
    let spares = Spares::default();
    let wire = Wire::of(usize::MAX / 2, usize::MAX);
    let (mut gathered, outlet) = gather(wire.clone(), spares.clone());
    for _ in 0..3 {
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut gathered).poll_write(&mut context, &[7; 1000]).is_ready());
        assert!(spares.held().is_empty());
        outlet.turn(&mut context, false);
        assert!(outlet.0.lock().unwrap().waiting.is_none());
        assert_eq!(spares.held().len(), 1);
    }
    for _ in 0..2 * SPARES {
        spares.give(BytesMut::new());
    }
    assert_eq!(spares.held().len(), SPARES);
}
