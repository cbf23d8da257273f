//! Who asks: every call into the registry carries one of these.

use std::fmt;
use std::sync::Arc;

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

/// Who calls, and under which trace: commits and logs record both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The identity that the call acts as.
    pub principal: Principal,
    /// The id of this one call (`x-request-id`), for logs; not the idempotency key.
    pub call_id: Arc<str>,
}

impl Caller {
    /// A caller inside the process, such as seeding.
    #[must_use]
    pub fn internal(principal: &str, call_id: &str) -> Self {
        Self { principal: Principal::new(principal), call_id: call_id.into() }
    }
}
