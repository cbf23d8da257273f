//! Who is granted what: the part of the configuration that decides about callers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::identity::Identity;
use crate::domain::{Access, Alias, Digest, Grant, Granted, Namespace, Pattern, Permission, Principal};

/// What decides about callers. The default believes nobody but holders of API tokens and grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Whose JSON Web Tokens are believed.
    pub issuers: Vec<Issuer>,
    /// Whether a client certificate tells who calls.
    pub certificates: bool,
    /// Whether reflection answers calls without credentials.
    pub open_reflection: bool,
    /// Who is granted what.
    pub grants: Vec<PolicyGrant>,
    /// Aliases that only promoters and administrators move.
    pub protected: Vec<Pattern>,
}

/// Somebody whose JSON Web Tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What principals of this issuer begin with: `NAME:`.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens: one of these.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
    /// Signature algorithms that are taken.
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// The claim that lists roles, each as `ROLE` or `ROLE@NAMESPACE`; dots lead into objects. None: claims grant nothing.
    pub roles_claim: Option<String>,
    /// How far clocks may be apart.
    pub leeway: Duration,
}

/// Where an issuer's JSON Web Key Set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// An address: HTTPS, or plain HTTP of this machine.
    Url(String),
}

/// A signature algorithm. All are of public keys: there is no shared secret that a caller could sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256; keys of 2,048 to 8,192 bits.
    Rs256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A grant to some principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyGrant {
    /// To whom.
    pub to: Vec<Pattern>,
    /// What.
    pub grant: Grant,
}

impl PolicyGrant {
    fn is_to(&self, principal: &Principal) -> bool {
        self.to.iter().any(|pattern| pattern.matches(principal.as_str()))
    }
}

impl Policy {
    /// What an identity may do: what the policy grants to its principal, and what its token says itself.
    #[must_use]
    pub fn access(&self, identity: &Identity) -> Access {
        let granted = self.grants.iter().filter(|grant| grant.is_to(&identity.principal));
        let granted = granted.map(|grant| grant.grant.clone());
        let grants = granted.chain(identity.own.iter().cloned()).collect();
        Access::Granted(Arc::new(Granted { grants, protected: self.protected.clone() }))
    }

    /// Tells it from others, for the record.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(format!("{self:?}").as_bytes())
    }

    /// Why somebody may or may not do something.
    #[must_use]
    pub fn explain(&self, identity: &Identity, asked: &Asked) -> Explanation {
        let Asked { permission, namespace, alias } = asked;
        let by_policy = self.grants.iter().enumerate().filter(|(_, grant)| grant.is_to(&identity.principal));
        let by_policy = by_policy.map(|(at, grant)| (Source::Policy(at), grant.grant.clone()));
        let own = identity.own.iter().map(|grant| (Source::Credential, grant.clone()));
        let grants: Vec<_> = by_policy.chain(own).collect();
        let access = self.access(identity);
        let is_protected = alias.as_ref().is_some_and(|alias| access.is_protected(alias));
        let is_allowed = match alias {
            Some(alias) => access.require_move(namespace, alias).is_ok(),
            None => access.may(*permission, namespace),
        };
        let needed: &[Permission] = match (alias, is_protected) {
            (Some(_), true) => &[Permission::Promote],
            (Some(_), false) => &[Permission::Write, Permission::Promote],
            (None, _) => std::slice::from_ref(permission),
        };
        let brings = |(_, grant): &&(Source, Grant)| {
            needed.iter().any(|needed| grant.allows(*needed, namespace.as_str()))
        };
        let decisive = grants.iter().find(brings).cloned();
        Explanation { is_allowed, is_protected, decisive, needed: needed.to_vec(), grants }
    }
}

/// What is asked about a caller.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What they would do; not looked at where an alias is to be moved.
    pub permission: Permission,
    /// Where.
    pub namespace: Namespace,
    /// The alias that they would move.
    pub alias: Option<Alias>,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the policy: which one, from 0.
    Policy(usize),
    /// In the caller's token.
    Credential,
}

/// A decision and its reason.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Whether they may.
    pub is_allowed: bool,
    /// Whether the alias is protected.
    pub is_protected: bool,
    /// The first grant that allows it.
    pub decisive: Option<(Source, Grant)>,
    /// Permissions one of which it needs.
    pub needed: Vec<Permission>,
    /// All that they are granted.
    pub grants: Vec<(Source, Grant)>,
}
