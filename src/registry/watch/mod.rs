//! Following personas: each watcher is a cursor on the change log, never a queue.
//!
//! `Opened · Snapshot* · Synced · (Changes | Progress)* · Closing`

mod difference;
mod event;
mod request;
mod snapshot;
mod stretch;
mod told;
mod views;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use self::difference::{Kind, PendingChange};
pub use self::event::{Event, Next, PersonaChange};
pub use self::request::{Mode, Start, WatchRequest};
use self::told::Stretch;
pub use self::told::Told;
use super::listeners::Listener;
use super::select::Selection;
use super::shelf::Shelf;
use super::token::{Binding, ResumeToken};
use super::{Error, Registry};
use crate::domain::{Caller, Name, Namespace, Persona, Revision, Timestamp, View, fraction};
use crate::store::StoreError;

/// One message is cut when it carries this many bytes: bounds what a stalled stream holds, and what clients take.
const MESSAGE_BYTES: usize = 128 * 1024;
/// Personas that one message carries at most.
const MESSAGE_PERSONAS: usize = 256;

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
    /// Wakes it when the registry's revision moves, and once when a drain begins.
    listener: Listener,
    /// What the next message is to be kept as, where it tells of a whole stretch, and the purges before that was read.
    stretch: Option<(Stretch, u64)>,
    /// When this stream closes, once a drain began.
    close_at: Option<Instant>,
    /// Wakes it for its next progress or its end; there once it had to wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// What the timer wakes the task of this stream at.
    timer_is_set_to: Option<Instant>,
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
        if *self.drain.borrow() {
            return Err(Error::Draining);
        }
        let listener = self.shared.listeners.listen();
        let now = self.head();
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
            listener,
            stretch: None,
            close_at: None,
            timer: None,
            timer_is_set_to: None,
            request,
            _place: place,
        })
    }
}

impl Watch {
    /// What comes next; none once the stream was closed. An error ends the stream.
    pub async fn next(&mut self, told: &Told) -> Result<Option<Next>, Error> {
        let (event, token) = match &self.phase {
            Phase::Opening => {
                let opened = Event::Opened(self.cursor_at_opening());
                self.phase = match self.request.start {
                    Start::Snapshot => Phase::Snapshot { revision: self.cursor, after: None, count: 0 },
                    Start::Resume(_) | Start::Now => Phase::Following,
                };
                let token = if matches!(self.phase, Phase::Following) { self.token() } else { String::new() };
                (opened, token)
            }
            Phase::Snapshot { revision, after, count } => {
                let (revision, after, count) = (*revision, after.clone(), *count);
                // In boxes what is rare: a stream holds room for as much as its largest wait may need, for as long as it stands.
                Box::pin(self.snapshot(revision, after, count)).await?
            }
            Phase::Following => return self.follow(told).await.map(Some),
            Phase::Closed => return Ok(None),
        };
        Ok(Some(Next::Event(event, token)))
    }

    /// The registry's revision, to be told in `Opened`; for a resumed stream not its cursor.
    fn cursor_at_opening(&self) -> Revision {
        match self.request.start {
            Start::Resume(_) => self.registry.head(),
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

    async fn follow(&mut self, told: &Told) -> Result<Next, Error> {
        loop {
            if !self.pending.is_empty() {
                let (event, token) = Box::pin(self.send_pending()).await?;
                return Ok(Next::Event(event, token));
            }
            // In this order: what moves behind this is heard of later.
            self.listener.hear();
            let head = self.registry.head();
            if self.close_at.is_none() && *self.registry.drain.borrow() {
                let spread = self.registry.shared.options.drain_spread;
                self.close_at = Some(Instant::now() + spread.mul_f64(fraction()));
            }
            let now = Instant::now();
            if self.close_at.is_some_and(|at| at <= now) {
                self.phase = Phase::Closed;
                return Ok(Next::Event(Event::Closing, self.token()));
            }
            if self.progress_at <= now {
                return Ok(self.progress(now));
            }
            if head > self.cursor {
                match self.advance_as_told(head, told) {
                    Some(Some(message)) => return Ok(Next::Told(message)),
                    Some(None) => {}
                    None => Box::pin(self.advance_and_tell(head, told)).await?,
                }
                continue;
            }
            if std::mem::take(&mut self.catching_up) {
                // A client that came back may call what it holds current from here on.
                return Ok(self.progress(now));
            }
            let wake_at = self.close_at.map_or(self.progress_at, |at| at.min(self.progress_at));
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(wake_at)));
            if self.timer_is_set_to != Some(wake_at) {
                timer.as_mut().reset(wake_at);
                self.timer_is_set_to = None;
            }
            let (listener, is_set_to) = (&mut self.listener, &mut self.timer_is_set_to);
            // Set before and for the same task, the timer need not be touched for each change: that it has not gone off was seen
            // above, by the time, and when it does, it wakes the task.
            let mut is_set = is_set_to.is_some();
            poll_fn(|context| {
                let is_known = listener.is_known_to(context);
                if !is_known {
                    *is_set_to = None;
                }
                let need_not_look = std::mem::take(&mut is_set) && is_known;
                if listener.poll_moved(context).is_ready() {
                    return Poll::Ready(());
                }
                if need_not_look {
                    return Poll::Pending;
                }
                // Whoever has run for too long is not woken by the timer but run again, to look anew.
                let is_heard = tokio::task::coop::has_budget_remaining();
                let polled = timer.as_mut().poll(context);
                *is_set_to = (is_heard && polled.is_pending()).then_some(wake_at);
                polled
            })
            .await;
        }
    }

    fn progress(&mut self, now: Instant) -> Next {
        self.progress_at = now + self.request.progress_interval;
        Next::Event(Event::Progress(self.cursor), self.token())
    }

    fn observe_lag(&self) {
        if !self.catching_up {
            let shared = &self.registry.shared;
            let lag = shared.clock.now().since(self.pending_time);
            shared.options.metrics.watch_lag_seconds.observe_time(lag);
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
        if fragment {
            // Told in several messages: nobody is told it by one.
            self.stretch = None;
        } else {
            self.observe_lag();
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
