//! What was done to a store as a whole, as JSON.

use serde::Serialize;

use super::moment;
use crate::registry::{self, BackupFacts};
use crate::wire;

/// A backup that was taken.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Backup {
    pub(in crate::cli) file: String,
    pub(in crate::cli) store_id: String,
    pub(in crate::cli) revision: u64,
    pub(in crate::cli) time: Option<String>,
    pub(in crate::cli) bytes: u64,
}

impl Backup {
    pub(in crate::cli) fn new(file: String, facts: &BackupFacts) -> Self {
        Self {
            file,
            store_id: facts.store_id.to_string(),
            revision: facts.revision.0,
            time: Some(moment(wire::timestamp(facts.time))),
            bytes: facts.bytes,
        }
    }
}

/// A store that was made of a backup.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct RestoredStore {
    pub(in crate::cli) data_dir: String,
    pub(in crate::cli) store_id: String,
    pub(in crate::cli) revision: u64,
    pub(in crate::cli) versions: u64,
    pub(in crate::cli) backup: Backup,
}

/// What was found in a data directory.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct CheckedStore {
    pub(in crate::cli) data_dir: String,
    pub(in crate::cli) store_id: Option<String>,
    pub(in crate::cli) revision: u64,
    pub(in crate::cli) records: u64,
    pub(in crate::cli) snapshots: u64,
    pub(in crate::cli) documents: u64,
    pub(in crate::cli) audit: Option<CheckedAudit>,
    pub(in crate::cli) findings: Vec<Damage>,
    pub(in crate::cli) rebuilt: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Damage {
    pub(in crate::cli) part: String,
    pub(in crate::cli) problem: String,
}

impl CheckedStore {
    pub(in crate::cli) fn new(data_dir: String, checked: registry::Checked) -> Self {
        let finding = |found: registry::Finding| Damage { part: found.part, problem: found.problem };
        Self {
            data_dir,
            store_id: checked.store_id.map(|store_id| store_id.to_string()),
            revision: checked.revision.0,
            records: checked.records,
            snapshots: checked.snapshots,
            documents: checked.documents,
            audit: checked.audit.map(CheckedAudit::from),
            findings: checked.findings.into_iter().map(finding).collect(),
            rebuilt: checked.rebuilt,
        }
    }
}

/// What was read of an audit log.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct CheckedAudit {
    pub(in crate::cli) files: u64,
    pub(in crate::cli) records: u64,
    pub(in crate::cli) first_time: Option<String>,
    pub(in crate::cli) last_time: Option<String>,
    pub(in crate::cli) head_sequence: Option<u64>,
    pub(in crate::cli) head_hash: Option<String>,
    pub(in crate::cli) behind: u64,
}

impl From<registry::AuditFacts> for CheckedAudit {
    fn from(facts: registry::AuditFacts) -> Self {
        let time = |time| moment(wire::timestamp(time));
        let (head_sequence, head_hash) = facts.head.unzip();
        Self {
            files: facts.files,
            records: facts.records,
            first_time: facts.times.map(|(first, _)| time(first)),
            last_time: facts.times.map(|(_, last)| time(last)),
            head_sequence,
            head_hash,
            behind: facts.behind,
        }
    }
}

/// A data directory that was shrunk.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct CompactedStore {
    pub(in crate::cli) data_dir: String,
    pub(in crate::cli) store_id: String,
    pub(in crate::cli) revision: u64,
    pub(in crate::cli) floor: u64,
    pub(in crate::cli) bytes_before: u64,
    pub(in crate::cli) bytes_after: u64,
}
