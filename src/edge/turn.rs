//! A task that wakes itself while it runs goes on at once. The HTTP/2 layer wakes a stream whenever it hands something over, and among
//! ten thousand streams that are told of a change each would be touched again behind all the others, when nothing of it is in a cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// What a task is doing.
const RESTS: u8 = 0;
const RUNS: u8 = 1;
/// It runs, and was woken meanwhile.
const WOKEN: u8 = 2;

/// The turns of one task.
#[derive(Debug)]
pub(super) struct Turn {
    bell: Arc<Bell>,
    /// Rings it.
    waker: Waker,
}

#[derive(Debug)]
struct Bell {
    state: AtomicU8,
    task: Waker,
}

impl Turn {
    /// That of the task of this context, kept in `kept`.
    pub(super) fn of<'a>(kept: &'a mut Option<Self>, context: &Context<'_>) -> &'a mut Self {
        if kept.as_ref().is_some_and(|turn| !turn.bell.task.will_wake(context.waker())) {
            *kept = None;
        }
        kept.get_or_insert_with(|| {
            let bell = Arc::new(Bell { state: AtomicU8::new(RESTS), task: context.waker().clone() });
            Self { waker: Waker::from(Arc::clone(&bell)), bell }
        })
    }

    /// Takes a turn, and one more where the task was woken in the first; woken again, it waits for its turn like all others.
    pub(super) fn take<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut context = Context::from_waker(&self.waker);
        for is_last in [false, true] {
            self.bell.state.store(RUNS, Ordering::Release);
            let polled = poll(&mut context);
            if polled.is_ready() {
                return polled;
            }
            let was_woken = self.bell.state.swap(RESTS, Ordering::AcqRel) == WOKEN;
            if !was_woken {
                break;
            }
            if is_last {
                self.bell.task.wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Written anew where it was noted already: what this waker brings must be seen as well.
        let note = |state| (state != RESTS).then_some(WOKEN);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, note).is_err() {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a task is polled that wakes itself in the first `times` polls, and how often it is woken for another turn.
    fn polls(times: usize) -> (usize, usize) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let (mut kept, mut polls) = (None, 0);
        let turn = Turn::of(&mut kept, &Context::from_waker(&waker));
        let polled = turn.take(|context| {
            polls += 1;
            if polls <= times {
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        (polls, woken.0.load(Ordering::Relaxed))
    }

    #[test]
    fn who_is_woken_while_it_runs_runs_once_more_and_then_waits_for_its_turn() {
        assert_eq!([polls(0), polls(1), polls(2)], [(1, 0), (2, 0), (2, 1)]);
    }

    #[test]
    fn who_rests_is_woken_each_time_and_who_is_done_never() {
        let woken = Arc::new(Woken::default());
        let task = Waker::from(Arc::clone(&woken));
        let (mut kept, mut held) = (None, None);
        let turn = Turn::of(&mut kept, &Context::from_waker(&task));
        let polled = turn.take(|context| {
            held = Some(context.waker().clone());
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        let held = held.unwrap();
        held.wake_by_ref();
        held.wake_by_ref();
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
        let done = turn.take(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(7)
        });
        assert_eq!((done, woken.0.load(Ordering::Relaxed)), (Poll::Ready(7), 2));
    }

    #[test]
    fn a_task_that_moves_to_another_waker_is_woken_by_that_one() {
        let (old, new) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let mut kept = None;
        for woken in [&old, &new] {
            let waker = Waker::from(Arc::clone(woken));
            let turn = Turn::of(&mut kept, &Context::from_waker(&waker));
            let mut held = None;
            let _pending: Poll<()> = turn.take(|context| {
                held = Some(context.waker().clone());
                Poll::Pending
            });
            held.unwrap().wake();
        }
        assert_eq!([old, new].map(|woken| woken.0.load(Ordering::Relaxed)), [1, 1]);
    }

    /// Wakes from another thread, at any moment of a turn, are never lost.
    #[test]
    fn no_wake_is_lost_between_threads() {
        let woken = Arc::new(Woken::default());
        let task = Waker::from(Arc::clone(&woken));
        let mut kept = None;
        let turn = Turn::of(&mut kept, &Context::from_waker(&task));
        for round in 0..2000 {
            let (before, mut seen) = (woken.0.load(Ordering::Relaxed), 0);
            let rung = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                let waker = turn.waker.clone();
                let rung = &rung;
                scope.spawn(move || {
                    rung.store(true, Ordering::Release);
                    waker.wake();
                });
                let polled = turn.take(|_| {
                    if rung.load(Ordering::Acquire) {
                        seen += 1;
                    }
                    Poll::<()>::Pending
                });
                assert!(polled.is_pending());
            });
            // Polled behind the wake, or told to be.
            assert!(seen > 0 || woken.0.load(Ordering::Relaxed) > before, "round {round}");
        }
    }
}
