//! `persona restore-store`: a store made of a backup, in a directory of its own.

use std::path::PathBuf;

use super::flags::{Flags, Keeping};
use super::form::Form;
use super::output::printable;
use super::{Failure, Outcome, Output, shape};
use crate::config::Config;
use crate::registry;

/// Make a store of a backup, in a directory that is empty or not there yet
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The backup. All of it is checked before anything is written
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) store: Flags<Keeping>,
}

const EXAMPLES: &str = "\
Examples:
  persona restore-store personas.backup --data-dir new
  persona serve --data-dir new";

pub(crate) fn run(args: &Args, config: Config, out: &mut Output) -> Result<Outcome, Failure> {
    let options = config.options.registry;
    let restored =
        registry::restore(&args.file, &options).map_err(|error| Failure::Server(Box::new(error)))?;
    let told = shape::RestoredStore {
        data_dir: options.data_dir.display().to_string(),
        store_id: restored.store_id.to_string(),
        revision: restored.backup.revision.0,
        versions: restored.versions,
        backup: shape::Backup::new(args.file.display().to_string(), &restored.backup),
    };
    match args.output {
        Form::Json => out.json(&told)?,
        Form::Yaml => out.yaml(&told)?,
        Form::Text => {
            out.line(&format!(
                "made store {} at revision {} in {}: {} versions, of store {}",
                told.store_id,
                told.revision,
                printable(&told.data_dir),
                told.versions,
                told.backup.store_id
            ))?;
        }
    }
    Ok(Outcome::Done)
}
