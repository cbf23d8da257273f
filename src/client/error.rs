//! Why a call failed: what a `tonic::Status` and its error details say, read once.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::TlsFault;
use crate::wire::ERROR_DOMAIN;
use crate::wire::pb::ErrorReason;

/// The response header that finds a call in the server's log.
pub const CALL_ID_HEADER: &str = "x-request-id";

/// A call did not give what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers there, or what answers speaks no HTTP/2.
    #[error("no registry answers at {server}: {cause}")]
    Unreachable {
        /// The address tried.
        server: String,
        /// What the network said.
        cause: String,
    },
    /// There is no secure connection to the registry.
    #[error("no secure connection to {server}: {fault}")]
    Insecure {
        /// The address tried.
        server: String,
        /// Why not.
        fault: TlsFault,
    },
    /// There is a token, and nothing that keeps it from whoever is on the way; it was not sent.
    #[error(
        "the token is not sent to {server}: that is another machine and there is no TLS, so that whoever is on the way could take \
         the token and use it"
    )]
    TokenExposed {
        /// The address.
        server: String,
    },
    /// The registry, or something on the way to it, answered with a status that is not OK.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The answer lacks what the contract promises.
    #[error("the registry answered without {0}; it may be of another version than this client")]
    Incomplete(&'static str),
    /// What is held has no such persona.
    #[error("there is no persona {name:?} in {namespace:?} at revision {revision}")]
    Missing {
        /// The namespace that is followed.
        namespace: String,
        /// The name asked for.
        name: String,
        /// The revision that is held.
        revision: i64,
    },
    /// A stream said nothing for three of its progress intervals.
    #[error("the registry said nothing for {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// Nothing was received yet, and no error either.
    #[error("nothing was received from {0} yet")]
    Pending(String),
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// A status that is not OK, with its details.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What to do next.
    pub code: Code,
    /// Why, in the registry's words; none when something between made the status.
    pub reason: Option<ErrorReason>,
    /// One sentence for people.
    pub message: String,
    /// Values that belong to the reason; `ErrorReason` documents the keys.
    pub metadata: BTreeMap<String, String>,
    /// What is wrong with which field.
    pub violations: Vec<Violation>,
    /// How long to wait before trying again, where the registry says.
    pub retry_delay: Option<Duration>,
    /// Finds the call in the server's log.
    pub call_id: Option<String>,
}

/// One field of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl ClientError {
    /// The reason that the registry gave.
    #[must_use]
    pub fn reason(&self) -> Option<ErrorReason> {
        match self {
            Self::Refused(refusal) => refusal.reason,
            Self::Missing { .. } => Some(ErrorReason::PersonaNotFound),
            Self::Unreachable { .. }
            | Self::Insecure { .. }
            | Self::TokenExposed { .. }
            | Self::Incomplete(_)
            | Self::Silent(_)
            | Self::Pending(_)
            | Self::Closed => None,
        }
    }

    /// Whether the same request may be sent again: nothing was decided, or the registry says when to come back.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent(_) | Self::Pending(_) => true,
            Self::Refused(refusal) => refusal.is_transient(),
            Self::Insecure { .. }
            | Self::TokenExposed { .. }
            | Self::Incomplete(_)
            | Self::Missing { .. }
            | Self::Closed => false,
        }
    }

    /// Whether the credential was believed once and its time is over.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.reason == Some(ErrorReason::CredentialsInvalid)
            && refusal.metadata.get("cause").is_some_and(|cause| cause == "expired"))
    }

    /// Whether nobody knows what became of the request: a write may have happened.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Insecure { .. }
            | Self::Incomplete(_)
            | Self::Silent(_)
            | Self::Pending(_) => true,
            Self::TokenExposed { .. } => false,
            Self::Refused(refusal) => refusal.is_undecided(),
            Self::Missing { .. } | Self::Closed => false,
        }
    }

    /// How long the registry asks to wait before the next attempt.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_delay,
            _ => None,
        }
    }
}

