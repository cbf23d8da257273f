//! `persona purge`: the bytes of one version go for good.

use super::form::Form;
use super::remote::{Place, Remote, Writing, connect};
use super::{Failure, Outcome, Output, shape};
use crate::config::Config;
use crate::document::named;
use crate::domain::Name;
use crate::wire::pb;

/// Remove the bytes of one version for good, such as a leaked secret; its row in the history stays, marked
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona; also one that was deleted
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// Which version; neither the newest nor one that an alias names
    #[arg(long = "version", value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    number: i64,

    #[command(flatten)]
    pub(super) place: Place,

    /// Yes, for good: nothing brings the bytes back
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    writing: Writing,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
The message is kept in the history: say nothing in it that must not be.

Examples:
  persona purge backend_developer --version 4 --dry-run
  persona purge backend_developer --version 4 --yes -m 'held a key'";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    if !args.yes && !args.writing.dry_run {
        return Err(Failure::Usage(format!(
            "this removes version {} of {} for good, and nothing brings it back; repeat with --yes, or look first with \
             --dry-run",
            args.number, args.name
        )));
    }
    let client = connect(config).await?;
    let writing = args.writing.settled();
    let request = pb::PurgePersonaVersionRequest {
        namespace: config.namespace.to_string(),
        name: args.name.to_string(),
        version: args.number,
        message: writing.message.clone(),
        request_id: writing.request_id.clone(),
        validate_only: writing.dry_run,
    };
    let answer = client.purge(request).await;
    let response = writing.told(answer, &client, config, &args.name).await?;
    match args.output {
        Form::Text => out.line(&told(&response, writing.dry_run))?,
        Form::Json => out.json(&shape::Purged::new(&response, writing.dry_run))?,
        Form::Yaml => out.yaml(&shape::Purged::new(&response, writing.dry_run))?,
    }
    if !writing.dry_run {
        out.note("backups, clients that read it, and files that it came from still have the bytes");
    }
    Ok(Outcome::Done)
}

fn told(response: &pb::PurgePersonaVersionResponse, dry_run: bool) -> String {
    let pb::PurgePersonaVersionResponse { name, version, revision, replayed, .. } = response;
    match (dry_run, replayed) {
        (true, _) => format!("would purge {name} version {version}"),
        (false, true) => format!("purged {name} version {version} at revision {revision} already"),
        (false, false) => format!("purged {name} version {version} at revision {revision}"),
    }
}
