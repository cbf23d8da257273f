//! What the commands that talk to a registry share: the address, namespaces, and naming near misses.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::Failure;
use crate::client::{Client, ClientError, Options, Server, new_request_id};
use crate::domain::{InvalidName, Namespace};
use crate::wire::pb::ErrorReason;

/// Which registry, and how long to try.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Remote {
    /// Where the registry is; scheme and port may be left out
    #[arg(long, env = "PERSONA_SERVER", value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: Server,

    /// Seconds that connecting may take
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    connect_timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no number of seconds above 0, such as 3 or 0.5");
    let number: f64 = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number).ok().filter(|span| !span.is_zero()).ok_or_else(wrong)
}

impl Remote {
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let options = Options { connect_timeout: self.connect_timeout, ..Options::default() };
        Ok(Client::connect(&self.server, options).await?)
    }
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

impl FromStr for Scope {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == "-" { Ok(Self::All) } else { text.parse().map(Self::One) }
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
    let mut near: Vec<_> = names
        .iter()
        .map(|other| (strsim::jaro_winkler(name, other), *other))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near: Vec<_> = near.into_iter().take(3).map(|(_, other)| format!("`{other}`")).collect();
    match (names.len(), near.as_slice()) {
        (0, _) => format!("namespace {namespace} is empty; `persona put FILE` stores a persona"),
        (_, []) => format!("`persona list --namespace {namespace}` shows what there is"),
        (_, near) => format!("did you mean {}?", near.join(" or ")),
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

    #[test]
    fn seconds_are_positive_numbers() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "NaN", "x", "1e400"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
