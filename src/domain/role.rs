//! Roles and the permissions that they bring, and how grants of them are written.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::limits::PRINCIPAL_BYTES;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Reading personas, their history and aliases, and following them.
    Read,
    /// Putting and deleting personas, and moving aliases that are not protected.
    Write,
    /// Moving aliases, those that are protected included.
    Promote,
    /// Purging; and, in every namespace, backups, compaction and the audit log.
    Administer,
}

impl Permission {
    /// Every permission, in rising order.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Promote, Self::Administer];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Promote => "promote",
            Self::Administer => "administer",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A set of permissions that is granted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads and writes, but moves no protected alias.
    Writer,
    /// Reads and moves aliases, protected ones too; changes no document.
    Promoter,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Promoter, Self::Admin];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Promoter => "promoter",
            Self::Admin => "admin",
        }
    }

    /// Whether it brings a permission.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        match self {
            Self::Reader => matches!(permission, Permission::Read),
            Self::Writer => matches!(permission, Permission::Read | Permission::Write),
            Self::Promoter => matches!(permission, Permission::Read | Permission::Promote),
            Self::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The text is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; the roles are reader, writer, promoter and admin")]
pub struct InvalidRole(pub String);

impl FromStr for Role {
    type Err = InvalidRole;
    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| InvalidRole(text.chars().take(64).collect()))
    }
}

/// A word, or the beginning of words: `payments`, `team-*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Matches everything.
    #[must_use]
    pub fn everything() -> Self {
        Self("*".into())
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches a word.
    #[must_use]
    pub fn matches(&self, word: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => *self.0 == *word,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no pattern; a pattern is a word such as payments, the beginning of words such as team-*, or * for all"
)]
pub struct InvalidPattern(pub String);

impl FromStr for Pattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let word = text.strip_suffix('*').unwrap_or(text);
        let is_one = (1..=PRINCIPAL_BYTES).contains(&text.len())
            && !word.contains('*')
            && !text.chars().any(|one| one.is_whitespace() || one.is_control());
        if is_one { Ok(Self(text.into())) } else { Err(InvalidPattern(text.chars().take(64).collect())) }
    }
}

/// A role in some namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grant {
    /// What.
    pub role: Role,
    /// Where.
    pub namespaces: Vec<Pattern>,
}

impl Grant {
    /// Whether it brings a permission in a namespace.
    #[must_use]
    pub fn allows(&self, permission: Permission, namespace: &str) -> bool {
        self.role.allows(permission) && self.namespaces.iter().any(|pattern| pattern.matches(namespace))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@", self.role)?;
        for (at, namespace) in self.namespaces.iter().enumerate() {
            write!(out, "{}{namespace}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Grant {
    type Err = String;

    /// Reads `ROLE@NAMESPACE[,NAMESPACE…]`; a role alone holds everywhere.
    fn from_str(text: &str) -> Result<Self, String> {
        let (role, namespaces) = text.split_once('@').unwrap_or((text, "*"));
        let namespaces = namespaces.split(',').map(str::parse).collect::<Result<_, InvalidPattern>>();
        Ok(Self {
            role: role.parse().map_err(|error: InvalidRole| error.to_string())?,
            namespaces: namespaces.map_err(|error| error.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_bring_what_they_say() {
        let table = [
            (Role::Reader, [true, false, false, false]),
            (Role::Writer, [true, true, false, false]),
            (Role::Promoter, [true, false, true, false]),
            (Role::Admin, [true, true, true, true]),
        ];
        for (role, allowed) in table {
            assert_eq!(Permission::ALL.map(|permission| role.allows(permission)), allowed, "{role}");
        }
    }

    #[test]
    fn grants_and_patterns_are_read_as_they_are_written() {
        for text in ["reader@*", "writer@payments,team-*", "admin@a"] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        assert_eq!("admin".parse::<Grant>().unwrap().to_string(), "admin@*");
        for text in ["", "owner", "reader@", "reader@a*b", "reader@a b", "reader@,a", "Reader"] {
            assert!(text.parse::<Grant>().is_err(), "{text:?}");
        }
    }
}
