//! Records of the audit log as JSON.

use serde::Serialize;

use super::moment;
use crate::wire::pb;
use crate::wire::pb::audit_record::Action;

/// One record of the audit log.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Audited {
    sequence: i64,
    time: Option<String>,
    action: &'static str,
    principal: Option<String>,
    call_id: Option<String>,
    revision: Option<i64>,
    namespace: Option<String>,
    name: Option<String>,
    version: Option<i64>,
    alias: Option<String>,
    before_digest: Option<String>,
    after_digest: Option<String>,
    before_version: Option<i64>,
    after_version: Option<i64>,
    aliases: Vec<String>,
    source: Option<String>,
    path: Option<String>,
    message: Option<String>,
    method: Option<String>,
    reason: Option<String>,
    peer: Option<String>,
    suppressed: i64,
    floor: Option<i64>,
    what: Option<String>,
    detail: Option<String>,
}

impl From<pb::AuditRecord> for Audited {
    fn from(record: pb::AuditRecord) -> Self {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let number = |number: i64| Some(number).filter(|number| *number != 0);
        Self {
            sequence: record.sequence,
            time: record.time.map(moment),
            action: word(record.action()),
            principal: given(record.principal),
            call_id: given(record.call_id),
            revision: number(record.revision),
            namespace: given(record.namespace),
            name: given(record.name),
            version: number(record.version),
            alias: given(record.alias),
            before_digest: given(record.before_digest),
            after_digest: given(record.after_digest),
            before_version: number(record.before_version),
            after_version: number(record.after_version),
            aliases: record.aliases,
            source: given(record.source),
            path: given(record.path),
            message: given(record.message),
            method: given(record.method),
            reason: given(record.reason),
            peer: given(record.peer),
            suppressed: record.suppressed,
            floor: number(record.floor),
            what: given(record.what),
            detail: given(record.detail),
        }
    }
}

/// The words of the log's own lines, by which an action is asked for too.
pub(in crate::cli) const ACTIONS: [(&str, Action); 18] = [
    ("put", Action::Put),
    ("delete", Action::Delete),
    ("alias.set", Action::AliasSet),
    ("alias.delete", Action::AliasDelete),
    ("purge", Action::Purge),
    ("compact", Action::Compact),
    ("import", Action::Import),
    ("unchanged", Action::Unchanged),
    ("refused", Action::Refused),
    ("config", Action::Config),
    ("waiver", Action::Waiver),
    ("start", Action::Start),
    ("stop", Action::Stop),
    ("log.begun", Action::LogBegun),
    ("log.removed", Action::LogRemoved),
    ("log.cut", Action::LogCut),
    ("log.broken", Action::LogBroken),
    ("log.lost", Action::LogLost),
];

/// The word for an action.
pub(in crate::cli) fn word(action: Action) -> &'static str {
    ACTIONS.iter().find(|(_, known)| *known == action).map_or("unknown", |(word, _)| *word)
}
