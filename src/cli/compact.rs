//! `persona compact-history`: the oldest revision that can be read as of rises.

use super::form::Form;
use super::remote::{Remote, connect};
use super::{Failure, Outcome, Output, shape};
use crate::config::Config;

/// Raise the floor of history: what was superseded before it goes, but for the last 50 versions of each persona
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The new floor [default: the registry's revision]
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    to: Option<i64>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
What an alias names stays too. The floor never falls, and rises by itself, 30 days back.

Examples:
  persona compact-history --to 12000
  persona compact-history -o json | jq .floor";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let response = connect(config).await?.compact_history(args.to.unwrap_or(0)).await?;
    match args.output {
        Form::Text => {
            out.line(&format!("the floor is at revision {}", response.floor))?;
            if args.to.is_some_and(|to| to < response.floor) {
                out.note("it was there already, and never falls");
            }
        }
        Form::Json => out.json(&shape::Compacted::from(response))?,
        Form::Yaml => out.yaml(&shape::Compacted::from(response))?,
    }
    Ok(Outcome::Done)
}
