//! Who asks: every call into the registry carries one of these.

use std::fmt;
use std::sync::Arc;

use super::{Access, Alias, Missing, Namespace, Permission};

/// The identity that a call acts as. `anonymous` until authentication is configured.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// The principal with this identifier.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The principal of calls without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new("anonymous")
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

/// Who calls, under which trace, and what they may do: commits and logs record the first two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The identity that the call acts as.
    pub principal: Principal,
    /// The id of this one call (`x-request-id`), for logs; not the idempotency key.
    pub call_id: Arc<str>,
    /// What the call may do.
    pub access: Access,
}

impl Caller {
    /// A caller inside the process, such as seeding: it may do everything.
    #[must_use]
    pub fn internal(principal: &str, call_id: &str) -> Self {
        Self { principal: Principal::new(principal), call_id: call_id.into(), access: Access::Everything }
    }

    /// Refuses what the caller may not do in a namespace.
    ///
    /// # Errors
    /// What is missing.
    pub fn require(&self, permission: Permission, namespace: &Namespace) -> Result<(), Denied> {
        self.access.require(permission, namespace).map_err(|missing| self.denied(missing))
    }

    /// Refuses what the caller may not do in every namespace.
    ///
    /// # Errors
    /// What is missing.
    pub fn require_everywhere(&self, permission: Permission) -> Result<(), Denied> {
        self.access.require_everywhere(permission).map_err(|missing| self.denied(missing))
    }

    /// Refuses what the caller may not do in one namespace, or without one in any.
    ///
    /// # Errors
    /// What is missing.
    pub fn require_in(&self, permission: Permission, namespace: Option<&Namespace>) -> Result<(), Denied> {
        self.access.require_in(permission, namespace).map_err(|missing| self.denied(missing))
    }

    /// Refuses to move an alias.
    ///
    /// # Errors
    /// What is missing.
    pub fn require_move(&self, namespace: &Namespace, alias: &Alias) -> Result<(), Denied> {
        self.access.require_move(namespace, alias).map_err(|missing| self.denied(missing))
    }

    fn denied(&self, missing: Missing) -> Denied {
        Denied { principal: self.principal.clone(), missing: Box::new(missing) }
    }
}

/// A call that may not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Who asked.
    pub principal: Principal,
    /// What they lack.
    pub missing: Box<Missing>,
}
