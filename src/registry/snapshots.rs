//! Snapshots of the view while the registry runs: in the background, to take the place of old journal files; for a backup; and
//! to be rid of purged bytes.

use std::io::Write;
use std::sync::mpsc as channel;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::Error;
use super::committer::{Command, Committer};
use super::open::{OpenError, lacks_room, no_room};
use super::pruner::Pruner;
use super::rebuild::rebuild;
use super::shared::{View, WriteState};
use crate::domain::Sequence;
use crate::journal::{BoxError, Records, ReplayError};
use crate::store::snapshot::{End, Header, SnapshotError, SnapshotFile, Writer};

/// How often a dump that waits for the committer looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(10);

/// A dump that is under way: for as long as it lives nothing is pruned or forgotten, and no other one begins.
#[derive(Debug)]
pub(super) struct Running {
    cancel: watch::Sender<bool>,
}

impl Running {
    pub(super) fn is_cancelled(&self) -> bool {
        *self.cancel.borrow()
    }

    /// Resolves once nobody wants the dump any more.
    pub(super) async fn cancelled(&self) {
        let mut cancelled = self.cancel.subscribe();
        drop(cancelled.wait_for(|cancelled| *cancelled).await);
    }
}

/// A dump that may begin, on a thread that may block.
#[derive(Debug)]
pub(super) struct Dump {
    pub view: Arc<View>,
    pub header: Header,
    pub running: Arc<Running>,
}

impl Dump {
    /// Writes the view, then what was committed meanwhile.
    pub(super) fn write<W: Write>(
        &self,
        out: W,
        commands: &mpsc::WeakSender<Command>,
    ) -> Result<(W, End), SnapshotError> {
        let mut writer = Writer::begin(out, &self.header)?;
        let cancelled = || self.running.is_cancelled();
        self.view.store.dump(&self.header, &mut writer, cancelled)?;
        let records = self.records(commands)?;
        let mut failed = None;
        let replayed = records.replay(self.header.sequence, &mut |commit| {
            let wrote = if cancelled() { Err(SnapshotError::Cancelled) } else { writer.commit(&commit) };
            wrote.map_err(|error| {
                failed = Some(error);
                BoxError::from("the snapshot takes nothing more")
            })
        });
        match (failed, replayed) {
            (Some(error), _) => Err(error),
            (None, Err(ReplayError::Io { source, .. })) => Err(source.into()),
            (None, Err(error)) => Err(std::io::Error::other(error).into()),
            (None, Ok(())) => writer.finish(),
        }
    }

    /// The journal as it is once the view was walked, all of it durable.
    fn records(&self, commands: &mpsc::WeakSender<Command>) -> Result<Records, SnapshotError> {
        let (reply, records) = channel::channel();
        let mut command = Some(Command::Records(reply));
        // Neither may block: the committer may be waiting for the end of this dump.
        loop {
            if self.running.is_cancelled() {
                return Err(SnapshotError::Cancelled);
            }
            let Some(commands) = commands.upgrade() else { return Err(SnapshotError::Cancelled) };
            if let Some(waiting) = command.take() {
                match commands.try_send(waiting) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(back)) => command = Some(back),
                    Err(mpsc::error::TrySendError::Closed(_)) => return Err(SnapshotError::Cancelled),
                }
            }
            drop(commands);
            match records.recv_timeout(LOOK) {
                Ok(records) if !self.running.is_cancelled() => return Ok(records),
                Ok(_) => {}
                Err(channel::RecvTimeoutError::Timeout) => {}
                Err(channel::RecvTimeoutError::Disconnected) => return Err(SnapshotError::Cancelled),
            }
        }
    }
}

/// What the committer knows of snapshots.
#[derive(Debug)]
pub(super) struct Snapshots {
    commands: mpsc::WeakSender<Command>,
    /// The newest one in its place: its last record and its length.
    newest: Option<(Sequence, u64)>,
    running: Weak<Running>,
    writing: Option<JoinHandle<Result<SnapshotFile, SnapshotError>>>,
    /// Nothing is tried again before this moment.
    pause: Option<Instant>,
}

