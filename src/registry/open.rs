//! Opening: the journal is judged first, then the view is brought up to it, or made anew where it cannot be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Options;
use super::audit;
use super::rebuild::{rebuild, replay};
use crate::domain::{Change, Commit, Namespace, Revision, Sequence};
use crate::journal::{
    self, AppendError, Directory, Journal, Known, LocalJournal, ReplayError, Storage, TornTail,
};
use crate::store::migrate::{self, MigrateError};
use crate::store::snapshot::{SnapshotError, SnapshotFile};
use crate::store::{self, Applied, Checkpoint, DataDir, DirError, Store, StoreError, Totals};

/// What the view's engine may take at once: the rest of one segment, a new one, and its small files.
const ROOM_BYTES: u64 = 20 * 1024 * 1024;

/// Whether the disk has too little room to open a view or to begin one.
pub(super) fn lacks_room(dir: &DataDir) -> bool {
    dir.free_bytes().is_ok_and(|free| free < ROOM_BYTES)
}

/// Why the registry does not start. Nothing acknowledged was given up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] journal::OpenError),
    /// The journal cannot be read through.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Not even a fresh view can be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A snapshot cannot be written or read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal cannot be shortened.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A fresh view cannot be marked.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The journal does not reach back to its beginning, and what came before is nowhere.
    #[error(
        "the journal begins at record {oldest}, and what came before is in no sound snapshot of {path}{problem}; put the \
         snapshot back from a copy of the disk, or make a store of the newest backup with persona restore-store"
    )]
    NoSnapshot {
        /// The first record that the journal holds.
        oldest: Sequence,
        /// The data directory.
        path: PathBuf,
        /// What is wrong with the snapshots that are there, in brackets; empty: there is none.
        problem: String,
    },
    /// The disk is full.
    #[error(
        "the disk that holds {path} is full: {free_bytes} bytes are free, and opening needs {ROOM_BYTES}; free some \
         space and start again; nothing was lost"
    )]
    NoRoom {
        /// The data directory.
        path: PathBuf,
        /// What is left.
        free_bytes: u64,
    },
    /// The audit log cannot be opened, or what opening found cannot be written there.
    #[error(transparent)]
    Audit(#[from] crate::audit::OpenError),
    /// The same.
    #[error(transparent)]
    AuditAppend(#[from] crate::audit::AppendError),
    /// A thread could not be started.
    #[error("the committer cannot be started: {0}")]
    Thread(std::io::Error),
}

/// What opening took, for whoever started the registry.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// Journal records applied to the view.
    pub replayed: u64,
    /// Why the view was made anew, and where the old one is.
    pub rebuilt: Option<(String, Option<PathBuf>)>,
    /// An unfinished write that was cut from the journal's end.
    pub torn: Option<TornTail>,
}

/// What there is, kept by the committer.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub personas: u64,
    /// Versions kept, and bytes of their documents.
    pub kept: Totals,
    /// Live personas of each namespace that has any.
    pub namespaces: BTreeMap<Namespace, u64>,
    /// Whether `namespaces` changed since they were last told.
    pub namespaces_changed: bool,
}

impl Counts {
    pub(super) fn read(store: &Store, kept: Totals) -> Result<Self, StoreError> {
        let mut counts = Self { kept, namespaces_changed: true, ..Self::default() };
        store.heads_after(None, None, |namespace, _, head| {
            if head.live.is_some() {
                counts.personas += 1;
                *counts.namespaces.entry(namespace).or_default() += 1;
            }
            Ok(true)
        })?;
        Ok(counts)
    }

    pub(super) fn add(&mut self, commit: &Commit) {
        for change in &commit.changes {
            match change {
                Change::Put { created, persona } => {
                    self.kept.versions += 1;
                    self.kept.bytes += u64::from(persona.size);
                    if *created {
                        self.personas += 1;
                        self.namespaces_changed = true;
                        *self.namespaces.entry(change.namespace().clone()).or_default() += 1;
                    }
                }
                Change::Alias(_) | Change::Purge(_) => {}
                Change::Delete(_) => {
                    self.personas = self.personas.saturating_sub(1);
                    self.namespaces_changed = true;
                    if let Some(left) = self.namespaces.get_mut(change.namespace()) {
                        *left = left.saturating_sub(1);
                        if *left == 0 {
                            self.namespaces.remove(change.namespace());
                        }
                    }
                }
            }
        }
    }
}

