//! What readers, watchers and the committer share: the view, the head, the recent commits and the counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use tokio::sync::watch;

use super::Options;
use super::audit::Events;
use super::folders::Folders;
use super::listeners::Listeners;
use super::open::Counts;
use super::ring::Ring;
use crate::audit::Reader;
use crate::domain::{Clock, Namespace, Revision, StoreId};
use crate::store::Store;

/// Whether writes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteState {
    /// They are.
    Writable,
    /// The disk is full; refused until there is room.
    Full,
    /// Refused: the registry was opened so, or must be opened again after a failed write.
    ReadOnly,
}

/// A view in use.
#[derive(Debug)]
pub(super) struct View {
    pub number: u64,
    pub store: Store,
}

/// Who wakes all that wait, in this order: once nothing is told here any more, what was told last is passed on.
#[derive(Debug)]
struct Watchman {
    shown: watch::Receiver<()>,
    last: LastWake,
}

#[derive(Debug)]
struct LastWake(Weak<Shared>);

impl Drop for LastWake {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.wake();
        }
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    pub store_id: StoreId,
    pub clock: Arc<dyn Clock>,
    pub head: watch::Sender<Revision>,
    /// Told when the head moved and somebody waits for it, for the task that wakes them.
    waking: watch::Sender<()>,
    /// The streams that follow.
    pub listeners: Arc<Listeners>,
    pub ring: Ring,
    pub folders: Folders,
    /// What is to be recorded and is no commit.
    pub events: Events,
    pub audit: Reader,
    view: RwLock<Arc<View>>,
    state: Mutex<(WriteState, String)>,
    personas: AtomicU64,
    versions: AtomicU64,
    namespaces: RwLock<Arc<(Revision, BTreeMap<Namespace, u64>)>>,
    floor: AtomicU64,
    pruning: AtomicU64,
    purges: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        options: Options,
        store_id: StoreId,
        head: Revision,
        view: View,
        audit: Reader,
    ) -> Self {
        let ring = Ring::new(head, options.ring_commits, options.ring_bytes);
        Self {
            store_id,
            clock: Arc::clone(&options.clock),
            head: watch::Sender::new(head),
            waking: watch::Sender::new(()),
            listeners: Arc::default(),
            ring,
            folders: Folders::default(),
            events: Events::new(options.audit.refusals_per_second),
            audit,
            view: RwLock::new(Arc::new(view)),
            state: Mutex::new((WriteState::Writable, String::new())),
            personas: AtomicU64::new(0),
            versions: AtomicU64::new(0),
            namespaces: RwLock::default(),
            floor: AtomicU64::new(0),
            pruning: AtomicU64::new(0),
            purges: AtomicU64::new(0),
            options,
        }
    }

    /// The view that reads come from now. The lock is held for the copy of a pointer only.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a view in the place of the one in use, which is answered: closing it writes and syncs, and nobody should hold the
    /// lock meanwhile.
    pub(super) fn set_view(&self, number: u64, store: Store) -> Arc<View> {
        let new = Arc::new(View { number, store });
        std::mem::replace(&mut *self.view.write().unwrap_or_else(PoisonError::into_inner), new)
    }

    pub(super) fn head(&self) -> Revision {
        *self.head.borrow()
    }

    /// Shows a revision to all who read from now on. Who waits for it is still to be told.
    pub(super) fn show_head(&self, head: Revision) {
        self.head.send_if_modified(|shown| {
            *shown = head;
            false
        });
    }

    /// Wakes who waits for what is shown now. They are woken from a task, so that all of them are in that thread's own queue before the
    /// first one runs, and what they have for one connection leaves it together: who is woken by another thread stands behind all
    /// that those before it wake, and each would write by itself.
    pub(super) fn tell(&self) {
        // Whoever comes behind this look sees what was shown before it.
        let somebody = !self.listeners.is_empty() || self.head.receiver_count() > 0;
        if somebody && self.waking.send(()).is_err() {
            self.wake();
        }
    }

    /// Wakes all who wait for a newer head, or for a drain.
    pub(super) fn wake(&self) {
        self.listeners.wake();
        self.head.send_modify(|_| {});
    }

    /// Has a task of this runtime do the waking. Without a runtime, or once it has ended, whoever tells does it.
    pub(super) fn wake_from_here(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let watchman = Watchman { shown: self.waking.subscribe(), last: LastWake(Arc::downgrade(self)) };
        runtime.spawn(async move {
            let mut watchman = watchman;
            while watchman.shown.changed().await.is_ok() {
                let Some(shared) = watchman.last.0.upgrade() else { return };
                shared.wake();
            }
        });
    }

    pub(super) fn state(&self) -> WriteState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Changes between writable and full; read-only is final.
    pub(super) fn set_state(&self, state: WriteState) {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != WriteState::ReadOnly {
            held.0 = state;
        }
    }

    pub(super) fn set_read_only(&self, cause: String) {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != WriteState::ReadOnly {
            *held = (WriteState::ReadOnly, cause);
        }
    }

    pub(super) fn read_only_cause(&self) -> Option<String> {
        let held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (held.0 == WriteState::ReadOnly).then(|| held.1.clone())
    }

    /// Publishes the counts of this revision, before the revision itself.
    pub(super) fn publish_counts(&self, counts: &mut Counts, revision: Revision) {
        self.personas.store(counts.personas, Ordering::Relaxed);
        self.versions.store(counts.kept.versions, Ordering::Relaxed);
        if std::mem::take(&mut counts.namespaces_changed) {
            let namespaces = Arc::new((revision, counts.namespaces.clone()));
            *self.namespaces.write().unwrap_or_else(PoisonError::into_inner) = namespaces;
        }
    }

    /// Live personas of each namespace that has any, and the revision that made them so many.
    pub(super) fn namespaces(&self) -> Arc<(Revision, BTreeMap<Namespace, u64>)> {
        Arc::clone(&self.namespaces.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Namespaces, personas, versions.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (self.namespaces().1.len() as u64, load(&self.personas), load(&self.versions))
    }

    /// The oldest revision that can be read as of.
    pub(super) fn floor(&self) -> Revision {
        Revision(self.floor.load(Ordering::Acquire))
    }

    /// The floor up to which things are going or gone. It follows the floor after a while, so that a stream that is just
    /// behind gets by.
    pub(super) fn pruning(&self) -> Revision {
        Revision(self.pruning.load(Ordering::Acquire))
    }

    /// Called before anything below it goes.
    pub(super) fn raise_pruning(&self, floor: Revision) {
        self.pruning.fetch_max(floor.0, Ordering::AcqRel);
    }

    /// How often a version was purged since the start: whoever holds documents reads them again when it rises.
    pub(super) fn purges(&self) -> u64 {
        self.purges.load(Ordering::Acquire)
    }

    pub(super) fn count_purge(&self) {
        self.purges.fetch_add(1, Ordering::AcqRel);
    }

    /// Published before anything below it goes.
    pub(super) fn raise_floor(&self, floor: Revision) {
        self.floor.fetch_max(floor.0, Ordering::AcqRel);
    }
}
