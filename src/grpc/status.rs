//! The one maker of `Status`: code, reason and details of every way a call can fail.

mod details;
mod edge;

use http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

pub use self::details::word;
use self::details::{DESCRIPTION_CHARS, again, bounded, cut, finish, invalid, make, persona_invalid};
pub use self::edge::{at_edge, reason_at_edge};
use crate::domain::{Missing, limits};
use crate::registry::{Error, Violation};
use crate::wire::pb::ErrorReason;

/// The status of a failed use case.
#[must_use]
pub fn of(error: &Error) -> Status {
    let text = error.to_string();
    let none = || Vec::<(&str, String)>::new();
    match error {
        Error::PermissionDenied(denied) => {
            let Missing { permission, namespace, alias } = &*denied.missing;
            make(
                Code::PermissionDenied,
                ErrorReason::PermissionDenied,
                &text,
                [
                    ("permission", permission.to_string()),
                    ("namespace", namespace.as_ref().map(ToString::to_string).unwrap_or_default()),
                    ("alias", alias.as_ref().map(ToString::to_string).unwrap_or_default()),
                ],
            )
        }
        Error::NameInvalid(violation) => {
            invalid(ErrorReason::NameInvalid, &text, std::slice::from_ref(violation))
        }
        Error::ArgumentInvalid(violations) => invalid(ErrorReason::ArgumentInvalid, &text, violations),
        Error::PersonaInvalid(rejected) => persona_invalid(&text, rejected),
        Error::PersonaTooLarge { size_bytes } => make(
            Code::InvalidArgument,
            ErrorReason::PersonaTooLarge,
            &text,
            [("size_bytes", size_bytes.to_string()), ("limit_bytes", limits::DOCUMENT_BYTES.to_string())],
        ),
        Error::BatchTooLarge { fit } => make(
            Code::InvalidArgument,
            ErrorReason::BatchTooLarge,
            &text,
            [("fit", fit.to_string()), ("limit_bytes", limits::RESPONSE_BYTES.to_string())],
        ),
        Error::BatchBytes { size_bytes } => make(
            Code::InvalidArgument,
            ErrorReason::BatchTooLarge,
            &text,
            [("size_bytes", size_bytes.to_string()), ("limit_bytes", limits::BATCH_BYTES.to_string())],
        ),
        Error::Operation { index, error } => in_batch(*index, error, &text),
        Error::FilterInvalid { position, description } => {
            let violation = Violation::new("filter", format!("at byte {position}: {description}"));
            bounded(
                ErrorReason::FilterInvalid,
                &text,
                vec![("position", position.to_string())],
                vec![(violation.field, violation.description)],
            )
        }
        Error::PageTokenInvalid(_) => {
            make(Code::InvalidArgument, ErrorReason::PageTokenInvalid, &text, none())
        }
        Error::ResumeTokenInvalid(_) => {
            make(Code::InvalidArgument, ErrorReason::ResumeTokenInvalid, &text, none())
        }
        Error::RequestIdReused { request_id } => make(
            Code::InvalidArgument,
            ErrorReason::RequestIdReused,
            &text,
            [("request_id", request_id.clone())],
        ),
        Error::PersonaNotFound { namespace, name, last_version } => make(
            Code::NotFound,
            ErrorReason::PersonaNotFound,
            &text,
            [
                ("namespace", namespace.to_string()),
                ("name", name.to_string()),
                ("last_version", last_version.map(|last| last.to_string()).unwrap_or_default()),
            ],
        ),
        Error::PersonasNotFound { namespace, count, names } => {
            let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
            make(
                Code::NotFound,
                ErrorReason::PersonaNotFound,
                &text,
                [
                    ("namespace", namespace.to_string()),
                    ("missing", count.to_string()),
                    ("names", names.join(",")),
                ],
            )
        }
        Error::AliasNotFound { namespace, name, alias } => make(
            Code::NotFound,
            ErrorReason::AliasNotFound,
            &text,
            [("namespace", namespace.to_string()), ("name", name.to_string()), ("alias", alias.to_string())],
        ),
        Error::AliasesNotFound { namespace, alias, count, names } => {
            let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
            make(
                Code::NotFound,
                ErrorReason::AliasNotFound,
                &text,
                [
                    ("namespace", namespace.to_string()),
                    ("alias", alias.to_string()),
                    ("missing", count.to_string()),
                    ("names", names.join(",")),
                ],
            )
        }
        Error::SectionNotFound { namespace, name, version, section } => make(
            Code::NotFound,
            ErrorReason::SectionNotFound,
            &text,
            [
                ("namespace", namespace.to_string()),
                ("name", name.to_string()),
                ("version", version.to_string()),
                ("section", cut(section, DESCRIPTION_CHARS)),
            ],
        ),
        Error::AliasMoved { namespace, name, alias, current } => make(
            Code::Aborted,
            ErrorReason::AliasMoved,
            &text,
            [
                ("namespace", namespace.to_string()),
                ("name", name.to_string()),
                ("alias", alias.to_string()),
                ("version", current.to_string()),
            ],
        ),
        Error::VersionInUse { namespace, name, version, aliases } => {
            let aliases: Vec<_> = aliases.iter().map(|alias| alias.as_str()).collect();
            make(
                Code::FailedPrecondition,
                ErrorReason::VersionInUse,
                &text,
                [
                    ("namespace", namespace.to_string()),
                    ("name", name.to_string()),
                    ("version", version.to_string()),
                    ("aliases", cut(&aliases.join(","), DESCRIPTION_CHARS)),
                ],
            )
        }
        Error::RevisionCompacted { floor } => {
            make(Code::OutOfRange, ErrorReason::RevisionCompacted, &text, [("floor", floor.to_string())])
        }
        Error::VersionNotFound { namespace, name, version, last_version, cause } => make(
            Code::NotFound,
            ErrorReason::VersionNotFound,
            &text,
            [
                ("namespace", namespace.to_string()),
                ("name", name.to_string()),
                ("version", version.to_string()),
                ("last_version", last_version.to_string()),
                ("cause", cause.as_str().to_owned()),
            ],
        ),
        Error::PersonaExists { namespace, name, etag } => make(
            Code::AlreadyExists,
            ErrorReason::PersonaExists,
            &text,
            [("namespace", namespace.to_string()), ("name", name.to_string()), ("etag", etag.to_string())],
        ),
        Error::EtagMismatch { namespace, name, current } => make(
            Code::Aborted,
            ErrorReason::EtagMismatch,
            &text,
            [
                ("namespace", namespace.to_string()),
                ("name", name.to_string()),
                ("etag", current.map(|etag| etag.to_string()).unwrap_or_default()),
            ],
        ),
        Error::RevisionInFuture { revision } => {
            make(Code::OutOfRange, ErrorReason::RevisionInFuture, &text, [("revision", revision.to_string())])
        }
        Error::StoreMismatch { store_id } => make(
            Code::FailedPrecondition,
            ErrorReason::StoreMismatch,
            &text,
            [("store_id", store_id.to_string())],
        ),
        Error::ReadOnly { cause } => make(
            Code::FailedPrecondition,
            ErrorReason::RegistryReadOnly,
            &text,
            [("cause", cut(cause, DESCRIPTION_CHARS))],
        ),
        Error::Corrupt(key) => make(
            Code::DataLoss,
            ErrorReason::StoredDataCorrupt,
            &text,
            [("key", cut(key, DESCRIPTION_CHARS))],
        ),
        Error::Overloaded | Error::Busy(_) => again(ErrorReason::Overloaded, &text, none()),
        Error::TooManyWatches { limit } => {
            again(ErrorReason::TooManyWatches, &text, [("limit", limit.to_string())])
        }
        Error::StoreFull { free_bytes } => {
            again(ErrorReason::StoreFull, &text, [("free_bytes", free_bytes.to_string())])
        }
        Error::Draining => make(Code::Unavailable, ErrorReason::ServerDraining, &text, none()),
        Error::OutcomeUnknown => make(Code::Unavailable, ErrorReason::WriteOutcomeUnknown, &text, none()),
        Error::Internal(problem) => {
            // The words are for the log; a caller can do nothing with them.
            tracing::error!(problem, "a fault of the registry");
            internal()
        }
    }
}

