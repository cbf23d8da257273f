//! `persona validate`: judges files without a registry.

use super::{Failure, Outcome, Output};

/// Judge persona files without a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _out: &mut Output) -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}
