//! Outcomes of what is done to versions and aliases, and differences, as JSON.

use serde::Serialize;

use super::Put;
use crate::wire::pb;

/// Where an alias was pointed.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct AliasSet {
    namespace: String,
    name: String,
    alias: String,
    version: i64,
    previous_version: Option<i64>,
    revision: i64,
    unchanged: bool,
    replayed: bool,
    dry_run: bool,
}

impl AliasSet {
    pub(in crate::cli) fn new(response: &pb::SetPersonaAliasResponse, dry_run: bool) -> Self {
        Self {
            namespace: response.namespace.clone(),
            name: response.name.clone(),
            alias: response.alias.clone(),
            version: response.version,
            previous_version: Some(response.previous_version).filter(|version| *version > 0),
            revision: response.revision,
            unchanged: response.unchanged,
            replayed: response.replayed,
            dry_run,
        }
    }
}

/// An alias moved to where another one is.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Promoted {
    pub(in crate::cli) from: String,
    #[serde(flatten)]
    pub(in crate::cli) set: AliasSet,
}

/// An alias that is gone.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct AliasDeleted {
    namespace: String,
    name: String,
    alias: String,
    previous_version: i64,
    revision: i64,
    replayed: bool,
    dry_run: bool,
}

impl AliasDeleted {
    pub(in crate::cli) fn new(response: &pb::DeletePersonaAliasResponse, dry_run: bool) -> Self {
        Self {
            namespace: response.namespace.clone(),
            name: response.name.clone(),
            alias: response.alias.clone(),
            previous_version: response.previous_version,
            revision: response.revision,
            replayed: response.replayed,
            dry_run,
        }
    }
}

/// A version whose bytes are gone.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Purged {
    namespace: String,
    name: String,
    version: i64,
    revision: i64,
    replayed: bool,
    dry_run: bool,
}

impl Purged {
    pub(in crate::cli) fn new(response: &pb::PurgePersonaVersionResponse, dry_run: bool) -> Self {
        Self {
            namespace: response.namespace.clone(),
            name: response.name.clone(),
            version: response.version,
            revision: response.revision,
            replayed: response.replayed,
            dry_run,
        }
    }
}

/// The floor of history.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Compacted {
    store_id: String,
    revision: i64,
    floor: i64,
}

impl From<pb::CompactHistoryResponse> for Compacted {
    fn from(response: pb::CompactHistoryResponse) -> Self {
        let header = response.header.unwrap_or_default();
        Self { store_id: header.store_id, revision: header.revision, floor: response.floor }
    }
}

/// What a put of an older version's bytes did.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Restored {
    #[serde(flatten)]
    pub(in crate::cli) put: Put,
    pub(in crate::cli) restored_version: i64,
}

/// What two versions have not in common.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Difference {
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) from_version: i64,
    pub(in crate::cli) to_version: i64,
    pub(in crate::cli) added: usize,
    pub(in crate::cli) removed: usize,
    /// The unified text; none with `--stat`.
    pub(in crate::cli) diff: Option<String>,
}
