//! What the commands that talk to a registry share: the address, namespaces, and naming near misses.

use std::convert::Infallible;
use std::str::FromStr;

use super::Failure;
use super::flags::{Calling, Flags, Given, InAny, InOne};
use crate::client::{Client, ClientError, new_request_id};
use crate::config::Config;
use crate::diagnostic::did_you_mean;
use crate::domain::{Name, Namespace};
use crate::wire::pb;
use crate::wire::pb::ErrorReason;

/// Which registry, and how long to try.
pub(super) type Remote = Flags<Calling>;

/// The namespace that a command works in.
pub(super) type Place = Flags<InOne>;

/// The namespaces that a command looks at.
pub(super) type Places = Flags<InAny>;

/// Connects to the registry that the configuration names.
pub(super) async fn connect(config: &Config) -> Result<Client, Failure> {
    Ok(Client::connect(&config.server, config.client.clone()).await?)
}

/// One namespace, or all of them (`-`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Only this one.
    One(Namespace),
    /// Every one that the caller may see.
    All,
}

impl Scope {
    /// As requests write it.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::One(namespace) => namespace.as_str(),
            Self::All => "-",
        }
    }
}

impl Places {
    /// The one that was named here or is configured, or all.
    pub(super) fn scope(&self, config: &Config) -> Scope {
        if self.all() { Scope::All } else { Scope::One(config.namespace.clone()) }
    }

    /// What there is to configure: `-` is no namespace.
    pub(super) fn given_one(&self) -> Given {
        if self.all() { Given::new() } else { self.given() }
    }

    fn all(&self) -> bool {
        self.given().iter().any(|(_, texts)| texts.iter().any(|text| text == "-"))
    }
}

/// A file, or stdin (`-`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `-`.
    Stdin,
    /// A path.
    Path(std::path::PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "-" { Self::Stdin } else { Self::Path(text.into()) })
    }
}

/// The request id of a write: the person's, or a new one that can be told when the outcome stays unknown.
pub(super) fn request_id(given: &str) -> String {
    if given.is_empty() { new_request_id() } else { given.to_owned() }
}

/// A write of which nobody knows whether it happened: the person is told how to learn it.
pub(super) fn unsettled(error: ClientError, request_id: &str) -> Failure {
    let help =
        format!("it may have happened; the same command with --request-id {request_id} does it once at most");
    Failure::Client { error, help: Some(help) }
}

/// What every write may be told.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Writing {
    /// What this change is about
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub(super) message: String,

    /// Idempotency key: repeated within 24 hours it answers the first outcome [default: a new one]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(super) request_id: String,

    /// Say what would happen and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Writing {
    /// The same for every attempt of the one thing that is to be done.
    pub(super) fn settled(&self) -> Self {
        Self { request_id: request_id(&self.request_id), ..self.clone() }
    }

    /// What became of a write to a persona; its failure says what to do.
    pub(super) async fn told<A>(
        &self,
        answer: Result<A, ClientError>,
        client: &Client,
        config: &Config,
        name: &Name,
    ) -> Result<A, Failure> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if error.is_undecided() && !self.dry_run => Err(unsettled(error, &self.request_id)),
            Err(error) => Err(explained(error, client, config.namespace.as_str(), name.as_str()).await),
        }
    }
}

/// Reads as of a revision, which means something in one store only: the registry says which it has.
pub(super) async fn as_of(client: &Client, at: Option<i64>) -> Result<Option<pb::ReadOptions>, Failure> {
    let Some(at_revision) = at else { return Ok(None) };
    let header = client.status().await?.header.ok_or(ClientError::Incomplete("its store"))?;
    Ok(Some(pb::ReadOptions { store_id: header.store_id, at_revision, ..Default::default() }))
}

