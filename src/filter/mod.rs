//! Selecting personas by what they say: a subset of AIP-160, and the terms that personas are found by.

mod expr;
mod fit;
mod moment;
mod parse;
mod plan;
#[cfg(test)]
pub(crate) mod strategy;
mod term;

pub use plan::Plan;
pub use term::{Column, Term, terms};

use self::expr::Expr;
use crate::domain::Persona;

/// A filter that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    expr: Expr,
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
    /// Reads a filter. Takes time in proportion to the text, and a stack that the nesting allowed bounds.
    pub fn parse(text: &str) -> Result<Self, InvalidFilter> {
        let expr = parse::parse(text)?;
        Ok(Self { text: expr.to_string(), expr })
    }

    /// The filter in one normal form: filters that differ in blanks and needless parentheses have the same.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches a version.
    #[must_use]
    pub fn matches(&self, persona: &Persona) -> bool {
        self.expr.matches(persona)
    }

    /// How to find candidates without reading everything.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::of(&self.expr)
    }
}

#[cfg(test)]
mod tests;
