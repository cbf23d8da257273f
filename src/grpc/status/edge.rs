//! The statuses of calls that end at the edge, before or beside their business logic.

use http::HeaderMap;
use tonic::Code;

use super::details::{again, invalid, make, word};
use super::{headers, internal};
use crate::auth::Refusal;
use crate::edge::Failure;
use crate::registry::Violation;
use crate::wire::pb::ErrorReason;

/// The trailers of a call that ended at the edge.
#[must_use]
pub fn at_edge(failure: &Failure) -> HeaderMap {
    let none = Vec::<(&str, String)>::new();
    let status = match failure {
        Failure::DeadlineExpired => make(
            Code::DeadlineExceeded,
            ErrorReason::DeadlineExpired,
            "the deadline passed; of a write the outcome is unknown: retry with the same request_id",
            none,
        ),
        Failure::TimeoutInvalid(problem) => {
            let violation = Violation::new("grpc-timeout", problem.as_str());
            invalid(ErrorReason::ArgumentInvalid, problem, std::slice::from_ref(&violation))
        }
        Failure::Panicked => internal(),
        Failure::Refused(Refusal::Missing) => make(
            Code::Unauthenticated,
            ErrorReason::CredentialsMissing,
            "this registry wants to know who calls; send `authorization: Bearer TOKEN` or a client certificate",
            none,
        ),
        Failure::Refused(Refusal::Invalid(cause)) => make(
            Code::Unauthenticated,
            ErrorReason::CredentialsInvalid,
            cause.words(),
            [("cause", cause.as_str().to_owned())],
        ),
        Failure::Refused(Refusal::KeysUnavailable) => make(
            Code::Unavailable,
            ErrorReason::KeysUnavailable,
            "the keys of the token's issuer cannot be had at the moment; try again",
            none,
        ),
        Failure::Refused(Refusal::AccessChanged) => make(
            Code::Unavailable,
            ErrorReason::AccessChanged,
            "what the caller may do has changed; begin the stream again to see what may be seen now",
            none,
        ),
        Failure::OverShare { kind, limit } => again(
            ErrorReason::RateLimited,
            &format!("one caller may have {limit} {} here; wait as RetryInfo says", kind.words()),
            [("limit", limit.to_string()), ("kind", kind.as_str().to_owned())],
        ),
        Failure::Overloaded => again(
            ErrorReason::Overloaded,
            "more calls are in flight than are served; wait as RetryInfo says",
            none,
        ),
    };
    headers(&status)
}

/// The reason of a call that ended at the edge, as the contract writes it.
#[must_use]
pub fn reason_at_edge(failure: &Failure) -> &'static str {
    word(match failure {
        Failure::DeadlineExpired => ErrorReason::DeadlineExpired,
        Failure::TimeoutInvalid(_) => ErrorReason::ArgumentInvalid,
        Failure::Panicked => ErrorReason::Internal,
        Failure::Refused(Refusal::Missing) => ErrorReason::CredentialsMissing,
        Failure::Refused(Refusal::Invalid(_)) => ErrorReason::CredentialsInvalid,
        Failure::Refused(Refusal::KeysUnavailable) => ErrorReason::KeysUnavailable,
        Failure::Refused(Refusal::AccessChanged) => ErrorReason::AccessChanged,
        Failure::OverShare { .. } => ErrorReason::RateLimited,
        Failure::Overloaded => ErrorReason::Overloaded,
    })
}
