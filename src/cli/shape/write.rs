//! Outcomes of writes as JSON.

use serde::Serialize;

use crate::wire::pb;

/// What a put did.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Put {
    namespace: String,
    name: String,
    version: i64,
    revision: i64,
    etag: String,
    digest: String,
    unchanged: bool,
    replayed: bool,
    dry_run: bool,
    warnings: usize,
    created: bool,
}

impl Put {
    pub(in crate::cli) fn new(response: &pb::PutPersonaResponse, dry_run: bool) -> Self {
        Self {
            namespace: response.namespace.clone(),
            name: response.name.clone(),
            version: response.version,
            revision: response.revision,
            etag: response.etag.clone(),
            digest: response.digest.clone(),
            unchanged: response.unchanged,
            replayed: response.replayed,
            dry_run,
            warnings: response.diagnostics.len(),
            created: response.created,
        }
    }
}

/// What a delete did.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Deleted {
    namespace: String,
    name: String,
    last_version: i64,
    revision: i64,
    replayed: bool,
    dry_run: bool,
}

impl Deleted {
    pub(in crate::cli) fn new(response: &pb::DeletePersonaResponse, dry_run: bool) -> Self {
        Self {
            namespace: response.namespace.clone(),
            name: response.name.clone(),
            last_version: response.version,
            revision: response.revision,
            replayed: response.replayed,
            dry_run,
        }
    }
}
