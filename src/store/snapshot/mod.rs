//! A whole view in one file: what takes the place of old journal files, and what a backup is.
//!
//! The tables are walked while writes go on, so entries of one file may be of different moments behind the place at which it
//! was begun. The commits since that place follow them, and applied over the entries they leave the view of one moment.

mod dump;
mod files;
mod frame;
mod load;
mod reader;
mod writer;

use std::io;

pub use files::SnapshotFile;
pub use reader::{Reader, check};
pub use writer::Writer;

use super::StoreError;
use super::migrate::MigrateError;
use crate::domain::{Revision, Sequence, StoreId, Timestamp};

/// What the first bytes of a snapshot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The schema of its entries.
    pub schema: u32,
    /// The history that it is of.
    pub store_id: StoreId,
    /// Every entry is as it was at this record or later.
    pub sequence: Sequence,
    /// The revision there.
    pub revision: Revision,
    /// The floor there.
    pub floor: Revision,
    /// When it was begun.
    pub time: Timestamp,
    /// Bytes of a purged version may stand elsewhere: what is made of it has to see to that.
    pub unpurged: bool,
}

/// What the last bytes of a snapshot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// The record that it shows.
    pub sequence: Sequence,
    /// The revision there.
    pub revision: Revision,
    /// Entries of tables in it.
    pub entries: u64,
    /// Commits behind them.
    pub commits: u64,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// Why a snapshot was not written or is not read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is not what was written.
    #[error("it is not sound at byte {offset}: {problem}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// A newer program wrote it.
    #[error("it was written in format {0}, by a newer version of the registry; use that version")]
    Newer(u32),
    /// The file or stream gave up.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The view gave up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its schema cannot be brought to this program's.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Somebody said to stop.
    #[error("it was given up")]
    Cancelled,
}

#[cfg(test)]
mod tests;
