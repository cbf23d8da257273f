//! How to find what a filter may match without reading everything.

use std::ops::Bound;

use super::Term;

/// A way to candidates: it leads to every persona that matches, and maybe to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// There is no shorter way than all personas.
    All,
    /// Those with this term.
    Term(Term),
    /// Those with a term between two of one column.
    Range(Bound<Term>, Bound<Term>),
    /// Those that any of these leads to.
    Any(Vec<Plan>),
    /// Those that each of these leads to; following one of them is enough.
    Every(Vec<Plan>),
}
