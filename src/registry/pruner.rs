//! The floor and what goes below it: raised by age, by size, or by an operator; then old history goes, a little at a time.

use std::time::{Duration, Instant};

use super::committer::Committer;
use super::proposal::{Action, Proposal};
use super::shared::WriteState;
use crate::domain::{Caller, Name, Namespace, Revision, Timestamp};
use crate::store::{StoreError, Totals};

/// How long one tick prunes: writers wait meanwhile.
const PRUNE_FOR: Duration = Duration::from_millis(50);
/// Rows of one persona that go at once.
const ROWS_AT_ONCE: usize = 500;
/// Documents looked at for the size of the history, in one look.
const DOCUMENTS_AT_ONCE: usize = 5000;
/// How far wall time may go astray between two looks.
const CLOCK_SLACK: Duration = Duration::from_secs(60 * 60);
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
    /// Wall time at the last look, and when that was.
    wall: Option<(Timestamp, Instant)>,
}

impl Pruner {
    /// A pruner of a view with this floor: one pass makes sure that nothing is left from before.
    pub(super) const fn new(floor: Revision) -> Self {
        let pass = if floor.0 > 0 { Some((floor, None)) } else { None };
        Self { done: Revision(0), pass, looked_at: None, wall: None }
    }

    /// Whether wall time went on as time did since the last look. What goes by age is gone for good, and a clock that was set
    /// wrong for a moment must not take it: it has to say so twice.
    fn trusts(&mut self, now: Timestamp) -> bool {
        let before = self.wall.replace((now, Instant::now()));
        before.is_some_and(|(wall, at)| {
            let expected = wall.after(at.elapsed());
            now <= expected.after(CLOCK_SLACK) && now >= expected.before(CLOCK_SLACK)
        })
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
    fn due_floor(&mut self) -> Result<Revision, StoreError> {
        let (view, floor) = (self.shared.view(), self.shared.floor());
        let now = self.shared.clock.now();
        let by_age = match self.pruner.trusts(now) {
            true => view.store.revision_at(now.before(self.shared.options.history_age), floor)?,
            false => floor,
        };
        let kept = self.counts.kept.bytes;
        let by_size = match self.shared.options.history_max_bytes {
            Some(most) if kept > most => view.store.floor_for(kept - most, floor, DOCUMENTS_AT_ONCE)?,
            _ => floor,
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
        // A walk of the whole store holds pruning back, and nothing here would end it.
        while !self.snapshots.is_running()
            && (self.pruner.pass.is_some() || self.shared.floor() > self.pruner.done)
        {
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
            loop {
                let went = view.store.prune(&namespace, &name, &head, pass, ROWS_AT_ONCE)?;
                gone.add(went.totals);
                at_end = begun.elapsed() < PRUNE_FOR;
                match (went.is_done, at_end) {
                    (true, _) => break,
                    (false, true) => {}
                    // The rest of this persona in the next tick.
                    (false, false) => return Ok(false),
                }
            }
            after = Some((namespace, name));
            Ok(at_end)
        });
        self.counts.kept.take(gone);
        self.shared.publish_counts(&mut self.counts, self.last.revision);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_trusted_once_it_said_so_twice() {
        let (mut pruner, now) = (Pruner::new(Revision(0)), Timestamp(1_000_000_000));
        let days = |count: u64| Duration::from_secs(count * 24 * 60 * 60);
        assert!(!pruner.trusts(now), "the first look has nothing to go by");
        assert!(pruner.trusts(now));
        assert!(!pruner.trusts(now.after(days(40))), "forty days in a moment");
        assert!(!pruner.trusts(now), "and back");
        assert!(pruner.trusts(now));
        assert!(!pruner.trusts(now.after(days(2))));
        assert!(pruner.trusts(now.after(days(2))), "it was set right, and stays so");
    }
}
