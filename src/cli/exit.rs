//! How a command ends: outcomes, failures with what to do next, and the one match that makes exit codes.

mod tls;

use std::error::Error;
use std::io;

use tonic::Code;

use super::Output;
use super::output::printable;
use crate::client::{ClientError, Refusal, Violation};
use crate::config::Problem;
use crate::wire::pb::ErrorReason;

/// A command did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// And there is nothing to complain about.
    Done,
    /// And what it looked at has findings that count.
    Findings,
    /// But some of its input could not be read, which has been told.
    Unread,
    /// But whoever was served left without a farewell.
    Abandoned,
}

/// A command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Who read our output has enough: no failure at all.
    #[error("the reader of the output closed it")]
    PipeClosed,
    /// The arguments do not make sense together.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong in these places.
    #[error("the configuration is wrong")]
    Config(Vec<Problem>),
    /// A file or stream cannot be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, such as `cannot read personas/a.md`.
        what: String,
        /// What the system said.
        source: io::Error,
        /// What to do next, where there is something.
        help: Option<String>,
    },
    /// A call failed.
    #[error("{error}")]
    Client {
        /// How.
        error: ClientError,
        /// What to do next, where the command knows better than the error.
        help: Option<String>,
    },
    /// The registry has no such thing, by what it answered.
    #[error("{what}")]
    Missing {
        /// What is missing.
        what: String,
        /// What to do next.
        help: String,
    },
    /// The server failed.
    #[error("{0}")]
    Server(Box<dyn Error + Send + Sync>),
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Config(problems)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client { error, help: None }
    }
}

/// The exit code: 0 done; 1 findings or a no; 2 usage, input and output, or a fault.
pub(super) fn code(result: &Result<Outcome, Failure>) -> u8 {
    match result {
        Ok(Outcome::Done) | Err(Failure::PipeClosed) => 0,
        Ok(Outcome::Findings | Outcome::Abandoned) | Err(Failure::Missing { .. }) => 1,
        Ok(Outcome::Unread) => 2,
        Err(Failure::Client { error: ClientError::Refused(refusal), .. }) => match refusal.code {
            // Nothing is wrong with the registry: the version is needed.
            Code::FailedPrecondition if refusal.reason == Some(ErrorReason::VersionInUse) => 1,
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::Aborted
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::Unauthenticated => 1,
            Code::FailedPrecondition
            | Code::ResourceExhausted
            | Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unknown
            | Code::Cancelled => 2,
        },
        Err(Failure::Client { error: ClientError::Missing { .. }, .. }) => 1,
        Err(Failure::Client {
            error:
                ClientError::Unreachable { .. }
                | ClientError::Insecure { .. }
                | ClientError::TokenExposed { .. }
                | ClientError::Incomplete(_)
                | ClientError::Silent(_)
                | ClientError::Pending(_)
                | ClientError::Closed,
            ..
        }) => 2,
        Err(Failure::Usage(_) | Failure::Config(_) | Failure::Io { .. } | Failure::Server(_)) => 2,
    }
}

/// A line that nobody reads any more does not undo what was done, nor what is still to be: `apply | head`.
pub(super) fn unread(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(Failure::PipeClosed) => Ok(()),
        other => other,
    }
}

impl Failure {
    /// A failure of the machine's, without a help.
    pub(super) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into(), help: None }
    }

    /// Says on stderr what failed and what to do next.
    pub(super) fn tell(&self, out: &mut Output) {
        match self {
            Self::PipeClosed => {}
            Self::Client { error: ClientError::Refused(refusal), help } => {
                out.error(&reason_mark(refusal), &refusal.message);
                // A single violation is often the message itself; once is enough.
                let untold = |one: &&Violation| !refusal.message.contains(&one.description);
                for violation in refusal.violations.iter().filter(untold) {
                    out.say(&format!(
                        "  {}: {}",
                        printable(&violation.field),
                        printable(&violation.description)
                    ));
                }
                if let Some(help) = help.clone().or_else(|| advice(refusal)) {
                    out.help(&help);
                }
                if let (2, Some(id)) = (code(&Err(self.shallow())), &refusal.call_id) {
                    out.note(&format!("the server's log tells more under call id {id}"));
                }
            }
            Self::Client { error, help } => {
                out.error("", &error.to_string());
                let start = "start one with `persona serve`, or name another with --server, PERSONA_SERVER or \
                             `server` below [client] in persona.toml";
                let advice = match error {
                    ClientError::Unreachable { .. } => Some(start.to_owned()),
                    ClientError::Insecure { fault, .. } => tls::advice(fault),
                    ClientError::TokenExposed { .. } => Some(
                        "write https:// where the registry has TLS, or say --insecure-token where something else keeps what is \
                         sent from others, such as a tunnel"
                            .to_owned(),
                    ),
                    _ => None,
                };
                if let Some(help) = help.clone().or(advice) {
                    out.help(&help);
                }
            }
            Self::Config(problems) => {
                for problem in problems {
                    out.error("", &problem.to_string());
                    if let Some(help) = &problem.help {
                        out.help(help);
                    }
                }
            }
            Self::Missing { what, help } => {
                out.error("", what);
                out.help(help);
            }
            Self::Usage(_) | Self::Io { .. } | Self::Server(_) => {
                out.error("", &self.to_string());
                let mut source = match self {
                    Self::Server(error) => error.source(),
                    _ => None,
                };
                while let Some(cause) = source {
                    out.say(&format!("  because: {cause}"));
                    source = cause.source();
                }
                if let Self::Io { help: Some(help), .. } = self {
                    out.help(help);
                }
            }
        }
    }

    /// The failure as far as its exit code goes.
    fn shallow(&self) -> Self {
        match self {
            Self::Client { error, .. } => Self::from(error.clone()),
            other => Self::Usage(other.to_string()),
        }
    }
}

