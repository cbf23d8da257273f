//! Changes as subscribers are told them: the newest of each persona, however slow they are.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use super::view::Map;
use crate::wire::pb;

/// A change of what is held.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which persona.
    pub name: String,
    /// As the subscriber was told it last; none: it was not there.
    pub before: Option<Arc<pb::Persona>>,
    /// As it is now; none: it is not there any more.
    pub after: Option<Arc<pb::Persona>>,
}

/// What happened to a persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// It was not there before.
    Created,
    /// It is another version.
    Updated,
    /// It was deleted, or is not selected any more.
    Removed,
}

impl ChangeType {
    /// The word, as all clients have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Removed => "REMOVED",
        }
    }
}

impl fmt::Display for ChangeType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Change {
    /// What happened.
    #[must_use]
    pub fn change_type(&self) -> ChangeType {
        match (&self.before, &self.after) {
            (None, _) => ChangeType::Created,
            (Some(_), Some(_)) => ChangeType::Updated,
            (Some(_), None) => ChangeType::Removed,
        }
    }

    /// Whether there is anything to tell: a version never changes, and what came and went is as it was.
    fn is_one(&self) -> bool {
        let version = |persona: &Option<Arc<pb::Persona>>| persona.as_ref().map(|persona| persona.version);
        version(&self.before) != version(&self.after)
    }
}

/// A row of changes that one subscriber reads at its own pace.
#[derive(Debug)]
pub struct Changes {
    queue: Arc<Queue>,
}

impl Changes {
    /// The next change; none once the client was closed. To give up waiting for it loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            match self.queue.pop() {
                Popped::Change(change) => return Some(change),
                Popped::End => return None,
                Popped::Nothing => self.queue.news.notified().await,
            }
        }
    }
}

/// What one subscriber has not read yet: at most one entry a persona.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the order in which they changed first.
    changes: BTreeMap<u64, Change>,
    places: HashMap<String, u64>,
    next: u64,
    ended: bool,
}

enum Popped {
    Change(Change),
    Nothing,
    End,
}

impl Queue {
    fn push(&self, change: &Change) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(change);
        drop(waiting);
        self.news.notify_one();
    }

    fn pop(&self) -> Popped {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.changes.pop_first() {
            Some((_, change)) => {
                waiting.places.remove(&change.name);
                Popped::Change(change)
            }
            None if waiting.ended => Popped::End,
            None => Popped::Nothing,
        }
    }
}

impl Waiting {
    fn push(&mut self, change: &Change) {
        let Some(place) = self.places.get(&change.name).copied() else {
            self.places.insert(change.name.clone(), self.next);
            self.changes.insert(self.next, change.clone());
            self.next += 1;
            return;
        };
        if let Some(earlier) = self.changes.get_mut(&place) {
            earlier.after.clone_from(&change.after);
            if !earlier.is_one() {
                self.changes.remove(&place);
                self.places.remove(&change.name);
            }
        }
    }
}

/// All subscribers. Its lock is held over each change of what is held, so that who subscribes misses nothing.
#[derive(Debug, Default)]
pub(super) struct Hub {
    queues: Vec<Weak<Queue>>,
    ended: bool,
}

impl Hub {
    pub(super) fn subscribe(&mut self, held: &Map) -> Changes {
        let queue = Arc::new(Queue::default());
        for (name, persona) in held {
            queue.push(&Change { name: name.clone(), before: None, after: Some(persona.clone()) });
        }
        queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).ended = self.ended;
        self.queues.retain(|queue| queue.strong_count() > 0);
        self.queues.push(Arc::downgrade(&queue));
        Changes { queue }
    }

    pub(super) fn tell(&mut self, changes: impl IntoIterator<Item = Change>) {
        if self.queues.is_empty() {
            return;
        }
        for change in changes.into_iter().filter(Change::is_one) {
            self.queues.retain(|queue| {
                queue.upgrade().is_some_and(|queue| {
                    queue.push(&change);
                    true
                })
            });
        }
    }

    /// There are no more changes.
    pub(super) fn end(&mut self) {
        self.ended = true;
        for queue in self.queues.iter().filter_map(Weak::upgrade) {
            queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            queue.news.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: i64) -> Option<Arc<pb::Persona>> {
        (version > 0).then(|| Arc::new(pb::Persona { version, ..Default::default() }))
    }

    fn change(name: &str, before: i64, after: i64) -> Change {
        Change { name: name.to_owned(), before: version(before), after: version(after) }
    }

    async fn all(changes: &mut Changes) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(change) = changes.next().await {
            let after = change.after.as_ref().map_or(0, |persona| persona.version);
            told.push(format!("{} {} {after}", change.change_type(), change.name));
        }
        told
    }

    #[tokio::test]
    async fn who_is_slow_gets_the_newest_of_each_in_the_order_of_the_first() {
        let mut hub = Hub::default();
        let held = Map::from([("a".to_owned(), version(1).unwrap())]);
        let mut slow = hub.subscribe(&held);
        hub.tell([
            change("b", 0, 1),
            change("a", 1, 2),
            change("b", 1, 2),
            change("c", 0, 1),
            change("b", 2, 3),
        ]);
        hub.tell([change("c", 1, 0), change("d", 4, 5), change("d", 5, 0), change("a", 2, 2)]);
        hub.end();
        assert_eq!(all(&mut slow).await, ["CREATED a 2", "CREATED b 3", "REMOVED d 0"]);
    }

    #[tokio::test]
    async fn what_was_changed_back_is_no_change_and_who_went_is_forgotten() {
        let mut hub = Hub::default();
        let (mut stays, goes) = (hub.subscribe(&Map::new()), hub.subscribe(&Map::new()));
        drop(goes);
        hub.tell([change("a", 1, 2), change("a", 2, 1), change("b", 1, 2)]);
        assert_eq!(hub.queues.len(), 1);
        hub.end();
        assert_eq!(all(&mut stays).await, ["UPDATED b 2"]);
        assert_eq!(all(&mut hub.subscribe(&Map::new())).await, [] as [&str; 0]);
    }
}
