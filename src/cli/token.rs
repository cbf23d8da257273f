//! `persona token`: API tokens of a data directory, made, listed and revoked beside a running server.

use clap::Subcommand;
use serde::Serialize;

use super::flags::{Flags, Stored};
use super::form::{Form, Rows};
use super::output::printable;
use super::{Failure, Outcome, Output, shape, table};
use crate::auth::{self, ApiToken, ApiTokens, NewToken, TokenError};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Clock as _, Grant, Name, SystemClock, Timestamp};
use crate::server::ServeError;

/// Make, list and revoke API tokens; a running server with --auth takes changes in within a second
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) what: What,
}

const EXAMPLES: &str = "\
Examples:
  persona token create ci --grant writer@payments --days 90 > token
  persona list --token-file token
  persona token revoke ci";

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token; it is shown this once, and kept hashed
#[derive(Debug, clap::Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub(crate) struct Create {
    /// What it is called: its principal is token:NAME
    #[arg(value_parser = named::<Name>)]
    name: Name,

    /// A role (reader, writer, promoter or admin) and its namespaces; without any it holds everywhere. May be given several
    /// times; without one the policy decides alone
    #[arg(long = "grant", value_name = "ROLE[@NS,…]")]
    grants: Vec<Grant>,

    /// After how many days it ends [default: never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
    days: Option<u32>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) store: Flags<Stored>,
}

/// A hundred years: beyond it dates are no dates any more.
const MOST_DAYS: i64 = 36_500;

const CREATE_EXAMPLES: &str = "\
Examples:
  persona token create ci --grant writer@payments > token
  persona token create release --grant promoter --days 90 -o json
  persona token create ops --grant admin";

/// List tokens, those that were revoked or have ended too
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct List {
    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) store: Flags<Stored>,
}

const LIST_EXAMPLES: &str = "\
Examples:
  persona token list
  persona token list -o json | jq -r 'select(.state == \"live\") | .name'";

/// Revoke a token; streams that it began end within a second
#[derive(Debug, clap::Args)]
#[command(after_help = REVOKE_EXAMPLES)]
pub(crate) struct Revoke {
    /// Which one
    #[arg(value_parser = named::<Name>)]
    name: Name,

    #[command(flatten)]
    pub(super) store: Flags<Stored>,
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  persona token revoke ci";

/// What machines are told of a new token.
#[derive(Serialize)]
struct Created<'a> {
    name: &'a str,
    principal: String,
    grants: Vec<String>,
    token: &'a str,
}

/// What machines are told of a token.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    id: &'a str,
    state: &'static str,
    grants: &'a [String],
    create_time: String,
    expire_time: Option<String>,
    revoke_time: Option<String>,
}

impl<'a> Listed<'a> {
    fn of(token: &'a ApiToken, now: Timestamp) -> Self {
        Self {
            name: &token.name,
            id: &token.id,
            state: state(token, now),
            grants: &token.grants,
            create_time: moment(token.create_time),
            expire_time: token.expire_time.map(moment),
            revoke_time: token.revoke_time.map(moment),
        }
    }
}

pub(crate) fn create(args: &Create, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let now = SystemClock.now();
    let days = |days: u32| now.after(std::time::Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let (name, grants) = (args.name.to_string(), args.grants.clone());
    let new = NewToken { name: name.clone(), grants, expires: args.days.map(days) };
    let token = auth::create(&config.token_file(), &new, now).map_err(failed)?;
    let created = || Created {
        name: &name,
        principal: format!("token:{name}"),
        grants: args.grants.iter().map(ToString::to_string).collect(),
        token: &token,
    };
    match args.output {
        Form::Text => out.line(&token)?,
        Form::Json => out.json(&created())?,
        Form::Yaml => out.yaml(&created())?,
    }
    let granted = match args.grants.as_slice() {
        [] => "what the policy grants to it".to_owned(),
        grants => grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    out.note(&format!("token:{name} may do {granted}; this is the one time that the token is shown"));
    Ok(Outcome::Done)
}

pub(crate) fn list(args: &List, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let now = SystemClock.now();
    let tokens = load(config)?;
    let tokens = tokens.list();
    if tokens.is_empty() {
        out.say("no API tokens");
        out.help("`persona token create NAME --grant ROLE@NAMESPACE` makes one");
        return Ok(Outcome::Done);
    }
    out.rows(
        args.output,
        tokens,
        |token| Listed::of(token, now),
        |out, tokens| {
            let row = |token: &&ApiToken| {
                let end = token.expire_time.map_or_else(|| "never".to_owned(), day);
                let grants = printable(&token.grants.join(" "));
                [printable(&token.name), state(token, now).to_owned(), day(token.create_time), end, grants]
            };
            let rows: Vec<_> = tokens.iter().map(row).collect();
            let heads = ["NAME", "STATE", "MADE (UTC)", "ENDS (UTC)", "GRANTS"];
            out.table(&table::layout(heads, &rows, out.width()))
        },
    )?;
    Ok(Outcome::Done)
}

pub(crate) fn revoke(args: &Revoke, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    auth::revoke(&config.token_file(), args.name.as_str(), SystemClock.now()).map_err(failed)?;
    out.line(&format!("revoked token:{}", args.name))?;
    Ok(Outcome::Done)
}

fn state(token: &ApiToken, now: Timestamp) -> &'static str {
    match (token.revoke_time, token.is_live(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "live",
        (None, false) => "ended",
    }
}

fn day(seconds: i64) -> String {
    table::minute(prost_types::Timestamp { seconds, nanos: 0 })
}

/// RFC 3339, as all other moments that machines are told.
fn moment(seconds: i64) -> String {
    shape::moment(prost_types::Timestamp { seconds, nanos: 0 })
}

/// The tokens of the data directory.
pub(super) fn load(config: &Config) -> Result<ApiTokens, Failure> {
    ApiTokens::load(&config.token_file()).map_err(failed)
}

fn failed(error: TokenError) -> Failure {
    match error {
        TokenError::Exists(_) | TokenError::Unknown(_) | TokenError::Full => {
            Failure::Missing { what: error.to_string(), help: "`persona token list` shows them".to_owned() }
        }
        TokenError::Io { .. } | TokenError::Damaged { .. } | TokenError::Crypto(_) => {
            Failure::Server(Box::new(ServeError::from(error)))
        }
    }
}