impl Refusal {
    /// Whether trying again may help: the registry says when, or the answer was lost on the way.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let asked_back = self.code == Code::ResourceExhausted && self.retry_delay.is_some();
        asked_back || self.is_undecided()
    }

    /// Whether the answer was lost on the way, or the registry could not decide.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        match self.code {
            Code::Unavailable | Code::DeadlineExceeded => true,
            // Without a reason the registry did not speak: the connection broke under the call.
            Code::Unknown | Code::Cancelled | Code::Internal => self.reason.is_none(),
            _ => false,
        }
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(Refusal::from(status)))
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN);
        let violations = details.bad_request().map_or_else(Vec::new, |bad| {
            let read = |one: &tonic_types::FieldViolation| Violation {
                field: one.field.clone(),
                description: one.description.clone(),
            };
            bad.field_violations.iter().map(read).collect()
        });
        Self {
            code: status.code(),
            reason: info
                .and_then(|info| ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason))),
            message: message(&status),
            metadata: info
                .map(|info| info.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
                .unwrap_or_default(),
            violations,
            retry_delay: details.retry_info().and_then(|info| info.retry_delay),
            call_id: status
                .metadata()
                .get(CALL_ID_HEADER)
                .and_then(|value| value.to_str().ok())
                .map(ToOwned::to_owned),
        }
    }
}

/// The registry's sentence; of a connection that failed also the cause, since `transport error` alone helps nobody.
fn message(status: &Status) -> String {
    let message = status.message();
    match status.source().map(innermost) {
        Some(cause) if !message.contains(&cause) => format!("{message}: {cause}"),
        _ => message.to_owned(),
    }
}

/// What lies at the bottom of an error: `Connection refused`, not `transport error`.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut bottom = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn status(code: Code, domain: &str, reason: &str) -> Status {
        let metadata = HashMap::from([("name".to_owned(), "backend_developer".to_owned())]);
        let mut details = ErrorDetails::with_error_info(reason, domain, metadata);
        details.add_bad_request_violation("name", "too long");
        details.set_retry_info(Some(Duration::from_millis(250)));
        let mut status = Status::with_error_details(code, "no such persona", details);
        status.metadata_mut().insert(CALL_ID_HEADER, tonic::metadata::MetadataValue::from_static("call-1"));
        status
    }

    #[test]
    fn every_detail_of_a_status_is_read() {
        let refusal = Refusal::from(status(Code::NotFound, ERROR_DOMAIN, "PERSONA_NOT_FOUND"));
        assert_eq!(refusal.code, Code::NotFound);
        assert_eq!(refusal.reason, Some(ErrorReason::PersonaNotFound));
        assert_eq!(refusal.metadata.get("name").map(String::as_str), Some("backend_developer"));
        let violation = Violation { field: "name".to_owned(), description: "too long".to_owned() };
        assert_eq!(refusal.violations, [violation]);
        assert_eq!(refusal.retry_delay, Some(Duration::from_millis(250)));
        assert_eq!(refusal.call_id.as_deref(), Some("call-1"));
        assert_eq!(refusal.to_string(), "no such persona");
    }

    #[test]
    fn reasons_of_another_domain_and_unknown_ones_are_none() {
        for (domain, reason) in [("example.com", "PERSONA_NOT_FOUND"), (ERROR_DOMAIN, "NEVER_HEARD_OF")] {
            assert_eq!(Refusal::from(status(Code::NotFound, domain, reason)).reason, None);
        }
    }

    #[test]
    fn lost_calls_and_those_asked_back_are_transient() {
        let transient = |status: Status| ClientError::from(status).is_transient();
        assert!(transient(status(Code::Unavailable, ERROR_DOMAIN, "WRITE_OUTCOME_UNKNOWN")));
        assert!(transient(status(Code::DeadlineExceeded, ERROR_DOMAIN, "DEADLINE_EXPIRED")));
        assert!(transient(Status::unknown("transport error")));
        assert!(transient(status(Code::ResourceExhausted, ERROR_DOMAIN, "OVERLOADED")));
        assert!(!transient(Status::resource_exhausted("no RetryInfo, so nobody expects it back")));
        assert!(!transient(status(Code::Internal, ERROR_DOMAIN, "INTERNAL")));
        assert!(!transient(status(Code::Aborted, ERROR_DOMAIN, "ETAG_MISMATCH")));
        assert!(!transient(status(Code::NotFound, ERROR_DOMAIN, "PERSONA_NOT_FOUND")));
    }
}
