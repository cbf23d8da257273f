//! What was: versions by number, entries of a persona's history, where aliases pointed, the floor.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;
use prost::Message;

use super::read::decode_row;
use super::rows::{FloorRow, HeadRow, RowKind, VersionRow};
use super::sled::{Table, Write};
use super::{Head, Store, StoreError, keys};
use crate::domain::{
    Alias, AliasMove, Name, Namespace, Persona, Revision, Timestamp, Tombstone, Version, View, limits,
};
use crate::record;

/// How a version number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// There never was such a version.
    Never,
    /// It was pruned.
    Pruned,
    /// This revision made it; its row tells whether it was purged.
    Kept(Revision),
}

/// One entry of a persona's history.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A version, without its document; purged ones say so.
    Version(Box<Persona>),
    /// A deletion.
    Deletion(Tombstone),
}

impl Entry {
    /// The version, or the last one before the deletion.
    #[must_use]
    pub const fn version(&self) -> Version {
        match self {
            Self::Version(persona) => persona.version,
            Self::Deletion(tombstone) => tombstone.last_version,
        }
    }
}

impl Store {
    /// How a version number stands.
    pub fn version(
        &self,
        namespace: &Namespace,
        name: &Name,
        version: Version,
    ) -> Result<VersionState, StoreError> {
        let Some(head) = self.head(namespace, name)? else { return Ok(VersionState::Never) };
        if version > head.last_version || version.0 == 0 {
            return Ok(VersionState::Never);
        }
        let key = keys::version(namespace, name, version);
        Ok(match self.tables.get(Table::Versions, &key)? {
            Some(value) => VersionState::Kept(VersionRow::read(&key, &value)?.revision),
            None if version.0.saturating_add(limits::HISTORY_VERSIONS) > head.last_version.0
                || self.floor()?.0 == 0 =>
            {
                return Err(StoreError::damaged(&key, "the version is not there"));
            }
            None => VersionState::Pruned,
        })
    }

    /// A persona's history up to a revision, newest first, below `before`, for as long as `each` says so.
    pub fn history(
        &self,
        namespace: &Namespace,
        name: &Name,
        before: Revision,
        mut each: impl FnMut(Entry) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let (from, to) = (keys::row(namespace, name, Revision(0)), keys::row(namespace, name, before));
        self.tables.walk_back(Table::Rows, Included(&from), Excluded(&to), |key, value| {
            each(match decode_row(key, &value)? {
                RowKind::Put(meta) => {
                    let persona = record::decode_persona_meta(&meta, Bytes::new());
                    Entry::Version(Box::new(persona.map_err(StoreError::record(key))?))
                }
                RowKind::Delete(tombstone) => {
                    Entry::Deletion(record::decode_tombstone(&tombstone).map_err(StoreError::record(key))?)
                }
            })
        })
    }

    /// The version that an alias named at a revision, and the revision that had pointed it there: of a name whose
    /// head is known.
    pub fn alias_of(
        &self,
        head: &Head,
        namespace: &Namespace,
        name: &Name,
        alias: &Alias,
        at: Revision,
    ) -> Result<Option<(Version, Revision)>, StoreError> {
        if head.alias_revision <= at {
            return Ok(head.aliases.get(alias).copied());
        }
        let from = keys::alias(namespace, name, alias, Revision(0));
        let to = keys::alias(namespace, name, alias, at);
        let Some((key, value)) = self.tables.last(Table::Aliases, &from, &to)? else { return Ok(None) };
        let moved = record::decode_alias(&value).map_err(StoreError::record(&key))?;
        Ok(moved.version.map(|version| (version, moved.revision)))
    }

    /// The moves that made a persona's aliases what they were at a revision, by alias.
    pub fn aliases_at(
        &self,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
    ) -> Result<Vec<AliasMove>, StoreError> {
        let Some(head) = self.head(namespace, name)? else { return Ok(Vec::new()) };
        if head.alias_revision <= at {
            let moved = |(alias, (_, revision)): (&Alias, &(Version, Revision))| {
                let key = keys::alias(namespace, name, alias, *revision);
                let missing = || StoreError::damaged(&key, "the move of an alias is not there");
                let value = self.tables.get(Table::Aliases, &key)?.ok_or_else(missing)?;
                record::decode_alias(&value).map_err(StoreError::record(&key))
            };
            return head.aliases.iter().map(moved).collect();
        }
        let mut moves: BTreeMap<Alias, AliasMove> = BTreeMap::new();
        self.alias_moves(namespace, name, |moved| {
            if moved.revision <= at {
                moves.insert(moved.alias.clone(), moved);
            }
            Ok(true)
        })?;
        Ok(moves.into_values().filter(|moved| moved.version.is_some()).collect())
    }

