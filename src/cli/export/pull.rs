//! `persona pull`: a folder that was exported or applied is brought up to date. Bytes that the registry does not have are
//! never lost: a file is replaced or removed only if it is a version that the registry knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::place::{Places, Wanted};
use super::{Form, Shown, file, listed, print, version};
use crate::cli::apply::files::{self, File};
use crate::cli::exit::unread;
use crate::cli::remote::{Place, Remote, connect};
use crate::cli::shape::Exported;
use crate::cli::walk::slashed;
use crate::cli::write;
use crate::cli::{Failure, Outcome, Output};
use crate::client::Client;
use crate::config::Config;
use crate::domain::{Digest, Name};
use crate::wire::pb::ErrorReason;
use crate::wire::{self, pb};

/// Bring a folder up to date that was exported or applied before
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,

    #[command(flatten)]
    pub(in crate::cli) place: Place,

    #[command(flatten)]
    shown: Shown,

    /// Also over files with changes that the registry does not have
    #[arg(long)]
    force: bool,

    /// Show what would happen and change nothing
    #[arg(long)]
    dry_run: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

const EXAMPLES: &str = "\
A file is replaced or removed only if the registry has its bytes, as some version of its persona. Changes that were \
made here are kept and told, with exit code 1.

Examples:
  persona pull personas --dry-run
  persona pull personas
  persona pull production --alias production";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    if !args.dir.is_dir() {
        let dir = args.dir.display();
        return Err(Failure::Usage(format!("{dir} is no folder; `persona export {dir}` makes it")));
    }
    let client = connect(config).await?;
    let namespace = config.namespace.as_str();
    let listing = listed(&client, namespace, &args.shown).await?;
    let found = files::find(std::slice::from_ref(&args.dir));
    for (path, problem) in &found.unread {
        out.error("", &format!("{}: {problem}", path.display()));
    }
    let mut pull = Pull {
        client: &client,
        namespace,
        dir: &args.dir,
        force: args.force,
        dry_run: args.dry_run,
        places: Places::default(),
        known: BTreeMap::new(),
    };
    let mut here = pull.here(&found.files, &listing.items);
    let mut told = Vec::new();
    for persona in &listing.items {
        let old = here.remove(persona.name.as_str());
        told.push(pull.persona(persona, old).await?);
    }
    for (name, old) in here {
        told.extend(pull.gone(&name, old).await?);
    }
    unread(print(&told, args.output, out))?;
    out.say(&summary(&told, namespace, listing.header.revision, args.dry_run));
    Ok(match () {
        () if !found.unread.is_empty() => Outcome::Unread,
        () if told.iter().any(|file| matches!(file.action, "keep" | "skip")) => Outcome::Findings,
        () => Outcome::Done,
    })
}

/// All of it in one sentence.
fn summary(told: &[Exported], namespace: &str, revision: i64, dry_run: bool) -> String {
    let counts = [
        ("create", "created"),
        ("update", "updated"),
        ("delete", "deleted"),
        ("keep", "kept as they are here"),
        ("skip", "skipped"),
        ("unchanged", "unchanged"),
    ];
    let count = |action: &str| told.iter().filter(|file| file.action == action).count();
    let counts = counts.map(|(action, word)| (count(action), word));
    let words: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let words = if words.is_empty() { "nothing to do".to_owned() } else { words.join(", ") };
    let would = if dry_run { "this would be: " } else { "" };
    format!("{would}{words}; namespace {namespace} at revision {revision}")
}

