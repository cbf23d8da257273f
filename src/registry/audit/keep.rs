//! What the committer does for the audit log: records commits, brings the log up to the journal, and makes it durable.

use super::derive::Past;
use crate::audit::{AppendError, Log, Place};
use crate::domain::{Commit, Sequence};
use crate::journal::{BoxError, Journal, ReplayError};
use crate::registry::committer::Committer;
use crate::registry::shared::WriteState;
use crate::store::Store;

/// Why a log was not brought up to the journal.
#[derive(Debug, thiserror::Error)]
pub(super) enum BehindError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Writes the records of all commits that the log lacks, out of the journal.
pub(super) fn catch_up(log: &mut Log, journal: &dyn Journal, store: &Store) -> Result<(), BehindError> {
    let last = journal.last().sequence;
    if log.next_place().commit > last.0 {
        return Ok(());
    }
    fill(log, journal, store, log.next_place(), Place::behind(last.0))
}

/// Writes the records from one place up to another, out of the journal.
pub(super) fn fill(
    log: &mut Log,
    journal: &dyn Journal,
    store: &Store,
    from: Place,
    to: Place,
) -> Result<(), BehindError> {
    let (mut past, mut failed) = (Past::of(store), None);
    let after = Sequence(from.commit.saturating_sub(1));
    let replayed = journal.replay(after, &mut |commit| {
        let records = past.records(&commit).into_iter();
        let missing =
            records.filter(|record| record.place().is_some_and(|place| place >= from && place < to));
        log.append(missing.collect()).map_err(|error| {
            failed = Some(error);
            BoxError::from("the audit log takes nothing more")
        })
    });
    match (failed, replayed) {
        (Some(error), _) => Err(error.into()),
        (None, replayed) => Ok(replayed?),
    }
}

impl Committer {
    /// Whether the log has everything that it should, after it was given what waits. Nothing is written to the store before.
    pub(in crate::registry) fn audit_is_ready(&mut self) -> bool {
        let view = self.shared.view();
        let written = catch_up(&mut self.audit, self.journal.as_ref(), &view.store);
        let written = written.and_then(|()| Ok(self.write_events()?));
        self.audit_did(written)
    }

    fn write_events(&mut self) -> Result<(), AppendError> {
        while let Some(record) = self.shared.events.next(self.shared.clock.now()) {
            if let Err(error) = self.audit.append(vec![record.clone()]) {
                self.shared.events.put_back(record);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Records commits that are durable and not yet in the view; false where that failed, and is done again later.
    pub(in crate::registry) fn record(&mut self, commits: &[Commit]) -> bool {
        let view = self.shared.view();
        let mut past = Past::of(&view.store);
        let records = commits.iter().flat_map(|commit| past.records(commit)).collect();
        let written = self.audit.append(records).map_err(BehindError::from);
        self.audit_did(written)
    }

    /// Makes the log durable; false where that failed.
    pub(in crate::registry) fn sync_audit(&mut self) -> bool {
        let synced = self.audit.sync().map_err(BehindError::from);
        self.audit_did(synced)
    }

    /// Writes are taken only while what they do is recorded.
    fn audit_did(&self, done: Result<(), BehindError>) -> bool {
        match done {
            Ok(()) => true,
            Err(BehindError::Append(AppendError::Full)) => {
                self.shared.set_state(WriteState::Full);
                false
            }
            Err(error) => {
                if self.shared.read_only_cause().is_none() {
                    tracing::error!(%error, "the audit log cannot be written; read-only from here on");
                    // Callers are told this; paths are for the log.
                    let cause = "the audit log cannot be written; the log says why";
                    self.shared.set_read_only(cause.to_owned());
                }
                false
            }
        }
    }
}
