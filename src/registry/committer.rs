//! The one writer: takes all waiting proposals, decides each, makes the group durable with one sync,
//! shows it to readers, wakes watchers, and only then answers.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::Error;
use super::judge::{Judge, Pending, Verdict};
use super::open::{Counts, OpenError, rebuild};
use super::proposal::{Answer, Proposal, Reply};
use super::shared::{Shared, WriteState};
use crate::domain::{Commit, Timestamp, limits};
use crate::journal::{AppendError, Journal, Position};
use crate::store::{Checkpoint, DataDir};

/// Proposals that one sync may cover.
const GROUP_PROPOSALS: usize = 512;
/// Documents that one sync may cover, in bytes.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Outcomes forgotten at one tick: bounds how long writers wait behind it.
const EXPIRE_AT_ONCE: usize = 1000;

/// What reaches the committer.
#[derive(Debug)]
pub(super) enum Command {
    /// A write.
    Write(Box<Proposal>, oneshot::Sender<Reply>),
    /// A reader found damage in this view.
    Heal(u64, oneshot::Sender<()>),
    /// Time passed.
    Tick,
    /// The registry closes.
    Close(oneshot::Sender<()>),
}

type Waiting = (Box<Proposal>, oneshot::Sender<Reply>);

pub(super) struct Committer {
    pub shared: Arc<Shared>,
    pub journal: Box<dyn Journal>,
    pub dir: Arc<DataDir>,
    pub counts: Counts,
    pub last: Position,
    pub checkpoint: Checkpoint,
    pub checkpoint_time: Instant,
    pub checkpointing: Option<std::thread::JoinHandle<Option<Checkpoint>>>,
    pub healed_at: Option<Instant>,
    pub last_time: Timestamp,
}

