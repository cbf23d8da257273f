//! Following personas: one endless row of events, reconnected from the last token whenever the stream breaks.

use std::time::Duration;

use tonic::Streaming;

use super::{Backoff, Client, ClientError};
use crate::wire::pb;
use crate::wire::pb::ErrorReason;

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
    start: Start,
    stream: Option<Streaming<pb::WatchPersonasResponse>>,
    backoff: Backoff,
    wait: Duration,
    asked: Option<Duration>,
}

impl Client {
    /// Begins to follow; fails at once when the registry cannot be reached or refuses the request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn watch(&self, selection: Selection, start: Start) -> Result<Watch, ClientError> {
        let mut watch = Watch {
            client: self.clone(),
            selection,
            start,
            stream: None,
            backoff: Backoff::new(Duration::from_millis(200), Duration::from_secs(15)),
            wait: Duration::ZERO,
            asked: None,
        };
        watch.stream = Some(watch.open().await?);
        Ok(watch)
    }
}

impl Watch {
    /// The next event, or news of a broken stream. After [`Step::Lost`] call again: it waits and reconnects.
    ///
    /// # Errors
    /// A refusal that trying again does not mend, such as a token of another store.
    pub async fn next(&mut self) -> Result<Step, ClientError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                tokio::time::sleep(self.wait).await;
                match self.open().await {
                    Ok(stream) => self.stream.insert(stream),
                    Err(error) => return self.lost(error),
                }
            }
        };
        match stream.message().await {
            Ok(Some(message)) => {
                self.note(&message);
                Ok(Step::Message(Box::new(message)))
            }
            Ok(None) => self.lost(ClientError::Incomplete("a status at the end of the watch")),
            Err(status) => {
                let cause = self.client.failed(status);
                self.lost(cause)
            }
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

    fn note(&mut self, message: &pb::WatchPersonasResponse) {
        self.backoff.reset();
        if !message.resume_token.is_empty() {
            self.start = Start::Token(message.resume_token.clone());
        }
        if let Some(pb::watch_personas_response::Event::Closing(closing)) = &message.event {
            self.asked = closing.retry_delay.and_then(|delay| Duration::try_from(delay).ok());
        }
    }

    fn lost(&mut self, cause: ClientError) -> Result<Step, ClientError> {
        self.stream = None;
        let ended = matches!(cause, ClientError::Incomplete(_));
        if cause.reason() == Some(ErrorReason::AccessChanged) && self.selection.namespace == "-" {
            // What may be seen is another selection by now, and the token is of the one before.
            self.start = Start::Snapshot;
        }
        let renewed = cause.is_expired() && self.client.bearer.may_change();
        if !(cause.is_transient() || ended || renewed) {
            return Err(cause);
        }
        let asked = cause.retry_delay().or(self.asked.take());
        self.wait = self.backoff.next_wait(asked);
        Ok(Step::Lost { cause, wait: self.wait })
    }

    async fn open(&self) -> Result<Streaming<pb::WatchPersonasResponse>, ClientError> {
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
            progress_interval: None,
        };
        let stream = self.client.personas.clone().watch_personas(request).await;
        Ok(stream.map_err(|status| self.client.failed(status))?.into_inner())
    }
}
