//! The fields of a commit record, and of the small records inside it that the store keeps by themselves.

use std::sync::Arc;

use bytes::Bytes;

use super::persona::PersonaRecord;
use super::{DecodeError, array, parsed, present};
use crate::domain::{
    Brought, Change, Commit, Digest, Origin, Principal, RequestKey, RequestRecord, Revision, Sequence,
    SourceBase, SourceId, Timestamp, Tombstone, Version, WriteOutcome,
};

/// [`Commit`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CommitRecord {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(uint64, tag = "2")]
    revision: u64,
    /// Microseconds since 1970.
    #[prost(int64, tag = "3")]
    time: i64,
    #[prost(string, tag = "4")]
    principal: String,
    #[prost(string, tag = "5")]
    call_id: String,
    #[prost(message, repeated, tag = "6")]
    changes: Vec<ChangeRecord>,
    #[prost(message, repeated, tag = "7")]
    requests: Vec<RequestMessage>,
    #[prost(message, repeated, tag = "8")]
    bases: Vec<BaseRecord>,
}

/// [`Change`].
#[derive(Clone, PartialEq, prost::Message)]
struct ChangeRecord {
    #[prost(oneof = "ChangeKind", tags = "1, 2")]
    kind: Option<ChangeKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ChangeKind {
    #[prost(message, tag = "1")]
    Put(PutRecord),
    #[prost(message, tag = "2")]
    Delete(TombstoneRecord),
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
}

/// [`RequestRecord`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RequestMessage {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
    /// Microseconds since 1970.
    #[prost(int64, tag = "3")]
    time: i64,
    #[prost(message, optional, tag = "4")]
    outcome: Option<OutcomeRecord>,
}

/// [`WriteOutcome`].
#[derive(Clone, PartialEq, prost::Message)]
struct OutcomeRecord {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(uint64, tag = "4")]
    revision: u64,
    #[prost(bytes = "vec", optional, tag = "5")]
    digest: Option<Vec<u8>>,
    #[prost(bool, tag = "6")]
    unchanged: bool,
}

/// [`SourceBase`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BaseRecord {
    #[prost(string, tag = "1")]
    source: String,
    #[prost(string, tag = "2")]
    namespace: String,
    #[prost(string, tag = "3")]
    name: String,
    /// 32 bytes; empty when the base is forgotten.
    #[prost(bytes = "vec", tag = "4")]
    digest: Vec<u8>,
    #[prost(string, tag = "5")]
    path: String,
    #[prost(bool, tag = "6")]
    created: bool,
}

impl From<&Commit> for CommitRecord {
    fn from(commit: &Commit) -> Self {
        Self {
            sequence: commit.sequence.0,
            revision: commit.revision.0,
            time: commit.time.0,
            principal: commit.principal.to_string(),
            call_id: commit.call_id.to_string(),
            changes: commit.changes.iter().map(ChangeRecord::from).collect(),
            requests: commit.requests.iter().map(RequestMessage::from).collect(),
            bases: commit.bases.iter().map(BaseRecord::from).collect(),
        }
    }
}

impl TryFrom<CommitRecord> for Commit {
    type Error = DecodeError;
    fn try_from(record: CommitRecord) -> Result<Self, DecodeError> {
        let changes = record.changes.into_iter().map(Change::try_from).collect::<Result<Vec<_>, _>>()?;
        let base = |base: BaseRecord| SourceBase::try_from(base).map(|base| filled(base, &changes));
        let bases = record.bases.into_iter().map(base).collect::<Result<_, _>>()?;
        Ok(Self {
            sequence: Sequence(record.sequence),
            revision: Revision(record.revision),
            time: Timestamp(record.time),
            principal: Principal::new(&record.principal),
            call_id: record.call_id.into(),
            changes,
            requests: record.requests.into_iter().map(RequestRecord::try_from).collect::<Result<_, _>>()?,
            bases,
        })
    }
}

/// Older programs recorded digests alone: the commit's own change tells the rest.
fn filled(mut base: SourceBase, changes: &[Change]) -> SourceBase {
    let Some(brought) = base.brought.as_mut().filter(|brought| brought.path.is_empty()) else { return base };
    for change in changes {
        if let Change::Put { created, persona } = change
            && (&persona.namespace, &persona.name) == (&base.namespace, &base.name)
            && let Origin::File { source, path } = &persona.origin
            && *source == base.source
        {
            brought.path.clone_from(path);
            brought.created = *created;
        }
    }
    base
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
        })
    }
}

impl From<&RequestRecord> for RequestMessage {
    fn from(request: &RequestRecord) -> Self {
        let outcome = &request.outcome;
        Self {
            key: request.key.0.to_vec(),
            payload: request.payload.0.to_vec(),
            time: request.time.0,
            outcome: Some(OutcomeRecord {
                namespace: outcome.namespace.to_string(),
                name: outcome.name.to_string(),
                version: outcome.version.0,
                revision: outcome.revision.0,
                digest: outcome.digest.map(|digest| digest.0.to_vec()),
                unchanged: outcome.unchanged,
            }),
        }
    }
}

impl TryFrom<RequestMessage> for RequestRecord {
    type Error = DecodeError;
    fn try_from(record: RequestMessage) -> Result<Self, DecodeError> {
        let outcome = present(record.outcome, "outcome of a request")?;
        let digest = outcome.digest.map(|bytes| array(&bytes, "digest of an outcome").map(Digest));
        Ok(Self {
            key: RequestKey(array(&record.key, "request key")?),
            payload: Digest(array(&record.payload, "digest of a request")?),
            time: Timestamp(record.time),
            outcome: WriteOutcome {
                namespace: parsed(&outcome.namespace, "namespace")?,
                name: parsed(&outcome.name, "name")?,
                version: Version(outcome.version),
                revision: Revision(outcome.revision),
                digest: digest.transpose()?,
                unchanged: outcome.unchanged,
            },
        })
    }
}

impl From<&SourceBase> for BaseRecord {
    fn from(base: &SourceBase) -> Self {
        let (digest, path, created) = match &base.brought {
            Some(Brought { digest, path, created }) => (digest.0.to_vec(), path.clone(), *created),
            None => Default::default(),
        };
        Self {
            source: base.source.to_string(),
            namespace: base.namespace.to_string(),
            name: base.name.to_string(),
            digest,
            path,
            created,
        }
    }
}

impl TryFrom<BaseRecord> for SourceBase {
    type Error = DecodeError;
    fn try_from(record: BaseRecord) -> Result<Self, DecodeError> {
        let BaseRecord { digest, path, created, .. } = record;
        let brought = match digest.is_empty() {
            true => None,
            false => Some(Brought { digest: Digest(array(&digest, "digest")?), path, created }),
        };
        Ok(Self {
            source: SourceId::new(&record.source),
            namespace: parsed(&record.namespace, "namespace")?,
            name: parsed(&record.name, "name")?,
            brought,
        })
    }
}
