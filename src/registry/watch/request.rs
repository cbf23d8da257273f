//! What is asked for: a start, a mode, and how much of each persona.

use std::time::Duration;

use crate::domain::View;
use crate::registry::select::Selection;

/// Where a stream begins.
#[derive(Debug, Clone)]
pub enum Start {
    /// With everything selected.
    Snapshot,
    /// After this token.
    Resume(String),
    /// With what comes next.
    Now,
}

/// What a stream does when it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Brings it up in steps that leave out what was overtaken.
    #[default]
    Latest,
    /// Sends each change once.
    EveryVersion,
}

/// Asks to follow personas.
#[derive(Debug, Clone)]
pub struct WatchRequest {
    /// What to follow.
    pub selection: Selection,
    /// Where to begin.
    pub start: Start,
    /// What to do when behind.
    pub mode: Mode,
    /// How much of each persona is wanted.
    pub view: View,
    /// How often to tell how far it is.
    pub progress_interval: Duration,
}
