//! `persona list`: what there is, as a table for people, JSON lines or YAML documents for machines.

use super::form::Rows;
use super::output::printable;
use super::remote::{Places, Remote, Scope, as_of, connect, empty_help, filtered, namespaces};
use super::{Failure, Outcome, Output, shape, table};
use crate::client::words;
use crate::config::Config;
use crate::document::named;
use crate::domain::Alias;
use crate::wire::pb;

/// List personas
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) places: Places,

    /// Only what this matches, such as 'labels.team = "payments" AND tools:shell'
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,

    /// Only what has this alias, at the version that it names
    #[arg(long, value_parser = named::<Alias>)]
    alias: Option<Alias>,

    /// As it was at this revision
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    at: Option<i64>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const EXAMPLES: &str = "\
Examples:
  persona list
  persona list --filter 'labels.team = \"payments\" OR model = \"opus\"'
  persona list --alias production --at 1200
  persona list --namespace - -o json | jq -r '.namespace + \"/\" + .name'";

pub(crate) async fn run(args: &Args, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let scope = args.places.scope(config);
    let request = pb::ListPersonasRequest {
        namespace: scope.as_str().to_owned(),
        page_size: 500,
        filter: args.filter.clone(),
        alias: args.alias.as_ref().map(Alias::to_string).unwrap_or_default(),
        read_options: as_of(&client, args.at).await?,
        ..Default::default()
    };
    let listed = client.list_all(request).await.map_err(|error| filtered(error, &args.filter))?;
    let personas = listed.items;
    let selects = !args.filter.is_empty() || args.alias.is_some() || args.at.is_some();
    if personas.is_empty() && selects {
        out.say("no personas are selected");
        out.help("`persona list` without --filter, --alias and --at shows what there is now");
        return Ok(Outcome::Done);
    }
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
    out.rows(args.output, personas, shape::Brief::from, |out, personas| {
        out.table(&lines(personas, scope == Scope::All, out.width()))
    })?;
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
                persona.create_time.map_or_else(|| "-".to_owned(), table::minute),
                printable(&persona.description),
            ]
        })
        .collect();
    let first = if everywhere { "NAMESPACE/NAME" } else { "NAME" };
    table::layout([first, "VERSION", "DIALECT", "UPDATED (UTC)", "DESCRIPTION"], &rows, width)
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
