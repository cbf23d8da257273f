//! Candidates against every name that matches: none is missed at any revision that can be read, behind any place.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::Place;
use crate::domain::{
    Alias, AliasMove, Change, Commit, Derived, Namespace, Principal, Revision, Timestamp, Tombstone, Version,
    View,
};
use crate::filter::strategy::{Said, derived, said, version_of};
use crate::filter::{Filter, Term};
use crate::store::properties::{alias, apply, commit, history, open, tries};
use crate::store::sled::Table;
use crate::store::{Store, keys};

/// All candidates; they must come in order, each once, behind the place.
fn candidates(
    store: &Store,
    filter: Option<&Filter>,
    alias: Option<&Alias>,
    namespace: Option<&Namespace>,
    after: Option<Place>,
) -> Vec<Place> {
    let plan = filter.map(Filter::plan);
    let mut candidates = store.candidates(plan.as_ref(), alias, namespace, after.clone()).unwrap();
    let mut found = Vec::new();
    let mut last = after;
    while let Some(place) = candidates.next_name().unwrap() {
        assert!(last.as_ref().is_none_or(|last| *last < place), "{place:?} comes behind {last:?}");
        assert!(namespace.is_none_or(|namespace| *namespace == place.0));
        last = Some(place.clone());
        found.push(place);
    }
    assert_eq!(candidates.next_name().unwrap(), None, "the end stays the end");
    found
}

/// What is shown and matches at a revision, found by looking at everything.
fn matching(store: &Store, filter: &Filter, alias: Option<&Alias>, at: Revision) -> Vec<Place> {
    let mut found = Vec::new();
    store
        .heads_after(None, None, |namespace, name, _| {
            let shown = store.shown(&namespace, &name, alias, at, View::Basic)?;
            if shown.is_some_and(|persona| !persona.purged && filter.matches(&persona)) {
                found.push((namespace, name));
            }
            Ok(true)
        })
        .unwrap();
    found
}

#[derive(Debug, Clone)]
enum Step {
    Put(Box<Derived>),
    Delete,
    Point(u64),
}

type Steps = Vec<(u8, u8, Step)>;

fn steps() -> impl Strategy<Value = Steps> {
    let step = prop_oneof![
        6 => derived().prop_map(|derived| Step::Put(Box::new(derived))),
        1 => Just(Step::Delete),
        2 => any::<u64>().prop_map(Step::Point),
    ];
    prop::collection::vec((0u8..3, 0u8..5, step), 1..70)
}

/// Names that are each other's beginnings, so that an order of keys that is not one of names is found.
fn place(namespace: u8, name: u8) -> Place {
    let namespace = ["default", "default-b", "team"][usize::from(namespace)];
    let name = ["a", "a-b", "ab", "b", "persona-0"][usize::from(name)];
    (namespace.parse().unwrap(), name.parse().unwrap())
}

fn commits(steps: &Steps) -> Vec<Arc<Commit>> {
    let mut versions: BTreeMap<Place, (u64, bool)> = BTreeMap::new();
    let mut commits = Vec::new();
    for (namespace, name, step) in steps {
        let (namespace, name) = place(*namespace, *name);
        let (last, live) = versions.entry((namespace.clone(), name.clone())).or_default();
        let number = commits.len() as u64 + 1;
        let (revision, time) = (Revision(number), Timestamp(number as i64));
        let (actor, message) = (Principal::anonymous(), String::new());
        let change = match step {
            Step::Put(derived) => {
                *last += 1;
                let created = !std::mem::replace(live, true);
                let mut persona = version_of(&namespace, &name, number, (**derived).clone());
                persona.version = Version(*last);
                Change::Put { created, persona: Arc::new(persona) }
            }
            Step::Delete if *live => {
                *live = false;
                let (last_version, aliases) = (Version(*last), vec![alias(0)]);
                Change::Delete(Tombstone {
                    namespace,
                    name,
                    last_version,
                    revision,
                    time,
                    actor,
                    message,
                    aliases,
                })
            }
            Step::Point(at) if *live => {
                let (alias, version) = (alias(0), Some(Version(at % *last + 1)));
                Change::Alias(AliasMove { namespace, name, alias, version, revision, time, actor, message })
            }
            Step::Delete | Step::Point(_) => continue,
        };
        commits.push(commit(revision, vec![change], None));
    }
    commits
}

