//! The one file that names sled: tables of checksummed values in one database, opened with care.
//!
//! sled panics on some damaged files and its `flush` never reaches the disk by itself; both are held here.

use std::fs::File;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::StoreError;

/// Bytes of a segment. Fixed at creation: items above a quarter of it would go to files that sled never syncs.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// How long the engine's own threads may keep a closed database's file.
const CLOSING: Duration = Duration::from_secs(5);
/// In the engine's words: another handle has the file.
const LOCKED: &str = "could not acquire lock";
/// Bytes of the checksum in front of every value.
const CHECKSUM_BYTES: usize = 4;

/// The tables of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// How far the view is, and the schema's version.
    Meta,
    /// The newest row of each name, deleted ones included.
    Heads,
    /// Every version and tombstone by revision.
    Rows,
    /// The documents as schemas 1 and 2 keep them: bare.
    Contents,
    /// Revision of each version.
    Versions,
    /// Every revision's changes.
    Log,
    /// Outcomes by request key.
    Requests,
    /// When outcomes may go.
    Expiry,
    /// What folders last brought.
    Bases,
    /// The documents, packed, in the order they came.
    Documents,
    /// Where each alias was moved to, by revision.
    Aliases,
    /// Which versions have which terms.
    Index,
}

pub(super) const TABLES: [(Table, &str); 12] = [
    (Table::Meta, "meta"),
    (Table::Heads, "heads"),
    (Table::Rows, "rows"),
    (Table::Contents, "contents"),
    (Table::Versions, "versions"),
    (Table::Log, "log"),
    (Table::Requests, "requests"),
    (Table::Expiry, "expiry"),
    (Table::Bases, "bases"),
    (Table::Documents, "documents"),
    (Table::Aliases, "aliases"),
    (Table::Index, "index"),
];

/// A change to one table.
pub(super) enum Write {
    /// Sets a key.
    Set(Table, Vec<u8>, Vec<u8>),
    /// Removes a key.
    Remove(Table, Vec<u8>),
}

/// An open database.
pub(super) struct Tables {
    path: PathBuf,
    /// None only while it is being dropped.
    open: Option<Open>,
    /// Entries read, for tests of what a search reads.
    #[cfg(test)]
    pub(super) entries_read: std::sync::atomic::AtomicU64,
    /// Writes after which all fail, for tests that cut something short.
    #[cfg(test)]
    pub(super) writes_left: std::sync::atomic::AtomicU64,
}

struct Open {
    db: sled::Db,
    trees: Vec<sled::Tree>,
}

impl Drop for Tables {
    fn drop(&mut self) {
        // sled syncs when it is let go of, and panics when that fails; what matters was synced before.
        let open = self.open.take();
        drop(guarded(|| {
            drop(open);
            Ok(())
        }));
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tables").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Tables {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let failed = |problem: String| StoreError::Engine { path: path.to_owned(), problem };
        remove_unfinished_snapshots(path).map_err(|error| failed(error.to_string()))?;
        let open = || {
            let db = sled::Config::new()
                .path(path)
                .segment_size(SEGMENT_BYTES)
                .cache_capacity(cache_bytes)
                .mode(sled::Mode::HighThroughput)
                .flush_every_ms(None)
                .open()?;
            let trees = TABLES.iter().map(|(_, name)| db.open_tree(name)).collect::<Result<_, _>>()?;
            Ok((db, trees))
        };
        let patience = Instant::now() + CLOSING;
        let (db, trees) = loop {
            match guarded(open) {
                // Whoever opens holds the data directory, so the one that has this file is about to let go of it.
                Err(problem) if problem.contains(LOCKED) && Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => break opened.map_err(failed)?,
            }
        };
        Ok(Self {
            path: path.to_owned(),
            open: Some(Open { db, trees }),
            #[cfg(test)]
            entries_read: std::sync::atomic::AtomicU64::new(0),
            #[cfg(test)]
            writes_left: u64::MAX.into(),
        })
    }

