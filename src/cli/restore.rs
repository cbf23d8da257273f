//! `persona restore`: the bytes of an older version once more, as the newest.

use super::form::Form;
use super::put::refused;
use super::remote::{Place, Remote, Writing, connect, explained, unsettled};
use super::{Failure, Outcome, Output, report, shape};
use crate::config::Config;
use crate::document::named;
use crate::domain::Name;
use crate::wire::pb;

/// Put the bytes of an older version once more, as the newest; also of a deleted persona
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// Which version
    #[arg(long = "version", value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    number: i64,

    #[command(flatten)]
    pub(super) place: Place,

    #[command(flatten)]
    writing: Writing,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Without -m the message says which version was restored.

Examples:
  persona restore backend_developer --version 4
  persona restore backend_developer --version 4 --dry-run";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let (namespace, name) = (config.namespace.as_str(), args.name.as_str());
    let writing = args.writing.settled();
    let get = pb::GetPersonaRequest {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        selector: Some(pb::get_persona_request::Selector::Version(args.number)),
        ..Default::default()
    };
    let old = match client.read(get).await {
        Ok(persona) => persona,
        Err(error) => return Err(explained(error, &client, namespace, name).await),
    };
    let message = match writing.message.as_str() {
        "" => format!("restored version {}", args.number),
        given => given.to_owned(),
    };
    let request = pb::PutPersonaRequest {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        content: [old.front_matter.as_bytes(), old.body.as_bytes()].concat().into(),
        // As it was read then, whatever its keys tell today.
        dialect: old.dialect,
        message,
        request_id: writing.request_id.clone(),
        validate_only: writing.dry_run,
        ..Default::default()
    };
    let path = format!("{name} version {}", args.number);
    let response = match client.put(request.clone()).await {
        Ok(response) => response,
        Err(error) if error.is_undecided() && !writing.dry_run => {
            return Err(unsettled(error, &writing.request_id));
        }
        Err(error) => return Err(refused(error, &client, &request, &path, out).await.into()),
    };
    report::show(&path, &request.content, &response.diagnostics, out);
    let restored = || shape::Restored {
        put: shape::Put::new(&response, writing.dry_run),
        restored_version: args.number,
    };
    match args.output {
        Form::Text => out.line(&told(&response, args.number, writing.dry_run))?,
        Form::Json => out.json(&restored())?,
        Form::Yaml => out.yaml(&restored())?,
    }
    Ok(Outcome::Done)
}

fn told(response: &pb::PutPersonaResponse, number: i64, dry_run: bool) -> String {
    let pb::PutPersonaResponse { name, version, revision, .. } = response;
    match (response.unchanged, response.replayed, dry_run) {
        (true, _, _) => {
            format!("unchanged {name} version {version} at revision {revision} is what version {number} was")
        }
        (false, true, _) => {
            format!("restored {name} version {number} as version {version} at revision {revision} already")
        }
        (false, false, true) => format!("would restore {name} version {number} as version {version}"),
        (false, false, false) => {
            format!("restored {name} version {number} as version {version} at revision {revision}")
        }
    }
}
