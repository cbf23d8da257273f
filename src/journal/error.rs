//! What can go wrong with a journal, in words that say where and what to do.

use std::io;
use std::path::PathBuf;

use crate::domain::{Sequence, StoreId};
use crate::record::DecodeError;

/// An error of the code that a replay feeds.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a group was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No room for the whole group. Nothing was appended; the journal stays usable.
    #[error("the disk has no room for the journal; nothing was written; free some space and try again")]
    Full,
    /// The outcome is unknown, and the journal takes nothing more until it is opened anew.
    #[error(
        "the journal could not be written; whether the last commits are kept shows at the next start: {0}"
    )]
    Failed(#[source] io::Error),
    /// The group does not continue the journal. Nothing was appended; a bug of the caller.
    #[error("commit {given} was given where {expected} belongs, or its revision goes back")]
    OutOfOrder {
        /// The sequence that comes next.
        expected: Sequence,
        /// The sequence that was given.
        given: Sequence,
    },
    /// A commit exceeds what a record can hold. Nothing was appended.
    #[error("commit {sequence} encodes to {bytes} bytes; a journal record holds at most {max}", max = super::MAX_PAYLOAD)]
    TooLarge {
        /// Which commit.
        sequence: Sequence,
        /// Its encoded size.
        bytes: usize,
    },
}

/// Why a journal was not opened. Nothing was changed on disk unless it is [`OpenError::Io`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Records that had been acknowledged are damaged or missing.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The file system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A record is damaged or missing.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The records asked for have been let go of.
    #[error(
        "the journal begins at record {oldest}; what came after {after} and before that is in a snapshot"
    )]
    Trimmed {
        /// The first sequence held.
        oldest: Sequence,
        /// Where the replay was to begin.
        after: Sequence,
    },
    /// The file system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The receiver refused a commit.
    #[error("commit {sequence} could not be applied: {source}")]
    Receiver {
        /// Which commit.
        sequence: Sequence,
        /// Why.
        source: BoxError,
    },
}

/// Where the journal is damaged, and what that means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "journal file {path} is not sound at byte {offset}, where record {sequence} belongs: {problem}. {advice}",
    path = path.display(),
    advice = problem.advice(),
)]
pub struct Corruption {
    /// The file; the directory when a file is missing.
    pub path: PathBuf,
    /// Byte offset in the file.
    pub offset: u64,
    /// The first record that cannot be read.
    pub sequence: Sequence,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong at a place of the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A record, and one behind it proves that it had been synced.
    #[error("the record {0}, though record {1}, which was written after it was safe, is there")]
    Record(&'static str, Sequence),
    /// A whole record of another place.
    #[error("record {0} stands there")]
    OutOfPlace(Sequence),
    /// Sound by checksum, yet no commit.
    #[error("{0}")]
    Undecodable(#[from] DecodeError),
    /// The first bytes of the file.
    #[error("the file header {0}")]
    Header(&'static str),
    /// The header is sound and of another format.
    #[error("it was written in format {0}, by a newer version of the registry")]
    Newer(u32),
    /// The file is of another history.
    #[error("it belongs to store {found}, and this one is store {expected}")]
    ForeignStore {
        /// The store that the file names.
        found: StoreId,
        /// The store that was expected.
        expected: StoreId,
    },
    /// Records between two files are not there.
    #[error("the records before record {0} are missing")]
    Missing(Sequence),
    /// The journal ends before what the view has already applied.
    #[error("the journal ends there, though records up to {0} had been acknowledged")]
    Behind(Sequence),
}

impl Problem {
    /// What the operator should do.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Newer(_) => "Start the version that wrote it; nothing was changed.",
            Self::ForeignStore { .. } => {
                "Put every journal file back beside the store it came from; nothing was changed."
            }
            Self::Behind(_) => {
                "If it last ran with relaxed durability and the power failed, those writes are what that gives \
                 up: start it once with --durability=relaxed. Otherwise keep a copy of the data directory, then \
                 put the file back from a copy of the disk, or restore the newest backup."
            }
            _ => {
                "Acknowledged writes would be lost if it were skipped, so the registry does not start on it and \
                 nothing was changed. Keep a copy of the data directory, then put the file back from a copy of \
                 the disk, or restore the newest backup."
            }
        }
    }
}