fn parsed(said: &Said) -> Filter {
    Filter::parse(&said.write(0)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_matches_is_missed_behind_any_place(
        steps in steps(), filters in prop::collection::vec(said(), 4..8)
    ) {
        let (dir, commits) = (tempfile::tempdir().unwrap(), commits(&steps));
        let store = open(&dir);
        apply(&store, &commits, 7);
        let alias = alias(0);
        for filter in filters.iter().map(parsed) {
            for alias in [None, Some(&alias)] {
                for revision in (0..=commits.len()).step_by(3).chain([commits.len()]) {
                    let matching = matching(&store, &filter, alias, Revision(revision as u64));
                    for after in [None, Some(place(0, 1)), Some(place(0, 4)), Some(place(1, 2)), Some(place(2, 4))] {
                        let found = candidates(&store, Some(&filter), alias, None, after.clone());
                        let behind = matching.iter().filter(|it| after.as_ref().is_none_or(|after| *it > after));
                        for one in behind {
                            prop_assert!(found.contains(one), "{} at {}: {:?}", filter.text(), revision, one);
                        }
                    }
                    for namespace in [place(0, 0).0, place(1, 0).0, "nobody".parse().unwrap()] {
                        let found = candidates(&store, Some(&filter), alias, Some(&namespace), None);
                        for one in matching.iter().filter(|one| one.0 == namespace) {
                            prop_assert!(found.contains(one), "{} at {}: {:?}", filter.text(), revision, one);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn pruning_and_purging_leave_a_way_to_whatever_can_be_read(
        tries in tries(), floor in any::<prop::sample::Index>(), filters in prop::collection::vec(said(), 2..5)
    ) {
        let (dir, history) = (tempfile::tempdir().unwrap(), history(&tries));
        let store = open(&dir);
        let last = history.commits.len();
        apply(&store, &history.commits, 20);
        let floor = floor.index(last + 1);
        apply(&store, &[commit(Revision(last as u64), Vec::new(), Some(Revision(floor as u64)))], 1);
        for (namespace, name) in candidates(&store, None, None, None, None) {
            let head = store.head(&namespace, &name).unwrap().unwrap();
            store.prune(&namespace, &name, &head, Revision(floor as u64), usize::MAX).unwrap();
        }
        for filter in filters.iter().map(parsed) {
            for alias in [None, Some(alias(0)), Some(alias(1))] {
                let found = candidates(&store, Some(&filter), alias.as_ref(), None, None);
                for at in floor..=last {
                    for one in matching(&store, &filter, alias.as_ref(), Revision(at as u64)) {
                        prop_assert!(found.contains(&one), "{} at {}: {:?}", filter.text(), at, one);
                    }
                }
            }
        }
    }
}

#[test]
fn versions_of_one_name_are_skipped_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let labels = BTreeMap::from([("team".to_owned(), "payments".to_owned())]);
    let derived = Derived { labels, ..Derived::nothing(crate::domain::Dialect::Persona) };
    let many = (0..400u16)
        .map(|at| (0, if at < 300 { 1 } else { (at % 5) as u8 }, Step::Put(Box::new(derived.clone()))));
    apply(&store, &commits(&many.collect()), 50);
    let filter = Filter::parse("labels.team = payments").unwrap();
    let before = store.entries_read();
    assert_eq!(candidates(&store, Some(&filter), None, None, None).len(), 5);
    // Each name once, and the entry by which it is known that there is more of it.
    assert!(store.entries_read() - before <= 2 * 5 + 1);
}

#[test]
fn a_key_that_leads_nowhere_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let term = Term::label("team", "a");
    let (namespace, name): Place = place(0, 0);
    let mut key = keys::index(&term, &namespace, &name, Revision(1));
    key.truncate(key.len() - 1);
    store.tables.write(vec![crate::store::sled::Write::Set(Table::Index, key, Vec::new())]).unwrap();
    let filter = Filter::parse("labels.team = a").unwrap();
    let mut candidates = store.candidates(Some(&filter.plan()), None, None, None).unwrap();
    assert!(candidates.next_name().is_err());
}
