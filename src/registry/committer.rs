//! The one writer: takes all waiting proposals, decides each, makes the group durable with one sync,
//! shows it to readers, answers, and has watchers woken.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::Error;
use super::judge::{Judge, Verdict};
use super::open::{Counts, OpenError};
use super::pending::Pending;
use super::proposal::{Answer, Proposal, Reply};
use super::pruner::Pruner;
use super::shared::{Shared, WriteState};
use super::snapshots::{Dump, Snapshots};
use crate::audit::Log;
use crate::domain::{Change, Commit, Timestamp};
use crate::journal::{AppendError, Journal, Position, Records};
use crate::store::{Checkpoint, DataDir};

/// Proposals that one sync may cover.
const GROUP_PROPOSALS: usize = 512;
/// Documents that one sync may cover, in bytes.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// What reaches the committer.
#[derive(Debug)]
pub(super) enum Command {
    /// A write.
    Write(Box<Proposal>, oneshot::Sender<Reply>),
    /// A reader found damage in this view.
    Heal(u64, oneshot::Sender<()>),
    /// A snapshot is to be taken.
    Dump(oneshot::Sender<Result<Dump, Error>>),
    /// A dump has walked the view, and wants what was committed meanwhile.
    Records(std::sync::mpsc::Sender<Records>),
    /// Everything on the disk is to be written anew.
    Rewrite(oneshot::Sender<Result<(), OpenError>>),
    /// Time passed.
    Tick,
    /// The registry closes.
    Close(oneshot::Sender<()>),
}

type Waiting = (Box<Proposal>, oneshot::Sender<Reply>);

