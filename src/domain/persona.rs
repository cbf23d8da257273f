//! A stored persona: one version of one document, immutable, with the fields derived when it was put.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Alias, Dialect, Digest, Etag, Field, Name, Namespace, Principal, Revision, SourceId, Timestamp, Version,
};

/// One version of one persona. Immutable for a (store, namespace, name, version).
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// The set it belongs to.
    pub namespace: Namespace,
    /// Its identity in the namespace.
    pub name: Name,
    /// This version's number.
    pub version: Version,
    /// The commit that made this version.
    pub revision: Revision,
    /// Digest of `content`.
    pub digest: Digest,
    /// When it was committed.
    pub create_time: Timestamp,
    /// Who put it.
    pub actor: Principal,
    /// What the writer said about the change; may be empty.
    pub message: String,
    /// Which door it came by.
    pub origin: Origin,
    /// What was read from the document, frozen when it was put.
    pub derived: Derived,
    /// Bytes of the document, also where `content` was not asked for.
    pub size: u32,
    /// The document, byte for byte as given; empty where a read did not ask for it.
    pub content: Bytes,
    /// The document is gone for good, and what was read from it.
    pub purged: bool,
    /// Findings that the document was let in with, each once.
    pub waivers: Vec<Waiver>,
}

/// A finding that a document carries knowingly. It holds for that document and for no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule's code, such as `SEC405`.
    pub rule: String,
    /// Why it may; 1 to [`limits::WAIVER_BYTES`](super::limits::WAIVER_BYTES) bytes.
    pub reason: String,
}

impl Persona {
    /// The strong validator of this version.
    #[must_use]
    pub fn etag(&self) -> Etag {
        Etag::new(self.version, &self.digest)
    }
}

/// A waiver together with the document that it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundWaiver {
    /// Digest of the document.
    pub digest: Digest,
    /// What it waives.
    pub waiver: Waiver,
}

impl BoundWaiver {
    /// Those that hold for a document with this digest.
    #[must_use]
    pub fn holding_for(all: &[Self], digest: Digest) -> Vec<Waiver> {
        all.iter().filter(|bound| bound.digest == digest).map(|bound| bound.waiver.clone()).collect()
    }
}

/// Fields read from a document. A pure function of its bytes, path, dialect and the reader's version.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The name as the author wrote it; may hold capitals and blanks.
    pub display_name: String,
    /// What the persona is for and when to use it; at most 8 KiB when stored.
    pub description: String,
    /// The mark that answers start with, such as `[BE-ENGINEER]`.
    pub tag: Option<String>,
    /// The kind of file.
    pub dialect: Dialect,
    /// Key and value from the front matter's `labels`.
    pub labels: BTreeMap<String, String>,
    /// The model asked for, where given.
    pub model: Option<String>,
    /// The tools granted, in one normal form, where given.
    pub tools: Vec<String>,
    /// Every front matter key, in order.
    pub front_matter: Vec<(String, Field)>,
    /// Headings of the body, in document order; at most 256, three levels.
    pub outline: Vec<Section>,
    /// The Interaction Protocol, where the document has one.
    pub interaction: Option<Interaction>,
    /// Where the body begins in the content, in bytes: everything before is front matter with its fences.
    pub body_offset: u32,
    /// A rough count of model tokens in the whole document.
    pub token_estimate: u32,
    /// What bodies of one text have in common; none: it is empty, or the version is older than the mark.
    pub body_mark: Option<BodyMark>,
}

/// The first bytes of SHA-256 of a body without the white space around it: leads to bodies that may be the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyMark(pub u64);

impl BodyMark {
    /// The mark of a body; none: there is nothing in it.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Self> {
        let body = body.trim_ascii();
        let first = *Digest::of(body).0.first_chunk()?;
        Some(Self(u64::from_be_bytes(first))).filter(|_| !body.is_empty())
    }
}

impl Derived {
    /// What is left when a document is gone.
    #[must_use]
    pub fn nothing(dialect: Dialect) -> Self {
        Self {
            display_name: String::new(),
            description: String::new(),
            tag: None,
            dialect,
            labels: BTreeMap::new(),
            model: None,
            tools: Vec::new(),
            front_matter: Vec::new(),
            outline: Vec::new(),
            interaction: None,
            body_offset: 0,
            token_estimate: 0,
            body_mark: None,
        }
    }
}

/// One heading of the body and what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading's text without markup and numbering; at most 256 bytes.
    pub title: String,
    /// 1 to 3.
    pub level: u8,
    /// Address of the section: slugs from the outermost heading below the title, joined by `/`.
    pub path: String,
    /// First byte of the heading, counted in the body.
    pub start: u32,
    /// One past the last byte of the section, subsections included, counted in the body.
    pub end: u32,
}

/// What the persona expects and what it gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interaction {
    /// What it wants to be given.
    pub input: String,
    /// What it answers with.
    pub output: String,
}

/// Which door a version came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A call over the wire.
    Api,
    /// A file of a seeded folder.
    File {
        /// The folder's identity.
        source: SourceId,
        /// Path relative to the folder, `/`-separated.
        path: String,
    },
}

/// That a persona was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The set it belonged to.
    pub namespace: Namespace,
    /// Its identity in the namespace.
    pub name: Name,
    /// The last version before the deletion; the next put makes the one after it.
    pub last_version: Version,
    /// The commit that deleted it.
    pub revision: Revision,
    /// When it was deleted.
    pub time: Timestamp,
    /// Who deleted it.
    pub actor: Principal,
    /// Why, in the words of who did it; may be empty.
    pub message: String,
    /// The aliases that it had, and that went with it.
    pub aliases: Vec<Alias>,
}

/// That an alias was pointed at a version, or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasMove {
    /// The set that the persona belongs to.
    pub namespace: Namespace,
    /// The persona.
    pub name: Name,
    /// The alias.
    pub alias: Alias,
    /// The version that it names from here on; none: it is removed.
    pub version: Option<Version>,
    /// The commit that moved it.
    pub revision: Revision,
    /// When it was moved.
    pub time: Timestamp,
    /// Who moved it.
    pub actor: Principal,
    /// What was said about it; may be empty.
    pub message: String,
}

/// That the bytes of a version were removed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// The set that the persona belongs to.
    pub namespace: Namespace,
    /// The persona.
    pub name: Name,
    /// The version whose bytes go.
    pub version: Version,
    /// The commit that had made that version.
    pub made: Revision,
    /// The commit that purged it.
    pub revision: Revision,
    /// When.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Principal,
    /// Why; may be empty.
    pub message: String,
}

/// How much of a persona an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// Everything but the document itself.
    Basic,
    /// Everything.
    Full,
}