    /// Makes everything written so far durable: sled writes it out, then the file is synced through a
    /// handle of our own, because sled's own flush stops short of the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.engine(|open| open.db.flush())?;
        let failed = |error: std::io::Error| self.failed(error.to_string());
        File::open(self.path.join("db")).and_then(|file| file.sync_data()).map_err(failed)?;
        let blobs = self.path.join("blobs");
        for blob in std::fs::read_dir(&blobs).into_iter().flatten() {
            blob.and_then(|blob| File::open(blob.path())?.sync_data()).map_err(failed)?;
        }
        File::open(&self.path).and_then(|dir| dir.sync_all()).map_err(failed)
    }

    pub(super) fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.engine(|open| open.db.size_on_disk())
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.count_read();
        self.engine(|open| open.tree(table).get(key))?.map(|value| unseal(key, value)).transpose()
    }

    /// The last entry in a range of keys.
    pub(super) fn last(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> Result<Option<(Vec<u8>, Bytes)>, StoreError> {
        match self.engine(|open| open.tree(table).range(from..=to).next_back().transpose())? {
            Some((key, value)) => Ok(Some((key.to_vec(), unseal(&key, value)?))),
            None => Ok(None),
        }
    }

    /// Walks a range of keys backwards, for as long as `each` says so.
    pub(super) fn walk_back(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        mut each: impl FnMut(&[u8], Bytes) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut range = self.engine(|open| Ok(open.tree(table).range::<&[u8], _>((from, to))))?;
        while let Some((key, value)) = self.engine(|_| range.next_back().transpose())? {
            let value = unseal(&key, value)?;
            if !each(&key, value)? {
                break;
            }
        }
        Ok(())
    }

    /// Walks a range of keys in order, for as long as `each` says so.
    pub(super) fn walk(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        mut each: impl FnMut(&[u8], Bytes) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut range = self.engine(|open| Ok(open.tree(table).range::<&[u8], _>((from, to))))?;
        while let Some((key, value)) = self.engine(|_| range.next().transpose())? {
            self.count_read();
            let value = unseal(&key, value)?;
            if !each(&key, value)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes in the order given, one by one: sled's batches cost several small writes to the file each, and what a
    /// crash leaves of a group is made whole by the replay from the checkpoint.
    pub(super) fn write(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.engine(|open| {
            for write in writes {
                #[cfg(test)]
                self.may_write()?;
                match write {
                    Write::Set(table, key, value) => drop(open.tree(table).insert(key, seal(&value))?),
                    Write::Remove(table, key) => drop(open.tree(table).remove(key)?),
                }
            }
            Ok(())
        })
    }

    #[allow(clippy::unused_self, reason = "tests count")]
    fn count_read(&self) {
        #[cfg(test)]
        self.entries_read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    #[cfg(test)]
    fn may_write(&self) -> sled::Result<()> {
        use std::sync::atomic::Ordering::Relaxed;
        let left = self.writes_left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| sled::Error::Unsupported("cut short".to_owned()))
    }

    fn engine<T>(&self, call: impl FnOnce(&Open) -> sled::Result<T>) -> Result<T, StoreError> {
        let Some(open) = &self.open else { return Err(self.failed("it is closed".to_owned())) };
        guarded(|| call(open)).map_err(|problem| self.failed(problem))
    }

    fn failed(&self, problem: String) -> StoreError {
        StoreError::Engine { path: self.path.clone(), problem }
    }
}

impl Open {
    #[allow(clippy::indexing_slicing, reason = "one tree a table, opened together")]
    fn tree(&self, table: Table) -> &sled::Tree {
        &self.trees[table as usize]
    }
}

/// Runs a call into sled; its panics become errors, since it panics on some damaged files.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(format!("the engine panicked: {text}"))
        }
    }
}

/// A crash while sled writes a snapshot leaves a file that keeps it from ever opening again.
fn remove_unfinished_snapshots(path: &Path) -> std::io::Result<()> {
    let Ok(entries) = std::fs::read_dir(path) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn seal(value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(CHECKSUM_BYTES + value.len());
    sealed.extend_from_slice(&crc32c::crc32c(value).to_le_bytes());
    sealed.extend_from_slice(value);
    sealed
}

fn unseal(key: &[u8], sealed: sled::IVec) -> Result<Bytes, StoreError> {
    let Some((checksum, value)) = sealed.split_first_chunk::<CHECKSUM_BYTES>() else {
        return Err(StoreError::damaged(key, "shorter than its checksum"));
    };
    if u32::from_le_bytes(*checksum) != crc32c::crc32c(value) {
        return Err(StoreError::damaged(key, "its checksum is wrong"));
    }
    Ok(Bytes::from_owner(sealed).slice(CHECKSUM_BYTES..))
}
