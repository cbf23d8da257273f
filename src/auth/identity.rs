//! Who a call comes from, how that was proven, and why it is not believed.

use std::sync::Arc;

use super::policy::Issuer;
use crate::domain::{Access, Grant, Principal, Timestamp};

/// Somebody who was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// What the credential itself grants.
    pub own: Vec<Grant>,
    /// When the credential ends.
    pub expires: Option<Timestamp>,
    /// How it was proven.
    pub proof: Proof,
}

/// How an identity was proven: what must still hold for it to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A client certificate, which the connection was made with.
    Certificate,
    /// An API token.
    ApiToken {
        /// Which one.
        id: Arc<str>,
    },
    /// A JSON Web Token.
    WebToken {
        /// Whose, as it was believed then.
        issuer: Arc<Issuer>,
        /// The key that signed it.
        key: [u8; 32],
    },
}

/// A call's identity and what it may do.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub identity: Arc<Identity>,
    /// What they may do.
    pub access: Access,
}

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not say who calls.
    Missing,
    /// What it says is not believed.
    Invalid(Cause),
    /// The issuer's keys could not be had yet.
    KeysUnavailable,
    /// What the caller may do has changed since the stream began.
    AccessChanged,
}

/// Why a credential is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It cannot be read.
    Malformed,
    /// Its algorithm is not taken.
    Algorithm,
    /// Its issuer is not known.
    UnknownIssuer,
    /// Its key is not known.
    UnknownKey,
    /// Its signature is not its key's.
    Signature,
    /// It is meant for somebody else.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// A claim is missing or of the wrong type.
    Claims,
    /// There is no such API token.
    UnknownToken,
    /// The API token was revoked.
    Revoked,
}

impl Cause {
    /// Its word in metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Claims => "claims",
            Self::UnknownToken => "unknown_token",
            Self::Revoked => "revoked",
        }
    }

    /// What is wrong, and the way out.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Malformed => {
                "the authorization is neither an API token nor a JSON Web Token; send `authorization: Bearer TOKEN`"
            }
            Self::Algorithm => {
                "the token's algorithm is not taken; the issuer must sign with one that this registry is configured for"
            }
            Self::UnknownIssuer => {
                "the token's issuer is not one that this registry believes; compare its iss claim with the registry's configuration"
            }
            Self::UnknownKey => "the token's key is not among those of its issuer; get a new token",
            Self::Signature => "the token's signature does not verify; get a new token",
            Self::Audience => {
                "the token is meant for another service; ask its issuer for one with this registry's audience"
            }
            Self::Expired => {
                "the token or certificate has expired; get a new one, and go on with the resume token that you have"
            }
            Self::NotYetValid => "the token is not valid yet; compare the clocks of issuer and registry",
            Self::Claims => {
                "the token lacks a claim that the registry is configured to read, or has it in another shape; or the certificate's name is too long"
            }
            Self::UnknownToken => "there is no such API token; `persona token create` makes one",
            Self::Revoked => "the API token was revoked; `persona token create` makes another",
        }
    }
}
