//! `persona history`: what happened to a persona, newest first.

use super::form::Rows;
use super::output::{Paint, printable};
use super::remote::{Place, Remote, connect, explained};
use super::{Failure, Outcome, Output, shape, table};
use crate::config::Config;
use crate::document::named;
use crate::domain::Name;
use crate::wire::pb;
use crate::wire::pb::persona_version::Type;

/// Show what happened to a persona, newest first: versions, deletions, and what was purged
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona; also one that was deleted
    #[arg(value_parser = named::<Name>)]
    name: Name,

    #[command(flatten)]
    pub(super) place: Place,

    /// Entries to show [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona history backend_developer
  persona history backend_developer --limit 10
  persona history backend_developer -o json | jq -r 'select(.aliases[] == \"production\") | .version'";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let (namespace, name) = (config.namespace.as_str(), args.name.as_str());
    let most = args.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let entries = match client.versions(namespace, name, most).await {
        Ok(entries) => entries,
        Err(error) => return Err(explained(error, &client, namespace, name).await),
    };
    let shaped = |entry| shape::Version::new(entry, namespace, name);
    out.rows(args.output, entries, shaped, |out, entries| {
        let lines = lines(entries, out.width());
        let is_gone = |at: usize| {
            matches!(entries.get(at)?.r#type(), Type::Deletion | Type::Purged).then_some(Paint::Red)
        };
        out.painted_table(&lines, is_gone)
    })?;
    Ok(Outcome::Done)
}

fn lines(entries: &[pb::PersonaVersion], width: Option<usize>) -> Vec<String> {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let dash = || "-".to_owned();
            let version = match entry.r#type() {
                Type::Deletion => "deleted".to_owned(),
                Type::Purged => format!("{} purged", entry.version),
                Type::Version | Type::Unspecified => entry.version.to_string(),
            };
            let is_deletion = entry.r#type() == Type::Deletion;
            [
                version,
                entry.revision.to_string(),
                entry.create_time.map_or_else(dash, table::minute),
                printable(&entry.actor),
                if is_deletion { dash() } else { table::size(entry.size_bytes) },
                if is_deletion { dash() } else { short(&entry.digest) },
                if entry.aliases.is_empty() { dash() } else { entry.aliases.join(",") },
                printable(&entry.message),
            ]
        })
        .collect();
    let heading = ["VERSION", "REVISION", "WHEN (UTC)", "WHO", "SIZE", "DIGEST", "ALIASES", "MESSAGE"];
    table::layout(heading, &rows, width)
}

/// Enough of a digest to tell versions apart.
fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_apart() {
        let version = pb::PersonaVersion {
            r#type: Type::Version.into(),
            version: 2,
            revision: 9,
            create_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            actor: "anonymous".to_owned(),
            message: "prefer\nlet-else".to_owned(),
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            size_bytes: 2048,
            aliases: vec!["canary".to_owned(), "production".to_owned()],
            ..Default::default()
        };
        let purged = pb::PersonaVersion {
            r#type: Type::Purged.into(),
            version: 1,
            revision: 7,
            aliases: Vec::new(),
            ..version.clone()
        };
        let deletion = pb::PersonaVersion {
            r#type: Type::Deletion.into(),
            version: 2,
            revision: 12,
            create_time: None,
            actor: "a".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            lines(&[deletion, version, purged], None),
            [
                "VERSION   REVISION  WHEN (UTC)        WHO        SIZE     DIGEST        ALIASES            MESSAGE",
                "deleted   12        -                 a          -        -             -",
                "2         9         2023-11-14 22:13  anonymous  2.0 KiB  0123456789ab  canary,production  prefer\\nlet-else",
                "1 purged  7         2023-11-14 22:13  anonymous  2.0 KiB  0123456789ab  -                  prefer\\nlet-else",
            ]
        );
    }
}
