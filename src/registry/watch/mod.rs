//! Following personas: each watcher is a cursor on the change log, never a queue.
//!
//! `Opened · Snapshot* · Synced · (Changes | Progress)* · Closing`

mod difference;
mod request;
mod snapshot;
mod stretch;
mod views;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use self::difference::{Kind, PendingChange};
pub use self::request::{Mode, Start, WatchRequest};
use super::select::Selection;
use super::shelf::Shelf;
use super::token::{Binding, ResumeToken};
use super::{Error, Registry};
use crate::domain::{Caller, Name, Namespace, Persona, Revision, Timestamp, Version, View, fraction};
use crate::store::StoreError;

/// One message is cut when it carries this many bytes: bounds what a stalled stream holds, and what clients take.
const MESSAGE_BYTES: usize = 128 * 1024;
/// Personas that one message carries at most.
const MESSAGE_PERSONAS: usize = 256;

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

/// A stream: ask for the next event until there is none.
#[derive(Debug)]
pub struct Watch {
    registry: Registry,
    request: WatchRequest,
    /// That of the request, shared with reads that run elsewhere.
    selection: Arc<Selection>,
    measure: Measure,
    binding: Binding,
    phase: Phase,
    /// Everything up to here was sent, once nothing is pending.
    cursor: Revision,
    /// Rest of a group that is being sent.
    pending: VecDeque<PendingChange>,
    pending_time: Timestamp,
    /// Purges there had been when it was put together.
    purges: u64,
    progress_at: Instant,
    /// It resumed, and has not said yet that it is where the registry is.
    catching_up: bool,
    head: tokio::sync::watch::Receiver<Revision>,
    drain: tokio::sync::watch::Receiver<bool>,
    /// When this stream closes, once a drain began.
    close_at: Option<Instant>,
    /// Wakes it for its next progress or its end; there once it had to wait.
    timer: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

#[derive(Debug)]
enum Phase {
    Opening,
    Snapshot { revision: Revision, after: Option<(Namespace, Name)>, count: u64 },
    Following,
    Closed,
}

/// Tells how many bytes a persona takes in a message.
#[derive(Debug, Clone, Copy)]
struct Measure {
    size: fn(&Persona, View) -> usize,
    view: View,
}

impl Measure {
    /// The document is counted apart, so that measuring does not copy it.
    fn of(self, persona: &Persona) -> usize {
        let content = if self.view == View::Full { persona.content.len() } else { 0 };
        (self.size)(persona, View::Basic) + content
    }
}

/// A counted place among the streams.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Registry {
    /// Begins to follow personas. `size` tells how many bytes a persona takes in a message.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub fn watch(
        &self,
        caller: &Caller,
        mut request: WatchRequest,
        size: fn(&Persona, View) -> usize,
    ) -> Result<Watch, Error> {
        request.selection.permit(caller)?;
        let drain = self.drain.subscribe();
        if *drain.borrow() {
            return Err(Error::Draining);
        }
        let head = self.shared.head.subscribe();
        let now = *head.borrow();
        let binding = request.selection.binding();
        let cursor = match &request.start {
            Start::Snapshot | Start::Now => now,
            Start::Resume(text) => {
                let token = ResumeToken::parse(text, self.store_id(), binding)?;
                if token.revision > now {
                    return Err(Error::RevisionInFuture { revision: now });
                }
                let floor = self.shared.floor();
                if token.revision < floor {
                    return Err(Error::RevisionCompacted { floor });
                }
                token.revision
            }
        };
        let limit = self.shared.options.watch_streams;
        let place = Place(Arc::clone(&self.watches));
        if self.watches.fetch_add(1, Ordering::Relaxed) >= limit {
            return Err(Error::TooManyWatches { limit });
        }
        Ok(Watch {
            registry: self.clone(),
            measure: Measure { size, view: request.view },
            selection: Arc::new(std::mem::take(&mut request.selection)),
            binding,
            phase: Phase::Opening,
            cursor,
            pending: VecDeque::new(),
            pending_time: Timestamp::default(),
            purges: 0,
            progress_at: Instant::now() + request.progress_interval,
            catching_up: matches!(request.start, Start::Resume(_)),
            head,
            drain,
            close_at: None,
            timer: None,
            request,
            _place: place,
        })
    }
}

impl Watch {
    /// The next event, and the token that resumes after it; none once the stream was closed.
    /// An error ends the stream.
    pub async fn next(&mut self) -> Result<Option<(Event, String)>, Error> {
        match &self.phase {
            Phase::Opening => {
                let opened = Event::Opened(self.cursor_at_opening());
                self.phase = match self.request.start {
                    Start::Snapshot => Phase::Snapshot { revision: self.cursor, after: None, count: 0 },
                    Start::Resume(_) | Start::Now => Phase::Following,
                };
                let token = if matches!(self.phase, Phase::Following) { self.token() } else { String::new() };
                Ok(Some((opened, token)))
            }
            Phase::Snapshot { revision, after, count } => {
                let (revision, after, count) = (*revision, after.clone(), *count);
                self.snapshot(revision, after, count).await.map(Some)
            }
            Phase::Following => self.follow().await.map(Some),
            Phase::Closed => Ok(None),
        }
    }

