//! The values of every table: private protobuf structs, drawn field by field in `docs/storage.md`. Values of `Requests`
//! and `Bases` are the records of `record`; those of `Expiry` are empty.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::{Applied, StoreError};
use crate::domain::{
    Alias, Change, Digest, Etag, Name, Namespace, Revision, Sequence, StoreId, Timestamp, Version,
};

/// The newest state of a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Revision of its newest row.
    pub revision: Revision,
    /// The highest version there ever was; the counter that never goes back.
    pub last_version: Version,
    /// Digest and dialect word of the live document; none when deleted.
    pub live: Option<(Digest, String)>,
    /// Its aliases: the version that each names, and the revision that pointed it there.
    pub aliases: BTreeMap<Alias, (Version, Revision)>,
    /// The newest revision that moved or removed an alias of it.
    pub alias_revision: Revision,
}

impl Head {
    /// Digest of the live document, when the persona is live.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.live.as_ref().map(|(digest, _)| *digest)
    }

    /// The current etag, when the persona is live.
    #[must_use]
    pub fn etag(&self) -> Option<Etag> {
        self.live.as_ref().map(|(digest, _)| Etag::new(self.last_version, digest))
    }

    /// The state after a change to the name. Applied again over a newer state, all changes since end where they did.
    #[must_use]
    pub fn after(self, change: &Change, revision: Revision) -> Self {
        match change {
            Change::Put { persona, .. } => {
                let live = Some((persona.digest, persona.derived.dialect.to_string()));
                Self { revision, last_version: persona.version, live, ..self }
            }
            Change::Delete(tombstone) => {
                let last_version = tombstone.last_version;
                let alias_revision =
                    if tombstone.aliases.is_empty() { self.alias_revision } else { revision };
                Self { revision, last_version, live: None, aliases: BTreeMap::new(), alias_revision }
            }
            Change::Alias(moved) => {
                let mut aliases = self.aliases;
                match moved.version {
                    Some(version) => aliases.insert(moved.alias.clone(), (version, revision)),
                    None => aliases.remove(&moved.alias),
                };
                Self { aliases, alias_revision: revision, ..self }
            }
            Change::Purge(_) => self,
        }
    }
}

/// A value of `Heads`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeadRow {
    #[prost(uint64, tag = "1")]
    revision: u64,
    #[prost(uint64, tag = "2")]
    last_version: u64,
    /// 32 bytes; empty when deleted.
    #[prost(bytes = "vec", tag = "3")]
    digest: Vec<u8>,
    #[prost(string, tag = "4")]
    dialect: String,
    #[prost(message, repeated, tag = "5")]
    aliases: Vec<HeadAliasRow>,
    #[prost(uint64, tag = "6")]
    alias_revision: u64,
}

/// An alias of a `Heads` value.
#[derive(Clone, PartialEq, Message)]
struct HeadAliasRow {
    #[prost(string, tag = "1")]
    alias: String,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(uint64, tag = "3")]
    revision: u64,
}

impl From<&Head> for HeadRow {
    fn from(head: &Head) -> Self {
        let (digest, dialect) = match &head.live {
            Some((digest, dialect)) => (digest.0.to_vec(), dialect.clone()),
            None => (Vec::new(), String::new()),
        };
        let aliases = head.aliases.iter().map(|(alias, (version, revision))| HeadAliasRow {
            alias: alias.to_string(),
            version: version.0,
            revision: revision.0,
        });
        Self {
            revision: head.revision.0,
            last_version: head.last_version.0,
            digest,
            dialect,
            aliases: aliases.collect(),
            alias_revision: head.alias_revision.0,
        }
    }
}

