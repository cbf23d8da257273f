//! `AdminService.ListAuditRecords`: from messages to the audit log and back.

use super::admin_service::Admin;
use super::parse::Checks;
use crate::domain::limits::PRINCIPAL_BYTES;
use crate::domain::{Caller, Timestamp};
use crate::registry::{AuditAction, AuditFilter, AuditRecord, Error, ListAudit};
use crate::wire::{self, pb};
use pb::audit_record::Action;

impl Admin {
    pub(super) async fn list_audit(
        &self,
        caller: &Caller,
        request: pb::ListAuditRecordsRequest,
    ) -> Result<pb::ListAuditRecordsResponse, Error> {
        let mut checks = Checks::default();
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let namespace = match request.namespace.as_str() {
            "" | "-" => None,
            text => Some(checks.namespace(text).to_string()),
        };
        let filter = AuditFilter {
            principal: given(checks.bounded("principal", request.principal, PRINCIPAL_BYTES)),
            namespace,
            name: checks.optional_name(&request.name).map(|name| name.to_string()),
            action: action(&mut checks, request.action),
            start: moment(&mut checks, "start_time", request.start_time),
            end: moment(&mut checks, "end_time", request.end_time),
        };
        let page_size = checks.page_size(request.page_size);
        checks.done()?;
        let list = ListAudit { filter, page_size, page_token: request.page_token };
        let page = self.registry.list_audit(caller, list).await?;
        Ok(pb::ListAuditRecordsResponse {
            header: Some(wire::header(self.registry.store_id(), self.registry.head())),
            audit_records: page.records.into_iter().map(record).collect(),
            next_page_token: page.next_page_token,
        })
    }
}

fn action(checks: &mut Checks, number: i32) -> Option<AuditAction> {
    match Action::try_from(number) {
        Ok(Action::Unspecified) => None,
        Ok(asked) => AuditAction::ALL.into_iter().find(|action| word(*action) == asked),
        Err(_) => {
            checks.fail("action", format!("{number} is no AuditRecord.Action"));
            None
        }
    }
}

fn moment(checks: &mut Checks, field: &str, time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    let micros = time.seconds.checked_mul(1_000_000);
    let micros = micros.and_then(|micros| micros.checked_add(i64::from(time.nanos) / 1000));
    match micros.filter(|_| (0..1_000_000_000).contains(&time.nanos)) {
        Some(micros) => Some(Timestamp(micros)),
        None => {
            checks.fail(field, "is no moment");
            None
        }
    }
}

fn record(record: AuditRecord) -> pb::AuditRecord {
    let digest = |digest: Option<crate::domain::Digest>| digest.map(|digest| digest.to_string());
    pb::AuditRecord {
        sequence: wire::number(record.seq),
        // A line that cannot be read has no moment.
        time: (record.seq > 0).then(|| wire::timestamp(record.time)),
        action: word(record.action).into(),
        principal: record.principal,
        call_id: record.call_id,
        revision: wire::number(record.revision),
        namespace: record.namespace,
        name: record.name,
        version: wire::number(record.version),
        alias: record.alias,
        before_digest: digest(record.before).unwrap_or_default(),
        after_digest: digest(record.after).unwrap_or_default(),
        before_version: wire::number(record.before_version),
        after_version: wire::number(record.after_version),
        aliases: record.aliases,
        source: record.source,
        path: record.path,
        message: record.message,
        method: record.method,
        reason: record.reason,
        peer: record.peer,
        suppressed: wire::number(record.suppressed),
        floor: wire::number(record.floor),
        what: record.what,
        detail: record.detail,
    }
}

const fn word(action: AuditAction) -> Action {
    match action {
        AuditAction::Put => Action::Put,
        AuditAction::Delete => Action::Delete,
        AuditAction::AliasSet => Action::AliasSet,
        AuditAction::AliasDelete => Action::AliasDelete,
        AuditAction::Purge => Action::Purge,
        AuditAction::Compact => Action::Compact,
        AuditAction::Import => Action::Import,
        AuditAction::Unchanged => Action::Unchanged,
        AuditAction::Refused => Action::Refused,
        AuditAction::Config => Action::Config,
        AuditAction::Waiver => Action::Waiver,
        AuditAction::Start => Action::Start,
        AuditAction::Stop => Action::Stop,
        AuditAction::LogBegun => Action::LogBegun,
        AuditAction::LogRemoved => Action::LogRemoved,
        AuditAction::LogCut => Action::LogCut,
        AuditAction::LogBroken => Action::LogBroken,
        AuditAction::LogLost => Action::LogLost,
    }
}