    /// Every move of a persona's aliases that is kept, by alias and revision.
    pub(super) fn alias_moves(
        &self,
        namespace: &Namespace,
        name: &Name,
        mut each: impl FnMut(AliasMove) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let prefix = keys::of_persona(namespace, name);
        let end = keys::successor(&prefix);
        let to = end.as_deref().map_or(Unbounded, Excluded);
        self.tables.walk(Table::Aliases, Included(&prefix), to, |key, value| {
            each(record::decode_alias(&value).map_err(StoreError::record(key))?)
        })
    }

    /// Revision of the row that an alias showed at a revision; without an alias, of the live one.
    pub fn shown_row(
        &self,
        namespace: &Namespace,
        name: &Name,
        alias: Option<&Alias>,
        at: Revision,
    ) -> Result<Option<Revision>, StoreError> {
        let Some(head) = self.head(namespace, name)? else { return Ok(None) };
        let Some(alias) = alias else { return self.live_row_of(&head, namespace, name, at) };
        let Some((version, _)) = self.alias_of(&head, namespace, name, alias, at)? else { return Ok(None) };
        let key = keys::version(namespace, name, version);
        match self.tables.get(Table::Versions, &key)? {
            Some(value) => Ok(Some(VersionRow::read(&key, &value)?.revision)),
            None => Err(StoreError::damaged(&key, "a version that an alias names is not there")),
        }
    }

    /// The version that an alias showed at a revision; without an alias, the live one.
    pub fn shown(
        &self,
        namespace: &Namespace,
        name: &Name,
        alias: Option<&Alias>,
        at: Revision,
        view: View,
    ) -> Result<Option<Persona>, StoreError> {
        let Some(revision) = self.shown_row(namespace, name, alias, at)? else { return Ok(None) };
        let missing = || StoreError::damaged(&keys::row(namespace, name, revision), "the row is not there");
        self.row(namespace, name, revision, view)?.ok_or_else(missing).map(Some)
    }

    /// Walks the rows that were live at a revision, behind `after` in order of (namespace, name), for as long as `each` says so.
    pub fn live_rows_after(
        &self,
        namespace: Option<&Namespace>,
        after: Option<(&Namespace, &Name)>,
        at: Revision,
        mut each: impl FnMut(&Namespace, &Name, Revision) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.heads_after(namespace, after, |namespace, name, head| {
            match self.live_row_of(&head, &namespace, &name, at)? {
                Some(row) => each(&namespace, &name, row),
                None => Ok(true),
            }
        })
    }

    /// Walks the heads behind `after` in order of (namespace, name), for as long as `each` says so.
    pub fn heads_after(
        &self,
        namespace: Option<&Namespace>,
        after: Option<(&Namespace, &Name)>,
        mut each: impl FnMut(Namespace, Name, Head) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let prefix = namespace.map(keys::namespace);
        let after = after.map(|(namespace, name)| keys::persona(namespace, name));
        let from = match (&after, &prefix) {
            (Some(after), _) => Excluded(after.as_slice()),
            (None, Some(prefix)) => Included(prefix.as_slice()),
            (None, None) => Unbounded,
        };
        let end = prefix.as_deref().and_then(keys::successor);
        let to = end.as_deref().map_or(Unbounded, Excluded);
        self.tables.walk(Table::Heads, from, to, |key, value| {
            let (namespace, name) =
                keys::parse_persona(key).ok_or_else(|| StoreError::damaged(key, "no persona's key"))?;
            each(namespace, name, HeadRow::read(key, &value)?)
        })
    }

    /// The oldest revision that can be read as of; 0: all of them can.
    pub fn floor(&self) -> Result<Revision, StoreError> {
        let Some(value) = self.tables.get(Table::Meta, keys::FLOOR)? else { return Ok(Revision(0)) };
        let row = FloorRow::decode(value).map_err(|error| StoreError::damaged(keys::FLOOR, error))?;
        Ok(Revision(row.floor))
    }

    /// The newest revision behind the floor that was committed at a moment or before; the floor: none was.
    pub fn revision_at(&self, time: Timestamp, floor: Revision) -> Result<Revision, StoreError> {
        let mut found = floor;
        // Times never fall along the log: what is older than the moment stands in front.
        self.tables.walk(Table::Log, Excluded(&keys::log(floor)), Unbounded, |key, value| {
            let entry = super::read::log_entry(key, &value)?;
            if entry.time <= time {
                found = entry.revision;
            }
            Ok(entry.time <= time)
        })?;
        Ok(found)
    }

    /// Whether bytes of a purged version may still stand somewhere in the view's files or the journal.
    pub fn is_unpurged(&self) -> Result<bool, StoreError> {
        Ok(self.tables.get(Table::Meta, keys::UNPURGED)?.is_some())
    }

    /// Notes that no such bytes stand anywhere any more.
    pub fn set_purged(&self) -> Result<(), StoreError> {
        self.tables.write(vec![Write::Remove(Table::Meta, keys::UNPURGED.to_vec())])?;
        self.sync()
    }
}