/// A view that was brought up to the journal.
pub(super) struct OpenedView {
    pub number: u64,
    pub store: Store,
    pub checkpoint: Checkpoint,
}

/// A registry's parts, ready to run.
pub(super) struct Opened {
    pub dir: Arc<DataDir>,
    pub journal: Box<dyn Journal>,
    pub audit: crate::audit::Log,
    pub view: OpenedView,
    pub counts: Counts,
    pub floor: Revision,
    /// The newest one in its place.
    pub snapshot: Option<SnapshotFile>,
    pub report: OpenReport,
}

/// What a data directory holds, before the journal is opened.
pub(super) struct Look {
    pub checkpoint: Option<Checkpoint>,
    /// Number of the view.
    pub number: u64,
    pub view: Result<Store, CatchUpError>,
    pub applied: Option<Applied>,
    /// The snapshots in their place, newest first.
    pub snapshots: Vec<SnapshotFile>,
    known: Known,
}

/// Looks at what there is and opens the view, whatever state that is in.
pub(super) fn look(dir: &DataDir, options: &store::Options) -> Result<Look, OpenError> {
    let checkpoint = dir.checkpoint()?;
    let number = match checkpoint {
        Some(checkpoint) => checkpoint.view,
        None => dir.newest_view()?.unwrap_or(1),
    };
    let (view, applied) = match open_view(dir, number, options, checkpoint.as_ref()) {
        Ok((store, applied)) => (Ok(store), applied),
        Err(reason) => (Err(reason), None),
    };
    dir.remove_unfinished_snapshot()?;
    let snapshots = dir.snapshots()?;
    let of_view = checkpoint.map(|it| it.store_id).or(applied.map(|it| it.store_id));
    let of_snapshot = || Some(snapshots.first()?.read().ok()?.header().store_id);
    let sequences = [
        applied.map(|it| it.sequence),
        checkpoint.map(|it| it.sequence),
        snapshots.first().map(|it| it.sequence),
    ];
    let known = Known {
        store_id: of_view.or_else(of_snapshot),
        sequence: sequences.into_iter().flatten().max().unwrap_or_default(),
    };
    Ok(Look { checkpoint, number, view, applied, snapshots, known })
}

impl Look {
    /// Judges the journal, cuts a torn tail from it, and makes it ready.
    pub(super) fn journal(&self, dir: &DataDir, options: &Options) -> Result<journal::Opened, OpenError> {
        let storage: Arc<dyn Storage> = match &options.journal_storage {
            Some(storage) => Arc::clone(storage),
            None => Arc::new(
                Directory::open(&dir.journal())
                    .map_err(|error| DirError::Io { path: dir.journal(), error })?,
            ),
        };
        Ok(LocalJournal::open(storage, self.known, options.journal.clone())?)
    }
}

