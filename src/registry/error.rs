//! Every way a call can fail, by what the caller should do next.

use crate::diagnostic::Diagnostic;
use crate::domain::{Etag, Name, Namespace, Revision, StoreId, Version};
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
    /// The persona has no such version.
    #[error(
        "persona {name} in namespace {namespace} has no version {version}; the last one is {last_version}"
    )]
    VersionNotFound {
        /// The persona's namespace.
        namespace: Namespace,
        /// The persona.
        name: Name,
        /// The version asked for.
        version: Version,
        /// The last version there was.
        last_version: Version,
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
    /// A revision or token of another store.
    #[error("this registry is store {store_id}; drop what was kept of the other one and start anew")]
    StoreMismatch {
        /// This store.
        store_id: StoreId,
    },
    /// Writes are refused until a restart.
    #[error("the registry takes no writes until it is restarted: {cause}")]
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

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { key, .. } => Self::Corrupt(key),
            // Paths and the engine's words are for the log, which has them.
            StoreError::Engine { .. } => Self::Corrupt("the view".to_owned()),
        }
    }
}

fn violations_text(violations: &[Violation]) -> String {
    let texts: Vec<_> = violations.iter().map(|one| format!("{}: {}", one.field, one.description)).collect();
    texts.join("; ")
}

fn invalid_text(rejected: &Rejected) -> String {
    let blocking: Vec<_> = rejected.diagnostics.iter().filter(|found| found.blocks_storing()).collect();
    let first = blocking.first().map(|found| format!(", first {}: {}", found.code, found.message));
    let noun = if blocking.len() == 1 { "finding blocks" } else { "findings block" };
    format!("{} {noun} storing{}", blocking.len(), first.unwrap_or_default())
}

fn names_text(names: &[Name], count: usize) -> String {
    let listed: Vec<_> = names.iter().map(Name::as_str).collect();
    let more = if count > names.len() { ", …" } else { "" };
    format!("{}{more}", listed.join(", "))
}

fn deleted_text(last_version: &Option<Version>) -> String {
    let text = |last| format!(" now: it was deleted; its versions up to {last} are still read by number");
    last_version.map(text).unwrap_or_default()
}

fn current_text(current: &Option<Etag>) -> String {
    current.map_or_else(|| "there is none".to_owned(), |etag| format!("it is at {etag}"))
}
