//! What the commands that talk to a registry share: the address, namespaces, and naming near misses.

use std::convert::Infallible;
use std::str::FromStr;

use super::Failure;
use super::flags::{Calling, Flags, Given, InAny, InOne};
use crate::client::{Client, ClientError, new_request_id};
use crate::config::Config;
use crate::diagnostic::did_you_mean;
use crate::domain::Namespace;
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

/// A failed call; a persona that does not exist is answered with the nearest ones that do.
pub(super) async fn explained(error: ClientError, client: &Client, namespace: &str, name: &str) -> Failure {
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
    let personas = client.list("-").await.unwrap_or_default();
    let mut namespaces: Vec<_> = personas.into_iter().map(|persona| persona.namespace).collect();
    namespaces.sort();
    namespaces.dedup();
    namespaces
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
