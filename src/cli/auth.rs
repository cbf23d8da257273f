//! `persona auth check`: whether somebody may do something, and which grant says so.

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::flags::{Flags, Stored};
use super::form::Form;
use super::output::{Paint, printable};
use super::{Failure, Outcome, Output, token};
use crate::auth::{Asked, Explanation, Identity, Proof, Source};
use crate::config::Config;
use crate::document::named;
use crate::domain::{Alias, Clock as _, Grant, Namespace, Permission, Principal, SystemClock};

/// Explain who may do what, from persona.toml and the API tokens of a data directory
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) what: What,
}

const EXAMPLES: &str = "\
Examples:
  persona auth check --as corp:alice --may write --in payments
  persona auth check --as token:ci --move production";

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    Check(Check),
}

/// Whether somebody may do something: exit code 0 for yes, 1 for no
#[derive(Debug, clap::Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct Check {
    /// Who: ISSUER:SUBJECT, token:NAME or cert:NAME
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: String,

    /// What they would do
    #[arg(long, value_enum, default_value = "read", conflicts_with = "moved")]
    may: May,

    /// The alias that they would move
    #[arg(long = "move", value_name = "ALIAS", value_parser = named::<Alias>)]
    moved: Option<Alias>,

    /// In which namespace
    #[arg(long = "in", value_name = "NS", default_value = "default", value_parser = named::<Namespace>)]
    namespace: Namespace,

    /// A role that a claim of their token says, as ROLE[@NS,…]; may be given several times
    #[arg(long = "claim", value_name = "ROLE[@NS,…]")]
    claims: Vec<Grant>,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,

    #[command(flatten)]
    pub(super) store: Flags<Stored>,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  persona auth check --as corp:alice --may write --in payments
  persona auth check --as token:ci --move production --in payments
  persona auth check --as corp:bob --may administer --claim admin@team-a -o json";

/// What somebody would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum May {
    Read,
    Write,
    Promote,
    Administer,
}

impl From<May> for Permission {
    fn from(may: May) -> Self {
        match may {
            May::Read => Self::Read,
            May::Write => Self::Write,
            May::Promote => Self::Promote,
            May::Administer => Self::Administer,
        }
    }
}

/// What machines are told.
#[derive(Serialize)]
struct Told {
    principal: String,
    namespace: String,
    permission: Vec<String>,
    alias: Option<String>,
    protected: bool,
    allowed: bool,
    /// The grant that allows it, and where it stands.
    by: Option<String>,
    grants: Vec<String>,
}

pub(crate) fn check(args: &Check, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    let policy = config.policy.clone().unwrap_or_default();
    let mut own = args.claims.clone();
    if let Some(name) = args.principal.strip_prefix("token:") {
        let tokens = token::load(config)?;
        let live = tokens.list().into_iter().filter(|token| token.is_live(SystemClock.now()));
        let Some(token) = live.into_iter().find(|token| token.name == name) else {
            let help = "`persona token list` shows them".to_owned();
            return Err(Failure::Missing { what: format!("there is no live token {name}"), help });
        };
        own.extend(token.grants.iter().filter_map(|grant| grant.parse().ok()));
    }
    let identity = Identity {
        principal: Principal::new(&args.principal),
        own,
        expires: None,
        proof: Proof::Certificate,
    };
    let asked =
        Asked { permission: args.may.into(), namespace: args.namespace.clone(), alias: args.moved.clone() };
    let explanation = policy.explain(&identity, &asked);
    let told = told(args, &explanation);
    match args.output {
        Form::Text => text(args, &explanation, &told, out)?,
        Form::Json => out.json(&told)?,
        Form::Yaml => out.yaml(&told)?,
    }
    Ok(if told.allowed { Outcome::Done } else { Outcome::Findings })
}

fn told(args: &Check, explanation: &Explanation) -> Told {
    let word = |(source, grant): &(Source, Grant)| format!("{grant} ({})", place(*source));
    Told {
        principal: args.principal.clone(),
        namespace: args.namespace.to_string(),
        permission: explanation.needed.iter().map(ToString::to_string).collect(),
        alias: args.moved.as_ref().map(ToString::to_string),
        protected: explanation.is_protected,
        allowed: explanation.is_allowed,
        by: explanation.decisive.as_ref().filter(|_| explanation.is_allowed).map(word),
        grants: explanation.grants.iter().map(word).collect(),
    }
}

fn place(source: Source) -> String {
    match source {
        Source::Policy(at) => format!("[[auth.grants]] number {}", at + 1),
        Source::Credential => "the token itself".to_owned(),
    }
}

fn text(args: &Check, explanation: &Explanation, told: &Told, out: &mut Output) -> Result<(), Failure> {
    let what = match &args.moved {
        Some(alias) if explanation.is_protected => format!("move the protected alias {alias}"),
        Some(alias) => format!("move the alias {alias}"),
        None => Permission::from(args.may).to_string(),
    };
    let (mark, not) = match told.allowed {
        true => (out.painted(Paint::Green, "yes"), ""),
        false => (out.painted(Paint::Red, "no"), " not"),
    };
    let who = printable(&args.principal);
    out.line(&format!("{mark}: {who} may{not} {what} in namespace {}", args.namespace))?;
    match &told.by {
        Some(by) => out.line(&format!("by {}", printable(by)))?,
        None if told.grants.is_empty() => out.line("nothing is granted to them")?,
        None => out.line(&format!("granted is {}", printable(&told.grants.join(", "))))?,
    }
    if !told.allowed {
        out.help(&format!("it takes the permission {}", told.permission.join(" or ")));
    }
    Ok(())
}