pub(super) struct Committer {
    pub shared: Arc<Shared>,
    pub journal: Box<dyn Journal>,
    pub audit: Log,
    pub dir: Arc<DataDir>,
    pub counts: Counts,
    pub last: Position,
    pub checkpoint: Checkpoint,
    pub checkpoint_time: Instant,
    pub checkpointing: Option<std::thread::JoinHandle<Option<Checkpoint>>>,
    pub healed_at: Option<Instant>,
    /// The view cannot be used, and is made anew as soon as there is room for it.
    pub broken: bool,
    /// Durable commits that a broken view could not take.
    pub unshown: Vec<Arc<Commit>>,
    pub last_time: Timestamp,
    pub ticked: Instant,
    pub pruner: Pruner,
    pub snapshots: Snapshots,
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
                        // Under load the queue may have no place for ticks.
                        if self.ticked.elapsed() >= self.shared.options.tick {
                            self.tick();
                        }
                    }
                    Command::Heal(view, done) => {
                        if view == self.shared.view().number {
                            self.heal();
                        }
                        done.send(()).ok();
                    }
                    Command::Dump(reply) => drop(reply.send(self.begin_dump())),
                    Command::Records(reply) => self.give_records(&reply),
                    Command::Rewrite(reply) => drop(reply.send(self.shrink())),
                    Command::Tick => self.tick(),
                    Command::Close(done) => {
                        commands.close();
                        // What came after the end surely did not happen.
                        while let Ok(command) = commands.try_recv() {
                            if let Command::Write(_, reply) = command {
                                reply.send(Err(Error::Draining)).ok();
                            }
                        }
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
    pub(super) fn commit(&mut self, group: Vec<Waiting>) {
        if let Some(cause) = self.shared.read_only_cause() {
            return self.answer_without_writing(group, || Error::ReadOnly { cause: cause.clone() });
        }
        if let Err(free_bytes) = self.space() {
            self.shared.set_state(WriteState::Full);
            return self.answer_without_writing(group, || Error::StoreFull { free_bytes });
        }
        if !self.mend() {
            let free_bytes = self.dir.free_bytes().unwrap_or(0);
            let cause = self.shared.read_only_cause();
            let refusal = cause.map_or(Error::StoreFull { free_bytes }, |cause| Error::ReadOnly { cause });
            self.shared.set_state(WriteState::Full);
            return answer_all(group, &refusal);
        }
        if !self.audit_is_ready() {
            let free_bytes = self.dir.free_bytes().unwrap_or(0);
            let cause = self.shared.read_only_cause();
            let refusal = cause.map_or(Error::StoreFull { free_bytes }, |cause| Error::ReadOnly { cause });
            return self.answer_without_writing(group, || refusal.clone());
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
            let verdict = self.decide(proposal, &pending, at, now);
            decided.push(verdict.and_then(|verdict| {
                if let Some(commit) = verdict.commit {
                    pending.add(&self.shared.view().store, &commit)?;
                    at = Position { sequence: commit.sequence, revision: commit.revision };
                    commits.push(commit);
                }
                Ok(verdict.answer)
            }));
        }
        let committed = !commits.is_empty();
        if committed {
            let metrics = self.shared.options.metrics.clone();
            metrics.group_size.observe_count(commits.len());
            let begun = Instant::now();
            match self.journal.append(&commits) {
                Ok(()) => metrics.sync_seconds.observe_time(begun.elapsed()),
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
            if group.iter().any(|(proposal, _)| proposal.purges()) {
                // What it still has to walk may be gone.
                self.cancel_dump();
            }
            let audited = self.record(&commits);
            let begun = Instant::now();
            if let Err(error) = self.show(commits) {
                if self.broken {
                    tracing::error!(%error, "durable commits cannot be shown until there is room for them");
                    self.shared.set_state(WriteState::Full);
                } else {
                    tracing::error!(%error, "durable commits cannot be shown; read-only from here on");
                    let cause = "commits that are durable cannot be shown; the log says why";
                    self.shared.set_read_only(cause.to_owned());
                }
                return answer_all(group, &Error::OutcomeUnknown);
            }
            metrics.apply_seconds.observe_time(begun.elapsed());
            self.shared.set_state(if audited { WriteState::Writable } else { WriteState::Full });
        }
        if group.iter().any(|(proposal, _)| self.is_unsettled(proposal)) {
            // This takes a while, and nobody who follows is to wait for it.
            self.shared.tell();
            if let Err(error) = self.rewrite() {
                tracing::error!(%error, "purged bytes are still on the disk; tried again later");
            }
        }
        let head = self.last.revision;
        for ((proposal, reply), decision) in group.into_iter().zip(decided) {
            let unsettled = decision.is_ok() && self.is_unsettled(&proposal);
            let decision = if unsettled { Err(Error::OutcomeUnknown) } else { decision };
            reply.send(decision.map(|answer| (answer, head))).ok();
        }
        // Behind the answers: to be woken twice costs a thread that has one core with this one more than to answer does.
        if committed {
            self.shared.tell();
        }
    }

    /// Whether this asks for a purge while purged bytes may still stand somewhere.
    fn is_unsettled(&self, proposal: &Proposal) -> bool {
        proposal.purges() && self.shared.view().store.is_unpurged().unwrap_or(true)
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
            let judge = Judge {
                store: &view.store,
                pending,
                sequence: at.sequence.next(),
                head: at.revision,
                floor: pending.floor().unwrap_or_else(|| shared.floor()),
                now,
            };
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

    /// Shows durable commits to readers; whoever follows is told later.
    fn show(&mut self, commits: Vec<Commit>) -> Result<(), OpenError> {
        let commits: Vec<_> = commits.into_iter().map(Arc::new).collect();
        let applied = self.shared.view().store.apply(self.shared.store_id, &commits);
        if let Err(error) = applied {
            tracing::error!(%error, "the view cannot be written; making it anew from the journal");
            // Counts are read from the new view, which has these commits.
            if let Err(error) = self.rebuild() {
                self.broken = matches!(error, OpenError::NoRoom { .. });
                self.unshown = commits;
                return Err(error);
            }
        } else {
            for commit in &commits {
                self.counts.add(commit);
            }
        }
        self.publish(commits);
        Ok(())
    }

    pub(super) fn publish(&mut self, commits: Vec<Arc<Commit>>) {
        for commit in commits {
            if let Some(floor) = commit.floor {
                self.shared.raise_floor(floor);
            }
            let purges = commit.changes.iter().any(|change| matches!(change, Change::Purge(_)));
            self.shared.ring.push(commit);
            if purges {
                // It may hold what is gone: whoever follows reads the view instead.
                self.shared.ring.forget(self.last.revision);
                self.shared.count_purge();
            }
        }
        self.shared.publish_counts(&mut self.counts, self.last.revision);
        self.shared.show_head(self.last.revision);
    }

    /// Answers what writes nothing, and refuses the rest, rehearsals of it included.
    fn answer_without_writing(&mut self, group: Vec<Waiting>, refusal: impl Fn() -> Error) {
        let now = self.shared.clock.now().max(self.last_time);
        for (proposal, reply) in group {
            let verdict = self.decide(&proposal, &Pending::default(), self.last, now);
            let head = self.shared.head();
            let answer: Result<Answer, Error> = verdict.and_then(|verdict| match &verdict.answer {
                _ if verdict.writes => Err(refusal()),
                _ if self.is_unsettled(&proposal) => Err(Error::OutcomeUnknown),
                // Durable, and not shown: what it is told now, reads would deny.
                Answer::Written(written) if written.revision() > head => Err(Error::OutcomeUnknown),
                _ => Ok(verdict.answer),
            });
            reply.send(answer.map(|answer| (answer, head))).ok();
        }
    }
}

fn answer_all(group: Vec<Waiting>, error: &Error) {
    for (_, reply) in group {
        reply.send(Err(error.clone())).ok();
    }
}