struct Pull<'a> {
    client: &'a Client,
    namespace: &'a str,
    dir: &'a Path,
    force: bool,
    dry_run: bool,
    places: Places,
    /// Digests of the versions that the registry knows, of the personas that were asked about.
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Pull<'_> {
    /// The file of each name. Of several the one that is what the registry has, else the first.
    fn here<'f>(&mut self, files: &'f [File], personas: &[pb::Persona]) -> BTreeMap<String, &'f File> {
        let current: BTreeMap<_, _> =
            personas.iter().map(|persona| (persona.name.as_str(), persona)).collect();
        let mut here: BTreeMap<String, &File> = BTreeMap::new();
        for file in files {
            self.places.take(&self.inside(&file.path));
            let Some(name) = &file.name else { continue };
            let persona = current.get(name.as_str());
            let is_current = persona
                .is_some_and(|persona| file.is(&persona.digest, wire::read_dialect(persona.dialect())));
            if is_current || !here.contains_key(name.as_str()) {
                here.insert(name.to_string(), file);
            }
        }
        here
    }

    fn inside(&self, path: &Path) -> String {
        slashed(path.strip_prefix(self.dir).unwrap_or(path))
    }

    /// Brings one persona's file up to date.
    async fn persona(&mut self, persona: &pb::Persona, old: Option<&File>) -> Result<Exported, Failure> {
        let old_path = old.map(|old| self.inside(&old.path));
        let told = |action, path: Option<&String>, reason| {
            Ok(file(action, persona, path.cloned().unwrap_or_default(), reason))
        };
        let (name, content) = match version(persona) {
            Ok(version) => version,
            Err(reason) => return told("skip", old_path.as_ref(), Some(reason)),
        };
        let dialect = wire::read_dialect(persona.dialect());
        if old.is_some_and(|old| old.is(&persona.digest, dialect)) {
            return told("unchanged", old_path.as_ref(), None);
        }
        let wanted = Wanted { name: &name, dialect, content: &content };
        let target = match &old_path {
            Some(path) if wanted.is_read_back_at(path) => Some(path.clone()),
            _ => self.places.find(wanted),
        };
        let Some(target) = target else {
            return told("skip", old_path.as_ref(), Some(super::NOWHERE.to_owned()));
        };
        // What git ignores, or is read as something else, was not found and may be in the way.
        let path = self.dir.join(&target);
        let there = match std::fs::read(&path) {
            Ok(there) => Some(Digest::of(&there).to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(Failure::io(format!("cannot read {}", path.display()), source)),
        };
        let lost = there.iter().cloned().chain(old.map(|old| old.digest.to_string()));
        for digest in lost {
            if !self.force && !self.knows(&persona.name, &digest).await? {
                let held = if there.is_some() { Some(&target) } else { old_path.as_ref() };
                return told("keep", held, Some(CHANGED.to_owned()));
            }
        }
        if !self.dry_run {
            write::replace(&path, &content)?;
            if let Some(old) = old.filter(|_| old_path.as_ref() != Some(&target)) {
                write::remove(&old.path, self.dir)?;
            }
        }
        told(if old.is_some() || there.is_some() { "update" } else { "create" }, Some(&target), None)
    }

    /// Deals with a file whose persona the registry does not show. One that it never had is nobody's concern here.
    async fn gone(&mut self, name: &str, old: &File) -> Result<Option<Exported>, Failure> {
        let known = self.digests(name).await?;
        if known.is_empty() {
            return Ok(None);
        }
        let is_known = known.contains(&old.digest.to_string());
        let told = Exported {
            action: if is_known || self.force { "delete" } else { "keep" },
            namespace: self.namespace.to_owned(),
            name: name.to_owned(),
            path: self.inside(&old.path),
            version: None,
            digest: None,
            reason: (!is_known && !self.force).then(|| CHANGED.to_owned()),
        };
        if told.action == "delete" && !self.dry_run {
            write::remove(&old.path, self.dir)?;
        }
        Ok(Some(told))
    }

    /// Whether the registry has these bytes, as some version of the persona.
    async fn knows(&mut self, name: &str, digest: &str) -> Result<bool, Failure> {
        Ok(self.digests(name).await?.contains(digest))
    }

    async fn digests(&mut self, name: &str) -> Result<&BTreeSet<String>, Failure> {
        if !self.known.contains_key(name) {
            let digests = match name.parse::<Name>() {
                Ok(_) => match self.client.versions(self.namespace, name, usize::MAX).await {
                    Ok(entries) => readable(entries),
                    Err(error) if error.reason() == Some(ErrorReason::PersonaNotFound) => BTreeSet::new(),
                    Err(error) => return Err(error.into()),
                },
                Err(_) => BTreeSet::new(),
            };
            self.known.insert(name.to_owned(), digests);
        }
        Ok(self.known.entry(name.to_owned()).or_default())
    }
}

/// Why a file stays.
const CHANGED: &str =
    "it holds what the registry does not have; `persona apply` brings it in, --force overwrites it";

/// Digests of versions whose bytes can be had again.
fn readable(entries: Vec<pb::PersonaVersion>) -> BTreeSet<String> {
    use crate::wire::pb::persona_version::Type;
    let kept = entries.into_iter().filter(|entry| entry.r#type() == Type::Version);
    kept.map(|entry| entry.digest).collect()
}
