//! Properties of the view under random commits: reads as of every revision, replays over a newer view, pruning.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::Unbounded;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::sled::TABLES;
use super::{Options, Store, VersionState};
use crate::domain::{
    Alias, AliasMove, Change, Commit, Digest, Name, Namespace, Origin, Persona, Principal, Purge, Revision,
    Sequence, StoreId, Timestamp, Tombstone, Version, View, limits,
};
use crate::filter::strategy::numbered;

/// What someone tried, by name; the number chooses among versions and aliases.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Try {
    Put,
    Delete,
    Alias(u64),
    Unalias(u64),
    Purge(u64),
}

pub(in crate::store) fn tries() -> impl Strategy<Value = Vec<(u8, Try)>> {
    let one = prop_oneof![
        10 => Just(Try::Put),
        1 => Just(Try::Delete),
        3 => any::<u64>().prop_map(Try::Alias),
        1 => any::<u64>().prop_map(Try::Unalias),
        1 => any::<u64>().prop_map(Try::Purge),
    ];
    // Mostly one name, so that it has more versions than are kept at least.
    let name = prop_oneof![5 => Just(0u8), 1 => Just(1u8)];
    prop::collection::vec((name, one), 1..220)
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    last: u64,
    live: bool,
    aliases: BTreeMap<Alias, u64>,
}

/// What is there after a revision, by name.
pub(super) type World = BTreeMap<Name, State>;

pub(in crate::store) struct History {
    pub(in crate::store) commits: Vec<Arc<Commit>>,
    /// After each revision, from 0 on.
    worlds: Vec<World>,
    purged: BTreeSet<(Name, u64)>,
}

pub(super) fn name(of: u8) -> Name {
    format!("persona-{of}").parse().unwrap()
}

pub(super) fn alias(of: u64) -> Alias {
    ["production", "staging"][usize::try_from(of % 2).unwrap()].parse().unwrap()
}

fn content(name: &Name, version: u64) -> Bytes {
    Bytes::from(format!("# {name}\n\nversion {version}\n"))
}

pub(in crate::store) fn persona(name: &Name, version: u64, revision: Revision) -> Persona {
    let content = content(name, version);
    Persona {
        namespace: Namespace::default(),
        name: name.clone(),
        version: Version(version),
        revision,
        digest: Digest::of(&content),
        create_time: Timestamp(revision.0 as i64),
        actor: Principal::anonymous(),
        message: String::new(),
        origin: Origin::Api,
        derived: numbered(version),
        size: content.len() as u32,
        content,
        purged: false,
    }
}

/// Takes the tries as the registry would.
pub(in crate::store) fn history(tries: &[(u8, Try)]) -> History {
    let mut history = History { commits: Vec::new(), worlds: vec![World::new()], purged: BTreeSet::new() };
    let mut made: BTreeMap<(Name, u64), Revision> = BTreeMap::new();
    for (of, what) in tries {
        let name = name(*of);
        let mut world = history.worlds.last().unwrap().clone();
        let state = world.entry(name.clone()).or_default();
        let revision = Revision(history.commits.len() as u64 + 1);
        let (namespace, time, actor) =
            (Namespace::default(), Timestamp(revision.0 as i64), Principal::anonymous());
        let readable = |version: u64, purged: &BTreeSet<(Name, u64)>| {
            version > 0 && !purged.contains(&(name.clone(), version))
        };
        let message = String::new();
        let change = match *what {
            Try::Put => {
                let created = !state.live;
                state.last += 1;
                state.live = true;
                made.insert((name.clone(), state.last), revision);
                Change::Put { created, persona: Arc::new(persona(&name, state.last, revision)) }
            }
            Try::Delete if state.live => {
                let aliases = std::mem::take(&mut state.aliases).into_keys().collect();
                state.live = false;
                let last_version = Version(state.last);
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
            Try::Alias(of) if state.live => {
                let version = of / 2 % state.last + 1;
                let alias = alias(of);
                if !readable(version, &history.purged) || state.aliases.get(&alias) == Some(&version) {
                    continue;
                }
                state.aliases.insert(alias.clone(), version);
                let version = Some(Version(version));
                Change::Alias(AliasMove { namespace, name, alias, version, revision, time, actor, message })
            }
            Try::Unalias(of) if state.aliases.contains_key(&alias(of)) => {
                let alias = alias(of);
                state.aliases.remove(&alias);
                let version = None;
                Change::Alias(AliasMove { namespace, name, alias, version, revision, time, actor, message })
            }
            Try::Purge(of) if state.last > 0 => {
                let version = of % state.last + 1;
                let in_use = (state.live && version == state.last)
                    || state.aliases.values().any(|named| *named == version);
                if in_use || !readable(version, &history.purged) {
                    continue;
                }
                history.purged.insert((name.clone(), version));
                let made = made[&(name.clone(), version)];
                let version = Version(version);
                Change::Purge(Purge { namespace, name, version, made, revision, time, actor, message })
            }
            _ => continue,
        };
        history.commits.push(commit(revision, vec![change], None));
        history.worlds.push(world);
    }
    history
}

pub(super) fn commit(revision: Revision, changes: Vec<Change>, floor: Option<Revision>) -> Arc<Commit> {
    let sequence = if floor.is_some() { revision.0 + 1 } else { revision.0 };
    Arc::new(Commit {
        sequence: Sequence(sequence),
        revision,
        time: Timestamp(revision.0 as i64),
        principal: Principal::anonymous(),
        call_id: "".into(),
        changes,
        requests: Vec::new(),
        bases: Vec::new(),
        floor,
    })
}

pub(in crate::store) fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path(), &Options { cache_bytes: 1 << 20 }).unwrap()
}

pub(in crate::store) fn apply(store: &Store, commits: &[Arc<Commit>], group: usize) {
    for group in commits.chunks(group) {
        store.apply(StoreId([7; 16]), group).unwrap();
    }
}

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
