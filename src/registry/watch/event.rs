//! What a stream says.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{Name, Namespace, Persona, Revision, Timestamp, Version};

/// One message of a stream, in domain terms.
#[derive(Debug)]
pub enum Event {
    /// The stream stands, at this revision of the registry.
    Opened(Revision),
    /// Part of what was selected at the beginning.
    Snapshot(Revision, Vec<Persona>),
    /// The snapshot is complete.
    Synced(Revision, u64),
    /// What changed at a revision.
    Changes {
        /// The revision.
        revision: Revision,
        /// When it was committed.
        time: Timestamp,
        /// The changes.
        changes: Vec<PersonaChange>,
        /// More of this revision follows.
        fragment: bool,
    },
    /// Everything up to here was sent.
    Progress(Revision),
    /// The stream ends: the server is shutting down.
    Closing,
}

/// What a stream says next.
#[derive(Debug)]
pub enum Next {
    /// An event, and the token that resumes after it.
    Event(Event, String),
    /// The message that another stream has made of the same changes.
    Told(Bytes),
}

/// A change to one persona.
#[derive(Debug, Clone)]
pub enum PersonaChange {
    /// It was not there before.
    Created(Arc<Persona>),
    /// It has a new version.
    Updated(Arc<Persona>),
    /// It was deleted, at this revision, after this version.
    Deleted(Namespace, Name, Version, Revision),
    /// It is not selected any more; this version and revision were shown.
    Left(Namespace, Name, Version, Revision),
}
