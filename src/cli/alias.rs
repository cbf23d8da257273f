//! `persona alias` and `persona promote`: which version a word such as `production` names.

use clap::Subcommand;

use super::form::{Form, Rows};
use super::output::printable;
use super::remote::{Place, Places, Remote, Scope, Writing, connect, explained};
use super::{Failure, Outcome, Output, shape, table};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Alias, Name};
use crate::wire::pb;

/// List, set and delete aliases: words such as `production` that name one version of a persona
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) what: What,
}

const EXAMPLES: &str = "\
Examples:
  persona alias set backend_developer staging 5
  persona alias list backend_developer
  persona get backend_developer --alias staging";

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    List(List),
    Set(Set),
    Delete(Delete),
}

/// List aliases, of one persona or of all
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct List {
    /// Only of this persona
    #[arg(value_parser = named::<Name>)]
    name: Option<Name>,

    #[command(flatten)]
    pub(super) places: Places,

    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const LIST_EXAMPLES: &str = "\
Examples:
  persona alias list
  persona alias list backend_developer -o json | jq -r '.alias + \" \" + (.version|tostring)'";

/// Point an alias at a version: make it, or move it
#[derive(Debug, clap::Args)]
#[command(after_help = SET_EXAMPLES)]
pub(crate) struct Set {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// Which alias
    #[arg(value_parser = named::<Alias>)]
    alias: Alias,

    /// The version that it is to name
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    version: i64,

    #[command(flatten)]
    pub(super) place: Place,

    /// Only if this is the version that it names now; 0: only if there is no such alias
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(0..))]
    expect: Option<i64>,

    #[command(flatten)]
    writing: Writing,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const SET_EXAMPLES: &str = "\
Examples:
  persona alias set backend_developer production 5 --expect 4
  persona alias set backend_developer canary 6 --dry-run";

/// Remove an alias; watchers at it are told that the persona left
#[derive(Debug, clap::Args)]
#[command(after_help = DELETE_EXAMPLES)]
pub(crate) struct Delete {
    /// Which persona
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// Which alias
    #[arg(value_parser = named::<Alias>)]
    alias: Alias,

    #[command(flatten)]
    pub(super) place: Place,

    /// Only if this is the version that it names now
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(1..))]
    expect: Option<i64>,

    #[command(flatten)]
    writing: Writing,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) remote: Remote,
}

const DELETE_EXAMPLES: &str = "\
Examples:
  persona alias delete backend_developer canary
  persona alias delete backend_developer canary --expect 6";

pub(crate) async fn list(args: &List, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let scope = args.places.scope(config);
    let name = args.name.as_ref().map_or("", Name::as_str);
    let aliases = match client.aliases(scope.as_str(), name).await {
        Ok(listing) => listing.items,
        Err(error) => return Err(explained(error, &client, scope.as_str(), name).await),
    };
    if aliases.is_empty() {
        let persona = if name.is_empty() { "NAME" } else { name };
        out.say("no aliases");
        out.help(&format!("`persona alias set {persona} ALIAS VERSION` makes one"));
        return Ok(Outcome::Done);
    }
    out.rows(args.output, aliases, shape::Alias::from, |out, aliases| {
        out.table(&lines(aliases, scope == Scope::All, out.width()))
    })?;
    Ok(Outcome::Done)
}

fn lines(aliases: &[pb::PersonaAlias], everywhere: bool, width: Option<usize>) -> Vec<String> {
    let row = |alias: &pb::PersonaAlias| {
        let place = if everywhere { format!("{}/", alias.namespace) } else { String::new() };
        [
            format!("{place}{}", alias.name),
            alias.alias.clone(),
            alias.version.to_string(),
            alias.update_time.map_or_else(|| "-".to_owned(), table::minute),
            printable(&alias.actor),
            printable(&alias.message),
        ]
    };
    let first = if everywhere { "NAMESPACE/NAME" } else { "NAME" };
    let rows: Vec<_> = aliases.iter().map(row).collect();
    table::layout([first, "ALIAS", "VERSION", "SINCE (UTC)", "WHO", "MESSAGE"], &rows, width)
}

