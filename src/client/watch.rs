//! Following personas: one endless row of events, reconnected from the last token whenever the stream breaks.

use std::time::Duration;

use tonic::Streaming;

use super::{Backoff, Client, ClientError};
use crate::wire::pb;
use crate::wire::pb::ErrorReason;
use crate::wire::pb::watch_personas_response::Event;

/// What to follow.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Empty: `default`. `-`: every namespace.
    pub namespace: String,
    /// Empty: all.
    pub names: Vec<String>,
    /// Empty: whatever they say.
    pub filter: String,
    /// Empty: their newest versions.
    pub alias: String,
    /// How much of each persona the events hold.
    pub view: pb::PersonaView,
    /// What the stream does when it is behind.
    pub mode: pb::WatchMode,
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Start {
    /// With a snapshot.
    #[default]
    Snapshot,
    /// With what comes next.
    Now,
    /// After the place that a token names.
    Token(String),
}

/// When a stream is opened again, and when it is taken for dead.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The most that is waited before the first attempt to open it again; it doubles with each further one.
    pub backoff_first: Duration,
    /// The most that is ever waited, beside what the registry asks for.
    pub backoff_most: Duration,
    /// How often the registry says that all is quiet: 1 s to 60 s. A stream without a message for three of them is dead.
    pub progress_interval: Duration,
    /// Whether refusals are tried again too, and what a token that is no good any more stands for is asked for anew.
    pub insist: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_secs(30),
            progress_interval: Duration::from_secs(15),
            insist: false,
        }
    }
}

/// What a watch does next.
#[derive(Debug)]
pub enum Step {
    /// The registry said something.
    Message(Box<pb::WatchPersonasResponse>),
    /// The stream broke; it is opened again after this wait.
    Lost {
        /// How the stream ended.
        cause: ClientError,
        /// How long until the next attempt.
        wait: Duration,
    },
}

/// A watch that outlives its streams.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    selection: Selection,
    pace: Pace,
    start: Start,
    stream: Option<Streaming<pb::WatchPersonasResponse>>,
    backoff: Backoff,
    wait: Duration,
    asked: Option<Duration>,
    /// Silence after which the stream is dead.
    patience: Duration,
    progress: Progress,
}

/// How far a stream is.
#[derive(Debug, Default)]
struct Progress {
    /// The last revision that came by, of whatever stream.
    reached: i64,
    /// What the stream must reach to have caught up; none: a snapshot must end.
    goal: Option<i64>,
    caught_up: bool,
}

impl Client {
    /// Begins to follow; fails at once when the registry cannot be reached or refuses the request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn watch(&self, selection: Selection, start: Start) -> Result<Watch, ClientError> {
        let mut watch = self.follow(selection, start, Pace::default());
        watch.open().await?;
        Ok(watch)
    }

    /// Begins to follow with the first [`Watch::next`].
    #[must_use]
    pub fn follow(&self, selection: Selection, start: Start, pace: Pace) -> Watch {
        Watch {
            client: self.clone(),
            selection,
            start,
            stream: None,
            backoff: Backoff::new(pace.backoff_first, pace.backoff_most),
            wait: Duration::ZERO,
            asked: None,
            patience: pace.progress_interval.saturating_mul(SILENT_INTERVALS),
            pace,
            progress: Progress::default(),
        }
    }
}

/// So many progress intervals without a message, and a stream is dead.
const SILENT_INTERVALS: u32 = 3;

impl Watch {
    /// The next event, or news of a broken stream. After [`Step::Lost`] call again: it waits and reconnects. To give up
    /// waiting for it loses the wait, and no event.
    ///
    /// # Errors
    /// A refusal that trying again does not mend, such as a token of another store; never where the pace insists.
    pub async fn next(&mut self) -> Result<Step, ClientError> {
        if self.stream.is_none() {
            tokio::time::sleep(self.wait).await;
            if let Err(error) = self.open().await {
                return self.lost(error);
            }
        }
        let Some(stream) = &mut self.stream else { return self.lost(ClientError::Incomplete("a stream")) };
        match tokio::time::timeout(self.patience, stream.message()).await {
            Ok(Ok(Some(message))) => {
                self.note(&message);
                Ok(Step::Message(Box::new(message)))
            }
            Ok(Ok(None)) => self.lost(ClientError::Incomplete("a status at the end of the watch")),
            Ok(Err(status)) => {
                let cause = self.client.failed(status);
                self.lost(cause)
            }
            Err(_) => self.silent(),
        }
    }

    /// The last place that it is safe to resume from.
    #[must_use]
    pub fn resume_token(&self) -> Option<&str> {
        match &self.start {
            Start::Token(token) => Some(token),
            Start::Snapshot | Start::Now => None,
        }
    }

