//! Moving aliases, and purging what none of them names.

use super::audit::Asked;
use super::proposal::{AliasTarget, Operation, Proposal};
use super::write::{WriteDone, idempotent, single};
use super::{Error, Registry};
use crate::domain::{Alias, Caller, Digest, Method, Name, Namespace, Permission, Version};

/// Points an alias at a version.
#[derive(Debug, Clone)]
pub struct SetAlias {
    /// Which alias.
    pub target: AliasTarget,
    /// The version that it is to name.
    pub version: Version,
    /// What the move is about.
    pub message: String,
    /// The client's idempotency key.
    pub request_id: Option<String>,
    /// Decide, and change nothing.
    pub validate_only: bool,
}

/// Removes an alias.
#[derive(Debug, Clone)]
pub struct DeleteAlias {
    /// Which alias.
    pub target: AliasTarget,
    /// Why it goes.
    pub message: String,
    /// The client's idempotency key.
    pub request_id: Option<String>,
    /// Decide, and change nothing.
    pub validate_only: bool,
}

/// Removes the bytes of a version for good.
#[derive(Debug, Clone)]
pub struct Purge {
    /// Where it is.
    pub namespace: Namespace,
    /// The persona.
    pub name: Name,
    /// The version.
    pub version: Version,
    /// Why it goes.
    pub message: String,
    /// The client's idempotency key.
    pub request_id: Option<String>,
    /// Decide, and change nothing.
    pub validate_only: bool,
}

impl Registry {
    /// Points an alias at a version.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %set.target.namespace, name = %set.target.name, alias = %set.target.alias), err(level = "debug"))]
    pub async fn set_alias(&self, caller: &Caller, set: SetAlias) -> Result<WriteDone, Error> {
        let asked = Asked::new(caller, Method::SetAlias.as_str(), set.validate_only);
        let asked = asked.about(&set.target.namespace, Some(&set.target.name));
        self.judged(asked, self.try_set_alias(caller, set).await)
    }

    async fn try_set_alias(&self, caller: &Caller, set: SetAlias) -> Result<WriteDone, Error> {
        caller.require_move(&set.target.namespace, &set.target.alias)?;
        check_alias(&set.target.alias)?;
        let payload = || alias_payload(&set.target, Some(set.version), &set.message);
        let request = idempotent(caller, Method::SetAlias, set.request_id.as_ref(), payload);
        let SetAlias { target, version, message, validate_only, .. } = set;
        let action = single(Operation::SetAlias(target, version));
        self.write(Proposal { caller: caller.clone(), request, validate_only, message, action }).await
    }

    /// Removes an alias.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %delete.target.namespace, name = %delete.target.name, alias = %delete.target.alias), err(level = "debug"))]
    pub async fn delete_alias(&self, caller: &Caller, delete: DeleteAlias) -> Result<WriteDone, Error> {
        let asked = Asked::new(caller, Method::DeleteAlias.as_str(), delete.validate_only);
        let asked = asked.about(&delete.target.namespace, Some(&delete.target.name));
        self.judged(asked, self.try_delete_alias(caller, delete).await)
    }

    async fn try_delete_alias(&self, caller: &Caller, delete: DeleteAlias) -> Result<WriteDone, Error> {
        caller.require_move(&delete.target.namespace, &delete.target.alias)?;
        check_alias(&delete.target.alias)?;
        let payload = || alias_payload(&delete.target, None, &delete.message);
        let request = idempotent(caller, Method::DeleteAlias, delete.request_id.as_ref(), payload);
        let DeleteAlias { target, message, validate_only, .. } = delete;
        let action = single(Operation::DeleteAlias(target));
        self.write(Proposal { caller: caller.clone(), request, validate_only, message, action }).await
    }

    /// Removes the bytes of a version for good.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %purge.namespace, name = %purge.name, version = %purge.version), err(level = "debug"))]
    pub async fn purge(&self, caller: &Caller, purge: Purge) -> Result<WriteDone, Error> {
        caller.require(Permission::Administer, &purge.namespace)?;
        let payload = || purge_payload(&purge);
        let request = idempotent(caller, Method::Purge, purge.request_id.as_ref(), payload);
        let Purge { namespace, name, version, message, validate_only, .. } = purge;
        let asked = Asked::new(caller, Method::Purge.as_str(), validate_only).about(&namespace, Some(&name));
        let action = single(Operation::Purge { namespace, name, version });
        let proposal = Proposal { caller: caller.clone(), request, validate_only, message, action };
        self.judged(asked, self.write(proposal).await)
    }
}

/// `latest` is nobody's to set.
pub(super) fn check_alias(alias: &Alias) -> Result<(), Error> {
    if alias.as_str() == Alias::LATEST {
        let description = "latest is automatic: it always names the newest version; choose another word";
        return Err(Error::argument("alias", description));
    }
    Ok(())
}

fn alias_payload(target: &AliasTarget, version: Option<Version>, message: &str) -> Digest {
    let AliasTarget { namespace, name, alias, expected } = target;
    Digest::of_parts(&[
        namespace.as_str().as_bytes(),
        name.as_str().as_bytes(),
        alias.as_str().as_bytes(),
        &version.map_or(0, |version| version.0).to_be_bytes(),
        expected.map(|version| version.to_string()).unwrap_or_default().as_bytes(),
        message.as_bytes(),
    ])
}

fn purge_payload(purge: &Purge) -> Digest {
    let Purge { namespace, name, version, message, request_id: _, validate_only: _ } = purge;
    Digest::of_parts(&[
        namespace.as_str().as_bytes(),
        name.as_str().as_bytes(),
        &version.0.to_be_bytes(),
        message.as_bytes(),
    ])
}
