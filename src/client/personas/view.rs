//! What is held, and how current it is: one value that readers look at and the stream changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::held::{Held, Source};
use super::options::Checked;
use crate::client::ClientError;
use crate::wire::pb;

/// Personas by name.
pub(super) type Map = BTreeMap<String, Arc<pb::Persona>>;

/// What is held.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Shared with pins: whoever changes it while one stands makes a copy of the map first.
    pub(super) personas: Arc<Map>,
    pub(super) origin: Origin,
    pub(super) revision: i64,
    pub(super) store_id: String,
    /// Where to go on from.
    pub(super) token: String,
    pub(super) known: Known,
    /// Whether the first read need not wait any more.
    pub(super) settled: bool,
    /// Grows with each change that belongs into the copy on disk.
    pub(super) edition: u64,
    pub(super) streams: u64,
    pub(super) snapshots: u64,
    pub(super) error: Option<ClientError>,
}

/// Where what is held came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Origin {
    /// Nothing is held.
    #[default]
    Nothing,
    Disk,
    Stream,
}

/// When what is held was last known to be current.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Known {
    #[default]
    Never,
    /// It is.
    Now,
    /// When a stream that had caught up said something for the last time.
    At(Instant),
    /// What the copy on disk says.
    Then(SystemTime),
    /// So long before the moment that a pin was made.
    Before(Duration),
}

/// What a client is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was asked of it yet.
    Idle,
    /// The stream has not caught up yet for the first time.
    Connecting,
    /// The stream stands and has caught up.
    Live,
    /// It did, and is opened again.
    Reconnecting,
    /// It was ended.
    Closed,
}

impl State {
    /// The word, as all clients have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Connecting => "CONNECTING",
            Self::Live => "LIVE",
            Self::Reconnecting => "RECONNECTING",
            Self::Closed => "CLOSED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// How a client stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// What it is about.
    pub state: State,
    /// How current is what is held; none: nothing is.
    pub source: Option<Source>,
    /// The registry's revision that what is held is true of.
    pub revision: i64,
    /// How long ago that was known to be current.
    pub age: Option<Duration>,
    /// How many are held.
    pub personas: usize,
    /// Streams that stood so far.
    pub streams: u64,
    /// Snapshots received so far.
    pub snapshots: u64,
    /// How the last stream ended, or did not come about; none once one has caught up.
    pub error: Option<ClientError>,
}

impl View {
    pub(super) fn is_live(&self) -> bool {
        matches!(self.known, Known::Now)
    }

    pub(super) fn source(&self) -> Option<Source> {
        match self.origin {
            Origin::Nothing => None,
            Origin::Disk => Some(Source::Disk),
            Origin::Stream if self.is_live() => Some(Source::Live),
            Origin::Stream => Some(Source::Cached),
        }
    }

    pub(super) fn age(&self) -> Option<Duration> {
        match self.known {
            Known::Never => None,
            Known::Now => Some(Duration::ZERO),
            Known::At(then) => Some(then.elapsed()),
            // A clock that was set back makes nothing newer than now.
            Known::Then(then) => Some(then.elapsed().unwrap_or_default()),
            Known::Before(age) => Some(age),
        }
    }

    pub(super) fn find(
        &self,
        checked: &Checked,
        name: &str,
        fallback: Option<&str>,
    ) -> Result<Held, ClientError> {
        let Some(source) = self.source() else {
            return fallback.map(Held::fallback).ok_or_else(|| self.trouble(checked));
        };
        match self.personas.get(name) {
            Some(persona) => Ok(Held::persona_at(persona.clone(), self.revision, source, self.age())),
            None => Err(ClientError::Missing {
                namespace: checked.options.namespace.clone(),
                name: name.to_owned(),
                revision: self.revision,
            }),
        }
    }

    /// What keeps the stream from standing.
    pub(super) fn trouble(&self, checked: &Checked) -> ClientError {
        self.error.clone().unwrap_or_else(|| ClientError::Pending(checked.server.url()))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.personas.keys().cloned().collect()
    }

    /// As it is now, whatever the time.
    pub(super) fn frozen(&self) -> Self {
        let known = match (self.known, self.age()) {
            (Known::Now | Known::Never, _) | (_, None) => self.known,
            (_, Some(age)) => Known::Before(age),
        };
        Self { known, ..self.clone() }
    }

    pub(super) fn status(&self, started: bool, closed: bool) -> Status {
        let state = match self.origin {
            _ if closed => State::Closed,
            _ if !started => State::Idle,
            _ if self.is_live() => State::Live,
            Origin::Stream => State::Reconnecting,
            Origin::Nothing | Origin::Disk => State::Connecting,
        };
        Status {
            state,
            source: self.source(),
            revision: self.revision,
            age: self.age(),
            personas: self.personas.len(),
            streams: self.streams,
            snapshots: self.snapshots,
            error: self.error.clone(),
        }
    }
}
