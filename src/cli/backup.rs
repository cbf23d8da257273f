//! `persona backup`: a snapshot of a running registry in a file.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::form::Form;
use super::output::printable;
use super::remote::{Remote, Source, connect};
use super::{Failure, Outcome, Output, shape};
use crate::client::Backup;
use crate::config::Config;
use crate::disk;
use crate::registry::{BackupFacts, check_backup};

/// Take a snapshot of the whole store at one revision, while writes go on
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where it goes; it takes the place of what is there once it is whole; `-` for stdout
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: Source,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona backup personas.backup
  persona backup - | ssh elsewhere 'cat > personas.backup'
  persona restore-store personas.backup --data-dir new";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let Source::Path(path) = &args.file else {
        if args.output != Form::Text {
            return Err(Failure::Usage("the snapshot itself goes to stdout; leave --output out".to_owned()));
        }
        let mut coming = connect(config).await?.backup().await?;
        while let Some(chunk) = coming.next().await? {
            out.bytes(&chunk)?;
        }
        return Ok(Outcome::Done);
    };
    let part = part_of(path);
    let mut coming = connect(config).await?.backup().await?;
    let taken = into(&mut coming, &part, path, out).await;
    if taken.is_err() {
        drop(fs::remove_file(&part));
    }
    let facts = taken?;
    let told = shape::Backup::new(path.display().to_string(), &facts);
    match args.output {
        Form::Json => out.json(&told)?,
        Form::Yaml => out.yaml(&told)?,
        Form::Text => out.line(&format!(
            "backed up store {} at revision {} into {}: {}",
            told.store_id,
            told.revision,
            printable(&told.file),
            HumanBytes(told.bytes)
        ))?,
    }
    Ok(Outcome::Done)
}

/// Beside the file, so that taking its place is one step.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Writes the snapshot, reads it back, and gives it its name.
async fn into(coming: &mut Backup, part: &Path, path: &Path, out: &Output) -> Result<BackupFacts, Failure> {
    let failed = |source: io::Error| Failure::io(format!("cannot write {}", part.display()), source);
    let bar = if out.has_reader() { bar() } else { ProgressBar::hidden() };
    // Documents may be confidential.
    let mut file = disk::private().write(true).create(true).truncate(true).open(part).map_err(failed)?;
    while let Some(chunk) = coming.next().await? {
        file.write_all(&chunk).map_err(failed)?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    file.sync_all().map_err(failed)?;
    let facts = check_backup(part).map_err(|error| Failure::Server(Box::new(error)))?;
    fs::rename(part, path)
        .map_err(|source| Failure::io(format!("cannot write {}", path.display()), source))?;
    disk::sync_dir(disk::folder_of(path)).map_err(failed)?;
    Ok(facts)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("taking a snapshot: {bytes}, {bytes_per_sec}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
