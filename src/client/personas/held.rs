//! What a read gives: a persona, and how current it is.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::view::View;
use crate::client::ClientError;
use crate::wire::pb;

/// How current what was read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The stream stands and has caught up.
    Live,
    /// It was live, and the stream is down or is catching up.
    Cached,
    /// It is from the copy on disk, and was not live since the start.
    Disk,
    /// Nothing was ever received, and the caller brought a text.
    Fallback,
}

impl Source {
    /// The word, as all clients have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Cached => "CACHED",
            Self::Disk => "DISK",
            Self::Fallback => "FALLBACK",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A persona as it was read. It does not change afterwards.
#[derive(Debug, Clone)]
pub struct Held {
    content: Content,
    revision: i64,
    source: Source,
    age: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Content {
    Persona(Arc<pb::Persona>),
    Fallback(Arc<str>),
}

impl Held {
    pub(super) fn persona_at(
        persona: Arc<pb::Persona>,
        revision: i64,
        source: Source,
        age: Option<Duration>,
    ) -> Self {
        Self { content: Content::Persona(persona), revision, source, age }
    }

    pub(super) fn fallback(text: &str) -> Self {
        Self { content: Content::Fallback(text.into()), revision: 0, source: Source::Fallback, age: None }
    }

    /// The persona's message; none of a fallback.
    #[must_use]
    pub fn persona(&self) -> Option<&pb::Persona> {
        match &self.content {
            Content::Persona(persona) => Some(persona),
            Content::Fallback(_) => None,
        }
    }

    /// The text behind the front matter, which is the agent's system prompt; of a fallback all of it.
    #[must_use]
    pub fn body(&self) -> &str {
        match &self.content {
            Content::Persona(persona) => &persona.body,
            Content::Fallback(text) => text,
        }
    }

    /// The whole document, byte for byte as it was stored; of a fallback its text.
    #[must_use]
    pub fn document(&self) -> Cow<'_, str> {
        match &self.content {
            Content::Persona(persona) if persona.front_matter.is_empty() => Cow::Borrowed(&persona.body),
            Content::Persona(persona) => Cow::Owned([persona.front_matter.as_str(), &persona.body].concat()),
            Content::Fallback(text) => Cow::Borrowed(text),
        }
    }

    /// The persona's version; 0 of a fallback.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.persona().map_or(0, |persona| persona.version)
    }

    /// The registry's revision that this is true of; 0 of a fallback.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How current it is.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// How long ago it was known to be current: zero where it is live, none of a fallback.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }
}

/// What was held at one moment. Its answers stay the same for as long as it is kept, source and age too.
#[derive(Debug, Clone)]
pub struct Pin {
    shared: Arc<Shared>,
    view: Arc<View>,
}

impl Pin {
    pub(super) fn new(shared: Arc<Shared>, view: View) -> Self {
        Self { shared, view: Arc::new(view) }
    }

    /// A persona as it was then.
    ///
    /// # Errors
    /// As [`Personas::get`](super::Personas::get).
    pub fn get(&self, name: &str) -> Result<Held, ClientError> {
        self.view.find(&self.shared.checked, name, None)
    }

    /// A persona as it was then; where nothing was held, this text.
    ///
    /// # Errors
    /// As [`Personas::get_or`](super::Personas::get_or).
    pub fn get_or(&self, name: &str, fallback: &str) -> Result<Held, ClientError> {
        self.view.find(&self.shared.checked, name, Some(fallback))
    }

    /// The names of what was held, sorted bytewise.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.view.names()
    }
}
