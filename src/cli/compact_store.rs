//! `persona compact`: gives back what journal and old history take in a data directory, while no registry runs on it.

use indicatif::HumanBytes;

use super::flags::{Flags, Keeping};
use super::form::Form;
use super::output::printable;
use super::{Failure, Outcome, Output, shape};
use crate::config::Config;
use crate::registry;

/// Shrink a data directory: what is below the floor goes, a snapshot takes the place of the journal, and the view is made
/// anew. No registry may run on it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) store: Flags<Keeping>,
}

const EXAMPLES: &str = "\
Examples:
  persona compact
  persona compact --data-dir data -o json";

pub(crate) async fn run(args: &Args, config: Config, out: &mut Output) -> Result<Outcome, Failure> {
    let data_dir = config.options.registry.data_dir.display().to_string();
    let compacted = registry::compact(config.options.registry).await;
    let compacted = compacted.map_err(|error| Failure::Server(Box::new(error)))?;
    let told = shape::CompactedStore {
        data_dir,
        store_id: compacted.store_id.to_string(),
        revision: compacted.revision.0,
        floor: compacted.floor.0,
        bytes_before: compacted.bytes_before,
        bytes_after: compacted.bytes_after,
    };
    match args.output {
        Form::Json => out.json(&told)?,
        Form::Yaml => out.yaml(&told)?,
        Form::Text => out.line(&format!(
            "{}: {} before, {} now",
            printable(&told.data_dir),
            HumanBytes(told.bytes_before),
            HumanBytes(told.bytes_after)
        ))?,
    }
    Ok(Outcome::Done)
}
