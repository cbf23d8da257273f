//! `persona get`: one persona, byte for byte unless asked otherwise.

use clap::ValueEnum;

use super::remote::{Place, Remote, connect, explained};
use super::{Failure, Outcome, Output, shape};
use crate::client::ClientError;
use crate::config::Config;
use crate::document::named;
use crate::domain::Name;
use crate::wire::pb;

/// Print a persona: its Markdown byte for byte, or its data as JSON or YAML
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    #[command(flatten)]
    pub(super) place: Place,

    /// An older version, also of a deleted persona [default: the newest]
    #[arg(long = "version", value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    number: Option<i64>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "markdown")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona get backend_developer > backend_developer.md
  persona get backend_developer --version 2 -o body
  persona get backend_developer -o json | jq -r .etag";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// The document as it was put, nothing added
    Markdown,
    /// One line of JSON: what was read from the document, and the document
    Json,
    /// The same as a YAML document
    Yaml,
    /// The document without its front matter: the system prompt
    Body,
}

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let request = pb::GetPersonaRequest {
        namespace: config.namespace.to_string(),
        name: args.name.to_string(),
        selector: args.number.map(pb::get_persona_request::Selector::Version),
        view: pb::PersonaView::Full.into(),
        ..Default::default()
    };
    let persona = match client.get(request).await {
        Ok(Some(persona)) => persona,
        // Only an if_none_match allows for this, and there was none.
        Ok(None) => return Err(ClientError::Incomplete("the persona").into()),
        Err(error) => {
            return Err(explained(error, &client, config.namespace.as_str(), args.name.as_str()).await);
        }
    };
    match args.output {
        Form::Markdown => {
            out.bytes(persona.front_matter.as_bytes())?;
            out.bytes(persona.body.as_bytes())?;
        }
        Form::Body => out.bytes(persona.body.as_bytes())?,
        Form::Json => out.json(&shape::Whole::from(persona))?,
        Form::Yaml => out.yaml(&shape::Whole::from(persona))?,
    }
    Ok(Outcome::Done)
}
