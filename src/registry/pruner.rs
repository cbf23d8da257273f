//! The floor and what goes below it: raised by age, by size, or by an operator; then old history goes, a little at a time.

use std::time::{Duration, Instant};

use super::committer::Committer;
use super::proposal::{Action, Proposal};
use super::shared::WriteState;
use crate::domain::{Caller, Name, Namespace, Revision};
use crate::store::{StoreError, Totals};

/// How long one tick prunes: writers wait meanwhile.
const PRUNE_FOR: Duration = Duration::from_millis(50);
/// Entries of the change log that go at once.
const LOG_AT_ONCE: usize = 2000;

/// Where the pruning is.
#[derive(Debug)]
pub(super) struct Pruner {
    /// Everything below this floor is gone, or nothing ever has to go there.
    done: Revision,
    /// The floor that a pass is under way for, and the last persona that it looked at.
    pass: Option<(Revision, Option<(Namespace, Name)>)>,
    looked_at: Option<Instant>,
}

impl Pruner {
    /// A pruner of a view with this floor: one pass makes sure that nothing is left from before.
    pub(super) const fn new(floor: Revision) -> Self {
        let pass = if floor.0 > 0 { Some((floor, None)) } else { None };
        Self { done: Revision(0), pass, looked_at: None }
    }
}

impl Committer {
    /// Raises the floor when it is time, and lets go of what is below it.
    pub(super) fn look_after_floor(&mut self) {
        if self.broken || self.shared.state() != WriteState::Writable {
            return;
        }
        let interval = self.shared.options.floor_interval;
        if self.pruner.looked_at.is_none_or(|at| at.elapsed() >= interval) {
            self.pruner.looked_at = Some(Instant::now());
            match self.due_floor() {
                Ok(floor) if floor > self.shared.floor() => self.raise(floor),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the floor cannot be told"),
            }
        }
        if let Err(error) = self.prune() {
            tracing::error!(%error, "old history could not be let go of");
        }
    }

    /// Where the floor belongs by age and by size.
    fn due_floor(&self) -> Result<Revision, StoreError> {
        let view = self.shared.view();
        let by_age =
            view.store.revision_at(self.shared.clock.now().before(self.shared.options.history_age))?;
        let by_size = match self.shared.options.history_max_bytes {
            Some(most) if self.counts.kept.bytes > most => view.store.floor_for(most)?,
            _ => Revision(0),
        };
        Ok(by_age.max(by_size).min(self.last.revision))
    }

    fn raise(&mut self, floor: Revision) {
        let proposal = Proposal {
            caller: Caller::internal("registry", "floor"),
            request: None,
            validate_only: false,
            message: String::new(),
            action: Action::Compact(floor),
        };
        // Nobody waits for the answer: what goes wrong is tried again.
        let (reply, _answer) = tokio::sync::oneshot::channel();
        self.commit(vec![(Box::new(proposal), reply)]);
    }

    /// Raises the floor when it is time, and lets go of all that is below it.
    pub(super) fn prune_all(&mut self) {
        self.look_after_floor();
        while self.pruner.pass.is_some() || self.shared.floor() > self.pruner.done {
            if let Err(error) = self.prune() {
                tracing::error!(%error, "old history could not be let go of");
                return;
            }
        }
    }

    fn prune(&mut self) -> Result<(), StoreError> {
        if self.snapshots.is_running() {
            return Ok(());
        }
        let floor = self.shared.floor();
        let Some((pass, mut after)) = self.pruner.pass.take() else {
            if floor > self.pruner.done {
                // From the next tick on: a stream that is just behind gets by until then.
                self.pruner.pass = Some((floor, None));
            }
            return Ok(());
        };
        self.shared.raise_pruning(pass);
        let view = self.shared.view();
        let (begun, mut gone, mut at_end) = (Instant::now(), Totals::default(), true);
        let from = after.clone();
        let from = from.as_ref().map(|(namespace, name)| (namespace, name));
        let walked = view.store.heads_after(None, from, |namespace, name, head| {
            let went = view.store.prune(&namespace, &name, &head, pass)?;
            gone.versions += went.versions;
            gone.bytes += went.bytes;
            after = Some((namespace, name));
            at_end = begun.elapsed() < PRUNE_FOR;
            Ok(at_end)
        });
        self.counts.kept.versions = self.counts.kept.versions.saturating_sub(gone.versions);
        self.counts.kept.bytes = self.counts.kept.bytes.saturating_sub(gone.bytes);
        self.shared.publish_counts(&self.counts);
        walked?;
        while at_end && view.store.prune_log(pass, LOG_AT_ONCE)? == LOG_AT_ONCE {
            at_end = begun.elapsed() < PRUNE_FOR;
        }
        if at_end {
            self.pruner.done = pass;
        } else {
            self.pruner.pass = Some((pass, after));
        }
        Ok(())
    }
}
