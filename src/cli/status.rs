//! `persona status`: how the registry stands.

use super::form::Form;
use super::output::{Paint, printable};
use super::remote::{Remote, connect};
use super::shape::{Folder, Registry};
use super::{Failure, Outcome, Output};
use crate::config::Config;

/// Show how the registry stands: store, revision, durability, counts and folders; with -o json limits too
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona status
  persona status -o json | jq .revision";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let registry = Registry::from(client.status().await?);
    match args.output {
        Form::Json => out.json(&registry)?,
        Form::Yaml => out.yaml(&registry)?,
        Form::Text => {
            for (key, value) in lines(&registry) {
                let value = match (key, registry.write_state) {
                    ("writes", "writable") => out.painted(Paint::Green, &value),
                    ("writes", _) => out.painted(Paint::Red, &value),
                    _ => value,
                };
                out.line(&format!("{} {value}", out.painted(Paint::Bold, &format!("{key:<11}"))))?;
            }
        }
    }
    Ok(Outcome::Done)
}

fn lines(registry: &Registry) -> Vec<(&'static str, String)> {
    let writes = match registry.write_state {
        "read_only" => {
            "refused: it was started read-only, or a sync failed: then restart the registry once its disk is well"
        }
        "full" => "refused: the disk is full",
        "writable" => "taken",
        other => other,
    };
    let counts = &registry.counts;
    let mut lines = vec![
        ("store", registry.store_id.clone()),
        (
            "revision",
            match registry.floor {
                0 => registry.revision.to_string(),
                floor => format!("{} (what was before {floor} is compacted)", registry.revision),
            },
        ),
        ("server", registry.server_version.clone()),
        ("engine", format!("{} ({} durability)", registry.engine, registry.durability)),
        ("since", registry.start_time.clone().unwrap_or_else(|| "-".to_owned())),
        ("writes", writes.to_owned()),
        ("namespaces", counts.namespaces.to_string()),
        ("personas", format!("{} ({} versions)", counts.personas, counts.versions)),
        ("watches", counts.watches.to_string()),
    ];
    lines.extend(registry.folders.iter().map(|folder| ("folder", told(folder))));
    lines
}

fn told(folder: &Folder) -> String {
    let mut told = format!("{} → {}: {} taken", printable(&folder.folder), folder.namespace, folder.files);
    if folder.refused > 0 {
        told.push_str(&format!(", {} refused (`persona refused` tells why)", folder.refused));
    }
    if folder.warned > 0 {
        told.push_str(&format!(", {} with warnings", folder.warned));
    }
    if folder.missing > 0 {
        told.push_str(&format!(", {} without a file now", folder.missing));
    }
    told.push_str(if folder.following { ", followed" } else { ", read at the start" });
    if let Some(problem) = &folder.problem {
        told.push_str(&format!("; {}", printable(problem)));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb;

    #[test]
    fn a_read_only_registry_says_what_to_do() {
        use pb::get_status_response::{Durability, WriteState};
        let status = pb::GetStatusResponse {
            header: Some(pb::ResponseHeader { store_id: "ab".to_owned(), revision: 7 }),
            engine: "local".to_owned(),
            durability: Durability::Strict.into(),
            write_state: WriteState::ReadOnly.into(),
            ..Default::default()
        };
        let lines = lines(&Registry::from(status));
        assert!(lines.contains(&("engine", "local (strict durability)".to_owned())));
        assert!(lines.iter().any(|(key, value)| *key == "writes" && value.contains("restart the registry")));
    }
}