/// A failed call; where the filter is wrong, it is shown where.
pub(super) fn filtered(error: ClientError, filter: &str) -> Failure {
    let position = match &error {
        ClientError::Refused(refusal) if refusal.reason == Some(ErrorReason::FilterInvalid) => {
            refusal.metadata.get("position").and_then(|position| position.parse::<usize>().ok())
        }
        _ => None,
    };
    let help = position.and_then(|position| {
        let (right, wrong) = filter.split_at_checked(position)?;
        Some(format!("it was read up to here: {right} ⟨here⟩ {wrong}").trim_end().to_owned())
    });
    Failure::Client { error, help }
}

/// What to do about an alias that a persona does not have.
async fn alias_help(error: &ClientError, client: &Client, namespace: &str, name: &str) -> Option<String> {
    let ClientError::Refused(refusal) = error else { return None };
    let aliases = client.aliases(namespace, name).await.ok()?.items;
    let words: Vec<_> = aliases.iter().map(|alias| alias.alias.as_str()).collect();
    let wanted = refusal.metadata.get("alias").map_or("", String::as_str);
    Some(match (did_you_mean(wanted, words.iter().copied()), words.as_slice()) {
        (Some(near), _) => near,
        (None, []) => format!("it has no aliases; `persona alias set {name} {wanted} VERSION` makes one"),
        (None, words) => format!("its aliases are {}", words.join(", ")),
    })
}

/// A failed call; a persona that does not exist is answered with the nearest ones that do, an alias too.
pub(super) async fn explained(error: ClientError, client: &Client, namespace: &str, name: &str) -> Failure {
    if error.reason() == Some(ErrorReason::AliasNotFound) {
        let help = alias_help(&error, client, namespace, name).await;
        return Failure::Client { error, help };
    }
    let deleted = matches!(&error, ClientError::Refused(refusal)
        if refusal.metadata.get("last_version").is_some_and(|last| !last.is_empty()));
    if error.reason() != Some(ErrorReason::PersonaNotFound) || deleted {
        return error.into();
    }
    // Help is a courtesy: when the listing fails too, the first failure is what counts.
    let help = match client.list(namespace).await {
        Ok(personas) if personas.is_empty() => {
            let help = empty_help(namespace, &namespaces(client).await);
            Some(format!("namespace {namespace} is empty; {help}"))
        }
        Ok(personas) => {
            let names = personas.iter().map(|persona| persona.name.as_str());
            let list = || format!("`persona list --namespace {namespace}` shows what there is");
            Some(did_you_mean(name, names).unwrap_or_else(list))
        }
        Err(_) => None,
    };
    Failure::Client { error, help }
}

/// Namespaces with a persona, in order; none where they cannot be told.
pub(super) async fn namespaces(client: &Client) -> Vec<String> {
    let namespaces = client.namespaces().await.unwrap_or_default();
    namespaces.into_iter().map(|one| one.namespace).collect()
}

/// What to do about a namespace without personas, where these have some.
pub(super) fn empty_help(namespace: &str, others: &[String]) -> String {
    let words = others.iter().map(String::as_str);
    let near = did_you_mean(namespace, words.clone());
    let put = || "`persona put FILE` stores a persona".to_owned();
    near.or_else(|| {
        let some: Vec<_> = words.take(NAMESPACES_TOLD).map(|other| format!("`{other}`")).collect();
        let more = if others.len() > NAMESPACES_TOLD { " and others" } else { "" };
        (!some.is_empty()).then(|| format!("{}; there are personas in {}{more}", put(), some.join(", ")))
    })
    .unwrap_or_else(put)
}

/// Namespaces that a help names at most.
const NAMESPACES_TOLD: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_namespace_is_answered_with_others() {
        let others = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(empty_help("opps", &others(&["default", "ops"])), "did you mean `ops`?");
        assert_eq!(
            empty_help("x", &others(&["a", "b"])),
            "`persona put FILE` stores a persona; there are personas in `a`, `b`"
        );
        assert!(empty_help("x", &others(&["a", "b", "c", "d", "e", "f"])).ends_with("`e` and others"));
        assert_eq!(empty_help("x", &[]), "`persona put FILE` stores a persona");
    }
}
