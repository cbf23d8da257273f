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
    if error.reason() != Some(ErrorReason::PersonaNotFound) {
        return error.into();
    }
    // Help is a courtesy: when the listing fails too, the first failure is what counts.
    let help = match client.list(namespace).await {
        Ok(personas) => {
            let names: Vec<_> = personas.iter().map(|persona| persona.name.as_str()).collect();
            Some(not_found_help(namespace, name, &names))
        }
        Err(_) => None,
    };
    Failure::Client { error, help }
}

fn not_found_help(namespace: &str, name: &str, names: &[&str]) -> String {
    match (names.len(), did_you_mean(name, names.iter().copied())) {
        (0, _) => format!("namespace {namespace} is empty; `persona put FILE` stores a persona"),
        (_, None) => format!("`persona list --namespace {namespace}` shows what there is"),
        (_, Some(near)) => near,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_offered_best_first() {
        let names = ["backend_developer", "backend-developer", "security_reviewer"];
        assert_eq!(
            not_found_help("default", "backend_develper", &names),
            "did you mean `backend_developer` or `backend-developer`?"
        );
        assert_eq!(
            not_found_help("default", "zzz", &names),
            "`persona list --namespace default` shows what there is"
        );
        assert!(not_found_help("empty", "a", &[]).contains("namespace empty is empty"));
    }
}
