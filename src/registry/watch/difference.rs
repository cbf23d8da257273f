//! What a stretch of the log comes to for whoever stands at its beginning.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Change, Name, Namespace, Persona, Revision, Version};
use crate::store::LogKind;

/// What a change comes to for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Updated,
    Deleted,
    /// It is there, and not selected any more.
    Left,
}

impl Kind {
    /// What an entry of the log comes to for a stream that selects by name alone; none: nothing.
    pub(super) const fn of(kind: LogKind) -> Option<Self> {
        match kind {
            LogKind::Created => Some(Self::Created),
            LogKind::Updated => Some(Self::Updated),
            LogKind::Deleted => Some(Self::Deleted),
            LogKind::Aliased | LogKind::Purged => None,
        }
    }
}

/// A change that is still to be sent; the persona is fetched only then.
#[derive(Debug, Clone)]
pub(super) struct PendingChange {
    pub namespace: Namespace,
    pub name: Name,
    pub kind: Kind,
    pub version: Version,
    pub revision: Revision,
    pub persona: Option<Arc<Persona>>,
}

pub(super) fn pending(change: &Change) -> Option<PendingChange> {
    let (kind, version, revision, persona) = match change {
        Change::Put { created, persona } => {
            let kind = if *created { Kind::Created } else { Kind::Updated };
            (kind, persona.version, persona.revision, Some(Arc::clone(persona)))
        }
        Change::Delete(tombstone) => (Kind::Deleted, tombstone.last_version, tombstone.revision, None),
        Change::Alias(_) | Change::Purge(_) => return None,
    };
    let (namespace, name) = (change.namespace().clone(), change.name().clone());
    Some(PendingChange { namespace, name, kind, version, revision, persona })
}

/// What a stretch of the log comes to, persona by persona: the first change tells whether it was there before,
/// the last whether it is there now.
pub(super) fn difference(changes: impl Iterator<Item = PendingChange>) -> Vec<PendingChange> {
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
                if previous.kind == Kind::Deleted {
                    seen.deletion = Some(previous);
                }
            }
            None => {
                let was_there = change.kind != Kind::Created;
                touched.insert(key, Touched { was_there, deletion: None, last: change });
            }
        }
    }
    let mut group = Vec::with_capacity(touched.len());
    for Touched { was_there, deletion, mut last } in touched.into_values() {
        let is_there = last.kind != Kind::Deleted;
        match (was_there, is_there) {
            (false, false) => {}
            (true, false) => group.push(last),
            (false, true) => {
                last.kind = Kind::Created;
                group.push(last);
            }
            (true, true) => {
                // Deleted and made again: both are told, so that nobody takes the new one for the old.
                last.kind = if deletion.is_some() { Kind::Created } else { Kind::Updated };
                group.extend(deletion);
                group.push(last);
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What is live: the version of each name, and the revision that made it.
    type View = BTreeMap<Name, (Version, Revision)>;

    /// A log of what callers tried: (name, delete). A deletion of what is not there changes nothing.
    fn steps() -> impl Strategy<Value = Vec<(u8, bool)>> {
        prop::collection::vec((0u8..5, prop::bool::weighted(0.4)), 0..60)
    }

    fn name(of: u8) -> Name {
        format!("persona-{of}").parse().unwrap()
    }

    /// Takes the steps, as the registry would; the log of them, and the view after each entry.
    fn history(steps: &[(u8, bool)]) -> (Vec<PendingChange>, Vec<View>) {
        let (mut log, mut views) = (Vec::new(), vec![View::new()]);
        let mut versions: BTreeMap<Name, Version> = BTreeMap::new();
        for (of, delete) in steps {
            let (name, mut view) = (name(*of), views.last().unwrap().clone());
            let revision = Revision(log.len() as u64 + 1);
            let there = view.contains_key(&name);
            let kind = match (delete, there) {
                (true, false) => continue,
                (true, true) => Kind::Deleted,
                (false, true) => Kind::Updated,
                (false, false) => Kind::Created,
            };
            let version = versions.entry(name.clone()).or_insert(Version(0));
            if *delete {
                view.remove(&name);
            } else {
                version.0 += 1;
                view.insert(name.clone(), (*version, revision));
            }
            let namespace = Namespace::default();
            log.push(PendingChange { namespace, name, kind, version: *version, revision, persona: None });
            views.push(view);
        }
        (log, views)
    }

    /// The contract's table, read off the two views and the tombstones between them.
    fn expected(before: &View, after: &View, stretch: &[PendingChange]) -> Vec<(Name, Kind, Revision)> {
        let mut expected = Vec::new();
        for name in (0..5).map(name) {
            let tombstone = stretch.iter().rev().find(|one| one.name == name && one.kind == Kind::Deleted);
            let deletion = tombstone.map(|one| (name.clone(), Kind::Deleted, one.revision));
            match (before.get(&name), after.get(&name)) {
                (None, None) => {}
                (Some(_), None) => expected.extend(deletion),
                (None, Some((_, made))) => expected.push((name, Kind::Created, *made)),
                (Some(was), Some(is)) if was == is => {}
                (Some(_), Some((_, made))) => {
                    let kind = if deletion.is_some() { Kind::Created } else { Kind::Updated };
                    expected.extend(deletion);
                    expected.push((name, kind, *made));
                }
            }
        }
        expected
    }

    proptest! {
        #[test]
        fn it_is_the_difference_of_the_views_at_both_ends(
            steps in steps(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()
        ) {
            let (log, views) = history(&steps);
            let (one, other) = (one.index(views.len()), other.index(views.len()));
            let (from, to) = (one.min(other), one.max(other));
            let stretch = &log[from..to];
            let group = difference(stretch.iter().cloned());
            let told: Vec<_> = group.iter().map(|it| (it.name.clone(), it.kind, it.revision)).collect();
            prop_assert_eq!(told, expected(&views[from], &views[to], stretch));

            let mut view = views[from].clone();
            for change in group {
                match change.kind {
                    Kind::Deleted => prop_assert!(view.remove(&change.name).is_some()),
                    Kind::Created => {
                        prop_assert!(view.insert(change.name, (change.version, change.revision)).is_none());
                    }
                    Kind::Updated => {
                        prop_assert!(view.insert(change.name, (change.version, change.revision)).is_some());
                    }
                    Kind::Left => prop_assert!(false, "nothing leaves a selection by name"),
                }
            }
            prop_assert_eq!(&view, &views[to]);
        }
    }

    #[test]
    fn a_persona_made_and_deleted_between_was_never_there() {
        let (log, _) = history(&[(0, false), (0, false), (0, true)]);
        assert!(difference(log.into_iter()).is_empty());
    }

    #[test]
    fn a_persona_deleted_twice_between_is_told_by_its_last_deletion() {
        let (log, _) = history(&[(0, false), (0, true), (0, false), (0, true), (0, false)]);
        let group = difference(log.into_iter().skip(1));
        let told: Vec<_> = group.iter().map(|it| (it.kind, it.version.0, it.revision.0)).collect();
        assert_eq!(told, [(Kind::Deleted, 2, 4), (Kind::Created, 3, 5)]);
    }
}
