//! Properties of the view under random commits: reads as of every revision, replays over a newer view, pruning.

mod deeds;

use std::collections::BTreeMap;
use std::ops::Bound::Unbounded;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

pub(in crate::store) use self::deeds::*;
use super::sled::TABLES;
use super::{Store, VersionState};
use crate::domain::{Alias, Namespace, Revision, Version, View, limits};

/// Every entry of every table.
pub(in crate::store) fn dump(store: &Store) -> Vec<(&'static str, Vec<u8>, Bytes)> {
    let mut entries = Vec::new();
    for (table, title) in TABLES {
        let each = |key: &[u8], value| {
            entries.push((title, key.to_vec(), value));
            Ok(true)
        };
        store.tables.walk(table, Unbounded, Unbounded, each).unwrap();
    }
    entries
}

/// Reads at every revision from `floor` on show what was there.
fn check_reads(store: &Store, history: &History, floor: usize) {
    let namespace = Namespace::default();
    for (at, world) in history.worlds.iter().enumerate().skip(floor) {
        let at = Revision(at as u64);
        for name in [name(0), name(1)] {
            let state = world.get(&name).cloned().unwrap_or_default();
            let expected = |version: Option<u64>| version.map(|version| (version, content(&name, version)));
            let shown = |alias: Option<&Alias>| {
                let persona = store.shown(&namespace, &name, alias, at, View::Full).unwrap();
                persona.map(|persona| {
                    let purged = history.purged.contains(&(name.clone(), persona.version.0));
                    assert_eq!(persona.purged, purged);
                    let there = if purged { content(&name, persona.version.0) } else { persona.content };
                    (persona.version.0, there)
                })
            };
            assert_eq!(shown(None), expected(state.live.then_some(state.last)), "{name} at {at}");
            for alias in [alias(0), alias(1)] {
                let named = state.aliases.get(&alias).copied();
                assert_eq!(shown(Some(&alias)), expected(named), "{name} at {alias} at {at}");
            }
            let told = store.aliases_at(&namespace, &name, at).unwrap();
            let told: BTreeMap<_, _> = told.into_iter().map(|it| (it.alias, it.version.unwrap().0)).collect();
            assert_eq!(told, state.aliases, "aliases of {name} at {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_revision_is_read_as_it_was_and_a_replay_changes_nothing(
        tries in tries(), group in 1usize..40, from in any::<prop::sample::Index>()
    ) {
        let (dir, history) = (tempfile::tempdir().unwrap(), history(&tries));
        let store = open(&dir);
        apply(&store, &history.commits, group);
        store.verify(Revision(history.commits.len() as u64)).unwrap();
        check_reads(&store, &history, 0);
        let before = dump(&store);
        let from = from.index(history.commits.len() + 1);
        apply(&store, &history.commits[from..], group);
        prop_assert_eq!(dump(&store), before);
    }

    #[test]
    fn pruning_takes_nothing_that_can_still_be_read(
        tries in tries(), floor in any::<prop::sample::Index>(), from in any::<prop::sample::Index>()
    ) {
        let (dir, history) = (tempfile::tempdir().unwrap(), history(&tries));
        let store = open(&dir);
        let last = history.commits.len();
        apply(&store, &history.commits, 50);
        let floor = floor.index(last + 1);
        let raised = commit(Revision(last as u64), Vec::new(), Some(Revision(floor as u64)));
        apply(&store, &[Arc::clone(&raised)], 1);
        let prune = || {
            let mut heads = Vec::new();
            store.heads_after(None, None, |namespace, name, head| {
                heads.push((namespace, name, head));
                Ok(true)
            }).unwrap();
            for (namespace, name, head) in heads {
                while !store.prune(&namespace, &name, &head, Revision(floor as u64), 7).unwrap().is_done {}
            }
            while store.prune_log(Revision(floor as u64), 7).unwrap() == 7 {}
        };
        prune();
        let pruned = dump(&store);
        store.verify(Revision(last as u64)).unwrap();
        check_reads(&store, &history, floor);

        // What went was superseded at the floor, is outside the last versions, and no alias names it from there on.
        let end = history.worlds.last().unwrap();
        for name in [name(0), name(1)] {
            let state = end.get(&name).cloned().unwrap_or_default();
            for version in 1..=state.last {
                let there = store.version(&Namespace::default(), &name, Version(version)).unwrap();
                let shown = history.worlds[floor..].iter().any(|world| {
                    world.get(&name).is_some_and(|state| {
                        (state.live && state.last == version) || state.aliases.values().any(|one| *one == version)
                    })
                });
                let kept = shown || version + limits::HISTORY_VERSIONS > state.last;
                // A version made after the floor was not superseded before it.
                let newer = history.worlds[floor].get(&name).is_none_or(|then| then.last < version);
                if kept || newer {
                    prop_assert!(matches!(there, VersionState::Kept(_)), "version {} of {} went", version, name);
                } else {
                    prop_assert_eq!(there, VersionState::Pruned, "version {} of {} stayed", version, name);
                }
            }
        }
        prune();
        prop_assert_eq!(dump(&store), pruned.clone(), "a second pass finds nothing");

        // A start that replays some of it again, and prunes again, ends at the same.
        let from = from.index(last + 1);
        apply(&store, &history.commits[from..], 50);
        apply(&store, &[raised], 1);
        prune();
        prop_assert_eq!(dump(&store), pruned);
    }
}

/// Versions 1 to `last` of one persona, then its deletion.
fn versions_and_deletion(last: u64) -> History {
    let puts = (0..last).map(|_| (0, Try::Put));
    history(&puts.chain([(0, Try::Delete)]).collect::<Vec<_>>())
}

#[test]
fn a_start_finishes_what_a_crash_left_of_pruning_and_takes_nothing_else_for_it() {
    use super::sled::{Table, Write};
    use super::verify::Totals;
    let (dir, history) = (tempfile::tempdir().unwrap(), versions_and_deletion(60));
    let store = open(&dir);
    apply(&store, &history.commits, 61);
    let (namespace, name, head) = (Namespace::default(), name(0), Revision(61));
    let number = |version| super::keys::version(&namespace, &name, Version(version));
    let remove = |table, key| store.tables.write(vec![Write::Remove(table, key)]).unwrap();

    // Without a floor nothing may be missing.
    let bytes = store.tables.get(Table::Versions, &number(3)).unwrap().unwrap();
    remove(Table::Versions, number(3));
    assert!(store.verify(head).is_err());
    assert!(store.version(&namespace, &name, Version(3)).is_err(), "it is damage, and not pruned");
    let floor = commit(head, Vec::new(), Some(head));
    apply(&store, &[floor], 1);
    // With one, a number that is gone is the first step of pruning.
    assert_eq!(store.verify(head).unwrap().versions, 59);
    assert_eq!(store.version(&namespace, &name, Version(3)).unwrap(), VersionState::Pruned);
    remove(Table::Documents, super::keys::content(&namespace, &name, Revision(3)));
    assert!(store.row(&namespace, &name, Revision(3), View::Full).unwrap().is_none(), "no damage either");
    let tip = store.head(&namespace, &name).unwrap().unwrap();
    let mut went = Totals::default();
    loop {
        let pruned = store.prune(&namespace, &name, &tip, head, 4).unwrap();
        went.add(pruned.totals);
        if pruned.is_done {
            break;
        }
        store.verify(head).unwrap();
    }
    assert_eq!(went.versions, 9, "the tenth had been counted");
    assert!(store.row(&namespace, &name, Revision(3), View::Basic).unwrap().is_none());
    assert_eq!(store.verify(head).unwrap().versions, 50);

    // What compaction keeps is never missing by itself, nor with its row.
    store.tables.write(vec![Write::Set(Table::Versions, number(3), bytes.to_vec())]).unwrap();
    assert!(store.verify(head).is_err(), "a number without a row");
    remove(Table::Versions, number(3));
    store.verify(head).unwrap();
    let kept = store.tables.get(Table::Versions, &number(40)).unwrap().unwrap();
    remove(Table::Versions, number(40));
    assert!(store.verify(head).is_err());
    store.tables.write(vec![Write::Set(Table::Versions, number(40), kept.to_vec())]).unwrap();
    store.verify(head).unwrap();

    let (dir, history) = (tempfile::tempdir().unwrap(), versions_and_deletion(1));
    let store = open(&dir);
    apply(&store, &history.commits, 2);
    store.verify(Revision(2)).unwrap();
    let row = super::keys::row(&namespace, &name, Revision(1));
    store
        .tables
        .write(vec![Write::Remove(Table::Rows, row), Write::Remove(Table::Versions, number(1))])
        .unwrap();
    assert!(store.verify(Revision(2)).is_err(), "lost together they are missed too");
}
