//! Which errors of a write are refusals, and what is recorded of them: a reason, never what the caller sent.

use super::AuditEvent;
use crate::domain::{Caller, Name, Namespace};
use crate::registry::{Error, Registry};

/// A write that is asked for, should it be refused.
#[derive(Debug)]
pub(in crate::registry) struct Asked {
    caller: Caller,
    method: &'static str,
    namespace: String,
    name: String,
    is_rehearsal: bool,
}

impl Asked {
    pub(in crate::registry) fn new(caller: &Caller, method: &'static str, is_rehearsal: bool) -> Self {
        let (namespace, name) = (String::new(), String::new());
        Self { caller: caller.clone(), method, namespace, name, is_rehearsal }
    }

    /// What it is about.
    pub(in crate::registry) fn about(self, namespace: &Namespace, name: Option<&Name>) -> Self {
        let name = name.map(ToString::to_string).unwrap_or_default();
        Self { namespace: namespace.to_string(), name, ..self }
    }
}

impl Registry {
    /// Records the refusal, if it was one. A rehearsal changes nothing and is none.
    pub(in crate::registry) fn judged<T>(&self, asked: Asked, done: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &done
            && let Some(reason) = refusal(error)
            && !asked.is_rehearsal
        {
            let Asked { caller, method, namespace, mut name, .. } = asked;
            if let Some(told) = about(error).filter(|_| name.is_empty()) {
                name = told.to_string();
            }
            let (method, reason) = (method.to_owned(), reason.to_owned());
            let (peer, detail) = (None, String::new());
            self.audit(AuditEvent::Refused { caller, method, reason, namespace, name, peer, detail });
        }
        done
    }
}

/// The reason of a refusal; none where the registry could not, rather than would not. As the wire has it: a test holds
/// that.
fn refusal(error: &Error) -> Option<&'static str> {
    Some(match error {
        // Recorded where every call passes, reads too.
        Error::PermissionDenied(_) => return None,
        Error::NameInvalid(_) => "NAME_INVALID",
        Error::ArgumentInvalid(_) => "ARGUMENT_INVALID",
        Error::PersonaInvalid(_) => "PERSONA_INVALID",
        Error::PersonaTooLarge { .. } => "PERSONA_TOO_LARGE",
        Error::BatchTooLarge { .. } | Error::BatchBytes { .. } => "BATCH_TOO_LARGE",
        Error::Operation { error, .. } => return refusal(error),
        Error::RequestIdReused { .. } => "REQUEST_ID_REUSED",
        Error::PersonaNotFound { .. } | Error::PersonasNotFound { .. } => "PERSONA_NOT_FOUND",
        Error::VersionNotFound { .. } => "VERSION_NOT_FOUND",
        Error::AliasNotFound { .. } | Error::AliasesNotFound { .. } => "ALIAS_NOT_FOUND",
        Error::PersonaExists { .. } => "PERSONA_EXISTS",
        Error::EtagMismatch { .. } => "ETAG_MISMATCH",
        Error::AliasMoved { .. } => "ALIAS_MOVED",
        Error::VersionInUse { .. } => "VERSION_IN_USE",
        Error::RevisionInFuture { .. } => "REVISION_IN_FUTURE",
        Error::ReadOnly { .. } => "REGISTRY_READ_ONLY",
        Error::FilterInvalid { .. }
        | Error::PageTokenInvalid(_)
        | Error::ResumeTokenInvalid(_)
        | Error::SectionNotFound { .. }
        | Error::RevisionCompacted { .. }
        | Error::StoreMismatch { .. }
        | Error::Corrupt(_)
        | Error::Overloaded
        | Error::Busy(_)
        | Error::TooManyWatches { .. }
        | Error::StoreFull { .. }
        | Error::Draining
        | Error::OutcomeUnknown
        | Error::Internal(_) => return None,
    })
}

/// The persona that an error names.
fn about(error: &Error) -> Option<&Name> {
    match error {
        Error::Operation { error, .. } => about(error),
        Error::PersonaNotFound { name, .. }
        | Error::VersionNotFound { name, .. }
        | Error::AliasNotFound { name, .. }
        | Error::PersonaExists { name, .. }
        | Error::EtagMismatch { name, .. }
        | Error::AliasMoved { name, .. }
        | Error::VersionInUse { name, .. } => Some(name),
        _ => None,
    }
}
