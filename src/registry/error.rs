//! Every way a call can fail, by what the caller should do next.

mod words;

use self::words::{
    alias_text, current_text, deleted_text, denied_text, invalid_text, names_text, use_text, version_text,
    violations_text,
};
use crate::diagnostic::Diagnostic;
use crate::domain::{Alias, Denied, Etag, Name, Namespace, Revision, StoreId, Version};
use crate::store::StoreError;

/// A field of a request outside its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as the proto names it.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

impl Violation {
    /// A violation of this field.
    #[must_use]
    pub fn new(field: &str, description: impl Into<String>) -> Self {
        Self { field: field.to_owned(), description: description.into() }
    }
}

/// Why a call failed. Each variant has one code and one reason on the wire.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller may not do that. Decided before anything is looked up.
    #[error("{}", denied_text(.0))]
    PermissionDenied(Denied),
    /// A name breaks the grammar, or request and document disagree about it.
    #[error("{}: {}", .0.field, .0.description)]
    NameInvalid(Violation),
    /// Other fields are outside their range.
    #[error("{}", violations_text(.0))]
    ArgumentInvalid(Vec<Violation>),
    /// The document has findings that block storing.
    #[error("{}", invalid_text(.0))]
    PersonaInvalid(Box<Rejected>),
    /// The document is over the limit.
    #[error("the document has {size_bytes} bytes; at most {limit_bytes} are stored", limit_bytes = crate::domain::limits::DOCUMENT_BYTES)]
    PersonaTooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// The personas asked for do not fit into one answer.
    #[error("the personas do not fit into one answer of {limit_bytes} bytes; the first {fit} do", limit_bytes = crate::domain::limits::RESPONSE_BYTES)]
    BatchTooLarge {
        /// How many of the names asked for do.
        fit: usize,
    },
    /// The documents of a batch are over the limit together.
    #[error("the documents of the batch have {size_bytes} bytes together; at most {limit_bytes} are taken; send them in several batches", limit_bytes = crate::domain::limits::BATCH_BYTES)]
    BatchBytes {
        /// Their size.
        size_bytes: usize,
    },
    /// An operation of a batch failed, and so nothing of it was done.
    #[error("operation {index}: {error}; nothing of the batch was done")]
    Operation {
        /// Which one, from 0.
        index: usize,
        /// Why.
        error: Box<Error>,
    },
    /// The filter is not one.
    #[error("filter: {description} at byte {position}")]
    FilterInvalid {
        /// Where it goes wrong, in bytes from the beginning.
        position: usize,
        /// What is wrong there and what belongs there.
        description: String,
    },
    /// A page token that is damaged or of another listing.
    #[error("page_token {0}; list again from the start, without a token")]
    PageTokenInvalid(&'static str),
    /// A resume token that is damaged or of another selection.
    #[error("resume_token {0}; watch again from the start, without a token")]
    ResumeTokenInvalid(&'static str),
    /// One request id, two requests.
    #[error(
        "request_id {request_id:?} was used for another request; give every new request an id of its own"
    )]
    RequestIdReused {
        /// The id.
        request_id: String,
    },
    /// There is no such persona.
    #[error("there is no persona {name} in namespace {namespace}{}", deleted_text(.last_version))]
    PersonaNotFound {
        /// Where it was looked for.
        namespace: Namespace,
        /// What was looked for.
        name: Name,
        /// The last version of a persona that was deleted.
        last_version: Option<Version>,
    },
    /// Some of a batch are not there.
    #[error("{count} of the personas are not in namespace {namespace}: {}", names_text(.names, *.count))]
    PersonasNotFound {
        /// Where they were looked for.
        namespace: Namespace,
        /// How many are missing.
        count: usize,
        /// The first of them.
        names: Vec<Name>,
    },
    /// The persona has no such version that could be read.
    #[error("persona {name} in namespace {namespace} {}", version_text(*.cause, *.version, *.last_version))]
    VersionNotFound {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// The version asked for.
        version: Version,
        /// The last version there was.
        last_version: Version,
        /// Why it cannot be read.
        cause: Unreadable,
    },
    /// The persona has no such alias.
    #[error(
        "persona {name} in namespace {namespace} has no alias {alias}; ListPersonaAliases tells which it has"
    )]
    AliasNotFound {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// The alias asked for.
        alias: Alias,
    },
    /// Some of a batch have no such alias.
    #[error("{count} of the personas in namespace {namespace} have no alias {alias}: {}", names_text(.names, *.count))]
    AliasesNotFound {
        /// Where they were looked for.
        namespace: Namespace,
        /// The alias asked for.
        alias: Alias,
        /// How many have none.
        count: usize,
        /// The first of them.
        names: Vec<Name>,
    },
    /// The version has no such section.
    #[error(
        "version {version} of persona {name} in namespace {namespace} has no section {section:?}; its outline tells which it has"
    )]
    SectionNotFound {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// The version read.
        version: Version,
        /// The section asked for.
        section: String,
    },
    /// The alias is not where it was expected to be.
    #[error("alias {alias} of persona {name} in namespace {namespace} is not where it was expected; {}; look again and redo the move", alias_text(*.current))]
    AliasMoved {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// The alias.
        alias: Alias,
        /// The version that it names now; 0: there is none.
        current: Version,
    },
    /// The version cannot be purged while it is in use.
    #[error("version {version} of persona {name} in namespace {namespace} is in use: {}", use_text(.aliases))]
    VersionInUse {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// The version.
        version: Version,
        /// Aliases that name it; none: it is the newest version.
        aliases: Vec<Alias>,
    },
    /// create_only, and it exists.
    #[error("persona {name} exists already in namespace {namespace}")]
    PersonaExists {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// Its etag now.
        etag: Etag,
    },
    /// It changed since the etag was read.
    #[error("persona {name} in namespace {namespace} is not at the etag given; {}; read it again and redo the change", current_text(.current))]
    EtagMismatch {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// Its etag now; none when there is no such persona.
        current: Option<Etag>,
    },
    /// A revision that was asked for, by itself or in a token, is above the head.
    #[error("the revision asked for is above the registry's, {revision}")]
    RevisionInFuture {
        /// The head.
        revision: Revision,
    },
    /// A revision that was asked for, by itself or in a token, is below the floor.
    #[error(
        "what was there at that revision is compacted; the oldest revision that can be read as of is {floor}"
    )]
    RevisionCompacted {
        /// The floor.
        floor: Revision,
    },
    /// A revision or token of another store.
    #[error("this registry is store {store_id}; drop what was kept of the other one and start anew")]
    StoreMismatch {
        /// This store.
        store_id: StoreId,
    },
    /// Writes are refused until a restart.
    #[error("the registry takes no writes: {cause}")]
    ReadOnly {
        /// Why.
        cause: String,
    },
    /// A stored record is damaged and could not be mended.
    #[error("a stored record is damaged: {0:?}")]
    Corrupt(String),
    /// Too many calls wait.
    #[error("more writes wait than the registry lets wait; try again shortly")]
    Overloaded,
    /// Something that is done once at a time is being done, or was given up for something that goes before it.
    #[error("{0}; try again shortly")]
    Busy(&'static str),
    /// Too many streams.
    #[error("the registry serves {limit} watch streams already")]
    TooManyWatches {
        /// The limit.
        limit: usize,
    },
    /// The disk is full.
    #[error("the disk is full: nothing was written; free some space, reads go on meanwhile")]
    StoreFull {
        /// What is left.
        free_bytes: u64,
    },
    /// The server is going away.
    #[error("the server is shutting down")]
    Draining,
    /// The write may or may not have happened.
    #[error("the write may or may not have happened; a retry with the same request_id tells")]
    OutcomeUnknown,
    /// A fault of the registry.
    #[error("{0}")]
    Internal(String),
}

/// Why a version cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// There never was such a version.
    Never,
    /// It is newer than the revision asked for.
    Later,
    /// Compaction removed it.
    Pruned,
    /// Its bytes were purged.
    Purged,
}

impl Unreadable {
    /// The word for it in metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Later => "later",
            Self::Pruned => "pruned",
            Self::Purged => "purged",
        }
    }
}

/// A document that may not be stored, with what is needed to show why.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// All findings, those that do not block included.
    pub diagnostics: Vec<Diagnostic>,
    /// The document.
    pub content: bytes::Bytes,
}

impl Error {
    /// One field outside its range.
    #[must_use]
    pub fn argument(field: &str, description: impl Into<String>) -> Self {
        Self::ArgumentInvalid(vec![Violation::new(field, description)])
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::PermissionDenied(denied)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { key, .. } => Self::Corrupt(key),
            // Paths and the engine's words are for the log, which has them.
            StoreError::Engine { .. } => Self::Corrupt("the view".to_owned()),
        }
    }
}