    /// Whether the stream stands and all that there was when it began has come: a snapshot was complete, or a stream that
    /// resumed has reached the revision that the registry had.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.progress.caught_up
    }

    /// What is held already, for a watch that begins with a token from elsewhere.
    pub fn holds(&mut self, revision: i64) {
        self.progress.reached = revision;
    }

    /// Forgets the place: the next stream begins with a snapshot.
    pub(super) fn begin_anew(&mut self) {
        self.start = Start::Snapshot;
        self.progress.reached = 0;
    }

    /// Opens the next stream at once.
    pub(super) fn hurry(&mut self) {
        self.wait = Duration::ZERO;
    }

    fn note(&mut self, message: &pb::WatchPersonasResponse) {
        match &message.event {
            Some(Event::Opened(opened)) => {
                let interval =
                    opened.progress_interval.and_then(|interval| Duration::try_from(interval).ok());
                if let Some(interval) = interval.filter(|interval| !interval.is_zero()) {
                    self.patience = interval.saturating_mul(SILENT_INTERVALS);
                }
                let revision = opened.header.as_ref().map_or(0, |header| header.revision);
                if self.start == Start::Now {
                    self.progress.reached = revision;
                }
                self.progress.goal = (self.start != Start::Snapshot).then_some(revision);
            }
            Some(Event::Synced(synced)) => {
                self.progress.reached = synced.revision;
                self.progress.goal = Some(synced.revision);
            }
            Some(Event::Changes(changes)) if !changes.fragment => self.progress.reached = changes.revision,
            Some(Event::Progress(progress)) => self.progress.reached = progress.revision,
            Some(Event::Closing(closing)) => {
                self.asked = closing.retry_delay.and_then(|delay| Duration::try_from(delay).ok());
            }
            Some(Event::Changes(_) | Event::Snapshot(_)) | None => {}
        }
        if !self.progress.caught_up && self.progress.goal.is_some_and(|goal| self.progress.reached >= goal) {
            self.progress.caught_up = true;
            self.backoff.reset();
        }
        if !message.resume_token.is_empty() {
            self.start = Start::Token(message.resume_token.clone());
        }
    }

    /// The connection may be one that nothing comes through any more, and that nobody ends: the next stream has another.
    fn silent(&mut self) -> Result<Step, ClientError> {
        let step = self.lost(ClientError::Silent(self.patience));
        if let Ok(client) = self.client.apart() {
            self.client = client;
        }
        step
    }

    fn lost(&mut self, cause: ClientError) -> Result<Step, ClientError> {
        self.stream = None;
        self.progress.caught_up = false;
        self.progress.goal = None;
        let ended = matches!(cause, ClientError::Incomplete(_));
        if cause.reason() == Some(ErrorReason::AccessChanged) && self.selection.namespace == "-" {
            // What may be seen is another selection by now, and the token is of the one before.
            self.start = Start::Snapshot;
        }
        let renewed = cause.is_expired() && self.client.bearer.may_change();
        if !(cause.is_transient() || ended || renewed || self.pace.insist) {
            return Err(cause);
        }
        if self.pace.insist && is_of_place(&cause) {
            self.begin_anew();
        }
        let asked = cause.retry_delay().or(self.asked.take());
        self.wait = self.backoff.next_wait(asked);
        Ok(Step::Lost { cause, wait: self.wait })
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        use pb::watch_personas_request::Start as Wire;
        let request = pb::WatchPersonasRequest {
            namespace: self.selection.namespace.clone(),
            names: self.selection.names.clone(),
            filter: self.selection.filter.clone(),
            alias: self.selection.alias.clone(),
            view: self.selection.view.into(),
            start: match &self.start {
                Start::Snapshot => None,
                Start::Now => Some(Wire::FromNow(true)),
                Start::Token(token) => Some(Wire::ResumeToken(token.clone())),
            },
            mode: self.selection.mode.into(),
            progress_interval: prost_types::Duration::try_from(self.pace.progress_interval).ok(),
        };
        let mut personas = self.client.personas.clone();
        let patience = self.pace.progress_interval.saturating_mul(SILENT_INTERVALS);
        let Ok(stream) = tokio::time::timeout(patience, personas.watch_personas(request)).await else {
            if let Ok(client) = self.client.apart() {
                self.client = client;
            }
            return Err(ClientError::Silent(patience));
        };
        let stream = stream.map_err(|status| self.client.failed(status))?;
        self.stream = Some(stream.into_inner());
        Ok(())
    }
}

/// Whether it is the place to go on from that is refused, and not the caller or the selection.
fn is_of_place(cause: &ClientError) -> bool {
    matches!(
        cause.reason(),
        Some(
            ErrorReason::StoreMismatch
                | ErrorReason::RevisionCompacted
                | ErrorReason::RevisionInFuture
                | ErrorReason::ResumeTokenInvalid
        )
    )
}
