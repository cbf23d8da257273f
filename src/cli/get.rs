//! `persona get`: one persona, byte for byte unless asked otherwise.

use clap::ValueEnum;

use super::remote::{Place, Remote, as_of, connect, explained};
use super::{Failure, Outcome, Output, shape};
use crate::client::{Client, ClientError};
use crate::config::Config;
use crate::diagnostic::did_you_mean;
use crate::document::named;
use crate::domain::{Alias, Name};
use crate::wire::pb;
use crate::wire::pb::ErrorReason;
use crate::wire::pb::get_persona_request::Selector;

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

    /// The version that this alias names
    #[arg(long, value_parser = named::<Alias>, conflicts_with = "number")]
    alias: Option<Alias>,

    /// As it was at this revision
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    at: Option<i64>,

    /// Only these sections of the body, by their paths in the outline
    #[arg(long = "section", value_name = "PATH", num_args = 1..)]
    sections: Vec<String>,

    /// What to print [default: markdown; body with --section]
    #[arg(short, long, value_enum)]
    output: Option<Form>,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona get backend_developer > backend_developer.md
  persona get backend_developer --version 2 -o body
  persona get backend_developer --alias production --at 1200
  persona get backend_developer --section identity system-patterns/api-design
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
    let version = args.number.map(Selector::Version);
    let request = pb::GetPersonaRequest {
        namespace: config.namespace.to_string(),
        name: args.name.to_string(),
        selector: version.or_else(|| args.alias.as_ref().map(|alias| Selector::Alias(alias.to_string()))),
        view: pb::PersonaView::Full.into(),
        sections: args.sections.clone(),
        read_options: as_of(&client, args.at).await?,
        ..Default::default()
    };
    let persona = match client.get(request.clone()).await {
        Ok(Some(persona)) => persona,
        // Only an if_none_match allows for this, and there was none.
        Ok(None) => return Err(ClientError::Incomplete("the persona").into()),
        Err(error) if error.reason() == Some(ErrorReason::SectionNotFound) => {
            return Err(without_section(error, &client, request).await);
        }
        Err(error) => {
            return Err(explained(error, &client, config.namespace.as_str(), args.name.as_str()).await);
        }
    };
    let default = if args.sections.is_empty() { Form::Markdown } else { Form::Body };
    match args.output.unwrap_or(default) {
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

/// A section that is not there is answered with the nearest one that is, or with all of them.
async fn without_section(error: ClientError, client: &Client, request: pb::GetPersonaRequest) -> Failure {
    let wanted = match &error {
        ClientError::Refused(refusal) => refusal.metadata.get("section").cloned(),
        _ => None,
    };
    let view = pb::PersonaView::Basic.into();
    let outline = client.get(pb::GetPersonaRequest { sections: Vec::new(), view, ..request }).await;
    // Help is a courtesy: when the outline cannot be had, the first failure is what counts.
    let paths: Vec<_> = match outline {
        Ok(Some(persona)) => persona.outline.into_iter().map(|section| section.path).collect(),
        _ => Vec::new(),
    };
    let near = did_you_mean(&wanted.unwrap_or_default(), paths.iter().map(String::as_str));
    let all = || match paths.as_slice() {
        [] => "it has no sections".to_owned(),
        paths => format!("its sections are {}", paths.join(", ")),
    };
    Failure::Client { error, help: Some(near.unwrap_or_else(all)) }
}
