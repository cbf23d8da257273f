//! The audit log at the start of a registry: begun, or brought up to the journal; and what is wrong with it is said.

use super::keep::{BehindError, catch_up, fill};
use crate::audit::{Action, AppendError, Hole, Log, Opened, Record};
use crate::domain::{Sequence, StoreId, Timestamp};
use crate::journal::Journal;
use crate::registry::Options;
use crate::registry::offline::BackupFacts;
use crate::registry::open::{OpenError, no_room};
use crate::store::{DataDir, Store};

/// Opens the log of a store whose view has all of the journal.
pub(in crate::registry) fn open(
    dir: &DataDir,
    options: &Options,
    journal: &dyn Journal,
    store: &Store,
) -> Result<Log, OpenError> {
    let full = |error: crate::audit::OpenError| {
        if error.is_full() { no_room(dir) } else { error.into() }
    };
    let (store_id, last, now) = (journal.store_id(), journal.last(), options.clock.now());
    let opened = Log::open(&dir.audit(), store_id, options.audit.clone()).map_err(full)?;
    let Some(Opened { mut log, holes, told }) = opened else {
        let detail = match last.sequence.0 {
            0 => "a new store".to_owned(),
            _ => {
                format!("the store had no audit log; what was before revision {} is not in it", last.revision)
            }
        };
        let first = begun(store_id, last.sequence, now, detail);
        let first = Record { revision: last.revision.0, ..first };
        return Log::begin(&dir.audit(), store_id, options.audit.clone(), first).map_err(full);
    };
    for record in &told {
        let (what, detail) = (&record.what, &record.detail);
        match record.action {
            Action::LogBroken => {
                tracing::error!(what, detail, "the audit log is damaged; it goes on behind that")
            }
            _ => tracing::warn!(what, detail, "an unfinished line was cut from the audit log"),
        }
    }
    log.append(told.into_iter().map(|record| Record { time: now, ..record }).collect())?;
    for hole in holes {
        mend(&mut log, journal, store, hole, now)?;
    }
    look(&mut log, journal, now)?;
    match catch_up(&mut log, journal, store) {
        // The committer goes on with it once there is room.
        Ok(()) | Err(BehindError::Append(AppendError::Full)) => Ok(log),
        Err(BehindError::Append(error)) => Err(error.into()),
        Err(BehindError::Replay(error)) => Err(error.into()),
    }
}

/// Records again what damage took of the log, as far as the journal has it.
fn mend(
    log: &mut Log,
    journal: &dyn Journal,
    store: &Store,
    hole: Hole,
    now: Timestamp,
) -> Result<(), OpenError> {
    if hole.from.commit < journal.oldest().0 {
        let (from, to) = (hole.from.commit, hole.to.commit);
        let detail = format!(
            "records of commits from {from} up to {to} were damaged, and the journal has let go of them"
        );
        log.append(vec![Record { time: now, detail, ..Record::of(Action::LogLost) }])?;
    }
    let oldest = crate::audit::Place { commit: journal.oldest().0, part: 1 };
    match fill(log, journal, store, hole.from.max(oldest), hole.to) {
        Ok(()) => Ok(()),
        Err(BehindError::Append(error)) => Err(error.into()),
        Err(BehindError::Replay(error)) => Err(error.into()),
    }
}

/// Says what cannot be recorded any more, and what was recorded and is no more.
fn look(log: &mut Log, journal: &dyn Journal, now: Timestamp) -> Result<(), OpenError> {
    let (next, last, oldest) = (log.next_place().commit, journal.last().sequence.0, journal.oldest().0);
    let lost =
        |through, detail| Record { time: now, through: Some(through), detail, ..Record::of(Action::LogLost) };
    if next > last.saturating_add(1) {
        let (from, to) = (last + 1, next - 1);
        let detail = format!(
            "commits {from} to {to} were recorded and are not in the journal: a power cut took them (relaxed durability), or \
             the journal is another one; what is recorded from here on has their numbers again"
        );
        tracing::warn!(detail, "the audit log knows of more than the journal");
        log.append(vec![lost(last, detail)])?;
    } else if next < oldest {
        let to = oldest - 1;
        let detail = format!("commits {next} to {to} are in no record, and the journal has let go of them");
        tracing::error!(detail, "the audit log lacks commits");
        log.append(vec![lost(to, detail)])?;
    }
    Ok(())
}

/// Begins the log of a store that was made of a backup.
pub(in crate::registry) fn begin_restored(
    dir: &DataDir,
    options: &Options,
    store_id: StoreId,
    last: Sequence,
    backup: &BackupFacts,
) -> Result<(), crate::audit::OpenError> {
    let detail = format!(
        "restored from a backup of store {} at revision {}; what was before is in the log of that store",
        backup.store_id, backup.revision
    );
    let first = begun(store_id, last, options.clock.now(), detail);
    let first = Record { revision: backup.revision.0, ..first };
    Log::begin(&dir.audit(), store_id, options.audit.clone(), first).map(drop)
}

fn begun(store_id: StoreId, last: Sequence, time: Timestamp, detail: String) -> Record {
    let what = format!("store {store_id}");
    Record { time, through: Some(last.0), what, detail, ..Record::of(Action::LogBegun) }
}
