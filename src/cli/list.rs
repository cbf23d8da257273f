//! `persona list`: what there is, as a table for people, JSON lines or YAML documents for machines.

use super::form::Rows;
use super::output::printable;
use super::remote::{Places, Remote, Scope, connect, empty_help, namespaces};
use super::{Failure, Outcome, Output, shape, table};
use crate::client::words;
use crate::config::Config;
use crate::wire::pb;

/// List personas
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) places: Places,

    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona list
  persona list --namespace - -o json | jq -r '.namespace + \"/\" + .name'";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let scope = args.places.scope(config);
    let personas = client.list(scope.as_str()).await?;
    if personas.is_empty() {
        let (place, help) = match &scope {
            Scope::One(one) => {
                (format!("namespace {one}"), empty_help(one.as_str(), &namespaces(&client).await))
            }
            Scope::All => ("the registry".to_owned(), "`persona put FILE` stores one".to_owned()),
        };
        out.say(&format!("no personas in {place}"));
        out.help(&help);
        return Ok(Outcome::Done);
    }
    match args.output {
        Rows::Json => out.json_lines(personas.into_iter().map(shape::Brief::from))?,
        Rows::Yaml => out.yaml_documents(personas.into_iter().map(shape::Brief::from))?,
        Rows::Table => {
            out.table(&lines(&personas, scope == Scope::All, out.width()))?;
        }
    }
    Ok(Outcome::Done)
}

fn lines(personas: &[pb::Persona], everywhere: bool, width: Option<usize>) -> Vec<String> {
    let name = |persona: &pb::Persona| match everywhere {
        true => format!("{}/{}", persona.namespace, persona.name),
        false => persona.name.clone(),
    };
    let rows: Vec<_> = personas
        .iter()
        .map(|persona| {
            [
                name(persona),
                persona.version.to_string(),
                words::dialect_word(persona.dialect).to_owned(),
                persona.create_time.map_or_else(|| "-".to_owned(), minute),
                printable(&persona.description),
            ]
        })
        .collect();
    let first = if everywhere { "NAMESPACE/NAME" } else { "NAME" };
    table::layout([first, "VERSION", "DIALECT", "UPDATED (UTC)", "DESCRIPTION"], &rows, width)
}

/// `2026-01-31 23:59`: seconds are noise in a listing.
fn minute(time: prost_types::Timestamp) -> String {
    shape::moment(time)
        .chars()
        .take(16)
        .map(|character| if character == 'T' { ' ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persona() -> pb::Persona {
        pb::Persona {
            namespace: "team".to_owned(),
            name: "backend_developer".to_owned(),
            version: 12,
            dialect: pb::Dialect::Persona.into(),
            description: "Acts as a Backend Developer\nspecializing in Rust and Go.".to_owned(),
            create_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            ..Default::default()
        }
    }

    #[test]
    fn the_table_has_a_line_a_persona() {
        assert_eq!(
            lines(&[persona()], false, Some(80)),
            [
                "NAME               VERSION  DIALECT  UPDATED (UTC)     DESCRIPTION",
                "backend_developer  12       persona  2023-11-14 22:13  Acts as a Backend Develo…",
            ]
        );
    }

    #[test]
    fn across_namespaces_the_namespace_is_told() {
        let lines = lines(&[persona()], true, None);
        assert!(lines[0].starts_with("NAMESPACE/NAME"));
        assert!(lines[1].starts_with("team/backend_developer  12 "));
    }
}
