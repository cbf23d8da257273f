//! What callers ask the committer for, and what it answers.

use std::sync::Arc;

use bytes::Bytes;

use super::Error;
use crate::domain::{
    Alias, Caller, Derived, Digest, Etag, Name, Namespace, RequestKey, Revision, SourceId, Version, Waiver,
    WriteOutcome,
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
    /// Findings that it is let in with.
    pub waivers: Vec<Waiver>,
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
    /// At one revision, all or nothing. In a batch the error names the operation that failed.
    Write { operations: Vec<Operation>, is_batch: bool },
    /// What a folder brings.
    Import(Import),
    /// Raises the floor.
    Compact(Revision),
}

/// One write.
#[derive(Debug)]
pub(super) enum Operation {
    Put { namespace: Namespace, draft: Arc<Draft>, etag: Option<Etag>, create_only: bool },
    Delete { namespace: Namespace, name: Name, etag: Option<Etag> },
    SetAlias(AliasTarget, Version),
    DeleteAlias(AliasTarget),
    Purge { namespace: Namespace, name: Name, version: Version },
}

/// An alias of a persona, and what a caller believes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTarget {
    /// The persona's namespace.
    pub namespace: Namespace,
    /// The persona.
    pub name: Name,
    /// The alias.
    pub alias: Alias,
    /// The version that it must name now; 0: there must be none. None: whatever it is.
    pub expected: Option<Version>,
}

impl Proposal {
    /// Bytes of documents in it, by which groups are bounded.
    pub(super) fn size(&self) -> usize {
        match &self.action {
            Action::Write { operations, .. } => operations.iter().map(Operation::size).sum(),
            Action::Import(import) => import.files.iter().map(|file| file.draft.content.len()).sum(),
            Action::Compact(_) => 0,
        }
    }

    /// Whether bytes are to be gone from the disk once it is answered.
    pub(super) fn purges(&self) -> bool {
        let Action::Write { operations, .. } = &self.action else { return false };
        !self.validate_only && operations.iter().any(|operation| matches!(operation, Operation::Purge { .. }))
    }
}

impl Operation {
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Put { draft, .. } => draft.content.len(),
            Self::Delete { .. } | Self::SetAlias(..) | Self::DeleteAlias(_) | Self::Purge { .. } => 0,
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

/// What a folder brings at once: at most [`limits::BATCH_OPERATIONS`](crate::domain::limits::BATCH_OPERATIONS) files
/// and names, the documents together at most [`limits::BATCH_BYTES`](crate::domain::limits::BATCH_BYTES).
#[derive(Debug, Clone)]
pub struct Import {
    /// The folder.
    pub source: SourceId,
    /// The namespace that it feeds.
    pub namespace: Namespace,
    /// Files, each with a name of its own.
    pub files: Vec<ImportFile>,
    /// Names that the folder brought once and has no file for any more, none of them among `files`.
    pub gone: Vec<Name>,
    /// What settles conflicts.
    pub on_conflict: OnConflict,
    /// Other folders that feed the namespace: what is gone from this one may have moved there.
    pub others: Vec<SourceId>,
}

/// What became of one file, or of a name whose file is gone.
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
    /// Both changed since the folder last brought it, or the registry had another one before: this is what it has, none
    /// where the persona is deleted.
    Conflict(Option<Digest>),
    /// The file is gone, and so is the persona now.
    Deleted,
    /// The file is gone, and the persona was gone already.
    Forgotten,
    /// The file is gone, and the persona stays.
    Kept(Kept),
}

/// Why a persona stays though its file is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The folder met it in the registry: it was created by another door.
    Foreign,
    /// It was changed by another door since the folder last brought it.
    Changed,
    /// Another folder has a file of that name: it is that one's now.
    Elsewhere,
}

/// What the committer answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Written(Written),
    Imported(Vec<ImportOutcome>),
    /// The floor now.
    Compacted(Revision),
}

pub(super) type Reply = Result<(Answer, Revision), Error>;

/// The outcomes of a write, one an operation.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// What was decided.
    pub outcomes: Vec<WriteOutcome>,
    /// They are the outcomes of an earlier request with this id.
    pub replayed: bool,
}

impl Written {
    /// The newest revision that the answer tells of.
    pub(super) fn revision(&self) -> Revision {
        self.outcomes.iter().map(|outcome| outcome.revision).max().unwrap_or_default()
    }
}
