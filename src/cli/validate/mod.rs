//! `persona validate`: judges files without a registry, as a put would, and mends what can be mended.

mod bench;
mod names;
mod progress;
mod stats;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, ValueEnum};
use futures_util::stream::{self, StreamExt as _};

use self::bench::{Bench, Mending, Seen, Told};
use self::progress::Progress;
use self::stats::Stats;
use self::tally::Tally;
use super::diff::text;
use super::exit::unread;
use super::flags::{Flags, Judging};
use super::remote::Source;
use super::{Failure, Outcome, Output, walk};
use crate::config::Config;
use crate::diagnostic::render::sarif;
use crate::diagnostic::{Severity, Trust};
use crate::domain::{Dialect, Profile};

/// Judge persona files without a registry, as a put would, and mend them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("mending").multiple(true))]
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

    /// Mend what keeps its meaning: rewrite the files; the document of stdin goes to stdout, its findings to stderr
    #[arg(long, group = "mending", help_heading = "Mending")]
    fix: bool,

    /// Also mend what may change the meaning
    #[arg(long, requires = "mending", help_heading = "Mending")]
    unsafe_fixes: bool,

    /// Print what --fix would do as a unified diff, write nothing, and exit with 1 where there is something to do
    #[arg(long, group = "mending", conflicts_with = "format", help_heading = "Mending")]
    diff: bool,

    /// Tell sizes, estimated tokens and findings by rule too: on stderr, or as a last line of JSON
    #[arg(long)]
    stats: bool,

    #[command(flatten)]
    pub(super) flags: Flags<Judging>,
}

const EXAMPLES: &str = "\
Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage or settings, or something cannot be read or written

Examples:
  persona validate
  persona validate personas --profile strict --fail-on warning
  persona validate personas --select SYN,SEC --ignore SYN004
  persona validate personas --severity CNT208=info,REF=error
  persona validate personas --diff              show what --fix would do
  persona validate personas --fix --unsafe-fixes
  persona validate - --stdin-filename personas/draft.md < draft.md
  persona validate .claude/agents --format json | jq -r 'select(.diagnostics != []) | .path'
  persona validate personas --format sarif > personas.sarif";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Each finding with its line, for people
    Text,
    /// One line a finding, for editors
    Concise,
    /// One line of JSON a file, for machines
    Json,
    /// One SARIF 2.1.0 document, for services that scan code
    Sarif,
    /// One workflow command a finding, which GitHub shows beside the line
    Github,
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

/// Files that one task looks at: enough to be worth a task, few enough for an even share.
const CHUNK: usize = 8;

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let (sources, skipped, whole) = args.sources()?;
    let mut bench = Bench::new(args, config, out);
    if whole {
        // What lies beside a document is known when a folder is judged, not when a few files are.
        bench.others = Some(names::of(&sources).await?);
    }
    let bench = Arc::new(bench);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let looks = sources.chunks(CHUNK).map(|chunk| {
        let (bench, chunk) = (Arc::clone(&bench), chunk.to_vec());
        let look = move || chunk.iter().map(|source| bench.look(source)).collect::<Vec<_>>();
        // Not begun before it is wanted, so that no more is held than what is being judged.
        async move { tokio::task::spawn_blocking(look).await }
    });
    let mut looks = stream::iter(looks).buffered(threads);
    let mut report = Report { args, tally: Tally::new(skipped, args.diff), ..Report::new(args) };
    let progress = Progress::new(sources.len(), out.has_reader());
    while let Some(chunk) = looks.next().await {
        let chunk = chunk.map_err(|error| Failure::Server(Box::new(error)))?;
        progress.advance(chunk.len());
        progress.beside(|| chunk.into_iter().try_for_each(|seen| report.take(seen, out)))?;
    }
    progress.finish();
    report.end(out)
}

