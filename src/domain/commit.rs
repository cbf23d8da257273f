//! What the journal orders: commits, their changes, and the records that make retries safe.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{
    AliasMove, Digest, Name, Namespace, Persona, Principal, Purge, Revision, Sequence, Timestamp, Tombstone,
    Version,
};

/// One record of the journal: everything that one accepted write changed, all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Place in the journal.
    pub sequence: Sequence,
    /// The registry's revision after it. Equal to the one before when `changes` is empty.
    pub revision: Revision,
    /// When it was decided.
    pub time: Timestamp,
    /// Who wrote.
    pub principal: Principal,
    /// Which call wrote (`x-request-id`).
    pub call_id: Arc<str>,
    /// Changes to personas, one a name, in the order given.
    pub changes: Vec<Change>,
    /// Outcomes to repeat when a request id comes again.
    pub requests: Vec<RequestRecord>,
    /// What seeding last took from files.
    pub bases: Vec<SourceBase>,
    /// The floor from here on, where the commit raises it: what was superseded at or before it may go.
    pub floor: Option<Revision>,
}

/// What happened to one persona.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new version, on a name that had no live persona (`created`) or on one that had.
    Put {
        /// Whether the name had no live persona before.
        created: bool,
        /// The new version.
        persona: Arc<Persona>,
    },
    /// The persona is gone, its aliases with it; its versions stay readable by number.
    Delete(Tombstone),
    /// An alias was moved or removed.
    Alias(AliasMove),
    /// The bytes of a version are gone; what is live and what aliases name stays as it is.
    Purge(Purge),
}

impl Change {
    /// The namespace it touches.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        match self {
            Self::Put { persona, .. } => &persona.namespace,
            Self::Delete(tombstone) => &tombstone.namespace,
            Self::Alias(moved) => &moved.namespace,
            Self::Purge(purge) => &purge.namespace,
        }
    }

    /// The name it touches.
    #[must_use]
    pub fn name(&self) -> &Name {
        match self {
            Self::Put { persona, .. } => &persona.name,
            Self::Delete(tombstone) => &tombstone.name,
            Self::Alias(moved) => &moved.name,
            Self::Purge(purge) => &purge.name,
        }
    }
}

/// The methods that take a `request_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// PutPersona.
    Put,
    /// DeletePersona.
    Delete,
    /// SetPersonaAlias.
    SetAlias,
    /// DeletePersonaAlias.
    DeleteAlias,
    /// BatchWritePersonas.
    Batch,
    /// PurgePersonaVersion.
    Purge,
}

impl Method {
    /// The RPC's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "PutPersona",
            Self::Delete => "DeletePersona",
            Self::SetAlias => "SetPersonaAlias",
            Self::DeleteAlias => "DeletePersonaAlias",
            Self::Batch => "BatchWritePersonas",
            Self::Purge => "PurgePersonaVersion",
        }
    }
}

/// Identity of an idempotent request: principal, method and the client's id, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey(pub [u8; 32]);

impl RequestKey {
    /// The key of this principal's request.
    #[must_use]
    pub fn new(principal: &Principal, method: Method, request_id: &str) -> Self {
        let parts = [principal.as_str().as_bytes(), method.as_str().as_bytes(), request_id.as_bytes()];
        Self(Digest::of_parts(&parts).0)
    }
}

/// The recorded outcome of an idempotent request. Holds no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// Which request.
    pub key: RequestKey,
    /// Hash of the parsed request, to tell a retry from a reuse.
    pub payload: Digest,
    /// When it was decided; it is kept for at least 24 hours from then.
    pub time: Timestamp,
    /// What was answered, one an operation.
    pub outcomes: Vec<WriteOutcome>,
}

impl RequestRecord {
    /// The revision that the answer was true of: of a batch the newest among its outcomes.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.outcomes.iter().map(|outcome| outcome.revision).max().unwrap_or_default()
    }
}

/// What a write answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOutcome {
    /// The namespace written to.
    pub namespace: Namespace,
    /// The persona written.
    pub name: Name,
    /// Its version after the write; of a deletion the last version there was; of an alias the version that it names
    /// now, 0 where it was removed; of a purge the version purged.
    pub version: Version,
    /// The revision of the commit; for a write that changed nothing that of the state it found.
    pub revision: Revision,
    /// Digest of the stored document; only of a put.
    pub digest: Option<Digest>,
    /// The write changed nothing: no revision was taken and no event sent.
    pub unchanged: bool,
    /// The put made a persona that was not there before.
    pub created: bool,
    /// Of an alias, the version that it named before; 0: there was no such alias.
    pub previous: Version,
}

/// Identity of a seeded folder: stable over restarts.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// The folder with this identity.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a folder last brought for a name: the base of the three-way rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceBase {
    /// The folder.
    pub source: SourceId,
    /// Namespace that the folder feeds.
    pub namespace: Namespace,
    /// The persona.
    pub name: Name,
    /// What the folder last brought; none: that is forgotten, the file is gone and so is the persona.
    pub brought: Option<Brought>,
}

/// A file that a folder brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its path relative to the folder, `/`-separated; empty in what older programs recorded.
    pub path: String,
    /// Whether the folder created the persona, rather than met it in the registry.
    pub created: bool,
}

/// Names one history. Changes on a new store and on restore.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every answer has it: a formatted number for each byte took longer than looking its persona up.
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
        let digits = self.0.map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        out.write_str(std::str::from_utf8(digits.as_flattened()).unwrap_or_default())
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The text is no store id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a store id; a store id is 32 hex digits, as GetStatus and every response header show it"
)]
pub struct InvalidStoreId(pub String);

impl FromStr for StoreId {
    type Err = InvalidStoreId;
    fn from_str(text: &str) -> Result<Self, InvalidStoreId> {
        let invalid = || InvalidStoreId(text.chars().take(64).collect());
        let number = u128::from_str_radix(text, 16).map_err(|_| invalid())?;
        let id = Self(number.to_be_bytes());
        if id.to_string() == text { Ok(id) } else { Err(invalid()) }
    }
}