impl Snapshots {
    pub(super) fn new(commands: mpsc::WeakSender<Command>, newest: Option<&SnapshotFile>) -> Self {
        let newest = newest.map(|file| (file.sequence, file.bytes));
        Self { commands, newest, running: Weak::new(), writing: None, pause: None }
    }

    /// Whether the view is being walked: then nothing may go from it.
    pub(super) fn is_running(&self) -> bool {
        self.running.strong_count() > 0
    }
}

impl Committer {
    /// A dump of the view as it is now, unless there is one already.
    pub(super) fn begin_dump(&mut self) -> Result<Dump, Error> {
        if self.broken || !self.unshown.is_empty() {
            return Err(Error::Corrupt("the view".to_owned()));
        }
        if self.snapshots.is_running() {
            return Err(Error::Busy("another snapshot is being taken"));
        }
        let view = self.shared.view();
        let place = (self.last.sequence, self.last.revision);
        let header = view.store.header(self.shared.store_id, place, self.shared.clock.now())?;
        let running = Arc::new(Running { cancel: watch::Sender::new(false) });
        self.snapshots.running = Arc::downgrade(&running);
        Ok(Dump { view, header, running })
    }

    /// The journal for a dump that has walked the view.
    pub(super) fn give_records(&mut self, reply: &channel::Sender<Records>) {
        // A snapshot must not hold what the journal may still lose.
        match self.journal.sync() {
            Ok(()) => drop(reply.send(self.journal.records())),
            Err(error) => tracing::error!(%error, "a snapshot cannot be finished"),
        }
    }

    /// Ends the dump that is under way, if there is one; the one in the background is gone then.
    pub(super) fn cancel_dump(&mut self) {
        if let Some(running) = self.snapshots.running.upgrade() {
            running.cancel.send_replace(true);
        }
        self.join_snapshot();
    }

    fn join_snapshot(&mut self) {
        match self.snapshots.writing.take().map(JoinHandle::join) {
            Some(Ok(Ok(file))) => {
                tracing::info!(through = %file.sequence, bytes = file.bytes, "a snapshot was taken");
                self.snapshots.newest = Some((file.sequence, file.bytes));
            }
            Some(Ok(Err(SnapshotError::Cancelled))) => {}
            Some(Ok(Err(error))) => {
                tracing::error!(%error, "no snapshot could be taken; the journal stays as long as it is");
                self.pause_snapshots();
            }
            Some(Err(_)) => self.pause_snapshots(),
            None => {}
        }
    }

    fn pause_snapshots(&mut self) {
        self.snapshots.pause = Some(Instant::now() + self.shared.options.heal_pause);
    }