pub(crate) async fn set(args: &Set, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let writing = args.writing.settled();
    let request = pb::SetPersonaAliasRequest {
        namespace: config.namespace.to_string(),
        name: args.name.to_string(),
        alias: args.alias.to_string(),
        version: args.version,
        expected_version: args.expect,
        message: writing.message.clone(),
        request_id: writing.request_id.clone(),
        validate_only: writing.dry_run,
    };
    let answer = client.set_alias(request).await;
    let response = writing.told(answer, &client, config, &args.name).await?;
    match args.output {
        Form::Text => out.line(&told(&response, writing.dry_run))?,
        Form::Json => out.json(&shape::AliasSet::new(&response, writing.dry_run))?,
        Form::Yaml => out.yaml(&shape::AliasSet::new(&response, writing.dry_run))?,
    }
    Ok(Outcome::Done)
}

/// What became of an alias, in a line.
pub(super) fn told(response: &pb::SetPersonaAliasResponse, dry_run: bool) -> String {
    let pb::SetPersonaAliasResponse { name, alias, version, previous_version, revision, .. } = response;
    let was = match previous_version {
        0 => "a new alias".to_owned(),
        previous => format!("was version {previous}"),
    };
    match (response.unchanged, response.replayed, dry_run) {
        (true, _, _) => format!("unchanged {name} {alias} is version {version} since revision {revision}"),
        (false, true, _) => {
            format!("set {name} {alias} to version {version} ({was}) at revision {revision} already")
        }
        (false, false, true) => format!("would set {name} {alias} to version {version} ({was})"),
        (false, false, false) => {
            format!("set {name} {alias} to version {version} ({was}) at revision {revision}")
        }
    }
}

pub(crate) async fn delete(args: &Delete, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let client = connect(config).await?;
    let writing = args.writing.settled();
    let request = pb::DeletePersonaAliasRequest {
        namespace: config.namespace.to_string(),
        name: args.name.to_string(),
        alias: args.alias.to_string(),
        expected_version: args.expect,
        message: writing.message.clone(),
        request_id: writing.request_id.clone(),
        validate_only: writing.dry_run,
    };
    let answer = client.delete_alias(request).await;
    let response = writing.told(answer, &client, config, &args.name).await?;
    match args.output {
        Form::Text => out.line(&gone(&response, writing.dry_run))?,
        Form::Json => out.json(&shape::AliasDeleted::new(&response, writing.dry_run))?,
        Form::Yaml => out.yaml(&shape::AliasDeleted::new(&response, writing.dry_run))?,
    }
    Ok(Outcome::Done)
}

fn gone(response: &pb::DeletePersonaAliasResponse, dry_run: bool) -> String {
    let pb::DeletePersonaAliasResponse { name, alias, previous_version, revision, replayed, .. } = response;
    let what = format!("{name} {alias} (was version {previous_version})");
    match (dry_run, replayed) {
        (true, _) => format!("would delete {what}"),
        (false, true) => format!("deleted {what} at revision {revision} already"),
        (false, false) => format!("deleted {what} at revision {revision}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_one_line() {
        let mut response = pb::SetPersonaAliasResponse {
            name: "a".to_owned(),
            alias: "production".to_owned(),
            version: 3,
            revision: 9,
            ..Default::default()
        };
        assert_eq!(told(&response, false), "set a production to version 3 (a new alias) at revision 9");
        response.previous_version = 2;
        assert_eq!(told(&response, true), "would set a production to version 3 (was version 2)");
        response.unchanged = true;
        assert_eq!(told(&response, false), "unchanged a production is version 3 since revision 9");
        let removed = pb::DeletePersonaAliasResponse {
            name: "a".to_owned(),
            alias: "canary".to_owned(),
            previous_version: 3,
            revision: 10,
            ..Default::default()
        };
        assert_eq!(gone(&removed, false), "deleted a canary (was version 3) at revision 10");
    }
}
