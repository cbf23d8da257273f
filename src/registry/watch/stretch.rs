//! The changes between the cursor and the head: from the ring of recent commits, or from the view's log.

use std::collections::VecDeque;
use std::sync::Arc;

use super::difference::{Kind, PendingChange, difference, pending};
use super::views::Touched;
use super::{MESSAGE_BYTES, Mode, Watch};
use crate::domain::{Change, Name, Namespace, Revision, Timestamp, Version, limits};
use crate::registry::Error;
use crate::registry::select::Selection;
use crate::store::{LogChange, LogEntry, LogKind, Store, StoreError};

/// Commits read from the ring at once, by a stream that takes many and by one that takes them one by one.
const RING_STRETCH: usize = 512;
const RING_STEPS: usize = 16;
/// Changes after which a stretch ends: with the size of a message it bounds what a stalled stream holds.
const STRETCH_CHANGES: usize = 2048;

/// A stretch as far as it was read, whole commits only.
struct Stretch {
    mode: Mode,
    /// Whether the log alone tells what is selected.
    is_plain: bool,
    entries: usize,
    end: Option<(Revision, Timestamp)>,
    changes: Vec<PendingChange>,
    touched: Touched,
}

impl Stretch {
    fn new(mode: Mode, selection: &Selection) -> Self {
        let is_plain = selection.is_plain();
        Self { mode, is_plain, entries: 0, end: None, changes: Vec::new(), touched: Touched::default() }
    }

    /// Takes a commit in; tells whether the stretch goes on.
    fn take(&mut self, end: (Revision, Timestamp), changes: impl Iterator<Item = Seen>) -> bool {
        self.end = Some(end);
        self.entries += 1;
        for Seen { namespace, name, deletion, pending } in changes {
            if self.is_plain {
                self.changes.extend(pending);
            } else {
                self.touched.add(namespace, name, deletion);
            }
        }
        let found = self.changes.len().saturating_add(self.touched.len());
        let full = match self.mode {
            Mode::Latest => found >= STRETCH_CHANGES,
            Mode::EveryVersion => found > 0,
        };
        !full && self.entries < limits::WATCH_STRETCH
    }
}

/// A change as a stretch takes it in.
struct Seen {
    namespace: Namespace,
    name: Name,
    /// Of a deletion: the last version before it, and its revision.
    deletion: Option<(Version, Revision)>,
    /// What it comes to for a stream that selects by name alone.
    pending: Option<PendingChange>,
}

impl Watch {
    /// Moves the cursor over the next stretch of the log, keeping what is to be sent of it.
    pub(super) async fn advance(&mut self, head: Revision) -> Result<(), Error> {
        let (after, mode) = (self.cursor, self.request.mode);
        self.purges = self.registry.shared.purges();
        let at_once = match mode {
            Mode::Latest => RING_STRETCH,
            Mode::EveryVersion => RING_STEPS,
        };
        let stretch = match self.registry.shared.ring.between(after, head, at_once) {
            Some(commits) => {
                let mut stretch = Stretch::new(mode, &self.selection);
                for commit in commits {
                    let changes = commit
                        .changes
                        .iter()
                        .filter(|change| self.selection.takes(change.namespace(), change.name()));
                    if !stretch.take((commit.revision, commit.time), changes.map(seen)) {
                        break;
                    }
                }
                stretch
            }
            None => {
                let selection = Arc::clone(&self.selection);
                let read = move |store: &Store| {
                    let mut stretch = Stretch::new(mode, &selection);
                    store.log(after, head, |entry| {
                        let LogEntry { revision, time, changes } = entry;
                        let changes = changes.into_iter();
                        let changes =
                            changes.filter(|change| selection.takes(&change.namespace, &change.name));
                        stretch.take((revision, time), changes.map(|change| logged(change, revision)))
                    })?;
                    Ok(stretch)
                };
                self.unpruned(after, read).await?
            }
        };
        let Some((revision, time)) = stretch.end else {
            self.cursor = head;
            return Ok(());
        };
        self.pending = if stretch.is_plain {
            match mode {
                Mode::EveryVersion => stretch.changes.into(),
                Mode::Latest => difference(stretch.changes.into_iter()).into(),
            }
        } else if stretch.touched.len() == 0 {
            VecDeque::new()
        } else {
            let (selection, touched) = (Arc::clone(&self.selection), Arc::new(stretch.touched));
            // Commits before the one that ends the stretch of a single change changed nothing selected.
            let from = match mode {
                Mode::EveryVersion => Revision(revision.0.saturating_sub(1)).max(after),
                Mode::Latest => after,
            };
            let read = move |store: &Store| touched.difference(store, &selection, from, revision);
            self.unpruned(from, read).await?.into()
        };
        self.pending_time = time;
        self.cursor = revision;
        self.let_go_of_documents();
        Ok(())
    }

