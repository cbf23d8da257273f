//! Random commits, as the registry would make them of what someone tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::domain::{
    Alias, AliasMove, Change, Commit, Digest, Name, Namespace, Origin, Persona, Principal, Purge, Revision,
    Sequence, StoreId, Timestamp, Tombstone, Version,
};
use crate::filter::strategy::numbered;
use crate::store::{Options, Store};

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
pub(in crate::store) struct State {
    pub(in crate::store) last: u64,
    pub(in crate::store) live: bool,
    pub(in crate::store) aliases: BTreeMap<Alias, u64>,
}

/// What is there after a revision, by name.
pub(in crate::store) type World = BTreeMap<Name, State>;

pub(in crate::store) struct History {
    pub(in crate::store) commits: Vec<Arc<Commit>>,
    /// After each revision, from 0 on.
    pub(in crate::store) worlds: Vec<World>,
    pub(in crate::store) purged: BTreeSet<(Name, u64)>,
}

pub(in crate::store) fn name(of: u8) -> Name {
    format!("persona-{of}").parse().unwrap()
}

pub(in crate::store) fn alias(of: u64) -> Alias {
    ["production", "staging"][usize::try_from(of % 2).unwrap()].parse().unwrap()
}

pub(in crate::store) fn content(name: &Name, version: u64) -> Bytes {
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
        waivers: Vec::new(),
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

pub(in crate::store) fn commit(
    revision: Revision,
    changes: Vec<Change>,
    floor: Option<Revision>,
) -> Arc<Commit> {
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
