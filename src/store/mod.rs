//! The materialised view that reads come from: rows by revision, heads, the change log and the records
//! that make retries safe. The journal is the truth; everything here can be made again from it.

mod apply;
mod check;
mod dir;
mod document;
mod history;
mod index;
mod keys;
pub mod migrate;
#[cfg(test)]
mod properties;
mod prune;
mod read;
mod rows;
mod sled;
pub mod snapshot;
mod verify;

use std::path::{Path, PathBuf};

pub use dir::{Checkpoint, DataDir, DirError};
pub use history::{Entry, VersionState};
pub use index::Candidates;
pub use prune::Pruned;
pub use read::{LogChange, LogEntry, LogKind};
pub use rows::Head;
pub use verify::Totals;

use crate::domain::{Sequence, StoreId};
use crate::record::DecodeError;

/// What a view is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of pages that the view keeps in memory. Default 1 GiB.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 1024 * 1024 * 1024 }
    }
}

/// Why the view cannot answer. None of these is the caller's doing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A value fails its checksum or is no record.
    #[error("the stored value of {key} is damaged: {problem}")]
    Damaged {
        /// Which key, readable.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The engine below failed or panicked.
    #[error("the view {path} cannot be used: {problem}")]
    Engine {
        /// The view's directory.
        path: PathBuf,
        /// In the engine's words.
        problem: String,
    },
}

impl StoreError {
    fn damaged(key: &[u8], problem: impl ToString) -> Self {
        let key: String = String::from_utf8_lossy(key).chars().take(160).collect();
        Self::Damaged { key: key.escape_debug().to_string(), problem: problem.to_string() }
    }

    fn record(key: &[u8]) -> impl FnOnce(DecodeError) -> Self + '_ {
        move |problem| Self::damaged(key, problem)
    }
}

/// The view. Reads may run beside the one writer; rows newer than the revision that a reader asks for are
/// invisible to it.
#[derive(Debug)]
pub struct Store {
    tables: self::sled::Tables,
}

/// How far a view is: which history, and the last journal record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The history that it shows.
    pub store_id: StoreId,
    /// The last journal record applied.
    pub sequence: Sequence,
}

impl Store {
    /// Opens the view in this directory, or makes an empty one.
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        Ok(Self { tables: self::sled::Tables::open(path, options.cache_bytes)? })
    }

    /// Makes everything applied so far durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.tables.sync()
    }

    /// Bytes that the view takes on disk.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.tables.size_on_disk()
    }

    /// Entries read of all tables so far.
    #[cfg(test)]
    pub(crate) fn entries_read(&self) -> u64 {
        self.tables.entries_read.load(std::sync::atomic::Ordering::Relaxed)
    }
}