/// The reason without its prefix, as the contract writes it.
fn reason_mark(refusal: &Refusal) -> String {
    let code = || format!("{:?}", refusal.code);
    refusal.reason.map_or_else(code, |reason| reason.as_str_name().replace("ERROR_REASON_", ""))
}

/// The command that reads the last version of a persona.
fn last_version(refusal: &Refusal) -> String {
    let value = |key: &str| refusal.metadata.get(key).map_or("", String::as_str);
    let place = place(refusal);
    format!("`persona get {}{place} --version {}` shows the last one", value("name"), value("last_version"))
}

/// The flag that names the namespace, where it is not the default one.
fn place(refusal: &Refusal) -> String {
    match refusal.metadata.get("namespace").map_or("", String::as_str) {
        "" | "default" => String::new(),
        namespace => format!(" --namespace {namespace}"),
    }
}

/// What to do next, by the reason.
fn advice(refusal: &Refusal) -> Option<String> {
    let value = |key: &str| refusal.metadata.get(key).map_or("", String::as_str);
    // Which of them it is depends on whether the connection or the call notices first.
    if refusal.reason.is_none() && matches!(refusal.code, Code::Unknown | Code::Cancelled) {
        return Some(
            "what answers there does not speak as a registry does; is the address right? where TLS is on it begins with \
             https://"
                .to_owned(),
        );
    }
    Some(match refusal.reason? {
        ErrorReason::EtagMismatch if value("etag").is_empty() => {
            "there is no such persona now; leave out --etag to create it".to_owned()
        }
        ErrorReason::EtagMismatch => format!(
            "read it again (`persona get {}`), make your change to that, and repeat with --etag {}",
            value("name"),
            value("etag")
        ),
        ErrorReason::PersonaExists => "leave out --create-only to give it a new version".to_owned(),
        ErrorReason::VersionNotFound => {
            format!("`persona history {}{}` shows which versions there are", value("name"), place(refusal))
        }
        ErrorReason::AliasMoved => format!(
            "`persona alias list {}{}` shows what it names now; --expect {} goes on from there",
            value("name"),
            place(refusal),
            value("version")
        ),
        ErrorReason::RevisionInFuture => "`persona status` tells the registry's revision".to_owned(),
        ErrorReason::RevisionCompacted => format!(
            "the oldest revision that can be read as of is {}; a watch begins anew without --resume",
            value("floor")
        ),
        ErrorReason::PersonaNotFound if !value("last_version").is_empty() => last_version(refusal),
        ErrorReason::RequestIdReused => {
            "take a new --request-id for a new request, or leave the flag out".to_owned()
        }
        ErrorReason::ResumeTokenInvalid => {
            "resume with the same names, namespace, filter and alias that the token came from, or leave out \
             --resume"
                .to_owned()
        }
        ErrorReason::StoreMismatch => {
            "the registry has a new or restored store; leave out --resume to begin with a snapshot".to_owned()
        }
        ErrorReason::WriteOutcomeUnknown | ErrorReason::DeadlineExpired => {
            "repeat a write with the same --request-id to learn whether it happened".to_owned()
        }
        ErrorReason::StoreFull => "make room on the registry's disk; reads go on".to_owned(),
        ErrorReason::RegistryReadOnly => {
            "restart the registry once its disk is well; `persona status` tells how it stands".to_owned()
        }
        ErrorReason::MethodUnknown => "the server is older than this client; update it".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: Code) -> Result<Outcome, Failure> {
        Err(ClientError::from(tonic::Status::new(code, "no")).into())
    }

    #[test]
    fn the_table_of_exit_codes_holds() {
        assert_eq!(code(&Ok(Outcome::Done)), 0);
        assert_eq!(code(&Ok(Outcome::Findings)), 1);
        assert_eq!(code(&Ok(Outcome::Unread)), 2);
        assert_eq!(code(&Err(Failure::PipeClosed)), 0);
        assert_eq!(code(&Err(Failure::Usage(String::new()))), 2);
        assert_eq!(code(&refused(Code::NotFound)), 1);
        assert_eq!(code(&refused(Code::InvalidArgument)), 1);
        assert_eq!(code(&refused(Code::Aborted)), 1);
        assert_eq!(code(&refused(Code::Unavailable)), 2);
        assert_eq!(code(&refused(Code::Internal)), 2);
        let unreachable = ClientError::Unreachable { server: String::new(), cause: String::new() };
        assert_eq!(code(&Err(unreachable.into())), 2);
    }

    #[test]
    fn an_unreachable_registry_says_how_to_start_one() {
        let server = "http://127.0.0.1:1".to_owned();
        let error = ClientError::Unreachable { server, cause: "Connection refused".to_owned() };
        let mut out = Output::captured();
        Failure::from(error).tell(&mut out);
        assert_eq!(
            out.words(),
            "error: no registry answers at http://127.0.0.1:1: Connection refused\n  \
             help: start one with `persona serve`, or name another with --server, PERSONA_SERVER or \
             `server` below [client] in persona.toml\n"
        );
    }
}
