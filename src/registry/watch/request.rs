//! What is asked for: a selection, a start, a mode.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::{Name, Namespace, View};
use crate::registry::token::Binding;

/// What a stream follows.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Where; none: everywhere.
    pub namespace: Option<Namespace>,
    /// What; empty: everything there.
    pub names: BTreeSet<Name>,
}

impl Selection {
    /// What a resume token of this selection is bound to.
    #[must_use]
    pub fn binding(&self) -> Binding {
        let namespace = self.namespace.as_ref().map_or("-", Namespace::as_str);
        let mut fields: Vec<&[u8]> = vec![b"watch", namespace.as_bytes()];
        fields.extend(self.names.iter().map(|name| name.as_str().as_bytes()));
        Binding::of(&fields)
    }

    pub(super) fn takes(&self, namespace: &Namespace, name: &Name) -> bool {
        self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
            && (self.names.is_empty() || self.names.contains(name))
    }
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
