//! What a caller may do: what is granted, and aliases that only some may move.

use std::sync::Arc;

use super::{Alias, Grant, Namespace, Pattern, Permission};

/// What a caller may do. Nothing but what is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everything: authentication is off, or the caller is the process itself.
    Everything,
    /// What these say.
    Granted(Arc<Granted>),
}

/// Grants, and what they do not reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// What is granted.
    pub grants: Vec<Grant>,
    /// Aliases that [`Permission::Write`] does not move.
    pub protected: Vec<Pattern>,
}

/// What a refused call lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The permission.
    pub permission: Permission,
    /// Where; none: in every namespace, or in any.
    pub namespace: Option<Namespace>,
    /// The protected alias that it would move.
    pub alias: Option<Alias>,
}

impl Access {
    /// Whether something may be done in a namespace.
    #[must_use]
    pub fn may(&self, permission: Permission, namespace: &Namespace) -> bool {
        match self {
            Self::Everything => true,
            Self::Granted(granted) => {
                granted.grants.iter().any(|grant| grant.allows(permission, namespace.as_str()))
            }
        }
    }

    /// Whether something may be done in every namespace, also in those that are not there yet.
    #[must_use]
    pub fn may_everywhere(&self, permission: Permission) -> bool {
        let everything = Pattern::everything();
        match self {
            Self::Everything => true,
            Self::Granted(granted) => granted
                .grants
                .iter()
                .any(|grant| grant.role.allows(permission) && grant.namespaces.contains(&everything)),
        }
    }

    /// Whether something may be done in any namespace.
    #[must_use]
    pub fn may_somewhere(&self, permission: Permission) -> bool {
        match self {
            Self::Everything => true,
            Self::Granted(granted) => granted.grants.iter().any(|grant| grant.role.allows(permission)),
        }
    }

    /// Whether only [`Permission::Promote`] moves an alias.
    #[must_use]
    pub fn is_protected(&self, alias: &Alias) -> bool {
        match self {
            Self::Everything => false,
            Self::Granted(granted) => granted.protected.iter().any(|pattern| pattern.matches(alias.as_str())),
        }
    }

    /// Refuses what may not be done in a namespace.
    ///
    /// # Errors
    /// What is missing.
    pub fn require(&self, permission: Permission, namespace: &Namespace) -> Result<(), Missing> {
        if self.may(permission, namespace) {
            return Ok(());
        }
        Err(Missing { permission, namespace: Some(namespace.clone()), alias: None })
    }

    /// Refuses what may not be done in every namespace.
    ///
    /// # Errors
    /// What is missing.
    pub fn require_everywhere(&self, permission: Permission) -> Result<(), Missing> {
        if self.may_everywhere(permission) {
            return Ok(());
        }
        Err(Missing { permission, namespace: None, alias: None })
    }

    /// Refuses what may not be done in one namespace, or without one in any.
    ///
    /// # Errors
    /// What is missing.
    pub fn require_in(&self, permission: Permission, namespace: Option<&Namespace>) -> Result<(), Missing> {
        match namespace {
            Some(namespace) => self.require(permission, namespace),
            None if self.may_somewhere(permission) => Ok(()),
            None => Err(Missing { permission, namespace: None, alias: None }),
        }
    }

    /// Refuses to move an alias. One that is not protected is moved by whoever writes or promotes.
    ///
    /// # Errors
    /// What is missing.
    pub fn require_move(&self, namespace: &Namespace, alias: &Alias) -> Result<(), Missing> {
        if self.may(Permission::Promote, namespace) {
            return Ok(());
        }
        // Which aliases are protected is told to those who may write there.
        self.require(Permission::Write, namespace)?;
        if !self.is_protected(alias) {
            return Ok(());
        }
        let namespace = Some(namespace.clone());
        Err(Missing { permission: Permission::Promote, namespace, alias: Some(alias.clone()) })
    }

