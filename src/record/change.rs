//! The fields of a change: a version, a deletion, the move of an alias, a purge.

use std::sync::Arc;

use bytes::Bytes;

use super::persona::PersonaRecord;
use super::{DecodeError, parsed, present};
use crate::domain::{AliasMove, Change, Principal, Purge, Revision, Timestamp, Tombstone, Version};

/// [`Change`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChangeRecord {
    #[prost(oneof = "ChangeKind", tags = "1, 2, 3, 4")]
    kind: Option<ChangeKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ChangeKind {
    #[prost(message, tag = "1")]
    Put(PutRecord),
    #[prost(message, tag = "2")]
    Delete(TombstoneRecord),
    #[prost(message, tag = "3")]
    Alias(AliasRecord),
    #[prost(message, tag = "4")]
    Purge(PurgeRecord),
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutRecord {
    #[prost(bool, tag = "1")]
    created: bool,
    #[prost(message, optional, tag = "2")]
    persona: Option<PersonaRecord>,
    #[prost(bytes = "bytes", tag = "3")]
    content: Bytes,
}

/// [`Tombstone`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TombstoneRecord {
    #[prost(string, tag = "1")]
    pub(super) namespace: String,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(uint64, tag = "3")]
    pub(super) last_version: u64,
    #[prost(uint64, tag = "4")]
    pub(super) revision: u64,
    /// Microseconds since 1970.
    #[prost(int64, tag = "5")]
    pub(super) time: i64,
    #[prost(string, tag = "6")]
    pub(super) actor: String,
    #[prost(string, tag = "7")]
    pub(super) message: String,
    #[prost(string, repeated, tag = "8")]
    pub(super) aliases: Vec<String>,
}

/// [`AliasMove`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AliasRecord {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    alias: String,
    /// 0: removed.
    #[prost(uint64, tag = "4")]
    version: u64,
    #[prost(uint64, tag = "5")]
    revision: u64,
    /// Microseconds since 1970.
    #[prost(int64, tag = "6")]
    time: i64,
    #[prost(string, tag = "7")]
    actor: String,
    #[prost(string, tag = "8")]
    message: String,
}

/// [`Purge`].
#[derive(Clone, PartialEq, prost::Message)]
struct PurgeRecord {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(uint64, tag = "4")]
    made: u64,
    #[prost(uint64, tag = "5")]
    revision: u64,
    /// Microseconds since 1970.
    #[prost(int64, tag = "6")]
    time: i64,
    #[prost(string, tag = "7")]
    actor: String,
    #[prost(string, tag = "8")]
    message: String,
}

impl From<&Change> for ChangeRecord {
    fn from(change: &Change) -> Self {
        let kind = match change {
            Change::Put { created, persona } => ChangeKind::Put(PutRecord {
                created: *created,
                persona: Some(PersonaRecord::from(&**persona)),
                content: persona.content.clone(),
            }),
            Change::Delete(tombstone) => ChangeKind::Delete(tombstone.into()),
            Change::Alias(moved) => ChangeKind::Alias(moved.into()),
            Change::Purge(purge) => ChangeKind::Purge(purge.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<ChangeRecord> for Change {
    type Error = DecodeError;
    fn try_from(record: ChangeRecord) -> Result<Self, DecodeError> {
        Ok(match present(record.kind, "kind of a change")? {
            ChangeKind::Put(PutRecord { created, persona, content }) => {
                let persona = present(persona, "persona of a put")?.with_content(content)?;
                Self::Put { created, persona: Arc::new(persona) }
            }
            ChangeKind::Delete(tombstone) => Self::Delete(tombstone.try_into()?),
            ChangeKind::Alias(moved) => Self::Alias(moved.try_into()?),
            ChangeKind::Purge(purge) => Self::Purge(purge.try_into()?),
        })
    }
}

impl From<&Tombstone> for TombstoneRecord {
    fn from(tombstone: &Tombstone) -> Self {
        Self {
            namespace: tombstone.namespace.to_string(),
            name: tombstone.name.to_string(),
            last_version: tombstone.last_version.0,
            revision: tombstone.revision.0,
            time: tombstone.time.0,
            actor: tombstone.actor.to_string(),
            message: tombstone.message.clone(),
            aliases: tombstone.aliases.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<TombstoneRecord> for Tombstone {
    type Error = DecodeError;
    fn try_from(record: TombstoneRecord) -> Result<Self, DecodeError> {
        Ok(Self {
            namespace: parsed(&record.namespace, "namespace")?,
            name: parsed(&record.name, "name")?,
            last_version: Version(record.last_version),
            revision: Revision(record.revision),
            time: Timestamp(record.time),
            actor: Principal::new(&record.actor),
            message: record.message,
            aliases: record.aliases.iter().map(|alias| parsed(alias, "alias")).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&AliasMove> for AliasRecord {
    fn from(moved: &AliasMove) -> Self {
        Self {
            namespace: moved.namespace.to_string(),
            name: moved.name.to_string(),
            alias: moved.alias.to_string(),
            version: moved.version.map_or(0, |version| version.0),
            revision: moved.revision.0,
            time: moved.time.0,
            actor: moved.actor.to_string(),
            message: moved.message.clone(),
        }
    }
}

impl TryFrom<AliasRecord> for AliasMove {
    type Error = DecodeError;
    fn try_from(record: AliasRecord) -> Result<Self, DecodeError> {
        Ok(Self {
            namespace: parsed(&record.namespace, "namespace")?,
            name: parsed(&record.name, "name")?,
            alias: parsed(&record.alias, "alias")?,
            version: Some(Version(record.version)).filter(|version| version.0 > 0),
            revision: Revision(record.revision),
            time: Timestamp(record.time),
            actor: Principal::new(&record.actor),
            message: record.message,
        })
    }
}

impl From<&Purge> for PurgeRecord {
    fn from(purge: &Purge) -> Self {
        Self {
            namespace: purge.namespace.to_string(),
            name: purge.name.to_string(),
            version: purge.version.0,
            made: purge.made.0,
            revision: purge.revision.0,
            time: purge.time.0,
            actor: purge.actor.to_string(),
            message: purge.message.clone(),
        }
    }
}

impl TryFrom<PurgeRecord> for Purge {
    type Error = DecodeError;
    fn try_from(record: PurgeRecord) -> Result<Self, DecodeError> {
        Ok(Self {
            namespace: parsed(&record.namespace, "namespace")?,
            name: parsed(&record.name, "name")?,
            version: Version(record.version),
            made: Revision(record.made),
            revision: Revision(record.revision),
            time: Timestamp(record.time),
            actor: Principal::new(&record.actor),
            message: record.message,
        })
    }
}
