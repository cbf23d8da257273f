//! Selecting personas by what they say: a subset of AIP-160, and the terms that personas are found by.

mod plan;
mod term;

pub use plan::Plan;
pub use term::{Column, Term, terms};

use crate::domain::Persona;

/// A filter that was read.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {position}")]
pub struct InvalidFilter {
    /// Where it goes wrong, in bytes from the beginning.
    pub position: usize,
    /// What is wrong there and what belongs there.
    pub problem: String,
}

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, InvalidFilter> {
        Ok(Self { text: text.to_owned() })
    }

    /// The filter as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches a version.
    #[must_use]
    pub fn matches(&self, _persona: &Persona) -> bool {
        true
    }

    /// How to find candidates without reading everything.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::All
    }
}
