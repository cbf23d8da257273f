//! What decides about callers at a time: policy, tokens, and the keys of issuers.

use std::sync::Arc;

use super::api_token::ApiTokens;
use super::identity::{Cause, Identity, Proof, Session};
use super::keys::Keys;
use super::policy::{Issuer, Policy};
use crate::domain::Timestamp;

/// What decides, from one change to the next.
#[derive(Debug)]
pub(super) struct State {
    /// Which one it is: callers that another one knew are looked at again.
    pub generation: u64,
    pub policy: Policy,
    pub tokens: ApiTokens,
    keys: Vec<Arc<Keys>>,
}

impl State {
    pub(super) fn new(policy: Policy, tokens: ApiTokens) -> Self {
        let keys = policy.issuers.iter().map(|issuer| Arc::new(Keys::new(issuer.clone()))).collect();
        Self { generation: 0, policy, tokens, keys }
    }

    /// The same once more: keys have changed.
    pub(super) fn again(&self) -> Self {
        let Self { generation, policy, tokens, keys } = self;
        let (policy, tokens, keys) = (policy.clone(), tokens.clone(), keys.clone());
        Self { generation: generation + 1, policy, tokens, keys }
    }

    /// Issuers that stay the same keep their keys.
    pub(super) fn with_policy(&self, policy: Policy) -> Self {
        let kept = |issuer: &Issuer| self.keys.iter().find(|keys| *keys.issuer == *issuer).cloned();
        let keys = policy.issuers.iter();
        let keys = keys.map(|issuer| kept(issuer).unwrap_or_else(|| Arc::new(Keys::new(issuer.clone()))));
        Self { keys: keys.collect(), policy, ..self.again() }
    }

    pub(super) fn with_tokens(&self, tokens: ApiTokens) -> Self {
        Self { tokens, ..self.again() }
    }

    pub(super) fn keys(&self, issuer: &str) -> Option<&Arc<Keys>> {
        self.keys.iter().find(|keys| keys.issuer.issuer == issuer)
    }

    pub(super) fn issuers(&self) -> impl Iterator<Item = &Arc<Keys>> {
        self.keys.iter()
    }

    /// An identity and what it may do by now: what an API token grants is what its record says by now.
    pub(super) fn session(&self, mut identity: Arc<Identity>) -> Session {
        if let Proof::ApiToken { id } = &identity.proof
            && let Some(own) = self.tokens.grants(id).filter(|own| *own != identity.own)
        {
            identity = Arc::new(Identity { own, ..Identity::clone(&identity) });
        }
        Session { access: self.policy.access(&identity), identity }
    }

    /// Whether an identity that was believed still is.
    pub(super) fn still(&self, identity: &Identity, now: Timestamp) -> Result<(), Cause> {
        if identity.expires.is_some_and(|at| at <= now) {
            return Err(Cause::Expired);
        }
        match &identity.proof {
            Proof::Certificate if self.policy.certificates => Ok(()),
            Proof::Certificate => Err(Cause::Revoked),
            Proof::ApiToken { id } => self.tokens.still(id, now),
            Proof::WebToken { issuer, key } => {
                // One that is believed on other terms by now may not believe this token.
                let keys = self.keys(&issuer.issuer).filter(|keys| keys.issuer == *issuer);
                let keys = keys.ok_or(Cause::UnknownIssuer)?;
                // Keys that could not be fetched yet are no reason to end what was begun.
                let known = keys.current().is_none_or(|set| set.contains(key));
                if known { Ok(()) } else { Err(Cause::UnknownKey) }
            }
        }
    }
}
