//! What a setting is: its names in every layer, its kind, its default, and where its value goes.

use std::fmt;

use super::kind::Kind;
use super::{Config, Given, Problem};

/// A table of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What `persona serve` does.
    Serve,
    /// How the other commands find a registry.
    Client,
    /// What `persona validate` and editors tell.
    Validate,
}

impl Section {
    /// All, in the order of the file.
    pub const ALL: [Self; 3] = [Self::Serve, Self::Client, Self::Validate];

    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Client => "client",
            Self::Validate => "validate",
        }
    }
}

/// What holds when nobody says anything.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// This text, read as any other.
    Text(&'static str),
    /// What these words say: it depends on the machine, or is nothing.
    Words(&'static str),
}

/// One setting.
pub struct Setting {
    /// The table of the file that it stands in.
    pub section: Section,
    /// Its key there.
    pub key: &'static str,
    /// Its flag, without the dashes.
    pub flag: &'static str,
    /// Its variable.
    pub variable: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds when nobody says anything.
    pub default: Fallback,
    /// What it is for, in one or two sentences.
    pub help: &'static str,
    /// A value for the example file, where the default is no text.
    pub example: &'static str,
    pub(super) set: fn(&mut Config, &Given) -> Result<(), Vec<Problem>>,
}

impl fmt::Debug for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.section.name(), self.key)
    }
}

impl Setting {
    /// The settings of a table.
    pub fn of(section: Section) -> impl Iterator<Item = &'static Self> {
        super::SETTINGS.iter().filter(move |setting| setting.section == section)
    }
}
