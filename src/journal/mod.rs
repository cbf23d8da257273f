//! The order of commits and their durability: what was acknowledged is here, whole, in order, or an error says
//! where it is not. Nothing is known here of what a commit means.
//!
//! [`Journal`] is the promise; [`LocalJournal`] keeps it in synced append-only files of one directory, which
//! `docs/storage.md` draws byte by byte.

mod error;
mod file;
mod frame;
mod judge;
mod local;
mod open;
mod records;
mod scan;
mod segment;

use crate::domain::{Commit, Revision, Sequence, StoreId};

pub use error::{AppendError, BoxError, Corruption, OpenError, Problem, ReplayError};
pub use file::{Directory, File, Storage};
pub use frame::MAX_PAYLOAD;
pub use local::LocalJournal;
pub use open::{Known, Opened, TornTail};
pub use records::Records;

/// The order of all commits. One writer; a group is appended whole and in order.
pub trait Journal: Send {
    /// Appends one group and returns once it is durable: one data sync for the group, none with
    /// [`Durability::Relaxed`]. Sequences go on from [`Journal::last`] without a gap, revisions never fall.
    /// After [`AppendError::Failed`] the outcome of this group is unknown and every later append fails too.
    fn append(&mut self, group: &[Commit]) -> Result<(), AppendError>;

    /// Makes durable what was appended so far. Does nothing when all of it is. A failure is final.
    fn sync(&mut self) -> Result<(), AppendError>;

    /// The newest record that was appended.
    fn last(&self) -> Position;

    /// The first sequence still held; one past [`Journal::last`] when none is.
    fn oldest(&self) -> Sequence;

    /// Which history this is.
    fn store_id(&self) -> StoreId;

    /// Calls `each` with every commit after `after`, in order, checking each record on the way.
    fn replay(
        &self,
        after: Sequence,
        each: &mut dyn FnMut(Commit) -> Result<(), BoxError>,
    ) -> Result<(), ReplayError>;

    /// What is held now, to be read on another thread.
    fn records(&self) -> Records;

    /// Bytes of the files that are written no more.
    fn sealed_bytes(&self) -> u64;

    /// Begins a new file, so that everything appended so far can be let go of.
    fn seal(&mut self) -> Result<(), AppendError>;

    /// Lets go of records up to and including `through`, as far as that frees whole files. Call it only when a
    /// synced snapshot of the view covers them. Answers the first sequence still held.
    fn trim(&mut self, through: Sequence) -> Result<Sequence, AppendError>;
}

/// A place in the journal and the registry's revision there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The record's sequence; 0 before the first.
    pub sequence: Sequence,
    /// The revision after that record.
    pub revision: Revision,
}

/// What an acknowledged append survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process and the loss of power: every group is synced before it is acknowledged.
    #[default]
    Strict,
    /// The end of the process. What was appended since the last [`Journal::sync`] may go with the power.
    Relaxed,
}

/// How a journal on local files behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What an acknowledged append survives.
    pub durability: Durability,
    /// A segment file takes no further group that would make it longer than this, in bytes.
    pub segment_bytes: u64,
    /// How far ahead of the records zeros are written, in bytes: so a sync changes no metadata.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Strict, segment_bytes: 64 << 20, reserve_bytes: 4 << 20 }
    }
}