    /// The namespaces in which something may be done.
    #[must_use]
    pub fn scope(&self, permission: Permission) -> Scope {
        if self.may_everywhere(permission) {
            return Scope::default();
        }
        let Self::Granted(granted) = self else { return Scope::default() };
        let grants = granted.grants.iter().filter(|grant| grant.role.allows(permission));
        let mut patterns: Vec<_> = grants.flat_map(|grant| grant.namespaces.iter().cloned()).collect();
        patterns.sort();
        patterns.dedup();
        Scope(Some(patterns.into()))
    }
}

/// The namespaces that a look across all of them takes in. By default all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope(Option<Arc<[Pattern]>>);

impl Scope {
    /// Whether it leaves nothing out.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a namespace is in it.
    #[must_use]
    pub fn contains(&self, namespace: &Namespace) -> bool {
        let Some(patterns) = &self.0 else { return true };
        patterns.iter().any(|pattern| pattern.matches(namespace.as_str()))
    }

    /// What tells it from others; empty where it leaves nothing out.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let patterns = self.0.iter().flat_map(|patterns| patterns.iter());
        // None of them has a blank, and a scope of nothing is another one than everything.
        patterns.fold(if self.is_everything() { "" } else { " " }.to_owned(), |text, pattern| {
            text + pattern.as_str() + " "
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(grants: &[&str], protected: &[&str]) -> Access {
        Access::Granted(Arc::new(Granted {
            grants: grants.iter().map(|text| text.parse().unwrap()).collect(),
            protected: protected.iter().map(|text| text.parse().unwrap()).collect(),
        }))
    }

    fn namespace(text: &str) -> Namespace {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_is_allowed_but_what_is_granted() {
        let none = access(&[], &[]);
        let some = access(&["writer@payments,team-*", "reader"], &[]);
        for permission in Permission::ALL {
            assert!(Access::Everything.may(permission, &namespace("x")));
            assert!(!none.may(permission, &namespace("x")) && !none.may_somewhere(permission));
            assert!(!none.scope(permission).contains(&namespace("x")));
        }
        assert!(some.may(Permission::Read, &namespace("x")) && some.may_everywhere(Permission::Read));
        assert!(some.may(Permission::Write, &namespace("team-a")) && !some.may_everywhere(Permission::Write));
        assert!(!some.may(Permission::Write, &namespace("x")) && !some.may_somewhere(Permission::Promote));
        assert!(!some.may(Permission::Write, &namespace("payments2")));
    }

    #[test]
    fn protected_aliases_are_moved_by_promoters_only() {
        let alias = |text: &str| text.parse::<Alias>().unwrap();
        let writer = access(&["writer@a"], &["prod*"]);
        assert!(writer.require_move(&namespace("a"), &alias("canary")).is_ok());
        let denied = writer.require_move(&namespace("a"), &alias("production")).unwrap_err();
        assert!(denied.permission == Permission::Promote && denied.alias == Some(alias("production")));
        let denied = writer.require_move(&namespace("b"), &alias("production")).unwrap_err();
        assert!(denied.permission == Permission::Write && denied.alias.is_none(), "nothing of b is told");
        let promoter = access(&["promoter@a"], &["prod*"]);
        assert!(promoter.require_move(&namespace("a"), &alias("production")).is_ok());
        assert!(promoter.require_move(&namespace("a"), &alias("canary")).is_ok());
        assert!(promoter.require(Permission::Write, &namespace("a")).is_err());
    }

    #[test]
    fn scopes_are_told_apart() {
        let scope = |grants: &[&str]| access(grants, &[]).scope(Permission::Read);
        assert!(scope(&["reader@a", "reader"]).is_everything());
        assert_eq!(Access::Everything.scope(Permission::Read).fingerprint(), "");
        let texts = [scope(&[]), scope(&["reader@a"]), scope(&["reader@a,b"]), scope(&["reader@a*"])];
        let texts: std::collections::BTreeSet<_> = texts.iter().map(Scope::fingerprint).collect();
        assert!(texts.len() == 4 && !texts.contains(""));
        assert_eq!(scope(&["reader@b,a"]), scope(&["writer@a", "reader@b", "admin@a"]));
    }
}
