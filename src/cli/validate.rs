//! `persona validate`: judges files without a registry, as a put would.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::remote::Source;
use super::table::some;
use super::{Failure, Outcome, Output, report, walk};
use crate::diagnostic::{Diagnostic, Severity, render};
use crate::document::{Input, name_of};
use crate::domain::{Dialect, Profile};
use crate::validate::{Beside, Judged, Neighbours, Options, Others, judge_among};

/// Judge persona files without a registry, as a put would
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files, folders (searched for Markdown, .gitignore respected), or `-` for stdin
    #[arg(value_name = "PATH|-", default_value = ".", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<Source>,

    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// The kind of file [default: found by path and keys]
    #[arg(long)]
    dialect: Option<Dialect>,

    /// How strictly sections are judged: plain, structured or strict [default: inferred]
    #[arg(long)]
    profile: Option<Profile>,

    /// The mildest finding that makes the exit code 1
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,

    /// What stdin's document is called: helps to find its dialect and name
    #[arg(long, value_name = "PATH")]
    stdin_filename: Option<String>,
}

const EXAMPLES: &str = "\
Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage, or something cannot be read

Examples:
  persona validate
  persona validate personas --profile strict --fail-on warning
  persona validate .claude/agents --format json | jq -r 'select(.diagnostics != []) | .path'
  persona validate - --stdin-filename personas/draft.md < draft.md";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Each finding with its line, for people
    Text,
    /// One line a finding, for editors
    Concise,
    /// One line of JSON a file, for machines
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

impl FailOn {
    fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
        }
    }
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let stdin = args.paths.contains(&Source::Stdin);
    if args.stdin_filename.is_some() && !stdin {
        return Err(Failure::Usage("--stdin-filename goes with the path `-`, which reads stdin".to_owned()));
    }
    let paths: Vec<PathBuf> = args
        .paths
        .iter()
        .filter_map(|source| match source {
            Source::Stdin => None,
            Source::Path(path) => Some(path.clone()),
        })
        .collect();
    let found = walk::find(&paths)?;
    let mut tally = Tally { skipped: found.skipped, ..Tally::default() };
    // What lies beside a document is known when a folder is judged, not when a few files are.
    let whole = paths.iter().any(|path| path.is_dir());
    let mut others = if whole { Some(names_of(&found.files)) } else { None };
    let files = found.files.into_iter().map(Source::Path);
    for source in stdin.then_some(Source::Stdin).into_iter().chain(files) {
        // One file that cannot be read must not hide what is wrong with the others.
        let content = match walk::read(&source) {
            Ok(content) => content,
            Err(failure) => {
                failure.tell(out);
                tally.unread += 1;
                continue;
            }
        };
        let path = match &source {
            Source::Stdin => args.stdin_filename.clone().unwrap_or_default(),
            Source::Path(path) => walk::slashed(path),
        };
        let judged = look(args, &path, &content, others.as_ref());
        if let (Some(others), Some(name)) = (&mut others, &judged.document.name) {
            others.add_body(name, &path, content.get(judged.document.body.start..).unwrap_or_default());
        }
        let found = judged.diagnostics;
        tally.count(&found);
        match print(args.format, report::shown(&path), &content, &found, out) {
            // Whoever reads has enough, but the exit code is still wanted: `validate | head` under pipefail.
            Err(Failure::PipeClosed) => {}
            printed => printed?,
        }
    }
    out.say(&tally.told());
    Ok(match tally.worst {
        _ if tally.unread > 0 => Outcome::Unread,
        Some(worst) if worst >= args.fail_on.severity() => Outcome::Findings,
        _ => Outcome::Done,
    })
}

/// The names of all files, so that each can be judged among the others.
fn names_of(files: &[PathBuf]) -> Others {
    let mut others = Others::default();
    for file in files {
        // What cannot be read is told of when its turn comes.
        let Ok(head) = walk::head(file) else { continue };
        let place = walk::slashed(file);
        if let Some(name) = name_of(&head, Some(&place)) {
            others.add(&name, &place);
        }
    }
    others
}

fn look(args: &Args, path: &str, content: &[u8], others: Option<&Others>) -> Judged {
    let path = Some(path).filter(|path| !path.is_empty());
    let input = Input { content, path, dialect: args.dialect, profile: args.profile };
    let exists = |path: &str| Path::new(path).exists();
    // The text of stdin lies nowhere.
    let on_disk = path.is_some_and(|path| Path::new(path).is_file());
    let files: Option<&dyn Fn(&str) -> bool> = if on_disk { Some(&exists) } else { None };
    judge_among(
        &input,
        &Options::default(),
        Neighbours { others: others.map(|others| others as &dyn Beside), files, ..Neighbours::default() },
    )
}

fn print(
    format: Format,
    path: &str,
    content: &[u8],
    found: &[Diagnostic],
    out: &mut Output,
) -> Result<(), Failure> {
    match format {
        Format::Text => out.bytes(render::text(path, content, found, out.colours_data()).as_bytes()),
        Format::Concise => out.bytes(render::concise(path, content, found).as_bytes()),
        Format::Json => out.line(&render::json(path, content, found)),
    }
}

/// What a run came across.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    skipped: usize,
    unread: usize,
    errors: usize,
    warnings: usize,
    infos: usize,
    worst: Option<Severity>,
}

impl Tally {
    fn count(&mut self, found: &[Diagnostic]) {
        self.files += 1;
        for one in found {
            match one.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Info => self.infos += 1,
            }
            self.worst = self.worst.max(Some(one.severity));
        }
    }

    fn told(&self) -> String {
        let mut line = format!("{} checked", some(self.files, "file"));
        if self.skipped > 0 {
            line.push_str(&format!(", {} beside them skipped (README and the like)", self.skipped));
        }
        if self.unread > 0 {
            line.push_str(&format!(", {} not readable", self.unread));
        }
        let counts = [(self.errors, "error"), (self.warnings, "warning"), (self.infos, "info")];
        let counts: Vec<_> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| some(*count, word)).collect();
        line.push_str(": ");
        line.push_str(&if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") });
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_is_one_sentence() {
        let tally = Tally { files: 1, skipped: 2, ..Tally::default() };
        assert_eq!(tally.told(), "1 file checked, 2 beside them skipped (README and the like): no findings");
        let tally = Tally { files: 3, errors: 1, warnings: 2, unread: 1, ..Tally::default() };
        assert_eq!(tally.told(), "3 files checked, 1 not readable: 1 error, 2 warnings");
    }
}
