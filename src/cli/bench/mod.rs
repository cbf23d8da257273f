//! `persona bench`: bounded load on one's own registry, and how fast it answered. Reads unless a namespace to write into is named.

mod drawn;
mod load;
mod puts;
mod reads;
mod tally;
mod watches;

use clap::Subcommand;

use self::load::Load;
use super::flags::Given;
use super::form::Form;
use super::{Failure, Outcome, Output, shape, table};
use crate::client::{Client, Options};
use crate::config::Config;

/// Put load on a registry of your own and tell how fast it answers
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Get(reads::Get),
    List(reads::List),
    Put(puts::Args),
    Watch(watches::Args),
}

const EXAMPLES: &str = "\
Examples:
  persona bench get                                     what there is, in turn, for 10 s
  persona bench get backend_developer --rate 1000       a thousand calls a second; late ones count as late
  persona bench list --documents --calls 5000 -o json
  persona bench put --namespace scratch                 writes there, and deletes what it wrote
  persona bench watch --namespace scratch --streams 64  from a put to everybody who follows";

impl Args {
    /// The settings that were given.
    pub(super) fn given(&self) -> Vec<Given> {
        match &self.what {
            What::Get(args) => vec![args.remote.given(), args.places.given_one()],
            What::List(args) => vec![args.remote.given(), args.places.given_one()],
            What::Put(args) => vec![args.remote.given(), args.place.given()],
            What::Watch(args) => vec![args.remote.given(), args.place.given()],
        }
    }
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    match &args.what {
        What::Get(args) => reads::get(args, config, out).await,
        What::List(args) => reads::list(args, config, out).await,
        What::Put(args) => puts::run(args, config, out).await,
        What::Watch(args) => watches::run(args, config, out).await,
    }
}

/// A client for what stands around the load: its calls are tried again.
async fn around(load: &Load, config: &Config) -> Result<Client, Failure> {
    load.permit(config)?;
    super::remote::connect(config).await
}

/// A client for each connection of the load: what fails is counted and not tried again.
async fn connections(load: &Load, config: &Config) -> Result<Vec<Client>, Failure> {
    let options = Options { retries: 0, ..config.client.clone() };
    let mut clients = Vec::new();
    for _ in 0..load.connections {
        clients.push(Client::connect(&config.server, options.clone()).await?);
    }
    Ok(clients)
}

/// Prints what was measured. Calls that failed make the exit code 1.
fn told(measured: &shape::Bench, form: Form, out: &mut Output) -> Result<Outcome, Failure> {
    match form {
        Form::Json => out.json(measured)?,
        Form::Yaml => out.yaml(measured)?,
        Form::Text => drawn::draw(measured, out)?,
    }
    if let Some(late) = measured.not_begun.filter(|late| late.saturating_mul(100) > measured.calls) {
        out.warning(&format!(
            "{} had no place to begin in: the rate is more than these connections and streams, or the registry, can take",
            table::some(usize::try_from(late).unwrap_or(usize::MAX), "call")
        ));
    }
    Ok(if measured.failed > 0 { Outcome::Findings } else { Outcome::Done })
}