    /// A read of what stood at a revision or came after it, refused once that may have been let go of.
    pub(super) async fn unpruned<T: Send + 'static>(
        &self,
        from: Revision,
        read: impl Fn(&Store) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let registry = self.registry.clone();
        let gone = move || {
            let floor = registry.shared.pruning();
            if floor > from { Err(Error::RevisionCompacted { floor }) } else { Ok(()) }
        };
        let check = gone.clone();
        let read = move |store: &Store| match read(store) {
            Ok(found) => Ok(Ok(found)),
            // What is missing there is no damage.
            Err(error) => check().map_or_else(|gone| Ok(Err(gone)), |()| Err(error)),
        };
        let found = self.registry.blocking(read).await??;
        gone()?;
        Ok(found)
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

fn seen(change: &Change) -> Seen {
    Seen {
        namespace: change.namespace().clone(),
        name: change.name().clone(),
        deletion: match change {
            Change::Delete(tombstone) => Some((tombstone.last_version, tombstone.revision)),
            _ => None,
        },
        pending: pending(change),
    }
}

fn logged(change: LogChange, revision: Revision) -> Seen {
    let LogChange { namespace, name, kind, version, alias: _ } = change;
    let pending = Kind::of(kind).map(|kind| PendingChange {
        namespace: namespace.clone(),
        name: name.clone(),
        kind,
        version,
        revision,
        persona: None,
    });
    let deletion = (kind == LogKind::Deleted).then_some((version, revision));
    Seen { namespace, name, deletion, pending }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Caller, Persona, SourceId, View};
    use crate::registry::draft_of;
    use crate::registry::{
        Event, Import, ImportFile, Next, OnConflict, Options, Registry, Start, Told, Validate, WatchRequest,
    };

    /// Brings 40 documents as one commit.
    async fn import(registry: &Registry, round: usize, text: &str) {
        let files = (0..limits::BATCH_OPERATIONS).map(|number| {
            let name = format!("persona-{round}-{number}");
            let content = format!("---\nname: {name}\ndescription: Use in tests.\n---\n# {name}\n{text}\n");
            let content = bytes::Bytes::from(content);
            let request = Validate { content: content.clone(), ..Validate::default() };
            let (draft, _) =
                draft_of(content, registry.examine(&Namespace::default(), &request).unwrap()).unwrap();
            ImportFile { path: format!("{name}.md"), draft: draft.into() }
        });
        let import = Import {
            source: SourceId::new("folder"),
            namespace: "default".parse().unwrap(),
            files: files.collect(),
            gone: Vec::new(),
            on_conflict: OnConflict::Report,
            others: Vec::new(),
        };
        registry.import(&Caller::internal("tests", "import"), import).await.unwrap();
    }

    fn watch(registry: &Registry, mode: Mode) -> Watch {
        let request = WatchRequest {
            selection: Selection::default(),
            start: Start::Now,
            mode,
            view: View::Full,
            progress_interval: Duration::from_secs(60),
        };
        let size = |_: &Persona, _: View| 512;
        registry.watch(&Caller::internal("tests", "watch"), request, size).unwrap()
    }

    /// A stream that is not read is one whose `next` is not called: this is what it holds meanwhile.
    #[tokio::test]
    async fn a_stream_that_is_far_behind_holds_one_message_and_the_names_of_a_bounded_rest() {
        for (ring_commits, text) in [(1000, "word ".repeat(3000)), (1000, String::new()), (1, String::new())]
        {
            let dir = tempfile::tempdir().unwrap();
            let mut options = Options::new(dir.path().join("data"));
            (options.ring_commits, options.min_free_bytes) = (ring_commits, 0);
            options.journal.reserve_bytes = 256 * 1024;
            options.store.cache_bytes = 64 * 1024 * 1024;
            let (registry, _) = Registry::open(options).unwrap();
            let mut watches = [watch(&registry, Mode::Latest), watch(&registry, Mode::EveryVersion)];
            // More changes than a stretch has, or more documents than it may hold.
            let rounds = if text.is_empty() { 60 } else { 3 };
            for round in 0..rounds {
                import(&registry, round, &text).await;
            }
            for watch in &mut watches {
                let (mut told, mut most, mut bytes) = (0, 0, 0);
                while told < rounds * limits::BATCH_OPERATIONS {
                    let next = watch.next(&Told::new(0)).await.unwrap().unwrap();
                    if let Next::Event(Event::Changes { changes, .. }, _) = next {
                        told += changes.len();
                    }
                    let held = watch.pending.iter().filter_map(|one| one.persona.as_ref());
                    bytes = bytes.max(held.map(|persona| persona.content.len()).sum());
                    most = most.max(watch.pending.len());
                }
                assert!(bytes <= MESSAGE_BYTES, "{bytes} bytes of documents");
                // In numbers, so that a larger bound is a decision.
                assert!(most < 2048 + 40, "{most} changes");
            }
        }
    }
}
