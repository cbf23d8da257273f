//! The fields of a commit record, and of the small records inside it that the store keeps by themselves.

use super::change::ChangeRecord;
use super::{DecodeError, array, parsed};
use crate::domain::{
    Brought, Change, Commit, Digest, Origin, Principal, RequestKey, RequestRecord, Revision, Sequence,
    SourceBase, SourceId, Timestamp, Version, WriteOutcome,
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
    /// 0: the commit does not raise it.
    #[prost(uint64, tag = "9")]
    floor: u64,
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
    /// One an operation.
    #[prost(message, repeated, tag = "4")]
    outcomes: Vec<OutcomeRecord>,
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
    #[prost(bool, tag = "7")]
    created: bool,
    #[prost(uint64, tag = "8")]
    previous: u64,
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
            floor: commit.floor.map_or(0, |floor| floor.0),
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
            floor: Some(Revision(record.floor)).filter(|floor| floor.0 > 0),
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

impl From<&RequestRecord> for RequestMessage {
    fn from(request: &RequestRecord) -> Self {
        Self {
            key: request.key.0.to_vec(),
            payload: request.payload.0.to_vec(),
            time: request.time.0,
            outcomes: request.outcomes.iter().map(OutcomeRecord::from).collect(),
        }
    }
}

impl TryFrom<RequestMessage> for RequestRecord {
    type Error = DecodeError;
    fn try_from(record: RequestMessage) -> Result<Self, DecodeError> {
        Ok(Self {
            key: RequestKey(array(&record.key, "request key")?),
            payload: Digest(array(&record.payload, "digest of a request")?),
            time: Timestamp(record.time),
            outcomes: record.outcomes.into_iter().map(WriteOutcome::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&WriteOutcome> for OutcomeRecord {
    fn from(outcome: &WriteOutcome) -> Self {
        Self {
            namespace: outcome.namespace.to_string(),
            name: outcome.name.to_string(),
            version: outcome.version.0,
            revision: outcome.revision.0,
            digest: outcome.digest.map(|digest| digest.0.to_vec()),
            unchanged: outcome.unchanged,
            created: outcome.created,
            previous: outcome.previous.0,
        }
    }
}

impl TryFrom<OutcomeRecord> for WriteOutcome {
    type Error = DecodeError;
    fn try_from(record: OutcomeRecord) -> Result<Self, DecodeError> {
        let digest = record.digest.map(|bytes| array(&bytes, "digest of an outcome").map(Digest));
        Ok(Self {
            namespace: parsed(&record.namespace, "namespace")?,
            name: parsed(&record.name, "name")?,
            version: Version(record.version),
            revision: Revision(record.revision),
            digest: digest.transpose()?,
            unchanged: record.unchanged,
            created: record.created,
            previous: Version(record.previous),
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
