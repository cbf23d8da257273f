//! `persona namespaces`: where there are personas, and how many.

use super::form::Rows;
use super::remote::{Remote, connect};
use super::{Failure, Outcome, Output, shape, table};
use crate::config::Config;

/// List the namespaces that have a persona, each with the number of them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona namespaces
  persona namespaces -o json | jq -r .namespace";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let namespaces = connect(config).await?.namespaces().await?;
    if namespaces.is_empty() {
        out.say("no namespace has a persona");
        out.help("`persona put FILE` stores one");
    }
    out.rows(args.output, namespaces, shape::Namespace::from, |out, namespaces| {
        if namespaces.is_empty() {
            return Ok(());
        }
        let rows = namespaces.iter().map(|one| [one.namespace.clone(), one.personas.to_string()]);
        out.table(&table::layout(["NAMESPACE", "PERSONAS"], &rows.collect::<Vec<_>>(), None))
    })?;
    Ok(Outcome::Done)
}
