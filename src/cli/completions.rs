//! `persona completions`: what a shell needs to complete commands, flags and their values.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Failure, Outcome, Output};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

const INSTALL: &str = "\
Install:
  bash        persona completions bash > ~/.local/share/bash-completion/completions/persona
  zsh         persona completions zsh > \"${fpath[1]}/_persona\"
  fish        persona completions fish > ~/.config/fish/completions/persona.fish
  powershell  persona completions powershell >> $PROFILE
  elvish      persona completions elvish >> ~/.config/elvish/rc.elv

Examples:
  source <(persona completions bash)     for this shell only";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "persona", &mut script);
    out.bytes(&script)?;
    Ok(Outcome::Done)
}
