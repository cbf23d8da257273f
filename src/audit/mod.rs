//! The audit log: who did what and when, in append-only files of hashed lines, each line bound to the one before it.
//!
//! Nothing is known here of where records come from; `docs/audit.md` draws a line and says what the chain proves.

mod chain;
mod files;
mod moment;
mod open;
mod reader;
mod record;
mod verify;
mod writer;

use std::io;
use std::path::PathBuf;

pub use chain::Link;
pub use open::{Hole, Opened};
pub use reader::{Filter, Mark, Page, Reader};
pub use record::{Action, Place, Record};
pub use verify::{Verified, verify};
pub use writer::Log;

/// How the log behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A file takes no further record that would make it longer than this, in bytes. Default 16 MiB.
    pub segment_bytes: u64,
    /// The oldest files go while all of them have more than this, in bytes; 0: none ever does. Default 1 GiB.
    pub max_bytes: u64,
    /// Refused calls that are written in a second; what is more is counted. Default 50.
    pub refusals_per_second: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, max_bytes: 1 << 30, refusals_per_second: 50 }
    }
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be used: {path}: {source}", path = path.display())]
pub struct OpenError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl OpenError {
    /// Whether it is only room that lacks.
    #[must_use]
    pub fn is_full(&self) -> bool {
        files::is_full(&self.source)
    }
}

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No room. Nothing of what is missing was written; the log stays usable.
    #[error("the disk has no room for the audit log; free some space")]
    Full,
    /// What is on the disk is not known; the log takes nothing more until it is opened anew.
    #[error("the audit log could not be written: {0}")]
    Failed(#[source] io::Error),
}
