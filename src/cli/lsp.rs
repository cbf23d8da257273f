//! `persona lsp`: the judge for editors, over stdin and stdout.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::flags::{Flags, Judging};
use super::{Failure, Outcome, Output, logging};
use crate::config::{Config, LogFormat, cache_dir};
use crate::lsp::{self, Ended, Options};

/// Serve an editor: findings while you write, fixes, explanations and an outline
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folders of the workspace that hold personas [default: wherever a file has front matter or a telling path]
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,

    /// How editors may ask for this: the only way there is
    #[arg(long, hide = true)]
    stdio: bool,

    #[command(flatten)]
    pub(super) flags: Flags<Judging>,
}

const EXAMPLES: &str = "\
Editors start this themselves: docs/editors.md tells how. It speaks the Language Server Protocol on stdin and stdout, and
logs on stderr, as much as RUST_LOG says. Rules and severities are those of `persona validate`, from the persona.toml
beside which it is started. Exit codes: 0 when the editor took its leave, 1 when it did not

Examples:
  persona lsp
  persona lsp personas .claude/agents
  persona lsp --ignore SCH108";

pub(crate) fn run(args: Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    logging::start(Some(LogFormat::Pretty), out.colours_words());
    // A page says what this version's rule does.
    let pages = cache_dir().map(|dir| dir.join(format!("rules-{}", env!("CARGO_PKG_VERSION"))));
    let waivers = Arc::clone(&config.options.seeding.waivers);
    let options = Options { only: args.paths, pages, judging: config.judging.clone(), waivers };
    match lsp::serve(io::stdin(), &mut out.data, options) {
        Ok(Ended::Farewell) => Ok(Outcome::Done),
        Ok(Ended::Abrupt) => Ok(Outcome::Abandoned),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Abandoned),
        Err(error) => Err(Failure::io("cannot write to stdout", error)),
    }
}
