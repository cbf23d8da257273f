//! What a watch stream must have told, from the whole history: ordered, unique, atomic, resumable, filtered, reliable, with
//! true progress and snapshots. After the validators that etcd holds its own watches against.

use std::collections::{BTreeMap, BTreeSet};

use persona_registry::wire::pb::persona_change::Type;
use persona_registry::wire::pb::{self, WatchMode};

use crate::model::{Event, Life, Model, namespace_of};
use crate::model_papers::takes;
use crate::recorder::{Group, Heard, Key, Map, Told};

/// What is shown of a name from a revision on: its version and that version's revision.
type Shown = Vec<(i64, Option<(i64, i64)>)>;

/// Everything that a selection showed, revision by revision.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    shown: BTreeMap<Key, Shown>,
    /// Revisions of deletions, and the last version before each.
    deletions: BTreeMap<Key, Vec<(i64, i64)>>,
    touched: BTreeMap<i64, Vec<Key>>,
    /// Whether a filter took them is not known any more.
    forgotten: BTreeSet<Key>,
}

impl Timeline {
    pub fn of(model: &Model, request: &pb::WatchPersonasRequest) -> Self {
        let mut timeline = Self::default();
        let namespace = namespace_of(&request.namespace);
        for (key, life) in &model.lives {
            let is_taken = (namespace == "-" || namespace == key.0)
                && (request.names.is_empty() || request.names.contains(&key.1));
            if !is_taken {
                continue;
            }
            if !request.filter.is_empty() && life.versions.iter().any(|version| version.purged.is_some()) {
                timeline.forgotten.insert(key.clone());
                continue;
            }
            let mut now = None;
            for (revision, version) in shown(life, &request.alias) {
                let version = version.map(|number| &life.version(number).unwrap().persona);
                let version = version.filter(|persona| takes(&request.filter, persona));
                let shown = version.map(|persona| (persona.version, persona.revision));
                if shown != now {
                    timeline.shown.entry(key.clone()).or_default().push((revision, shown));
                    timeline.touched.entry(revision).or_default().push(key.clone());
                    now = shown;
                }
            }
            let deletions = life.log.iter().filter(|entry| entry.event == Event::Delete);
            let deletions = deletions.map(|entry| (entry.revision, entry.version)).collect();
            timeline.deletions.insert(key.clone(), deletions);
        }
        timeline
    }

    fn at(&self, key: &Key, revision: i64) -> Option<(i64, i64)> {
        let shown = self.shown.get(key)?;
        let behind = shown.partition_point(|(from, _)| *from <= revision);
        shown.get(behind.checked_sub(1)?)?.1
    }

    pub fn map(&self, revision: i64) -> Map {
        let all = self.shown.keys().filter_map(|key| Some((key.clone(), self.at(key, revision)?.0)));
        all.collect()
    }

    /// The next revision at which the selection shows something else.
    fn next_change(&self, after: i64) -> Option<i64> {
        self.touched.range(after + 1..).next().map(|(revision, _)| *revision)
    }

    /// The contract's table for a stretch, by namespace and name.
    pub fn difference(&self, from: i64, to: i64) -> Vec<Told> {
        let touched: BTreeSet<_> = self.touched.range(from + 1..=to).flat_map(|(_, keys)| keys).collect();
        let mut told = Vec::new();
        for key in touched {
            let deletion =
                self.deletions[key].iter().rev().find(|(revision, _)| *revision > from && *revision <= to);
            let one = |kind, (version, revision)| Told { kind, key: key.clone(), version, revision };
            let deleted = deletion.map(|(revision, version)| one(Type::Deleted, (*version, *revision)));
            match (self.at(key, from), self.at(key, to)) {
                (None, None) => {}
                (None, Some(is)) => told.push(one(Type::Created, is)),
                (Some(was), None) => told.push(deleted.unwrap_or_else(|| one(Type::Left, was))),
                (Some(was), Some(is)) if was == is => {}
                (Some(_), Some(is)) => {
                    let kind = if deleted.is_some() { Type::Created } else { Type::Updated };
                    told.extend(deleted);
                    told.push(one(kind, is));
                }
            }
        }
        told
    }

    /// Holds everything that a client heard, over all its streams, against the history; tells how much that was.
    pub fn check(&self, heard: &[Heard], head: i64) -> Result<usize, String> {
        let (mut place, mut every_version, mut taken) = (None, false, 0);
        for (number, one) in heard.iter().enumerate() {
            let at = |problem: String| Err(format!("{number}, {one:?}: {problem}"));
            match one {
                Heard::Opened(mode, revision) => {
                    every_version = *mode == WatchMode::EveryVersion;
                    // Whoever has no place yet begins here, unless a snapshot follows.
                    place.get_or_insert((*revision, self.map(*revision)));
                }
                Heard::Snapshot(revision, map) => {
                    let (map, right) = (self.known(map), self.map(*revision));
                    if map != right {
                        return at(format!("the snapshot should be {right:?}"));
                    }
                    place = Some((*revision, map));
                }
                Heard::Group(group) => {
                    let Some((cursor, map)) = &mut place else { return at("before Opened".to_owned()) };
                    if group.revision <= *cursor {
                        return at(format!("{cursor} was told already"));
                    }
                    let group = self.known_group(group);
                    let next = self.next_change(*cursor);
                    if every_version && !group.changes.is_empty() && next != Some(group.revision) {
                        return at(format!("after {cursor} the next change is {next:?}"));
                    }
                    let right = self.difference(*cursor, group.revision);
                    if group.changes != right {
                        return at(format!("from {cursor} it should be {right:?}"));
                    }
                    for change in &group.changes {
                        match change.kind {
                            Type::Deleted | Type::Left => map.remove(&change.key),
                            _ => map.insert(change.key.clone(), change.version),
                        };
                    }
                    (*cursor, taken) = (group.revision, taken + group.changes.len());
                }
                Heard::Progress(revision) => {
                    let Some((cursor, map)) = &mut place else { return at("before Opened".to_owned()) };
                    let right = self.map(*revision);
                    if revision < cursor || *map != right {
                        return at(format!("at {cursor} with {map:?}; a listing has {right:?}"));
                    }
                    let next = self.next_change(*cursor);
                    if every_version && next.is_some_and(|next| next <= *revision) {
                        return at(format!("the change of {next:?} was left out"));
                    }
                    *cursor = *revision;
                }
            }
        }
        match place {
            Some((cursor, map)) if cursor >= head && map == self.map(head) => Ok(taken),
            place => {
                Err(format!("it ends at {place:?}, and the registry at {head} with {:?}", self.map(head)))
            }
        }
    }

    fn known(&self, map: &Map) -> Map {
        let known = map.iter().filter(|(key, _)| !self.forgotten.contains(key));
        known.map(|(key, version)| (key.clone(), *version)).collect()
    }

    /// The group by namespace and name: a commit's own order is not promised.
    fn known_group(&self, group: &Group) -> Group {
        let mut changes = group.changes.clone();
        changes.retain(|change| !self.forgotten.contains(&change.key));
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        Group { revision: group.revision, changes }
    }
}

/// What a name is shown as from which revision on.
fn shown(life: &Life, alias: &str) -> Vec<(i64, Option<i64>)> {
    match alias {
        "" => {
            let log = life.log.iter();
            log.map(|entry| (entry.revision, (entry.event == Event::Put).then_some(entry.version))).collect()
        }
        alias => {
            let moves = life.moves.iter().filter(|moved| moved.alias == alias);
            moves.map(|moved| (moved.revision, moved.version)).collect()
        }
    }
}