impl Args {
    /// What to look at, how many files were passed over, and whether whole folders are looked at.
    fn sources(&self) -> Result<(Vec<Source>, usize, bool), Failure> {
        let stdin = self.paths.contains(&Source::Stdin);
        if self.stdin_filename.is_some() && !stdin {
            let message = "--stdin-filename goes with the path `-`, which reads stdin";
            return Err(Failure::Usage(message.to_owned()));
        }
        if stdin && self.fix && !self.diff && self.paths.len() > 1 {
            let message = "`-` with --fix prints the document of stdin and nothing else; name no other path";
            return Err(Failure::Usage(message.to_owned()));
        }
        let paths = self.paths.iter().filter_map(|source| match source {
            Source::Stdin => None,
            Source::Path(path) => Some(path.clone()),
        });
        let paths: Vec<PathBuf> = paths.collect();
        let found = walk::find(&paths)?;
        let files = found.files.into_iter().map(Source::Path);
        let sources = stdin.then_some(Source::Stdin).into_iter().chain(files).collect();
        Ok((sources, found.skipped, paths.iter().any(|path| path.is_dir())))
    }

    fn mending(&self) -> Option<Mending> {
        let trust = if self.unsafe_fixes { Trust::Unsafe } else { Trust::Safe };
        match (self.diff, self.fix) {
            (true, _) => Some(Mending::Show(trust)),
            (false, true) => Some(Mending::Write(trust)),
            (false, false) => None,
        }
    }
}

/// What is told of all files together, and what a document of all of them needs.
struct Report<'a> {
    args: &'a Args,
    tally: Tally,
    stats: Option<Stats>,
    sarif: Vec<sarif::Finding>,
    unread: Vec<String>,
}

impl<'a> Report<'a> {
    fn new(args: &'a Args) -> Self {
        Self {
            args,
            tally: Tally::default(),
            stats: args.stats.then(Stats::default),
            sarif: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Prints what was seen of a file. One that cannot be read must not hide what is wrong with the others.
    fn take(&mut self, seen: Result<Seen, Failure>, out: &mut Output) -> Result<(), Failure> {
        let seen = match seen {
            Ok(seen) => seen,
            Err(failure) => {
                failure.tell(out);
                self.unread.push(failure.to_string());
                self.tally.unread += 1;
                return Ok(());
            }
        };
        self.tally.count(&seen);
        if let Some(stats) = &mut self.stats {
            stats.count(&seen);
        }
        // Whoever reads has enough, but the exit code is still wanted: `validate | head` under pipefail.
        unread(match seen.told {
            Told::Text(text) => out.bytes(text.as_bytes()),
            Told::Sarif(findings) => {
                self.sarif.extend(findings);
                Ok(())
            }
            Told::Change(before, after) => print_change(&seen.path, &before, &after, out),
            Told::Mended(document, words) => {
                let words = words.trim_end_matches('\n');
                if !words.is_empty() {
                    out.say(words);
                }
                out.bytes(&document)
            }
        })
    }

    fn end(self, out: &mut Output) -> Result<Outcome, Failure> {
        let Self { args, tally, stats, sarif, unread: failed } = self;
        if args.format == Format::Sarif {
            unread(out.line(&sarif::sarif(&sarif, &failed)))?;
        }
        if let Some(stats) = stats {
            match args.format {
                Format::Json => unread(out.json(&stats.shape(&tally)))?,
                _ => stats.tell(out),
            }
        }
        out.say(&tally.told());
        if let Some(help) = tally.help(args.mending()) {
            out.help(&help);
        }
        Ok(tally.outcome(args.fail_on.severity()))
    }
}

/// What a file would become.
fn print_change(path: &str, before: &str, after: &str, out: &mut Output) -> Result<(), Failure> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_start_matches('/');
    let headers = (format!("a/{path}"), format!("b/{path}"));
    let headers = (headers.0.as_str(), headers.1.as_str());
    // Of what people read nothing may move the cursor; a pipe gets the bytes.
    let drawn = if out.colours_data() || out.width().is_some() {
        text::painted(before, after, headers, &|paint, part| out.painted(paint, part))
    } else {
        text::unified(before, after, headers)
    };
    out.bytes(drawn.as_bytes())
}
