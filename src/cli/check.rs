//! `persona check`: everything in a data directory is read and compared, while no registry runs on it.

use super::flags::{Flags, Keeping};
use super::form::Form;
use super::output::{Paint, printable};
use super::{Failure, Outcome, Output, shape};
use crate::config::Config;
use crate::registry;

/// Read everything in a data directory: journal, snapshots, view, documents and audit log. No registry may run on it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Make the view anew from snapshot and journal
    #[arg(long)]
    rebuild: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) store: Flags<Keeping>,
}

const EXAMPLES: &str = "\
Examples:
  persona check
  persona check --data-dir data --rebuild
  persona check -o json | jq .findings";

/// The part that a start makes anew by itself.
const VIEW: &str = "view";

pub(crate) fn run(args: &Args, config: Config, out: &mut Output) -> Result<Outcome, Failure> {
    let options = config.options.registry;
    let checked =
        registry::check(&options, args.rebuild).map_err(|error| Failure::Server(Box::new(error)))?;
    let told = shape::CheckedStore::new(options.data_dir.display().to_string(), checked);
    match args.output {
        Form::Json => out.json(&told)?,
        Form::Yaml => out.yaml(&told)?,
        Form::Text => text(&told, out)?,
    }
    // What was made anew is damaged no more.
    let counts = |found: &shape::Damage| !(told.rebuilt && found.part == VIEW);
    Ok(if told.findings.iter().any(counts) { Outcome::Findings } else { Outcome::Done })
}

fn audited(audit: &shape::CheckedAudit) -> String {
    let minute = |time: &Option<String>| {
        time.as_ref().map_or_else(|| "-".to_owned(), |time| time.chars().take(19).collect())
    };
    let (first, last) = (minute(&audit.first_time), minute(&audit.last_time));
    let mut line = format!("read {} audit records, from {first} to {last}", audit.records);
    if let (Some(sequence), Some(hash)) = (audit.head_sequence, &audit.head_hash) {
        line.push_str(&format!("; record {sequence} has hash {hash}"));
    }
    if audit.behind > 0 {
        line.push_str(&format!("; {} commits are recorded by the next start", audit.behind));
    }
    line
}

fn text(told: &shape::CheckedStore, out: &mut Output) -> Result<(), Failure> {
    let store = told.store_id.as_ref().map_or("a store without a name", |store_id| store_id);
    out.line(&format!("{}: store {store}, revision {}", printable(&told.data_dir), told.revision))?;
    let read = format!(
        "read {} journal records, {} snapshots, {} documents",
        told.records, told.snapshots, told.documents
    );
    out.line(&read)?;
    match &told.audit {
        Some(audit) => out.line(&audited(audit))?,
        None => out.line("there is no audit log; the next start begins one")?,
    }
    for found in &told.findings {
        let part = out.painted(Paint::Red, &printable(&found.part));
        out.line(&format!("{part}: {}", printable(&found.problem)))?;
    }
    if told.rebuilt {
        out.line("the view was made anew; the one before is kept as view-broken")?;
    } else if told.findings.iter().any(|found| found.part == VIEW) {
        out.help("`persona check --rebuild` makes the view anew; so does the next start where it has to");
    } else if told.findings.is_empty() {
        out.line(&out.painted(Paint::Green, "sound"))?;
    }
    Ok(())
}
