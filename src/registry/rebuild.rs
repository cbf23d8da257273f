//! A view from what is kept: the newest sound snapshot, and the journal behind it.

use std::sync::Arc;

use super::open::{Counts, OpenError, OpenedView};
use super::upkeep::write_checkpoint;
use crate::domain::{Change, Commit, Sequence, StoreId};
use crate::journal::{Journal, ReplayError};
use crate::store::migrate;
use crate::store::snapshot::SnapshotError;
use crate::store::{self, Checkpoint, DataDir, Store};

/// Records that a replay applies at once.
const REPLAY_RECORDS: usize = 512;
/// Documents that a replay applies at once, in bytes.
const REPLAY_BYTES: usize = 8 * 1024 * 1024;

/// Makes a view from the newest snapshot and the journal, durable and checkpointed; tells how many records it took.
pub(super) fn rebuild(
    dir: &DataDir,
    journal: &dyn Journal,
    options: &store::Options,
    number: u64,
) -> Result<(OpenedView, Counts, u64), OpenError> {
    let (store, from) = begin(dir, journal, options, number)?;
    let replayed = replay(&store, journal, from)?;
    let counts = Counts::read(&store, store.verify(journal.last().revision)?)?;
    let checkpoint =
        Checkpoint { view: number, store_id: journal.store_id(), sequence: journal.last().sequence };
    write_checkpoint(dir, &store, checkpoint)?;
    Ok((OpenedView { number, store, checkpoint }, counts, replayed))
}

/// A view with what the newest sound snapshot has, or an empty one; and the last record in it.
fn begin(
    dir: &DataDir,
    journal: &dyn Journal,
    options: &store::Options,
    number: u64,
) -> Result<(Store, Sequence), OpenError> {
    let empty = || {
        dir.remove_view(number)?;
        Ok::<_, OpenError>(Store::open(&dir.view(number), options)?)
    };
    let mut problem = String::new();
    let (oldest, last) = (journal.oldest(), journal.last().sequence);
    let fits = |sequence: Sequence| sequence.next() >= oldest && sequence <= last;
    for snapshot in dir.snapshots()?.into_iter().filter(|snapshot| fits(snapshot.sequence)) {
        let store = empty()?;
        let loaded =
            snapshot.read_of(journal.store_id()).and_then(|reader| store.load(reader, journal.store_id()));
        match loaded {
            Ok(end) if end.sequence == snapshot.sequence => return Ok((store, end.sequence)),
            Err(SnapshotError::Store(error)) => return Err(error.into()),
            Err(SnapshotError::Migrate(error)) => return Err(error.into()),
            Err(SnapshotError::Io(error)) if error.kind() == std::io::ErrorKind::StorageFull => {
                return Err(SnapshotError::Io(error).into());
            }
            Ok(_) => problem = format!(" ({} is not what its name says)", snapshot.path.display()),
            Err(error) => problem = format!(" ({}: {error})", snapshot.path.display()),
        }
        tracing::error!(problem, "a snapshot cannot be used");
    }
    if oldest > Sequence(1) {
        return Err(OpenError::NoSnapshot { oldest, path: dir.path().to_owned(), problem });
    }
    let store = empty()?;
    migrate::migrate(&store, &[], migrate::SCHEMA)?;
    Ok((store, Sequence(0)))
}

/// Applies all records after `from`; tells how many there were.
pub(super) fn replay(store: &Store, journal: &dyn Journal, from: Sequence) -> Result<u64, ReplayError> {
    let store_id: StoreId = journal.store_id();
    let (mut group, mut bytes, mut replayed) = (Vec::new(), 0, 0);
    journal.replay(from, &mut |commit: Commit| {
        replayed += 1;
        bytes += commit.changes.iter().map(weight).sum::<usize>();
        group.push(Arc::new(commit));
        if group.len() >= REPLAY_RECORDS || bytes >= REPLAY_BYTES {
            store.apply(store_id, &group)?;
            group.clear();
            bytes = 0;
        }
        Ok(())
    })?;
    store.apply(store_id, &group).map_err(|error| ReplayError::Receiver {
        sequence: journal.last().sequence,
        source: Box::new(error),
    })?;
    Ok(replayed)
}

fn weight(change: &Change) -> usize {
    match change {
        Change::Put { persona, .. } => persona.content.len(),
        Change::Delete(_) | Change::Alias(_) | Change::Purge(_) => 0,
    }
}
