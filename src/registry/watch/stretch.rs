//! The changes between the cursor and the head: from the ring of recent commits, or from the view's log.

use std::sync::Arc;

use super::difference::{PendingChange, difference, pending};
use super::{MESSAGE_BYTES, Mode, Selection, Watch};
use crate::domain::{Commit, Revision, Timestamp, limits};
use crate::registry::Error;
use crate::store::{LogEntry, Store};

/// Commits read from the ring at once, by a stream that takes many and by one that takes them one by one.
const RING_STRETCH: usize = 512;
const RING_STEPS: usize = 16;
/// Changes after which a stretch ends: with the size of a message it bounds what a stalled stream holds.
const STRETCH_CHANGES: usize = 2048;

/// A stretch as far as it was read, whole commits only.
struct Stretch {
    mode: Mode,
    entries: usize,
    end: Option<(Revision, Timestamp)>,
    changes: Vec<PendingChange>,
}

impl Stretch {
    const fn new(mode: Mode) -> Self {
        Self { mode, entries: 0, end: None, changes: Vec::new() }
    }

    /// Takes a commit in; tells whether the stretch goes on.
    fn take(
        &mut self,
        end: (Revision, Timestamp),
        changes: impl Iterator<Item = PendingChange>,
        selection: &Selection,
    ) -> bool {
        self.end = Some(end);
        self.entries += 1;
        self.changes.extend(changes.filter(|change| selection.takes(&change.namespace, &change.name)));
        let full = match self.mode {
            Mode::Latest => self.changes.len() >= STRETCH_CHANGES,
            Mode::EveryVersion => !self.changes.is_empty(),
        };
        !full && self.entries < limits::WATCH_STRETCH
    }
}

impl Watch {
    /// Moves the cursor over the next stretch of the log, keeping what is to be sent of it.
    pub(super) async fn advance(&mut self, head: Revision) -> Result<(), Error> {
        let (after, mode) = (self.cursor, self.request.mode);
        let at_once = match mode {
            Mode::Latest => RING_STRETCH,
            Mode::EveryVersion => RING_STEPS,
        };
        let stretch = match self.registry.shared.ring.between(after, head, at_once) {
            Some(commits) => {
                let mut stretch = Stretch::new(mode);
                for commit in commits {
                    if !stretch.take(end(&commit), commit.changes.iter().map(pending), &self.selection) {
                        break;
                    }
                }
                stretch
            }
            None => {
                let selection = Arc::clone(&self.selection);
                let read = move |store: &Store| {
                    let mut stretch = Stretch::new(mode);
                    store.log(after, head, |entry| {
                        stretch.take((entry.revision, entry.time), changes(entry), &selection)
                    })?;
                    Ok(stretch)
                };
                self.registry.blocking(read).await?
            }
        };
        let Some((revision, time)) = stretch.end else {
            self.cursor = head;
            return Ok(());
        };
        self.pending = match mode {
            Mode::EveryVersion => stretch.changes.into(),
            Mode::Latest => difference(stretch.changes.into_iter()).into(),
        };
        self.pending_time = time;
        self.cursor = revision;
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
}

fn end(commit: &Commit) -> (Revision, Timestamp) {
    (commit.revision, commit.time)
}

fn changes(entry: LogEntry) -> impl Iterator<Item = PendingChange> {
    let revision = entry.revision;
    entry.changes.into_iter().map(move |change| PendingChange {
        namespace: change.namespace,
        name: change.name,
        kind: change.kind,
        version: change.version,
        revision,
        persona: None,
    })
}