#[tracing::instrument(skip_all, fields(data_dir = %options.data_dir.display()))]
pub(super) fn open(options: &Options) -> Result<Opened, OpenError> {
    let dir = DataDir::lock(&options.data_dir)?;
    let look = look(&dir, &options.store)?;
    let opened = look.journal(&dir, options)?;
    let Look { checkpoint, number, view, applied, snapshots, known: _ } = look;
    let journal: Box<dyn Journal> = Box::new(opened.journal);
    let mut report = OpenReport { torn: opened.repaired, ..OpenReport::default() };

    let brought_up = view.and_then(|store| {
        let from = checkpoint.map_or(Sequence(0), |checkpoint| checkpoint.sequence);
        catch_up(store, applied, journal.as_ref(), from)
    });
    let (view, counts) = match brought_up {
        Ok((store, counts, replayed)) => {
            report.replayed = replayed;
            let sequence = checkpoint.map_or(Sequence(0), |checkpoint| checkpoint.sequence);
            let checkpoint = Checkpoint { view: number, store_id: journal.store_id(), sequence };
            (OpenedView { number, store, checkpoint }, counts)
        }
        Err(CatchUpError::Journal(error)) => return Err(error.into()),
        // A full disk is no fault of the view's, and a new one would have no room either.
        Err(CatchUpError::View(reason)) if lacks_room(&dir) => {
            tracing::error!(reason, "the view cannot be used, and there is no room for a new one");
            return Err(no_room(&dir));
        }
        Err(CatchUpError::View(reason)) => {
            let aside = dir.set_aside(number)?;
            tracing::warn!(reason, ?aside, "the view cannot be used; making it anew from the journal");
            let rebuilt = rebuild(&dir, journal.as_ref(), &options.store, number.saturating_add(1));
            let rebuilt = rebuilt.map_err(|error| if lacks_room(&dir) { no_room(&dir) } else { error });
            let (view, counts, replayed) = rebuilt?;
            report.replayed = replayed;
            report.rebuilt = Some((reason, aside));
            (view, counts)
        }
    };
    dir.keep_only_view(view.number)?;
    let floor = view.store.floor()?;
    let audit = audit::open(&dir, options, journal.as_ref(), &view.store)?;
    Ok(Opened {
        dir: Arc::new(dir),
        journal,
        audit,
        view,
        counts,
        floor,
        snapshot: snapshots.into_iter().next(),
        report,
    })
}

pub(super) fn no_room(dir: &DataDir) -> OpenError {
    OpenError::NoRoom { path: dir.path().to_owned(), free_bytes: dir.free_bytes().unwrap_or(0) }
}

/// Why a view was not brought up to the journal.
pub(super) enum CatchUpError {
    /// The view's fault: it is made anew.
    View(String),
    /// The journal's: there is nothing to make it from.
    Journal(ReplayError),
}

fn open_view(
    dir: &DataDir,
    number: u64,
    options: &store::Options,
    checkpoint: Option<&Checkpoint>,
) -> Result<(Store, Option<Applied>), CatchUpError> {
    let view_fault = |error: &dyn std::fmt::Display| CatchUpError::View(error.to_string());
    if let Some(checkpoint) = checkpoint
        && !dir.view(checkpoint.view).exists()
    {
        return Err(CatchUpError::View("it is not there".to_owned()));
    }
    let store = Store::open(&dir.view(number), options).map_err(|error| view_fault(&error))?;
    let applied = store.applied().map_err(|error| view_fault(&error))?;
    if let Some(checkpoint) = checkpoint
        && applied.is_none_or(|applied| {
            applied.store_id != checkpoint.store_id || applied.sequence < checkpoint.sequence
        })
    {
        return Err(CatchUpError::View("it lacks records that had been made durable in it".to_owned()));
    }
    let steps =
        migrate::migrate(&store, migrate::STEPS, migrate::SCHEMA).map_err(|error| view_fault(&error))?;
    for step in steps {
        tracing::info!(step, "the view was migrated");
    }
    Ok((store, applied))
}

/// Replays what the view may lack: all since its checkpoint, since what came later may not have reached the disk.
pub(super) fn catch_up(
    store: Store,
    applied: Option<Applied>,
    journal: &dyn Journal,
    from: Sequence,
) -> Result<(Store, Counts, u64), CatchUpError> {
    if let Some(applied) = applied {
        if applied.store_id != journal.store_id() {
            return Err(CatchUpError::View(format!("it shows another store, {}", applied.store_id)));
        }
        if applied.sequence > journal.last().sequence {
            return Err(CatchUpError::View("it shows records that the journal lost".to_owned()));
        }
    }
    let replayed = replay(&store, journal, from).map_err(|error| match error {
        ReplayError::Receiver { .. } | ReplayError::Trimmed { .. } => CatchUpError::View(error.to_string()),
        other => CatchUpError::Journal(other),
    })?;
    let whole = store.verify(journal.last().revision).and_then(|kept| Counts::read(&store, kept));
    let counts = whole.map_err(|error| CatchUpError::View(error.to_string()))?;
    Ok((store, counts, replayed))
}
