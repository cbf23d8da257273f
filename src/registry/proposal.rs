//! What callers ask the committer for, and what it answers.

use std::sync::Arc;

use bytes::Bytes;

use super::Error;
use crate::domain::{
    Caller, Derived, Digest, Etag, Name, Namespace, RequestKey, Revision, SourceId, WriteOutcome,
};

/// A document that was read, judged and found storable.
#[derive(Debug)]
pub struct Draft {
    /// What it will be called.
    pub name: Name,
    /// What was read from it.
    pub derived: Derived,
    /// Digest of `content`.
    pub digest: Digest,
    /// The document, byte for byte.
    pub content: Bytes,
}

/// A write that waits for its turn.
#[derive(Debug)]
pub(super) struct Proposal {
    pub caller: Caller,
    pub request: Option<Idempotent>,
    pub validate_only: bool,
    pub message: String,
    pub action: Action,
}

/// The identity of a request that may come again.
#[derive(Debug, Clone)]
pub(super) struct Idempotent {
    pub id: String,
    pub key: RequestKey,
    pub payload: Digest,
}

#[derive(Debug)]
pub(super) enum Action {
    Put { namespace: Namespace, draft: Arc<Draft>, etag: Option<Etag>, create_only: bool },
    Delete { namespace: Namespace, name: Name, etag: Option<Etag> },
    Import { source: SourceId, namespace: Namespace, files: Vec<ImportFile>, on_conflict: OnConflict },
}

impl Proposal {
    /// Bytes of documents in it, by which groups are bounded.
    pub(super) fn size(&self) -> usize {
        match &self.action {
            Action::Put { draft, .. } => draft.content.len(),
            Action::Delete { .. } => 0,
            Action::Import { files, .. } => files.iter().map(|file| file.draft.content.len()).sum(),
        }
    }
}

/// A file of a seeded folder that was read, judged and found storable.
#[derive(Debug, Clone)]
pub struct ImportFile {
    /// Path relative to the folder, `/`-separated.
    pub path: String,
    /// What it holds.
    pub draft: Arc<Draft>,
}

/// What settles a conflict between a file and the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// Nothing: it is reported and both stay as they are.
    #[default]
    Report,
    /// The file.
    FileWins,
}

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It made the persona.
    Created,
    /// It gave the persona a new version.
    Updated,
    /// It is what this folder brought last time: whatever happened since stays.
    Unchanged,
    /// The registry had the same document by another door; from now on they move together.
    Adopted,
    /// Both changed since the folder last brought it, or the registry had another one before.
    Conflict,
}

/// What the committer answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Written(Written),
    Imported(Vec<ImportOutcome>),
}

pub(super) type Reply = Result<(Answer, Revision), Error>;

/// The outcome of a put or a deletion.
#[derive(Debug, Clone)]
pub struct Written {
    /// What was decided.
    pub outcome: WriteOutcome,
    /// It is the outcome of an earlier request with this id.
    pub replayed: bool,
}
