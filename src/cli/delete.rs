//! `persona delete`: the persona goes, its versions stay readable by number.

use super::form::Form;
use super::remote::{Place, Remote, Writing, connect};
use super::{Failure, Outcome, Output, shape};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Etag, Name};
use crate::wire::pb;

/// Delete a persona; its versions stay readable by number
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    #[command(flatten)]
    pub(super) place: Place,

    /// Delete only if this is still the persona's etag
    #[arg(long)]
    etag: Option<Etag>,

    #[command(flatten)]
    writing: Writing,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona delete backend_developer -m 'split into api_developer and data_engineer'
  persona delete backend_developer --dry-run
  persona delete backend_developer --etag 3-9f86d081884c7d65";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let writing = args.writing.settled();
    let request = pb::DeletePersonaRequest {
        namespace: config.namespace.to_string(),
        name: args.name.to_string(),
        etag: args.etag.map(|etag| etag.to_string()).unwrap_or_default(),
        message: writing.message.clone(),
        request_id: writing.request_id.clone(),
        validate_only: writing.dry_run,
    };
    let answer = client.delete(request).await;
    let response = writing.told(answer, &client, config, &args.name).await?;
    match args.output {
        Form::Text => out.line(&told(&response, writing.dry_run))?,
        Form::Json => out.json(&shape::Deleted::new(&response, writing.dry_run))?,
        Form::Yaml => out.yaml(&shape::Deleted::new(&response, writing.dry_run))?,
    }
    Ok(Outcome::Done)
}

fn told(response: &pb::DeletePersonaResponse, dry_run: bool) -> String {
    let pb::DeletePersonaResponse { name, version, revision, replayed, .. } = response;
    match (dry_run, replayed) {
        (true, _) => format!("would delete {name} (last version {version})"),
        (false, true) => format!("deleted {name} (last version {version}) at revision {revision} already"),
        (false, false) => format!("deleted {name} (last version {version}) at revision {revision}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_one_line() {
        let mut response =
            pb::DeletePersonaResponse { name: "a".to_owned(), version: 3, revision: 9, ..Default::default() };
        assert_eq!(told(&response, false), "deleted a (last version 3) at revision 9");
        assert_eq!(told(&response, true), "would delete a (last version 3)");
        response.replayed = true;
        assert_eq!(told(&response, false), "deleted a (last version 3) at revision 9 already");
    }
}