    /// Takes a snapshot when it is time, and lets go of what one has taken the place of.
    pub(super) fn look_after_snapshots(&mut self) {
        if self.snapshots.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join_snapshot();
        }
        let is_well = !self.broken && self.shared.state() == WriteState::Writable;
        if !is_well || self.snapshots.pause.is_some_and(|until| Instant::now() < until) {
            return;
        }
        if self.shared.view().store.is_unpurged().unwrap_or(false) {
            if let Err(error) = self.rewrite() {
                tracing::error!(%error, "purged bytes are still on the disk; tried again later");
            }
            return;
        }
        if let Err(error) = self.let_go() {
            tracing::error!(%error, "old journal files could not be let go of");
            self.pause_snapshots();
        }
        if self.is_due() {
            self.start_snapshot();
        }
    }

    /// Lets go of journal files and snapshots that a start from the view's checkpoint does not need.
    fn let_go(&mut self) -> Result<(), OpenError> {
        let Some((newest, _)) = self.snapshots.newest else { return Ok(()) };
        // What the audit log lacks is in the journal alone.
        if !self.audit_is_ready() || !self.sync_audit() {
            return Ok(());
        }
        let through = newest.min(self.checkpoint.sequence);
        if self.journal.oldest() <= through {
            self.journal.trim(through)?;
        }
        Ok(self.dir.remove_snapshots_before(newest)?)
    }

    fn is_due(&self) -> bool {
        let (covered, bytes) = self.snapshots.newest.unwrap_or((Sequence(0), 0));
        // What came before the journal would be nowhere but in the view.
        let uncovered = self.journal.oldest() > covered.next();
        let most = self.shared.options.snapshot_bytes.max(bytes.saturating_mul(2));
        uncovered || self.journal.sealed_bytes() > most
    }

    fn start_snapshot(&mut self) {
        let needed = self.shared.view().store.size_on_disk().unwrap_or(0);
        let needed = needed.saturating_add(self.shared.options.min_free_bytes);
        if self.snapshots.writing.is_some() || self.dir.free_bytes().is_ok_and(|free| free < needed) {
            return;
        }
        let Ok(dump) = self.begin_dump() else { return };
        let (dir, commands) = (Arc::clone(&self.dir), self.snapshots.commands.clone());
        let work = move || dir.write_snapshot(|out| dump.write(out, &commands));
        self.snapshots.writing = std::thread::Builder::new().name("snapshot".into()).spawn(work).ok();
    }

    /// Has everything on the disk written anew from what the view shows: a snapshot takes the place of the whole journal, and
    /// a view made of it that of the one in use. Whatever was purged is nowhere then. Cut short at any place, it loses nothing,
    /// and is done again as long as the view has the mark of a purge.
    pub(super) fn rewrite(&mut self) -> Result<(), OpenError> {
        let rewritten = self.try_rewrite();
        if rewritten.is_err() {
            self.pause_snapshots();
        }
        rewritten
    }

    /// The same, without what is below the floor.
    pub(super) fn shrink(&mut self) -> Result<(), OpenError> {
        self.cancel_dump();
        self.prune_all();
        self.rewrite()
    }

    fn try_rewrite(&mut self) -> Result<(), OpenError> {
        self.await_checkpoint();
        self.cancel_dump();
        let old = self.shared.view();
        let number = old.number;
        let needed = old.store.size_on_disk().unwrap_or(0).saturating_mul(2);
        let is_behind = self.broken || !self.unshown.is_empty();
        if is_behind || lacks_room(&self.dir) || self.dir.free_bytes().is_ok_and(|free| free < needed) {
            return Err(no_room(&self.dir));
        }
        if !self.audit_is_ready() || !self.sync_audit() {
            return Err(no_room(&self.dir));
        }
        self.journal.seal()?;
        let (place, store_id) = ((self.last.sequence, self.last.revision), self.shared.store_id);
        let header = old.store.header(store_id, place, self.shared.clock.now())?;
        let file = self.dir.write_snapshot(|out| {
            let mut writer = Writer::begin(out, &header)?;
            old.store.dump(&header, &mut writer, || false)?;
            writer.finish()
        })?;
        drop(old);
        self.snapshots.newest = Some((file.sequence, file.bytes));
        self.journal.trim(self.last.sequence)?;
        self.dir.remove_snapshots_before(file.sequence)?;
        let options = &self.shared.options.store;
        let made = rebuild(&self.dir, self.journal.as_ref(), options, number.saturating_add(1));
        let (view, counts, _) = match made {
            Ok(made) => made,
            Err(error) => {
                self.dir.keep_only_view(number)?;
                return Err(error);
            }
        };
        self.checkpoint = view.checkpoint;
        self.counts = counts;
        self.pruner = Pruner::new(self.shared.floor());
        let mut old = self.shared.set_view(view.number, view.store);
        self.shared.ring.forget(self.last.revision);
        self.shared.publish_counts(&mut self.counts, self.last.revision);
        let patience = Instant::now() + CLOSING;
        while let Err(held) = Arc::try_unwrap(old) {
            if Instant::now() > patience {
                return Err(SnapshotError::Io(std::io::ErrorKind::TimedOut.into()).into());
            }
            old = held;
            std::thread::sleep(Duration::from_millis(2));
        }
        self.dir.remove_other_views(view.number)?;
        self.shared.view().store.set_purged()?;
        tracing::info!(view = view.number, bytes = file.bytes, "everything was written anew");
        Ok(())
    }
}

/// How long reads that began before may hold on to a view.
const CLOSING: Duration = Duration::from_secs(10);