    /// The registry's revision, to be told in `Opened`; for a resumed stream not its cursor.
    fn cursor_at_opening(&self) -> Revision {
        match self.request.start {
            Start::Resume(_) => *self.head.borrow(),
            Start::Snapshot | Start::Now => self.cursor,
        }
    }

    /// What the shelf has made of a persona that the last event told of.
    pub fn made(&self, persona: &Arc<Persona>, shelf: &Shelf) -> Bytes {
        let place = (&persona.namespace, &persona.name, persona.revision);
        let read = || Ok::<_, Infallible>(Persona::clone(persona));
        let Ok(made) = shelf.made(place, self.request.view, self.purges, read);
        made.bytes
    }

    fn token(&self) -> String {
        ResumeToken { revision: self.cursor }.print(self.registry.store_id(), self.binding)
    }

    async fn follow(&mut self) -> Result<(Event, String), Error> {
        loop {
            if !self.pending.is_empty() {
                return self.send_pending().await;
            }
            if self.close_at.is_none() && *self.drain.borrow_and_update() {
                self.close_at =
                    Some(Instant::now() + self.registry.shared.options.drain_spread.mul_f64(fraction()));
            }
            let now = Instant::now();
            if self.close_at.is_some_and(|at| at <= now) {
                self.phase = Phase::Closed;
                return Ok((Event::Closing, self.token()));
            }
            if self.progress_at <= now {
                self.progress_at = now + self.request.progress_interval;
                return Ok((Event::Progress(self.cursor), self.token()));
            }
            let head = *self.head.borrow_and_update();
            if head > self.cursor {
                self.advance(head).await?;
                continue;
            }
            if std::mem::take(&mut self.catching_up) {
                // A client that came back may call what it holds current from here on.
                self.progress_at = now + self.request.progress_interval;
                return Ok((Event::Progress(self.cursor), self.token()));
            }
            let wake_at = self.close_at.map_or(self.progress_at, |at| at.min(self.progress_at));
            let draining = self.close_at.is_some();
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(wake_at)));
            if timer.deadline() != wake_at {
                timer.as_mut().reset(wake_at);
            }
            tokio::select! {
                // The sender lives as long as the registry, which this stream holds.
                _ = self.head.changed() => {}
                _ = self.drain.changed(), if !draining => {}
                () = timer => {}
            }
        }
    }

    /// Sends the next part of a group; all but the last part are fragments without a token.
    async fn send_pending(&mut self) -> Result<(Event, String), Error> {
        let (mut changes, mut bytes) = (Vec::new(), 0);
        let purges = self.registry.shared.purges();
        if purges != self.purges {
            self.purges = purges;
            self.pending.iter_mut().for_each(|change| change.persona = None);
        }
        while let Some(next) = self.pending.pop_front() {
            let change = self.resolve(next).await?;
            if let PersonaChange::Created(persona) | PersonaChange::Updated(persona) = &change {
                bytes += self.measure.of(persona);
            }
            changes.push(change);
            if bytes >= MESSAGE_BYTES || changes.len() >= MESSAGE_PERSONAS {
                break;
            }
        }
        let fragment = !self.pending.is_empty();
        if !fragment && !self.catching_up {
            let shared = &self.registry.shared;
            shared
                .options
                .metrics
                .watch_lag_seconds
                .observe_time(shared.clock.now().since(self.pending_time));
        }
        let token = if fragment { String::new() } else { self.token() };
        let event = Event::Changes { revision: self.cursor, time: self.pending_time, changes, fragment };
        Ok((event, token))
    }

    async fn resolve(&self, change: PendingChange) -> Result<PersonaChange, Error> {
        let PendingChange { namespace, name, kind, version, revision, persona } = change;
        let persona = match (kind, persona) {
            (Kind::Deleted, _) => return Ok(PersonaChange::Deleted(namespace, name, version, revision)),
            (Kind::Left, _) => return Ok(PersonaChange::Left(namespace, name, version, revision)),
            (_, Some(persona)) => persona,
            (_, None) => {
                let view = self.request.view;
                let read = move |store: &crate::store::Store| {
                    let row = store.row(&namespace, &name, revision, view)?;
                    row.ok_or_else(|| lost(&namespace, &name))
                };
                Arc::new(self.unpruned(self.cursor, read).await?)
            }
        };
        Ok(match kind {
            Kind::Created => PersonaChange::Created(persona),
            _ => PersonaChange::Updated(persona),
        })
    }
}

pub(super) fn lost(namespace: &Namespace, name: &Name) -> StoreError {
    StoreError::Damaged { key: format!("{namespace}/{name}"), problem: "its row is not there".to_owned() }
}
