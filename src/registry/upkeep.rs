//! What the committer does beside commits: looks after room and time, makes the view durable, and makes it anew
//! when it cannot be used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::committer::Committer;
use super::open::{OpenError, lacks_room, no_room};
use super::pruner::Pruner;
use super::rebuild::rebuild;
use super::shared::WriteState;
use crate::domain::limits;
use crate::store::{Checkpoint, DataDir};

/// Outcomes forgotten in one go.
const EXPIRE_AT_ONCE: usize = 1000;
/// How long one tick forgets outcomes.
const EXPIRE_FOR: Duration = Duration::from_millis(50);

impl Committer {
    /// Err with what is left when there is too little room to write.
    pub(super) fn space(&self) -> Result<(), u64> {
        match self.dir.free_bytes() {
            Ok(free) if free < self.shared.options.min_free_bytes => Err(free),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "free space is not known");
                Ok(())
            }
        }
    }

    /// Makes a broken view anew when there is room; false while it stays broken. What keeps it from that and is no
    /// lack of room will not go away by itself.
    pub(super) fn mend(&mut self) -> bool {
        if !self.broken {
            return true;
        }
        match self.rebuild() {
            Ok(()) => {
                let unshown = std::mem::take(&mut self.unshown);
                self.publish(unshown);
                self.shared.tell();
            }
            Err(OpenError::NoRoom { .. }) => {}
            Err(error) => {
                tracing::error!(%error, "the view could not be made anew; read-only from here on");
                // Callers are told this; paths are for the log.
                self.shared.set_read_only("the view could not be made anew; the log says why".to_owned());
            }
        }
        !self.broken
    }

    /// Makes a view anew in which damage was found, at most once a minute: damage that comes back at once is not
    /// mended by more of it. Where that fails, or there is no room for it, the view goes on serving what of it is sound.
    pub(super) fn heal(&mut self) {
        let recently = self.healed_at.is_some_and(|at| at.elapsed() < self.shared.options.heal_pause);
        if recently {
            return;
        }
        match self.rebuild() {
            Ok(()) => {
                let unshown = std::mem::take(&mut self.unshown);
                self.publish(unshown);
                self.shared.tell();
            }
            // Once there is room again, nobody should wait for another minute.
            Err(error @ OpenError::NoRoom { .. }) => {
                tracing::warn!(%error, "the view is not made anew yet");
                return;
            }
            Err(error) => tracing::error!(%error, "the view could not be made anew"),
        }
        self.healed_at = Some(Instant::now());
    }

    pub(super) fn rebuild(&mut self) -> Result<(), OpenError> {
        self.await_checkpoint();
        self.cancel_dump();
        let old = self.shared.view();
        // A view takes about what the one before took.
        let needed = old.store.size_on_disk().unwrap_or(0);
        if lacks_room(&self.dir) || self.dir.free_bytes().is_ok_and(|free| free < needed) {
            return Err(no_room(&self.dir));
        }
        let number = old.number;
        drop(old);
        let options = &self.shared.options.store;
        let rebuilt = rebuild(&self.dir, self.journal.as_ref(), options, number.saturating_add(1));
        let (view, counts, _) = match rebuilt {
            Ok(rebuilt) => rebuilt,
            Err(error) => {
                let error = if lacks_room(&self.dir) { no_room(&self.dir) } else { error };
                // Half a view must not keep room from what is needed.
                self.dir.keep_only_view(number)?;
                return Err(error);
            }
        };
        self.checkpoint = view.checkpoint;
        self.counts = counts;
        self.broken = false;
        // The journal tells of what had been let go of.
        self.pruner = Pruner::new(self.shared.floor());
        let old = self.shared.set_view(view.number, view.store);
        // Nobody should wait for it to be closed.
        drop(std::thread::Builder::new().name("old view".into()).spawn(move || drop(old)));
        if let Err(error) = self.dir.set_aside(number) {
            tracing::error!(%error, "the old view could not be moved out of the way");
        }
        tracing::warn!(view = view.number, "the view was made anew from the journal");
        Ok(())
    }

    pub(super) fn tick(&mut self) {
        self.ticked = Instant::now();
        if self.space().is_ok()
            && self.mend()
            && self.audit_is_ready()
            && self.shared.state() == WriteState::Full
        {
            self.shared.set_state(WriteState::Writable);
        }
        if let Err(error) = self.journal.sync()
            && self.shared.read_only_cause().is_none()
        {
            tracing::error!(%error, "the journal could not be synced; read-only from here on");
            self.shared.set_read_only(error.to_string());
        }
        self.sync_audit();
        let past = self.shared.clock.now().before(limits::IDEMPOTENCY);
        // As many as came; a little at a time, since writers wait.
        while self.ticked.elapsed() < EXPIRE_FOR && !self.snapshots.is_running() {
            match self.shared.view().store.expire_requests(past, EXPIRE_AT_ONCE) {
                Ok(gone) if gone < EXPIRE_AT_ONCE => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "old request ids could not be forgotten");
                    break;
                }
            }
        }
        self.look_after_floor();
        self.start_checkpoint();
        self.look_after_snapshots();
    }

    /// Begins to make the view durable on a thread of its own, when it is time.
    fn start_checkpoint(&mut self) {
        if self.checkpointing.as_ref().is_some_and(std::thread::JoinHandle::is_finished) {
            self.await_checkpoint();
        }
        let due = self.checkpoint_time.elapsed() >= self.shared.options.checkpoint_interval;
        if self.checkpointing.is_some() || !due || self.checkpoint.sequence == self.last.sequence {
            return;
        }
        // The engine gives up for good on what it cannot write, and what is in memory serves reads.
        if self.broken || self.space().is_err() || lacks_room(&self.dir) {
            return;
        }
        self.checkpoint_time = Instant::now();
        let (dir, view) = (Arc::clone(&self.dir), self.shared.view());
        let checkpoint =
            Checkpoint { view: view.number, store_id: self.shared.store_id, sequence: self.last.sequence };
        let work = move || match write_checkpoint(&dir, &view.store, checkpoint) {
            Ok(()) => Some(checkpoint),
            Err(error) => {
                tracing::error!(%error, "the view could not be synced; it is made anew");
                None
            }
        };
        self.checkpointing = std::thread::Builder::new().name("checkpoint".into()).spawn(work).ok();
    }

    pub(super) fn await_checkpoint(&mut self) {
        match self.checkpointing.take().map(std::thread::JoinHandle::join) {
            Some(Ok(Some(done))) => self.checkpoint = done,
            // What failed to be synced is not synced by trying again.
            Some(_) => self.broken = true,
            None => {}
        }
    }

    pub(super) fn finish(&mut self) {
        self.cancel_dump();
        self.await_checkpoint();
        if let Err(error) = self.journal.sync() {
            tracing::error!(%error, "the journal could not be synced");
        }
        // Whatever is missing is made good by the next start.
        if self.audit_is_ready() {
            self.sync_audit();
        }
        let view = self.shared.view();
        let (view_number, sequence) = (view.number, self.last.sequence);
        let checkpoint = Checkpoint { view: view_number, store_id: self.shared.store_id, sequence };
        if checkpoint != self.checkpoint
            && !self.broken
            && let Err(error) = write_checkpoint(&self.dir, &view.store, checkpoint)
        {
            tracing::error!(%error, "the view could not be synced; the next start replays more");
        }
        self.shared.set_read_only("the registry is closed".to_owned());
    }
}

pub(super) fn write_checkpoint(
    dir: &DataDir,
    store: &crate::store::Store,
    checkpoint: Checkpoint,
) -> Result<(), OpenError> {
    store.sync()?;
    dir.set_checkpoint(&checkpoint)?;
    Ok(())
}
