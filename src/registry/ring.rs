//! The most recent commits in memory, shared by all watchers; what is older comes from the view's log.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::{Change, Commit, Revision};

/// A bounded run of commits without a gap: all those with changes after `base`.
#[derive(Debug)]
pub(super) struct Ring {
    inner: RwLock<Inner>,
    max_commits: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Inner {
    base: Revision,
    bytes: usize,
    commits: VecDeque<Arc<Commit>>,
}

impl Ring {
    pub(super) fn new(base: Revision, max_commits: usize, max_bytes: usize) -> Self {
        let inner = Inner { base, bytes: 0, commits: VecDeque::new() };
        Self { inner: RwLock::new(inner), max_commits, max_bytes }
    }

    /// Adds a commit that follows all before it.
    pub(super) fn push(&self, commit: Arc<Commit>) {
        if commit.changes.is_empty() {
            return;
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.bytes = inner.bytes.saturating_add(weight(&commit));
        inner.commits.push_back(commit);
        while inner.commits.len() > self.max_commits || inner.bytes > self.max_bytes {
            let Some(oldest) = inner.commits.pop_front() else { break };
            inner.base = oldest.revision;
            inner.bytes = inner.bytes.saturating_sub(weight(&oldest));
        }
    }

    /// Forgets all commits, the newest being of this revision: whoever follows goes on from the view's log.
    pub(super) fn forget(&self, head: Revision) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        *inner = Inner { base: head, bytes: 0, commits: VecDeque::new() };
    }

    /// The commits after a revision and up to the head, at most `limit`; none when the ring no longer reaches back
    /// that far. A commit is here a moment before the head says so, and nobody may be told of it until then: a read
    /// that asks for its revision would be refused.
    pub(super) fn between(&self, after: Revision, head: Revision, limit: usize) -> Option<Vec<Arc<Commit>>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if after < inner.base {
            return None;
        }
        let place = |revision: Revision| inner.commits.partition_point(|commit| commit.revision <= revision);
        let (from, to) = (place(after), place(head));
        Some(inner.commits.iter().take(to).skip(from).take(limit).cloned().collect())
    }
}

/// Bytes that a commit holds in memory, roughly.
fn weight(commit: &Commit) -> usize {
    let changes = commit.changes.iter().map(|change| match change {
        Change::Put { persona, .. } => persona.content.len() + 1024,
        Change::Delete(_) | Change::Alias(_) | Change::Purge(_) => 256,
    });
    changes.sum::<usize>() + 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Principal, Sequence, Timestamp, Tombstone, Version};

    fn commit(revision: u64) -> Arc<Commit> {
        let tombstone = Tombstone {
            namespace: "default".parse().unwrap(),
            name: "a".parse().unwrap(),
            last_version: Version(1),
            revision: Revision(revision),
            time: Timestamp(0),
            actor: Principal::anonymous(),
            message: String::new(),
            aliases: Vec::new(),
        };
        Arc::new(Commit {
            sequence: Sequence(revision),
            revision: Revision(revision),
            time: Timestamp(0),
            principal: Principal::anonymous(),
            call_id: "".into(),
            changes: vec![Change::Delete(tombstone)],
            requests: Vec::new(),
            bases: Vec::new(),
            floor: None,
        })
    }

    fn revisions(ring: &Ring, after: u64, limit: usize) -> Option<Vec<u64>> {
        up_to(ring, after, u64::MAX, limit)
    }

    fn up_to(ring: &Ring, after: u64, head: u64, limit: usize) -> Option<Vec<u64>> {
        ring.between(Revision(after), Revision(head), limit)
            .map(|found| found.iter().map(|one| one.revision.0).collect())
    }

    #[test]
    fn it_gives_what_is_newer_and_says_when_it_no_longer_can() {
        let ring = Ring::new(Revision(4), 3, usize::MAX);
        assert_eq!(revisions(&ring, 4, 9), Some(vec![]));
        for revision in [5, 6, 9, 10] {
            ring.push(commit(revision));
        }
        assert_eq!(revisions(&ring, 5, 9), Some(vec![6, 9, 10]));
        assert_eq!(revisions(&ring, 7, 1), Some(vec![9]));
        assert_eq!(revisions(&ring, 4, 9), None);
        assert_eq!(up_to(&ring, 5, 9, 9), Some(vec![6, 9]), "what the head does not show is not told");
        assert_eq!(up_to(&ring, 9, 9, 9), Some(vec![]));
        let small = Ring::new(Revision(0), 100, 1100);
        (1..=5).for_each(|revision| small.push(commit(revision)));
        assert_eq!(revisions(&small, 2, 9), None);
        assert_eq!(revisions(&small, 3, 9), Some(vec![4, 5]));
    }
}