/// The status of the operation that failed, with its place in the batch.
fn in_batch(index: usize, error: &Error, text: &str) -> Status {
    let status = of(error);
    let mut details = status.get_error_details();
    if let Some(mut info) = details.error_info().cloned() {
        info.metadata.insert("index".to_owned(), index.to_string());
        details.set_error_info(info.reason, info.domain, info.metadata);
    }
    let mut violations = details.bad_request().map(|it| it.field_violations.clone()).unwrap_or_default();
    for violation in &mut violations {
        violation.field = format!("operations[{index}].{}", violation.field);
    }
    loop {
        if !violations.is_empty() || details.bad_request().is_some() {
            details.set_bad_request(violations.clone());
        }
        // The inner words of a fault are for the log.
        let text = if matches!(error, Error::Internal(_)) { status.message() } else { text };
        let status = finish(status.code(), text, details.clone());
        if status.details().len() <= limits::STATUS_BYTES || violations.pop().is_none() {
            return status;
        }
    }
}

/// A fault of the transport, which has no details of its own, in the contract's terms.
#[must_use]
pub fn of_transport(code: Code, message: &str, path: &str) -> HeaderMap {
    let none = Vec::<(&str, String)>::new();
    let status = match code {
        Code::OutOfRange => make(
            Code::InvalidArgument,
            ErrorReason::MessageTooLarge,
            &format!("the request is larger than {} bytes", limits::REQUEST_BYTES),
            none,
        ),
        Code::Unimplemented if message.contains("compress") => {
            make(Code::Unimplemented, ErrorReason::EncodingUnsupported, message, none)
        }
        Code::Unimplemented => make(
            Code::Unimplemented,
            ErrorReason::MethodUnknown,
            &format!("this registry has no method {}", cut(path, DESCRIPTION_CHARS)),
            [("path", cut(path, DESCRIPTION_CHARS))],
        ),
        Code::Internal | Code::InvalidArgument | Code::DataLoss | Code::Cancelled => make(
            Code::InvalidArgument,
            ErrorReason::MessageMalformed,
            "the request is not the message that the method takes",
            none,
        ),
        _ => {
            tracing::error!(?code, message, "the transport failed in a way that is not mapped");
            internal()
        }
    };
    headers(&status)
}

fn internal() -> Status {
    let text = "a fault of the registry; its log has more under this answer's x-request-id";
    make(Code::Internal, ErrorReason::Internal, text, Vec::<(&str, String)>::new())
}

/// The status as headers or trailers.
fn headers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
    if let Err(error) = status.add_header(&mut headers) {
        tracing::error!(%error, "a status cannot be written");
    }
    headers
}
