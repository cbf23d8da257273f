//! The values of every table: private protobuf structs, drawn field by field in `docs/storage.md`. Values of `Requests`
//! and `Bases` are the records of `record`; those of `Expiry` are empty.

use bytes::Bytes;
use prost::Message;

use super::{Applied, StoreError};
use crate::domain::{Digest, Etag, Name, Namespace, Revision, Sequence, StoreId, Timestamp, Version};

/// The newest state of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Revision of its newest row.
    pub revision: Revision,
    /// The highest version there ever was; the counter that never goes back.
    pub last_version: Version,
    /// Digest and dialect word of the live document; none when deleted.
    pub live: Option<(Digest, String)>,
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
}

impl From<&Head> for HeadRow {
    fn from(head: &Head) -> Self {
        let (digest, dialect) = match &head.live {
            Some((digest, dialect)) => (digest.0.to_vec(), dialect.clone()),
            None => (Vec::new(), String::new()),
        };
        Self { revision: head.revision.0, last_version: head.last_version.0, digest, dialect }
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
        Ok(Head { revision: Revision(row.revision), last_version: Version(row.last_version), live })
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
    /// 1 created, 2 updated, 3 deleted.
    #[prost(uint32, tag = "3")]
    pub(super) kind: u32,
    #[prost(uint64, tag = "4")]
    pub(super) version: u64,
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

/// Revision in a value of `Versions`.
pub(super) fn revision(key: &[u8], value: &[u8]) -> Result<Revision, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::damaged(key, "a revision of odd size"))?;
    Ok(Revision(u64::from_be_bytes(bytes)))
}

/// A log's time.
pub(super) fn time(row: &LogRow) -> Timestamp {
    Timestamp(row.time)
}
