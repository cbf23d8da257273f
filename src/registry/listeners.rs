//! Who waits for the registry to move: streams, in the order in which they came. Each leaves a way to wake it once and for all, so that
//! ten thousand are woken by a walk over one list and none has to come back to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// Listeners that are woken before others may come or go.
const AT_ONCE: usize = 256;

/// All who wait.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// How often the registry moved.
    moves: AtomicU64,
    wakers: Mutex<Slab<Waker>>,
}

impl Listeners {
    fn wakers(&self) -> MutexGuard<'_, Slab<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody waits. While they are woken somebody does: whoever asks does not wait for that.
    pub(super) fn is_empty(&self) -> bool {
        match self.wakers.try_lock() {
            Ok(wakers) => wakers.is_empty(),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().is_empty(),
        }
    }

    /// The registry moved. Streams that came one after the other, as those of a connection mostly do, run one after the other.
    pub(super) fn wake(&self) {
        self.moves.fetch_add(1, Ordering::Release);
        let mut next = 0;
        loop {
            let wakers = self.wakers();
            for waker in (next..next + AT_ONCE).filter_map(|key| wakers.get(key)) {
                waker.wake_by_ref();
            }
            next += AT_ONCE;
            if next >= wakers.capacity() {
                return;
            }
        }
    }

    /// One more, who hears of what moves from now on.
    pub(super) fn listen(self: &Arc<Self>) -> Listener {
        let key = self.wakers().insert(Waker::noop().clone());
        let heard = self.moves.load(Ordering::Acquire);
        Listener { listeners: Arc::clone(self), key, waker: None, heard }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Listener {
    listeners: Arc<Listeners>,
    key: usize,
    /// The one in the list.
    waker: Option<Waker>,
    heard: u64,
}

impl Listener {
    /// All that moved until now is known: what is looked at from here on shows it.
    pub(super) fn hear(&mut self) {
        self.heard = self.listeners.moves.load(Ordering::Acquire);
    }

    /// Whether the waker of this context is in the list since an earlier call.
    pub(super) fn is_known_to(&self, context: &Context<'_>) -> bool {
        self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()))
    }

    /// Ready once something moved that was not heard of.
    pub(super) fn poll_moved(&mut self, context: &Context<'_>) -> Poll<()> {
        if !self.is_known_to(context) {
            let waker = self.waker.insert(context.waker().clone()).clone();
            let old = self.listeners.wakers().get_mut(self.key).map(|place| std::mem::replace(place, waker));
            // Not while the list is held.
            drop(old);
        }
        // Whoever moves the registry behind this look finds the waker.
        if self.listeners.moves.load(Ordering::Acquire) == self.heard {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waker = self.listeners.wakers().try_remove(self.key);
        // Not while the list is held.
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn each_is_woken_by_every_move_and_nobody_who_went() {
        let (listeners, woken) = (Arc::new(Listeners::default()), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let mut many: Vec<_> = (0..1000).map(|_| listeners.listen()).collect();
        for listener in &mut many {
            assert!(listener.poll_moved(&context).is_pending());
        }
        listeners.wake();
        listeners.wake();
        assert_eq!(woken.count(), 2000);
        drop(many.split_off(300));
        listeners.wake();
        assert_eq!(woken.count(), 2300);
        assert!(many.iter_mut().all(|listener| listener.poll_moved(&context).is_ready()));
        many.iter_mut().for_each(Listener::hear);
        assert!(many.iter_mut().all(|listener| listener.poll_moved(&context).is_pending()));
        drop(many);
        assert!(listeners.is_empty());
    }

    #[test]
    fn whoever_moves_to_another_task_is_woken_there() {
        let listeners = Arc::new(Listeners::default());
        let (old, new) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let mut listener = listeners.listen();
        for woken in [&old, &new] {
            let waker = Waker::from(Arc::clone(woken));
            let context = Context::from_waker(&waker);
            assert!(!listener.is_known_to(&context));
            assert!(listener.poll_moved(&context).is_pending() && listener.is_known_to(&context));
        }
        listeners.wake();
        assert_eq!((old.count(), new.count()), (0, 1));
    }

    #[test]
    fn what_moves_before_anybody_waits_is_heard_of() {
        let listeners = Arc::new(Listeners::default());
        let mut listener = listeners.listen();
        listeners.wake();
        assert!(listener.poll_moved(&Context::from_waker(Waker::noop())).is_ready());
    }

    /// A move at any moment of a look is either seen or wakes.
    #[test]
    fn no_move_is_missed_between_threads() {
        let listeners = Arc::new(Listeners::default());
        for round in 0..2000 {
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut listener = listeners.listen();
            let polled = std::thread::scope(|scope| {
                scope.spawn(|| listeners.wake());
                listener.poll_moved(&Context::from_waker(&waker))
            });
            assert!(polled.is_ready() || woken.count() > 0, "round {round}");
        }
    }
}
