//! Following personas: each watcher is a cursor on the change log, never a queue.
//!
//! `Opened · Snapshot* · Synced · (Changes | Progress)* · Closing`

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::token::{Binding, ResumeToken};
use super::{Error, Registry};
use crate::domain::{Caller, Change, Name, Namespace, Persona, Revision, Timestamp, Version, View, limits};
use crate::store::{LogEntry, LogKind, StoreError};

/// One message carries about this many bytes of documents: bounds what a stalled stream holds.
const MESSAGE_BYTES: usize = 128 * 1024;
/// Personas that one message carries at most.
const MESSAGE_PERSONAS: usize = 256;
/// Commits read from the ring at once.
const RING_STRETCH: usize = 512;

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

    fn takes(&self, namespace: &Namespace, name: &Name) -> bool {
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
}

/// A stream: ask for the next event until there is none.
#[derive(Debug)]
pub struct Watch {
    registry: Registry,
    request: WatchRequest,
    binding: Binding,
    phase: Phase,
    /// Everything up to here was sent, once nothing is pending.
    cursor: Revision,
    /// Rest of a group that is being sent.
    pending: VecDeque<PendingChange>,
    pending_time: Timestamp,
    progress_at: Instant,
    head: tokio::sync::watch::Receiver<Revision>,
    drain: tokio::sync::watch::Receiver<bool>,
    /// When this stream closes, once a drain began.
    close_at: Option<Instant>,
    _place: Place,
}

#[derive(Debug)]
enum Phase {
    Opening,
    Snapshot { revision: Revision, after: Option<(Namespace, Name)>, count: u64 },
    Following,
    Closed,
}

/// A change that is still to be sent; the persona is fetched only then.
#[derive(Debug)]
struct PendingChange {
    namespace: Namespace,
    name: Name,
    kind: LogKind,
    version: Version,
    revision: Revision,
    persona: Option<Arc<Persona>>,
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
    /// Begins to follow personas.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub fn watch(&self, _caller: &Caller, request: WatchRequest) -> Result<Watch, Error> {
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
            binding,
            phase: Phase::Opening,
            cursor,
            pending: VecDeque::new(),
            pending_time: Timestamp::default(),
            progress_at: Instant::now() + request.progress_interval,
            head,
            drain,
            close_at: None,
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

    fn token(&self) -> String {
        ResumeToken { revision: self.cursor }.print(self.registry.store_id(), self.binding)
    }

    async fn snapshot(
        &mut self,
        revision: Revision,
        after: Option<(Namespace, Name)>,
        count: u64,
    ) -> Result<(Event, String), Error> {
        let (selection, view) = (self.request.selection.clone(), self.request.view);
        let (personas, last) = self
            .registry
            .blocking(move |store| {
                let (mut personas, mut bytes, mut last) = (Vec::new(), 0, after.clone());
                loop {
                    let from = last.as_ref().map(|(namespace, name)| (namespace, name));
                    let listed =
                        store.list(selection.namespace.as_ref(), from, revision, MESSAGE_PERSONAS)?;
                    let at_end = listed.len() < MESSAGE_PERSONAS;
                    for one in listed {
                        last = Some((one.namespace.clone(), one.name.clone()));
                        if !selection.takes(&one.namespace, &one.name) {
                            continue;
                        }
                        let row = store.row(&one.namespace, &one.name, one.revision, view)?;
                        let persona = row.ok_or_else(|| lost(&one.namespace, &one.name))?;
                        bytes += persona.content.len() + 512;
                        personas.push(persona);
                        if bytes >= MESSAGE_BYTES {
                            return Ok((personas, last));
                        }
                    }
                    if at_end {
                        return Ok((personas, None));
                    }
                    if !personas.is_empty() {
                        return Ok((personas, last));
                    }
                }
            })
            .await?;
        if personas.is_empty() {
            self.phase = Phase::Following;
            self.cursor = revision;
            self.progress_at = Instant::now() + self.request.progress_interval;
            return Ok((Event::Synced(revision, count), self.token()));
        }
        let count = count + personas.len() as u64;
        // At the end the next call finds nothing behind the last persona, and says so.
        let last = last.or_else(|| personas.last().map(|one| (one.namespace.clone(), one.name.clone())));
        self.phase = Phase::Snapshot { revision, after: last, count };
        Ok((Event::Snapshot(revision, personas), String::new()))
    }

