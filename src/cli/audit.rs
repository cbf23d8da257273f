//! `persona audit`: who changed what and when, and who was refused, newest first.

use std::str::FromStr as _;

use super::form::Rows;
use super::output::{Paint, printable};
use super::remote::{Remote, connect};
use super::{Failure, Outcome, Output, shape, table};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Name, Namespace};
use crate::wire::pb;
use crate::wire::pb::audit_record::Action;

/// Show the audit log, newest first: who changed what and when, who was refused, and how the server was configured
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only of this principal
    #[arg(long, value_name = "WHO", default_value = "", hide_default_value = true)]
    principal: String,

    /// Only of this namespace [default: all]
    #[arg(long, value_name = "NS", value_parser = named::<Namespace>)]
    namespace: Option<Namespace>,

    /// Only of this persona
    #[arg(long, value_parser = named::<Name>)]
    name: Option<Name>,

    /// Only of this kind, such as put, delete, alias.set, purge or refused
    #[arg(long, value_parser = action)]
    action: Option<Action>,

    /// Only at this moment or later, such as 2026-01-31 or 2026-01-31T08:30:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    since: Option<prost_types::Timestamp>,

    /// Only before this moment
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    until: Option<prost_types::Timestamp>,

    /// Records to show
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona audit
  persona audit --action refused --since 2026-01-31
  persona audit --name backend_developer -n 10
  persona audit -n 100000 -o json | jq -r 'select(.action == \"purge\") | .principal'";

fn action(text: &str) -> Result<Action, String> {
    let found = shape::ACTIONS.iter().find(|(word, _)| *word == text).map(|(_, action)| *action);
    found.ok_or_else(|| {
        let words: Vec<_> = shape::ACTIONS.iter().map(|(word, _)| *word).collect();
        format!("{text:?} is none of: {}", words.join(", "))
    })
}

/// A date stands for its first moment in UTC.
fn moment(text: &str) -> Result<prost_types::Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    prost_types::Timestamp::from_str(&whole)
        .map_err(|_| format!("{text:?} is no moment of RFC 3339, such as 2026-01-31 or 2026-01-31T08:30:00Z"))
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let request = pb::ListAuditRecordsRequest {
        principal: args.principal.clone(),
        namespace: args.namespace.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: args.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        action: args.action.unwrap_or_default().into(),
        start_time: args.since,
        end_time: args.until,
        ..Default::default()
    };
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let records = client.audit_records(request, most).await?;
    out.rows(args.output, records, shape::Audited::from, |out, records| {
        if records.is_empty() {
            out.say("nothing of that kind is recorded");
            return Ok(());
        }
        let lines = lines(records, out.width());
        let stands_out = |at: usize| {
            let is_bad = matches!(
                records.get(at)?.action(),
                Action::Refused | Action::Purge | Action::LogBroken | Action::LogLost
            );
            is_bad.then_some(Paint::Red)
        };
        out.painted_table(&lines, stands_out)
    })?;
    Ok(Outcome::Done)
}

fn lines(records: &[pb::AuditRecord], width: Option<usize>) -> Vec<String> {
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let rows: Vec<_> = records
        .iter()
        .map(|record| {
            let number = |number: i64| if number == 0 { "-".to_owned() } else { number.to_string() };
            [
                record.sequence.to_string(),
                record.time.map_or_else(|| "-".to_owned(), table::minute),
                shape::word(record.action()).to_owned(),
                dash(printable(&record.principal)),
                number(record.revision),
                dash(printable(&about(record))),
                printable(&told(record)),
            ]
        })
        .collect();
    table::layout(["RECORD", "WHEN (UTC)", "ACTION", "WHO", "REVISION", "ABOUT", "WHAT"], &rows, width)
}

/// The persona, or whatever else it is about.
fn about(record: &pb::AuditRecord) -> String {
    match (record.namespace.as_str(), record.name.as_str()) {
        ("", "") => record.what.clone(),
        (namespace, "") => format!("{namespace}/"),
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

/// What happened, in as few words as it takes.
fn told(record: &pb::AuditRecord) -> String {
    let version = |version: i64| if version == 0 { "none".to_owned() } else { format!("version {version}") };
    let mut parts = Vec::new();
    match record.action() {
        Action::AliasSet | Action::AliasDelete => parts.push(format!(
            "{}: {} to {}",
            record.alias,
            version(record.before_version),
            version(record.after_version)
        )),
        Action::Refused if record.method.is_empty() => {}
        Action::Refused => parts.push(format!("{} {}", record.method, record.reason)),
        Action::Compact => parts.push(format!("floor {}", record.floor)),
        _ if record.version > 0 => parts.push(version(record.version)),
        _ => {}
    }
    if record.suppressed > 0 {
        parts.push(format!("{} more before it", record.suppressed));
    }
    if !record.source.is_empty() {
        parts.push(format!("{}/{}", record.source, record.path).trim_end_matches('/').to_owned());
    }
    parts.extend([&record.message, &record.detail].into_iter().filter(|text| !text.is_empty()).cloned());
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_told_in_one_line() {
        let time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 });
        let put = pb::AuditRecord {
            sequence: 12,
            time,
            action: Action::Put.into(),
            principal: "ana".to_owned(),
            revision: 9,
            namespace: "default".to_owned(),
            name: "a".to_owned(),
            version: 2,
            message: "prefer\nlet-else".to_owned(),
            ..Default::default()
        };
        let moved = pb::AuditRecord {
            action: Action::AliasSet.into(),
            alias: "production".to_owned(),
            after_version: 2,
            message: String::new(),
            ..put.clone()
        };
        let refused = pb::AuditRecord {
            sequence: 13,
            time,
            action: Action::Refused.into(),
            principal: "anonymous".to_owned(),
            method: "PutPersona".to_owned(),
            reason: "ETAG_MISMATCH".to_owned(),
            suppressed: 7,
            ..Default::default()
        };
        assert_eq!(
            lines(&[refused, moved, put], None),
            [
                "RECORD  WHEN (UTC)        ACTION     WHO        REVISION  ABOUT      WHAT",
                "13      2023-11-14 22:13  refused    anonymous  -         -          PutPersona ETAG_MISMATCH · 7 more before it",
                "12      2023-11-14 22:13  alias.set  ana        9         default/a  production: none to version 2",
                "12      2023-11-14 22:13  put        ana        9         default/a  version 2 · prefer\\nlet-else",
            ]
        );
    }

    #[test]
    fn moments_and_actions_that_are_none_are_refused_with_what_would_be_right() {
        assert_eq!(moment("2026-01-31").unwrap(), moment("2026-01-31T00:00:00Z").unwrap());
        assert!(moment("yesterday").unwrap_err().contains("2026-01-31T08:30:00Z"));
        assert_eq!(action("alias.set"), Ok(Action::AliasSet));
        assert!(action("puts").unwrap_err().contains("alias.set, alias.delete"));
    }
}
