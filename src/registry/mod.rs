//! The use cases: put, delete, import, validate, get, list and watch. Everything a caller can ask, in domain
//! terms; what orders and keeps it lives in `journal` and `store`.

mod alias;
mod audit;
mod backup;
mod batch;
mod beside;
mod caches;
mod committer;
mod error;
mod examine;
mod find;
mod folders;
mod history;
mod import;
mod judge;
mod kept;
mod list;
mod listeners;
mod moves;
mod offline;
mod open;
mod pending;
mod proposal;
mod pruner;
mod read;
mod rebuild;
#[cfg(test)]
mod rights;
mod ring;
mod select;
mod shared;
mod shelf;
mod snapshots;
mod token;
mod upkeep;
mod watch;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use self::committer::{Command, Committer};
use self::pruner::Pruner;
use self::shared::{Shared, View};
use self::snapshots::Snapshots;
use crate::domain::{Clock, Revision, StoreId, SystemClock, Timestamp, limits};
use crate::journal;
use crate::metrics::Writes;
use crate::store;

pub use crate::audit::{Action as AuditAction, Filter as AuditFilter, Record as AuditRecord};
pub use crate::journal::Durability;
pub use crate::store::Entry;

pub use self::alias::{DeleteAlias, Purge, SetAlias};
pub use self::audit::{AuditEvent, AuditPage, ListAudit};
pub use self::backup::Backup;
pub use self::batch::{Batch, BatchDone, BatchOperation};
pub use self::caches::Caches;
pub use self::error::{Error, Rejected, Unreadable, Violation};
pub use self::examine::{Examined, Validate, draft_of};
pub use self::folders::{FolderState, ListRefused, RefusedPage, RefusedReason, RefusedSource};
pub use self::history::{
    AliasPage, History, HistoryEntry, HistoryPage, ListAliases, ListNamespaces, NamespacePage,
};
pub use self::kept::CacheCounts;
pub use self::list::{List, Listing};
pub use self::offline::{
    AuditFacts, BackupFacts, Checked, CompactError, Compacted, Finding, RestoreError, Restored, check,
    check_backup, compact, restore,
};
pub use self::open::{OpenError, OpenReport};
pub use self::proposal::{AliasTarget, Draft, Import, ImportFile, ImportOutcome, Kept, OnConflict};
pub use self::read::{BatchGet, Freshness, Get, Got, Selector};
pub use self::select::Selection;
pub use self::shared::WriteState;
pub use self::shelf::{Made, Shelf};
pub use self::token::{Binding, PageToken, ResumeToken};
pub use self::watch::{Event, Mode, Next, PersonaChange, Start, Told, Watch, WatchRequest};
pub use self::write::{Delete, Put, PutDone, WriteDone};

/// What a registry is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// How the journal behaves.
    pub journal: journal::Options,
    /// Where the journal's files are; none: in the data directory. For tests of disks that fail.
    pub journal_storage: Option<Arc<dyn journal::Storage>>,
    /// How the view behaves.
    pub store: store::Options,
    /// Writes are refused while the file system has less room than this, in bytes, so that what is accepted can
    /// always be kept. Default 64 MiB.
    pub min_free_bytes: u64,
    /// Writes that may wait. Default 1024; one more is refused.
    pub queue: usize,
    /// Recent commits kept in memory for watchers. Default 16384.
    pub ring_commits: usize,
    /// Bytes of recent commits kept in memory for watchers. Default 64 MiB.
    pub ring_bytes: usize,
    /// Watch streams at once. Default [`limits::WATCH_STREAMS`].
    pub watch_streams: usize,
    /// How often the committer looks after itself: relaxed syncs, checkpoints, expiry. Default 1 s.
    pub tick: Duration,
    /// How often the view is made durable, when there was a write. Default 30 s.
    pub checkpoint_interval: Duration,
    /// How long after making the view anew it is not made anew again. Default 60 s.
    pub heal_pause: Duration,
    /// Over how long a drain spreads the ends of streams. Default 5 s.
    pub drain_spread: Duration,
    /// Whether no writes are taken.
    pub read_only: bool,
    /// How far back the floor stays, unless it is raised. Default [`limits::HISTORY_AGE`].
    pub history_age: Duration,
    /// Bytes of documents, those of old versions included, beyond which the floor is raised; none: they may be as many as they
    /// come. Default none.
    pub history_max_bytes: Option<u64>,
    /// How often the floor is looked after. Default 10 min.
    pub floor_interval: Duration,
    /// Bytes of finished journal files beyond which a snapshot takes their place; at least twice what the last snapshot
    /// takes. Default 256 MiB.
    pub snapshot_bytes: u64,
    /// How the audit log behaves.
    pub audit: crate::audit::Options,
    /// Where writes are counted.
    pub metrics: Writes,
    /// Where wall time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// The production defaults, in this directory.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            journal: journal::Options::default(),
            journal_storage: None,
            store: store::Options::default(),
            min_free_bytes: 64 * 1024 * 1024,
            queue: 1024,
            ring_commits: 16_384,
            ring_bytes: 64 * 1024 * 1024,
            watch_streams: limits::WATCH_STREAMS,
            tick: Duration::from_secs(1),
            checkpoint_interval: Duration::from_secs(30),
            heal_pause: Duration::from_secs(60),
            drain_spread: Duration::from_secs(5),
            read_only: false,
            history_age: limits::HISTORY_AGE,
            history_max_bytes: None,
            floor_interval: Duration::from_secs(10 * 60),
            snapshot_bytes: 256 * 1024 * 1024,
            audit: crate::audit::Options::default(),
            metrics: Writes::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// An open registry. Clones share it.