impl Committer {
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            let mut next = Some(command);
            while let Some(command) = next.take() {
                match command {
                    Command::Write(proposal, reply) => {
                        let mut size = proposal.size();
                        let mut group = vec![(proposal, reply)];
                        while group.len() < GROUP_PROPOSALS && size < GROUP_BYTES {
                            match commands.try_recv() {
                                Ok(Command::Write(proposal, reply)) => {
                                    size += proposal.size();
                                    group.push((proposal, reply));
                                }
                                Ok(other) => {
                                    next = Some(other);
                                    break;
                                }
                                Err(_) => break,
                            }
                        }
                        self.commit(group);
                    }
                    Command::Heal(view, done) => {
                        if view == self.shared.view().number {
                            self.heal();
                        }
                        done.send(()).ok();
                    }
                    Command::Tick => self.tick(),
                    Command::Close(done) => {
                        commands.close();
                        self.finish();
                        drop(self);
                        done.send(()).ok();
                        return;
                    }
                }
            }
        }
        self.finish();
    }

    #[tracing::instrument(level = "debug", skip_all, fields(group = group.len()))]
    fn commit(&mut self, group: Vec<Waiting>) {
        if let Some(cause) = self.shared.read_only_cause() {
            return self.answer_without_writing(group, || Error::ReadOnly { cause: cause.clone() });
        }
        if let Err(free_bytes) = self.space() {
            self.shared.set_state(WriteState::Full);
            return self.answer_without_writing(group, || Error::StoreFull { free_bytes });
        }
        let mut pending = Pending::default();
        let mut commits: Vec<Commit> = Vec::new();
        let mut decided = Vec::with_capacity(group.len());
        let now = self.shared.clock.now().max(self.last_time);
        let mut at = self.last;
        for (proposal, reply) in &group {
            if reply.is_closed() {
                // Nobody waits any more: the deadline passed before its turn, and so it never happened.
                decided.push(Err(Error::OutcomeUnknown));
                continue;
            }
            decided.push(self.decide(proposal, &pending, at, now).map(|verdict| {
                if let Some(commit) = verdict.commit {
                    pending.add(&commit);
                    at = Position { sequence: commit.sequence, revision: commit.revision };
                    commits.push(commit);
                }
                verdict.answer
            }));
        }
        if !commits.is_empty() {
            match self.journal.append(&commits) {
                Ok(()) => {}
                Err(AppendError::Full) => {
                    self.shared.set_state(WriteState::Full);
                    let free_bytes = self.dir.free_bytes().unwrap_or(0);
                    return self.answer_without_writing(group, || Error::StoreFull { free_bytes });
                }
                Err(error @ AppendError::Failed(_)) => {
                    tracing::error!(%error, "the journal failed; read-only from here on");
                    self.shared.set_read_only(error.to_string());
                    return answer_all(group, &Error::OutcomeUnknown);
                }
                Err(error) => {
                    tracing::error!(%error, "a group was refused by the journal");
                    return answer_all(group, &Error::Internal(error.to_string()));
                }
            }
            self.last = at;
            self.last_time = now;
            if let Err(error) = self.show(commits) {
                tracing::error!(%error, "durable commits cannot be shown; read-only from here on");
                self.shared.set_read_only(error.to_string());
                return answer_all(group, &Error::OutcomeUnknown);
            }
            self.shared.set_state(WriteState::Writable);
        }
        let head = self.last.revision;
        for ((_, reply), decision) in group.into_iter().zip(decided) {
            reply.send(decision.map(|answer| (answer, head))).ok();
        }
    }

    fn decide(
        &mut self,
        proposal: &Proposal,
        pending: &Pending,
        at: Position,
        now: Timestamp,
    ) -> Result<Verdict, Error> {
        let judge = |shared: &Shared| {
            let view = shared.view();
            let judge =
                Judge { store: &view.store, pending, sequence: at.sequence.next(), head: at.revision, now };
            judge.decide(proposal)
        };
        match judge(&self.shared) {
            Err(Error::Corrupt(problem)) => {
                tracing::error!(problem, "the view is damaged");
                self.heal();
                judge(&self.shared)
            }
            decision => decision,
        }
    }

    /// Shows durable commits to readers and watchers.
    fn show(&mut self, commits: Vec<Commit>) -> Result<(), OpenError> {
        let commits: Vec<_> = commits.into_iter().map(Arc::new).collect();
        let applied = self.shared.view().store.apply(self.shared.store_id, &commits);
        if let Err(error) = applied {
            tracing::error!(%error, "the view cannot be written; making it anew from the journal");
            // Counts are read from the new view, which has these commits.
            self.rebuild()?;
        } else {
            for commit in &commits {
                self.counts.add(commit);
            }
        }
        self.shared.publish_counts(&self.counts);
        for commit in commits {
            self.shared.ring.push(commit);
        }
        self.shared.head.send_replace(self.last.revision);
        Ok(())
    }

    /// Answers what needs no commit, and refuses the rest.
    fn answer_without_writing(&mut self, group: Vec<Waiting>, refusal: impl Fn() -> Error) {
        let now = self.shared.clock.now().max(self.last_time);
        for (proposal, reply) in group {
            let verdict = self.decide(&proposal, &Pending::default(), self.last, now);
            let answer: Result<Answer, Error> = verdict.and_then(|verdict| match verdict.commit {
                Some(_) => Err(refusal()),
                None => Ok(verdict.answer),
            });
            reply.send(answer.map(|answer| (answer, self.last.revision))).ok();
        }
    }

    /// Err with what is left when there is too little room to write.
    fn space(&self) -> Result<(), u64> {
        match self.dir.free_bytes() {
            Ok(free) if free < self.shared.options.min_free_bytes => Err(free),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "free space is not known");
                Ok(())
            }
        }
    }

    /// Makes the view anew, at most once a minute: damage that comes back at once is not mended by more of it.
    fn heal(&mut self) {
        let recently = self.healed_at.is_some_and(|at| at.elapsed() < self.shared.options.heal_pause);
        if recently {
            return;
        }
        self.healed_at = Some(Instant::now());
        if let Err(error) = self.rebuild() {
            tracing::error!(%error, "the view could not be made anew");
        }
    }

    fn rebuild(&mut self) -> Result<(), OpenError> {
        self.await_checkpoint();
        let old = self.shared.view().number;
        let (view, counts) =
            rebuild(&self.dir, self.journal.as_ref(), &self.shared.options.store, old.saturating_add(1))?;
        self.checkpoint = view.checkpoint;
        self.counts = counts;
        self.shared.set_view(view.number, view.store);
        self.dir.set_aside(old)?;
        tracing::warn!(view = view.number, "the view was made anew from the journal");
        Ok(())
    }

    fn tick(&mut self) {
        if self.shared.state() == WriteState::Full && self.space().is_ok() {
            self.shared.set_state(WriteState::Writable);
        }
        if let Err(error) = self.journal.sync()
            && self.shared.read_only_cause().is_none()
        {
            tracing::error!(%error, "the journal could not be synced; read-only from here on");
            self.shared.set_read_only(error.to_string());
        }
        let past = self.shared.clock.now().before(limits::IDEMPOTENCY);
        if let Err(error) = self.shared.view().store.expire_requests(past, EXPIRE_AT_ONCE) {
            tracing::error!(%error, "old request ids could not be forgotten");
        }
        self.start_checkpoint();
    }

    /// Begins to make the view durable on a thread of its own, when it is time.
    fn start_checkpoint(&mut self) {
        if self.checkpointing.as_ref().is_some_and(std::thread::JoinHandle::is_finished) {
            self.await_checkpoint();
        }
        let due = self.checkpoint_time.elapsed() >= self.shared.options.checkpoint_interval;
        if self.checkpointing.is_some() || !due || self.checkpoint.sequence == self.last.sequence {
            return;
        }
        self.checkpoint_time = Instant::now();
        let (dir, view) = (Arc::clone(&self.dir), self.shared.view());
        let checkpoint =
            Checkpoint { view: view.number, store_id: self.shared.store_id, sequence: self.last.sequence };
        let work = move || match write_checkpoint(&dir, &view.store, checkpoint) {
            Ok(()) => Some(checkpoint),
            Err(error) => {
                tracing::error!(%error, "the view could not be synced; the next start replays more");
                None
            }
        };
        self.checkpointing = std::thread::Builder::new().name("checkpoint".into()).spawn(work).ok();
    }

    fn await_checkpoint(&mut self) {
        if let Some(Ok(Some(done))) = self.checkpointing.take().map(std::thread::JoinHandle::join) {
            self.checkpoint = done;
        }
    }

    fn finish(&mut self) {
        self.await_checkpoint();
        if let Err(error) = self.journal.sync() {
            tracing::error!(%error, "the journal could not be synced");
        }
        let view = self.shared.view();
        let (view_number, sequence) = (view.number, self.last.sequence);
        let checkpoint = Checkpoint { view: view_number, store_id: self.shared.store_id, sequence };
        if checkpoint != self.checkpoint
            && let Err(error) = write_checkpoint(&self.dir, &view.store, checkpoint)
        {
            tracing::error!(%error, "the view could not be synced; the next start replays more");
        }
        self.shared.set_read_only("the registry is closed".to_owned());
    }
}

pub(super) fn write_checkpoint(
    dir: &DataDir,
    store: &crate::store::Store,
    checkpoint: Checkpoint,
) -> Result<(), OpenError> {
    store.sync()?;
    dir.set_checkpoint(&checkpoint)?;
    Ok(())
}

fn answer_all(group: Vec<Waiting>, error: &Error) {
    for (_, reply) in group {
        reply.send(Err(error.clone())).ok();
    }
}
