//! `persona export`: every persona as a file, byte for byte, at one revision, so that the files read back as the same.

mod place;
pub(super) mod pull;

use std::path::{Path, PathBuf};

use self::place::{Places, Wanted};
use super::exit::unread;
use super::output::{Paint, printable};
use super::remote::{Place, Remote, as_of, connect};
use super::shape::Exported;
use super::table::some;
use super::{Failure, Outcome, Output, write};
use crate::client::{Client, Listing};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Alias, Digest, Name};
use crate::wire::{self, pb};

/// Write every persona of a namespace into a folder, byte for byte
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,

    #[command(flatten)]
    pub(super) place: Place,

    #[command(flatten)]
    shown: Shown,

    /// Also into a folder that is not empty, over files that are in the way
    #[arg(long)]
    force: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
A persona lies at NAME.md, or where its dialect needs it to be read back as the same, such as NAME/SKILL.md.

Examples:
  persona export personas
  persona export production --alias production
  persona export before --at 1200 -n ops";

/// Which versions are written.
#[derive(Debug, Clone, clap::Args)]
struct Shown {
    /// Only what has this alias, at the version that it names
    #[arg(long, value_parser = named::<Alias>)]
    alias: Option<Alias>,

    /// As it was at this revision
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Lines for people
    Text,
    /// One line of JSON a file
    Json,
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    if !args.force && holds_something(&args.dir)? {
        return Err(Failure::Usage(format!(
            "{} is not empty; `persona pull {}` brings it up to date, --force writes over what is in the way",
            args.dir.display(),
            args.dir.display()
        )));
    }
    let client = connect(config).await?;
    let namespace = config.namespace.as_str();
    let listing = listed(&client, namespace, &args.shown).await?;
    let mut places = Places::default();
    let mut files = Vec::new();
    for persona in &listing.items {
        let (path, reason) = match version(persona) {
            Err(reason) => (None, Some(reason)),
            Ok((name, content)) => {
                let dialect = wire::read_dialect(persona.dialect());
                match places.find(Wanted { name: &name, dialect, content: &content }) {
                    None => (None, Some(NOWHERE.to_owned())),
                    Some(path) => {
                        write::replace(&args.dir.join(&path), &content)?;
                        (Some(path), None)
                    }
                }
            }
        };
        let action = if path.is_some() { "create" } else { "skip" };
        files.push(file(action, persona, path.unwrap_or_default(), reason));
    }
    let skipped = files.iter().filter(|file| file.action == "skip").count();
    unread(print(&files, args.output, out))?;
    out.say(&format!(
        "{} of namespace {namespace} at revision {} in {}",
        some(files.len() - skipped, "persona"),
        listing.header.revision,
        args.dir.display()
    ));
    Ok(if skipped > 0 { Outcome::Findings } else { Outcome::Done })
}

/// Why a persona has no file.
const NOWHERE: &str =
    "no file name makes the document this persona; put it again under the name that it says";

fn holds_something(dir: &Path) -> Result<bool, Failure> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Failure::io(format!("cannot read {}", dir.display()), source)),
    }
}

/// All personas with their documents, at one revision.
async fn listed(client: &Client, namespace: &str, shown: &Shown) -> Result<Listing<pb::Persona>, Failure> {
    let request = pb::ListPersonasRequest {
        namespace: namespace.to_owned(),
        page_size: 500,
        alias: shown.alias.as_ref().map(Alias::to_string).unwrap_or_default(),
        view: pb::PersonaView::Full.into(),
        read_options: as_of(client, shown.at).await?,
        ..Default::default()
    };
    Ok(client.list_all(request).await?)
}

/// The name and the bytes of a version, held against its digest; or why there are none.
fn version(persona: &pb::Persona) -> Result<(Name, Vec<u8>), String> {
    if persona.purged {
        return Err(format!("version {} was purged", persona.version));
    }
    // It becomes part of a path.
    let name = persona.name.parse::<Name>().map_err(|error| error.to_string())?;
    let content = [persona.front_matter.as_bytes(), persona.body.as_bytes()].concat();
    if Digest::of(&content).to_string() != persona.digest {
        return Err("its bytes are not those of its digest".to_owned());
    }
    Ok((name, content))
}

fn file(action: &'static str, persona: &pb::Persona, path: String, reason: Option<String>) -> Exported {
    Exported {
        action,
        namespace: persona.namespace.clone(),
        name: persona.name.clone(),
        path,
        version: Some(persona.version),
        digest: Some(persona.digest.clone()),
        reason,
    }
}

/// A line for each file that is worth one.
fn print(files: &[Exported], form: Form, out: &mut Output) -> Result<(), Failure> {
    if form == Form::Json {
        return out.json_lines(files);
    }
    for file in files.iter().filter(|file| file.action != "unchanged") {
        let paint = match file.action {
            "create" => Paint::Green,
            "update" => Paint::Yellow,
            _ => Paint::Red,
        };
        let mut line = out.painted(paint, &format!("{:<8}", file.action));
        let place = if file.path.is_empty() { &file.name } else { &file.path };
        line.push_str(&format!(" {}", printable(place)));
        if let Some(version) = file.version {
            line.push_str(&format!("  version {version}"));
        }
        if let Some(reason) = &file.reason {
            line.push_str(&format!("  {}", printable(reason)));
        }
        out.line(&line)?;
    }
    Ok(())
}
