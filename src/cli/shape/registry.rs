//! The registry's status as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::moment;
use crate::wire::pb;
use crate::wire::pb::get_status_response::{Durability, WriteState};

/// How the registry stands.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Registry {
    pub(in crate::cli) store_id: String,
    pub(in crate::cli) revision: i64,
    pub(in crate::cli) floor: i64,
    pub(in crate::cli) server_version: String,
    pub(in crate::cli) engine: String,
    pub(in crate::cli) durability: &'static str,
    pub(in crate::cli) write_state: &'static str,
    pub(in crate::cli) start_time: Option<String>,
    pub(in crate::cli) counts: Counts,
    pub(in crate::cli) folders: Vec<Folder>,
    pub(in crate::cli) limits: BTreeMap<&'static str, i64>,
}

/// A folder that feeds the registry.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Folder {
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) folder: String,
    pub(in crate::cli) following: bool,
    pub(in crate::cli) files: i64,
    pub(in crate::cli) refused: i64,
    pub(in crate::cli) read_time: Option<String>,
    pub(in crate::cli) problem: Option<String>,
    pub(in crate::cli) warned: i64,
    pub(in crate::cli) missing: i64,
}

/// What there is.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Counts {
    pub(in crate::cli) namespaces: i64,
    pub(in crate::cli) personas: i64,
    pub(in crate::cli) versions: i64,
    pub(in crate::cli) watches: i64,
}

impl From<pb::GetStatusResponse> for Registry {
    fn from(status: pb::GetStatusResponse) -> Self {
        let durability = match status.durability() {
            Durability::Unspecified => "unknown",
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
        };
        let write_state = match status.write_state() {
            WriteState::Unspecified => "unknown",
            WriteState::Writable => "writable",
            WriteState::ReadOnly => "read_only",
            WriteState::Full => "full",
        };
        let header = status.header.unwrap_or_default();
        let counts = status.counts.unwrap_or_default();
        Self {
            store_id: header.store_id,
            revision: header.revision,
            floor: status.floor,
            server_version: status.server_version,
            engine: status.engine,
            durability,
            write_state,
            start_time: status.start_time.map(moment),
            counts: Counts {
                namespaces: counts.namespaces,
                personas: counts.personas,
                versions: counts.versions,
                watches: counts.watches,
            },
            folders: status.folders.into_iter().map(folder).collect(),
            limits: status.limits.map(limits).unwrap_or_default(),
        }
    }
}

fn folder(folder: pb::get_status_response::Folder) -> Folder {
    Folder {
        namespace: folder.namespace,
        folder: folder.folder,
        following: folder.following,
        files: folder.files,
        refused: folder.refused,
        read_time: folder.read_time.map(moment),
        problem: Some(folder.problem).filter(|problem| !problem.is_empty()),
        warned: folder.warned,
        missing: folder.missing,
    }
}

fn limits(limits: pb::get_status_response::Limits) -> BTreeMap<&'static str, i64> {
    let mut all = BTreeMap::from([
        ("document_bytes", limits.document_bytes),
        ("front_matter_bytes", limits.front_matter_bytes),
        ("front_matter_depth", limits.front_matter_depth),
        ("front_matter_keys", limits.front_matter_keys),
        ("outline_entries", limits.outline_entries),
        ("outline_levels", limits.outline_levels),
        ("name_bytes", limits.name_bytes),
        ("description_bytes", limits.description_bytes),
        ("message_bytes", limits.message_bytes),
        ("labels", limits.labels),
        ("label_key_bytes", limits.label_key_bytes),
        ("label_value_bytes", limits.label_value_bytes),
        ("batch_get_names", limits.batch_get_names),
        ("page_size", limits.page_size),
        ("page_bytes", limits.page_bytes),
        ("response_bytes", limits.response_bytes),
        ("request_bytes", limits.request_bytes),
        ("status_bytes", limits.status_bytes),
        ("watch_names", limits.watch_names),
        ("watch_streams", limits.watch_streams),
        ("request_id_bytes", limits.request_id_bytes),
        ("watch_stretch", limits.watch_stretch),
        ("aliases", limits.aliases),
        ("alias_bytes", limits.alias_bytes),
        ("filter_bytes", limits.filter_bytes),
        ("history_versions", limits.history_versions),
        ("batch_operations", limits.batch_operations),
        ("batch_bytes", limits.batch_bytes),
        ("sections", limits.sections),
        ("filter_restrictions", limits.filter_restrictions),
        ("filter_depth", limits.filter_depth),
    ]);
    if let Some(window) = limits.idempotency_window {
        all.insert("idempotency_window_seconds", window.seconds);
    }
    if let Some(age) = limits.history_age {
        all.insert("history_age_seconds", age.seconds);
    }
    all
}