    async fn follow(&mut self) -> Result<(Event, String), Error> {
        loop {
            if !self.pending.is_empty() {
                return self.send_pending().await;
            }
            if self.close_at.is_none() && *self.drain.borrow_and_update() {
                self.close_at = Some(Instant::now() + spread(self.registry.shared.options.drain_spread));
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
            let wake_at = self.close_at.map_or(self.progress_at, |at| at.min(self.progress_at));
            let draining = self.close_at.is_some();
            tokio::select! {
                // The sender lives as long as the registry, which this stream holds.
                _ = self.head.changed() => {}
                _ = self.drain.changed(), if !draining => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Moves the cursor over the next stretch of the log, keeping what is to be sent of it.
    async fn advance(&mut self, head: Revision) -> Result<(), Error> {
        let limit = match self.request.mode {
            Mode::Latest => limits::WATCH_STRETCH,
            Mode::EveryVersion => 1,
        };
        let stretch = match self.registry.shared.ring.after(self.cursor, RING_STRETCH.min(limit)) {
            Some(commits) => {
                let entries = commits.iter().map(|commit| {
                    let changes = commit.changes.iter().filter(|one| self.takes(one.namespace(), one.name()));
                    (commit.revision, commit.time, changes.map(pending).collect::<Vec<_>>())
                });
                entries.collect::<Vec<_>>()
            }
            None => {
                let after = self.cursor;
                let entries = self.registry.blocking(move |store| store.log(after, head, limit)).await?;
                entries.into_iter().map(|entry| self.read_log(entry)).collect()
            }
        };
        let Some((last, time)) = stretch.last().map(|(revision, time, _)| (*revision, *time)) else {
            self.cursor = head;
            return Ok(());
        };
        let changes = stretch.into_iter().flat_map(|(_, _, changes)| changes);
        self.pending = match self.request.mode {
            Mode::EveryVersion => changes.collect(),
            Mode::Latest => difference(changes).into(),
        };
        self.pending_time = time;
        self.cursor = last;
        self.let_go_of_documents();
        Ok(())
    }

    /// A stream that stalls may hold what one message carries; the rest of a group is read again when its turn comes.
    fn let_go_of_documents(&mut self) {
        let mut bytes = 0;
        for change in &mut self.pending {
            bytes += change.persona.as_ref().map_or(0, |persona| persona.content.len());
            if bytes > MESSAGE_BYTES {
                change.persona = None;
            }
        }
    }

    fn takes(&self, namespace: &Namespace, name: &Name) -> bool {
        self.request.selection.takes(namespace, name)
    }

    fn read_log(&self, entry: LogEntry) -> (Revision, Timestamp, Vec<PendingChange>) {
        let revision = entry.revision;
        let changes = entry.changes.into_iter().filter(|change| self.takes(&change.namespace, &change.name));
        let changes = changes.map(|change| PendingChange {
            namespace: change.namespace,
            name: change.name,
            kind: change.kind,
            version: change.version,
            revision,
            persona: None,
        });
        (revision, entry.time, changes.collect())
    }

    /// Sends the next part of a group; all but the last part are fragments without a token.
    async fn send_pending(&mut self) -> Result<(Event, String), Error> {
        let (mut changes, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.pending.pop_front() {
            let change = self.resolve(next).await?;
            if let PersonaChange::Created(persona) | PersonaChange::Updated(persona) = &change {
                bytes += persona.content.len() + 512;
            }
            changes.push(change);
            if bytes >= MESSAGE_BYTES || changes.len() >= MESSAGE_PERSONAS {
                break;
            }
        }
        let fragment = !self.pending.is_empty();
        let token = if fragment { String::new() } else { self.token() };
        let event = Event::Changes { revision: self.cursor, time: self.pending_time, changes, fragment };
        Ok((event, token))
    }

    async fn resolve(&self, change: PendingChange) -> Result<PersonaChange, Error> {
        let PendingChange { namespace, name, kind, version, revision, persona } = change;
        let persona = match (kind, persona) {
            (LogKind::Deleted, _) => {
                return Ok(PersonaChange::Deleted(namespace, name, version, revision));
            }
            (_, Some(persona)) => persona,
            (_, None) => {
                let view = self.request.view;
                let read = move |store: &crate::store::Store| {
                    let row = store.row(&namespace, &name, revision, view)?;
                    row.ok_or_else(|| lost(&namespace, &name))
                };
                Arc::new(self.registry.blocking(read).await?)
            }
        };
        Ok(match kind {
            LogKind::Created => PersonaChange::Created(persona),
            LogKind::Updated | LogKind::Deleted => PersonaChange::Updated(persona),
        })
    }
}

fn pending(change: &Change) -> PendingChange {
    let (kind, version, revision, persona) = match change {
        Change::Put { created, persona } => {
            let kind = if *created { LogKind::Created } else { LogKind::Updated };
            (kind, persona.version, persona.revision, Some(Arc::clone(persona)))
        }
        Change::Delete(tombstone) => (LogKind::Deleted, tombstone.last_version, tombstone.revision, None),
    };
    let (namespace, name) = (change.namespace().clone(), change.name().clone());
    PendingChange { namespace, name, kind, version, revision, persona }
}

/// What a stretch of the log comes to, persona by persona: the first change tells whether it was there before,
/// the last whether it is there now.
fn difference(changes: impl Iterator<Item = PendingChange>) -> Vec<PendingChange> {
    struct Touched {
        was_there: bool,
        deletion: Option<PendingChange>,
        last: PendingChange,
    }
    let mut touched: BTreeMap<(Namespace, Name), Touched> = BTreeMap::new();
    for change in changes {
        let key = (change.namespace.clone(), change.name.clone());
        match touched.get_mut(&key) {
            Some(seen) => {
                let previous = std::mem::replace(&mut seen.last, change);
                if previous.kind == LogKind::Deleted {
                    seen.deletion = Some(previous);
                }
            }
            None => {
                let was_there = change.kind != LogKind::Created;
                touched.insert(key, Touched { was_there, deletion: None, last: change });
            }
        }
    }
    let mut group = Vec::with_capacity(touched.len());
    for Touched { was_there, deletion, mut last } in touched.into_values() {
        let is_there = last.kind != LogKind::Deleted;
        match (was_there, is_there) {
            (false, false) => {}
            (true, false) => group.push(last),
            (false, true) => {
                last.kind = LogKind::Created;
                group.push(last);
            }
            (true, true) => {
                // Deleted and made again: both are told, so that nobody takes the new one for the old.
                last.kind = if deletion.is_some() { LogKind::Created } else { LogKind::Updated };
                group.extend(deletion);
                group.push(last);
            }
        }
    }
    group
}

/// A moment of each stream's own within the spread, so that clients do not come back all at once.
fn spread(within: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    within.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

pub(super) fn lost(namespace: &Namespace, name: &Name) -> StoreError {
    StoreError::Damaged { key: format!("{namespace}/{name}"), problem: "its row is not there".to_owned() }
}
