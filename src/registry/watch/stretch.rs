//! The changes between the cursor and the head: from the ring of recent commits, or from the view's log.

use super::difference::{PendingChange, difference, pending};
use super::{MESSAGE_BYTES, Mode, Watch};
use crate::domain::{Name, Namespace, Revision, Timestamp, limits};
use crate::registry::Error;
use crate::store::LogEntry;

/// Commits read from the ring at once.
const RING_STRETCH: usize = 512;

impl Watch {
    /// Moves the cursor over the next stretch of the log, keeping what is to be sent of it.
    pub(super) async fn advance(&mut self, head: Revision) -> Result<(), Error> {
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
}
