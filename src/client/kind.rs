//! Errors by what a caller does about them, as all clients group them.

use std::collections::BTreeMap;
use std::fmt;

use tonic::Code;

use super::ClientError;

/// What group an error is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request must be mended; the violations say where.
    InvalidArgument,
    /// It is not there.
    NotFound,
    /// It is there already, or is not what the caller took it for.
    Conflict,
    /// The revision asked for is not to be had.
    OutOfRange,
    /// The registry does not know who calls.
    Unauthenticated,
    /// It knows, and does not allow it.
    PermissionDenied,
    /// There is too much of something; come back after the delay asked for.
    ResourceExhausted,
    /// No decision was heard: come back later.
    Unavailable,
    /// Anything else.
    Internal,
}

impl ErrorKind {
    /// The name, as all clients have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::OutOfRange => "OutOfRange",
            Self::Unauthenticated => "Unauthenticated",
            Self::PermissionDenied => "PermissionDenied",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl ClientError {
    /// The group that it is of.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.code() {
            Code::InvalidArgument => ErrorKind::InvalidArgument,
            Code::NotFound => ErrorKind::NotFound,
            Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => ErrorKind::Conflict,
            Code::OutOfRange => ErrorKind::OutOfRange,
            Code::Unauthenticated => ErrorKind::Unauthenticated,
            Code::PermissionDenied => ErrorKind::PermissionDenied,
            Code::ResourceExhausted => ErrorKind::ResourceExhausted,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        }
    }

    /// The code of its status. A connection that is not there, or broke under the call, is UNAVAILABLE.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => match refusal.code {
                // Where no registry spoke, the code says how the transport failed.
                Code::Unknown | Code::Internal if refusal.is_undecided() => Code::Unavailable,
                code => code,
            },
            Self::Missing { .. } => Code::NotFound,
            Self::Incomplete(_) => Code::Internal,
            Self::TokenExposed { .. } => Code::InvalidArgument,
            Self::Unreachable { .. }
            | Self::Insecure { .. }
            | Self::Silent(_)
            | Self::Pending(_)
            | Self::Closed => Code::Unavailable,
        }
    }

    /// Values that belong to the reason; `ErrorReason` documents the keys.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, String> {
        match self {
            Self::Refused(refusal) => refusal.metadata.clone(),
            Self::Missing { namespace, name, .. } => BTreeMap::from([
                ("namespace".to_owned(), namespace.clone()),
                ("name".to_owned(), name.clone()),
            ]),
            _ => BTreeMap::new(),
        }
    }

    /// What finds the call in the server's log.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.call_id.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;
    use crate::client::Refusal;

    #[test]
    fn every_code_has_its_group() {
        for (code, kind) in [
            (Code::InvalidArgument, ErrorKind::InvalidArgument),
            (Code::NotFound, ErrorKind::NotFound),
            (Code::AlreadyExists, ErrorKind::Conflict),
            (Code::Aborted, ErrorKind::Conflict),
            (Code::FailedPrecondition, ErrorKind::Conflict),
            (Code::OutOfRange, ErrorKind::OutOfRange),
            (Code::Unauthenticated, ErrorKind::Unauthenticated),
            (Code::PermissionDenied, ErrorKind::PermissionDenied),
            (Code::ResourceExhausted, ErrorKind::ResourceExhausted),
            (Code::Unavailable, ErrorKind::Unavailable),
            (Code::DeadlineExceeded, ErrorKind::Unavailable),
            (Code::Cancelled, ErrorKind::Unavailable),
            (Code::Unknown, ErrorKind::Unavailable),
            (Code::DataLoss, ErrorKind::Internal),
            (Code::Unimplemented, ErrorKind::Internal),
        ] {
            assert_eq!(ClientError::from(Status::new(code, "")).kind(), kind, "{code:?}");
        }
        let refusal = Refusal {
            reason: Some(crate::wire::pb::ErrorReason::Internal),
            ..Refusal::from(Status::internal("a fault"))
        };
        assert_eq!(ClientError::Refused(Box::new(refusal)).kind(), ErrorKind::Internal);
        assert_eq!(ClientError::Silent(std::time::Duration::from_secs(3)).kind(), ErrorKind::Unavailable);
    }
}