#[derive(Debug, Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    watches: Arc<AtomicUsize>,
    drain: Arc<tokio::sync::watch::Sender<bool>>,
    start_time: Timestamp,
}

/// How the registry stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision that can be read as of.
    pub floor: Revision,
    /// What OK on a write means.
    pub durability: Durability,
    /// When this registry was opened.
    pub start_time: Timestamp,
    /// Whether writes are taken.
    pub write_state: WriteState,
    /// Namespaces with a live persona.
    pub namespaces: u64,
    /// Live personas.
    pub personas: u64,
    /// Versions kept.
    pub versions: u64,
    /// Watch streams now.
    pub watches: u64,
    /// Watch streams at most.
    pub watch_streams: u64,
}

impl Registry {
    /// Opens the registry in its data directory: blocks while the journal is judged and the view brought up to it. Opened in a
    /// runtime, a task of it wakes who follows, so that it has to be driven; without one, or once it has ended, the committer does.
    pub fn open(options: Options) -> Result<(Self, OpenReport), OpenError> {
        let opened = open::open(&options)?;
        let (store_id, last) = (opened.journal.store_id(), opened.journal.last());
        let start_time = options.clock.now();
        let (tick, queue) = (options.tick, options.queue);
        let read_only = options.read_only.then(|| "it was started to take none".to_owned());
        let view = View { number: opened.view.number, store: opened.view.store };
        let shared = Arc::new(Shared::new(options, store_id, last.revision, view, opened.audit.reader()));
        shared.wake_from_here();
        let mut counts = opened.counts;
        shared.publish_counts(&mut counts, last.revision);
        shared.raise_floor(opened.floor);
        shared.raise_pruning(opened.floor);
        if let Some(cause) = read_only {
            shared.set_read_only(cause);
        }
        let (commands, receiver) = mpsc::channel(queue);
        let committer = Committer {
            shared: Arc::clone(&shared),
            journal: opened.journal,
            audit: opened.audit,
            dir: opened.dir,
            counts,
            last,
            checkpoint: opened.view.checkpoint,
            checkpoint_time: Instant::now(),
            checkpointing: None,
            healed_at: None,
            broken: false,
            unshown: Vec::new(),
            last_time: Timestamp::default(),
            ticked: Instant::now(),
            pruner: Pruner::new(opened.floor),
            snapshots: Snapshots::new(commands.downgrade(), opened.snapshot.as_ref()),
        };
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let watched = Arc::clone(&shared);
        let work = move || {
            if catch_unwind(AssertUnwindSafe(|| committer.run(receiver))).is_err() {
                tracing::error!("the committer panicked; read-only from here on");
                watched.set_read_only("the committer panicked".to_owned());
            }
        };
        spawn("committer").spawn(work).map_err(OpenError::Thread)?;
        let ticks = commands.downgrade();
        let ticker = move || {
            loop {
                let Some(commands) = ticks.upgrade() else { return };
                // A full queue has no need of a tick: the next one comes soon.
                if let Err(mpsc::error::TrySendError::Closed(_)) = commands.try_send(Command::Tick) {
                    return;
                }
                drop(commands);
                std::thread::sleep(tick);
            }
        };
        spawn("ticker").spawn(ticker).map_err(OpenError::Thread)?;
        let registry = Self {
            shared,
            commands,
            watches: Arc::default(),
            drain: Arc::new(tokio::sync::watch::Sender::new(false)),
            start_time,
        };
        Ok((registry, opened.report))
    }

    /// Names this history.
    #[must_use]
    pub fn store_id(&self) -> StoreId {
        self.shared.store_id
    }

    /// The newest revision.
    #[must_use]
    pub fn head(&self) -> Revision {
        self.shared.head()
    }

    /// The revision as it moves.
    #[must_use]
    pub fn follow_head(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.shared.head.subscribe()
    }

    /// The time by the registry's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// How the registry stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let (namespaces, personas, versions) = self.shared.counts();
        Status {
            revision: self.head(),
            floor: self.shared.floor(),
            durability: self.shared.options.journal.durability,
            start_time: self.start_time,
            write_state: self.shared.state(),
            namespaces,
            personas,
            versions,
            watches: self.watches.load(std::sync::atomic::Ordering::Relaxed) as u64,
            watch_streams: self.shared.options.watch_streams as u64,
        }
    }

    /// Tells all watch streams to end, each after a moment of its own.
    pub fn drain(&self) {
        self.drain.send_replace(true);
        // They wait for what moves the registry alone.
        self.shared.wake();
    }

    /// Finishes what waits, makes the view durable and lets go of the data directory.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            drop(closed.await);
        }
    }
}