impl HeadRow {
    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Head, StoreError> {
        let row = Self::decode(value).map_err(|error| StoreError::damaged(key, error))?;
        let live = if row.digest.is_empty() {
            None
        } else {
            let digest =
                row.digest.try_into().map_err(|_| StoreError::damaged(key, "a digest of odd size"))?;
            Some((Digest(digest), row.dialect))
        };
        let alias = |row: HeadAliasRow| {
            let alias = row.alias.parse().map_err(|error| StoreError::damaged(key, error))?;
            Ok((alias, (Version(row.version), Revision(row.revision))))
        };
        Ok(Head {
            revision: Revision(row.revision),
            last_version: Version(row.last_version),
            live,
            aliases: row.aliases.into_iter().map(alias).collect::<Result<_, StoreError>>()?,
            alias_revision: Revision(row.alias_revision),
        })
    }
}

/// A value of `Versions`: `revision(8) size(4)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VersionRow {
    pub(super) revision: Revision,
    /// Bytes of the document.
    pub(super) size: u32,
}

impl VersionRow {
    pub(super) fn encode(self) -> Vec<u8> {
        [&self.revision.0.to_be_bytes()[..], &self.size.to_be_bytes()].concat()
    }

    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let odd = || StoreError::damaged(key, "a version of odd size");
        let (revision, size) = value.split_first_chunk().ok_or_else(odd)?;
        let size = size.try_into().map_err(|_| odd())?;
        Ok(Self { revision: Revision(u64::from_be_bytes(*revision)), size: u32::from_be_bytes(size) })
    }
}

/// A value of `Rows`.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum RowKind {
    /// A version: the persona's record without its content.
    #[prost(bytes = "bytes", tag = "1")]
    Put(Bytes),
    /// A deletion: the tombstone's record.
    #[prost(bytes = "bytes", tag = "2")]
    Delete(Bytes),
}

/// A value of `Rows`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(oneof = "RowKind", tags = "1, 2")]
    pub(super) kind: Option<RowKind>,
}

/// A value of `Log`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LogRow {
    /// Microseconds since 1970.
    #[prost(int64, tag = "1")]
    pub(super) time: i64,
    #[prost(message, repeated, tag = "2")]
    pub(super) changes: Vec<LogChangeRow>,
}

/// One change of a `Log` value.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LogChangeRow {
    #[prost(string, tag = "1")]
    pub(super) namespace: String,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    /// 1 created, 2 updated, 3 deleted, 4 an alias moved, 5 a version purged.
    #[prost(uint32, tag = "3")]
    pub(super) kind: u32,
    /// The version made, deleted after, pointed at (0: the alias was removed) or purged.
    #[prost(uint64, tag = "4")]
    pub(super) version: u64,
    /// Of a moved alias.
    #[prost(string, tag = "5")]
    pub(super) alias: String,
}

impl LogChangeRow {
    pub(super) fn names(&self, key: &[u8]) -> Result<(Namespace, Name), StoreError> {
        let namespace = self.namespace.parse().map_err(|error| StoreError::damaged(key, error))?;
        let name = self.name.parse().map_err(|error| StoreError::damaged(key, error))?;
        Ok((namespace, name))
    }
}

/// The value of `Meta`'s `applied`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AppliedRow {
    #[prost(bytes = "vec", tag = "1")]
    store_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    sequence: u64,
}

impl From<&Applied> for AppliedRow {
    fn from(applied: &Applied) -> Self {
        Self { store_id: applied.store_id.0.to_vec(), sequence: applied.sequence.0 }
    }
}

impl AppliedRow {
    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Applied, StoreError> {
        let row = Self::decode(value).map_err(|error| StoreError::damaged(key, error))?;
        let store_id =
            row.store_id.try_into().map_err(|_| StoreError::damaged(key, "a store id of odd size"))?;
        Ok(Applied { store_id: StoreId(store_id), sequence: Sequence(row.sequence) })
    }
}

/// The value of `Meta`'s `floor`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FloorRow {
    #[prost(uint64, tag = "1")]
    pub(super) floor: u64,
}

/// Revision in a key of `Log`.
pub(super) fn revision(key: &[u8], value: &[u8]) -> Result<Revision, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::damaged(key, "a revision of odd size"))?;
    Ok(Revision(u64::from_be_bytes(bytes)))
}

/// A log's time.
pub(super) fn time(row: &LogRow) -> Timestamp {
    Timestamp(row.time)
}
