//! API tokens: who holds one, and what it grants.

use std::collections::BTreeMap;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordVerifier as _};
use serde::{Deserialize, Serialize};

use super::identity::{Cause, Identity, Proof};
use crate::domain::{Digest, Grant, Principal, Timestamp};

/// What every token begins with, so that scanners know one when they see it.
pub(super) const PREFIX: &str = "prsn_";
/// Bytes of a secret's digest by which nearly every wrong one is told apart without the slow hash.
const CHECK_BYTES: usize = 4;

/// A token as the file has it: nothing in it lets anybody call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// The part of the token that tells which one it is.
    pub id: String,
    /// What it is called: its principal is `token:NAME`.
    pub name: String,
    /// What it grants, each as `ROLE@NAMESPACE,…`.
    pub grants: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub create_time: i64,
    /// When it ends, in seconds since 1970; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_time: Option<i64>,
    /// When it was revoked, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_time: Option<i64>,
    pub(super) check: String,
    pub(super) hash: String,
}

impl ApiToken {
    fn expires(&self) -> Option<Timestamp> {
        self.expire_time.map(|seconds| Timestamp(seconds.saturating_mul(1_000_000)))
    }

    /// Whether it lets anybody in.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none() && self.expires().is_none_or(|at| at > now)
    }
}

/// All tokens, by id.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ApiTokens(pub(super) BTreeMap<String, ApiToken>);

impl ApiTokens {
    /// All of them, by name and time.
    #[must_use]
    pub fn list(&self) -> Vec<&ApiToken> {
        let mut all: Vec<_> = self.0.values().collect();
        all.sort_by_key(|token| (&token.name, token.create_time));
        all
    }

    /// Whether a token that was believed still is.
    pub(super) fn still(&self, id: &str, now: Timestamp) -> Result<(), Cause> {
        let token = self.0.get(id).ok_or(Cause::UnknownToken)?;
        match token.revoke_time {
            Some(_) => Err(Cause::Revoked),
            None if token.is_live(now) => Ok(()),
            None => Err(Cause::Expired),
        }
    }

    /// Tells them from others, for the record.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(&self.0).unwrap_or_default())
    }

    /// What somebody says to hold; none: there is no such token.
    pub(super) fn describe(&self, text: &str) -> Option<String> {
        let (id, _) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let ApiToken { id, name, .. } = self.0.get(id)?;
        Some(format!("unproven: API token {id} of token:{name}"))
    }

    /// What a token grants by now; none: there is no such token.
    pub(super) fn grants(&self, id: &str) -> Option<Vec<Grant>> {
        Some(granted(self.0.get(id)?))
    }

    /// The record of a token, where its secret may be right: what is left to do takes a while. One that lets nobody in any
    /// more is not worth that, or whoever holds it would keep all others waiting.
    pub(super) fn find(&self, text: &str, now: Timestamp) -> Result<Unhashed, Cause> {
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(Cause::Malformed)?;
        let token = self.0.get(id).ok_or(Cause::UnknownToken)?;
        if check(secret) != token.check {
            return Err(Cause::UnknownToken);
        }
        self.still(id, now)?;
        Ok(Unhashed { token: token.clone(), secret: secret.to_owned() })
    }
}

fn granted(token: &ApiToken) -> Vec<Grant> {
    token.grants.iter().filter_map(|grant| grant.parse().ok()).collect()
}

/// Whether a text looks like an API token.
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

pub(super) fn check(secret: &str) -> String {
    let digest = Digest::of(secret.as_bytes()).0;
    digest.iter().take(CHECK_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// A token whose hash was not computed yet.
#[derive(Debug)]
pub(super) struct Unhashed {
    token: ApiToken,
    secret: String,
}

impl Unhashed {
    /// Who holds it. Takes some tens of milliseconds of a core, and so nothing that serves should do it.
    pub(super) fn verify(self) -> Result<Identity, Cause> {
        let hash = PasswordHash::new(&self.token.hash).map_err(|_| Cause::UnknownToken)?;
        Argon2::default().verify_password(self.secret.as_bytes(), &hash).map_err(|_| Cause::UnknownToken)?;
        Ok(Identity {
            principal: Principal::new(&format!("token:{}", self.token.name)),
            own: granted(&self.token),
            expires: self.token.expires(),
            proof: Proof::ApiToken { id: self.token.id.as_str().into() },
        })
    }
}
