//! Letting go of old history: what was superseded at or before the floor, is outside a persona's last versions, and is
//! named by no alias at any revision from the floor on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;

use super::document::unpacked_len;
use super::read::decode_row;
use super::rows::RowKind;
use super::sled::{Table, Write};
use super::verify::Totals;
use super::{Head, Store, StoreError, keys};
use crate::domain::{Alias, Name, Namespace, Persona, Revision, Version, limits};
use crate::filter::{Term, terms};
use crate::record;

/// What a look at one persona took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// What went.
    pub totals: Totals,
    /// Whether that was all that may go; else it is to be looked at again.
    pub is_done: bool,
}

/// A row of a persona's history.
enum Row {
    Version(Box<Persona>),
    /// After this version.
    Deletion(Version),
}

impl Row {
    const fn version(&self) -> Version {
        match self {
            Self::Version(persona) => persona.version,
            Self::Deletion(version) => *version,
        }
    }
}

impl Store {
    /// Lets go of what of a persona's history may go below a floor, `limit` rows at most.
    pub fn prune(
        &self,
        namespace: &Namespace,
        name: &Name,
        head: &Head,
        floor: Revision,
        limit: usize,
    ) -> Result<Pruned, StoreError> {
        let mut writes = Vec::new();
        let named = match head.alias_revision.0 {
            0 => BTreeSet::new(),
            _ => self.prune_aliases(namespace, name, floor, &mut writes)?,
        };
        let mut pruned = Pruned { totals: Totals::default(), is_done: true };
        let oldest_kept = head.last_version.0.saturating_sub(limits::HISTORY_VERSIONS).saturating_add(1);
        if oldest_kept > 1 {
            let kept = (Version(oldest_kept), &named);
            pruned = self.prune_rows(namespace, name, floor, kept, limit, &mut writes)?;
        }
        self.tables.write(writes)?;
        Ok(pruned)
    }

    /// Walks the rows up to the first that the floor does not reach.
    fn prune_rows(
        &self,
        namespace: &Namespace,
        name: &Name,
        floor: Revision,
        (oldest_kept, named): (Version, &BTreeSet<Version>),
        limit: usize,
        writes: &mut Vec<Write>,
    ) -> Result<Pruned, StoreError> {
        let prefix = keys::of_persona(namespace, name);
        let end = keys::successor(&prefix);
        let to = end.as_deref().map_or(Unbounded, Excluded);
        let (mut totals, mut gone, mut is_done, mut last) = (Totals::default(), 0, true, None);
        self.tables.walk(Table::Rows, Included(&prefix), to, |key, value| {
            let (_, _, revision) =
                keys::parse_numbered(key).ok_or_else(|| StoreError::damaged(key, "no row's key"))?;
            if revision > floor.0 {
                return Ok(false);
            }
            let row = match decode_row(key, &value)? {
                RowKind::Put(meta) => {
                    let persona = record::decode_persona_meta(&meta, Bytes::new());
                    Row::Version(Box::new(persona.map_err(StoreError::record(key))?))
                }
                RowKind::Delete(tombstone) => Row::Deletion(
                    record::decode_tombstone(&tombstone).map_err(StoreError::record(key))?.last_version,
                ),
            };
            // Another one took its place at or below the floor: this one.
            let overtaken = last.replace((key.to_vec(), row));
            let Some((key, row)) = overtaken else { return Ok(true) };
            if row.version() >= oldest_kept {
                return Ok(false);
            }
            if gone >= limit {
                is_done = false;
                return Ok(false);
            }
            match &row {
                Row::Version(persona) if named.contains(&persona.version) => return Ok(true),
                Row::Version(persona) => totals.add(self.prune_version(persona, writes)?),
                Row::Deletion(_) => {}
            }
            writes.push(Write::Remove(Table::Rows, key));
            gone += 1;
            Ok(true)
        })?;
        Ok(Pruned { totals, is_done })
    }

    /// All of a version but its row, which goes last: a reader that finds the number gone, or a start after a crash in the
    /// midst of it, knows what that means.
    fn prune_version(&self, persona: &Persona, writes: &mut Vec<Write>) -> Result<Totals, StoreError> {
        let Persona { namespace, name, version, revision, size, .. } = persona;
        let number = keys::version(namespace, name, *version);
        let was_there = self.tables.get(Table::Versions, &number)?.is_some();
        writes.push(Write::Remove(Table::Versions, number));
        writes.push(Write::Remove(Table::Documents, keys::content(namespace, name, *revision)));
        for term in terms(persona) {
            writes.push(Write::Remove(Table::Index, keys::index(&term, namespace, name, *revision)));
        }
        Ok(if was_there { Totals { versions: 1, bytes: u64::from(*size) } } else { Totals::default() })
    }

    /// Moves that were overtaken at or before the floor go. Tells the versions that the others name.
    fn prune_aliases(
        &self,
        namespace: &Namespace,
        name: &Name,
        floor: Revision,
        writes: &mut Vec<Write>,
    ) -> Result<BTreeSet<Version>, StoreError> {
        let mut moves: BTreeMap<Alias, Vec<(Revision, Option<Version>)>> = BTreeMap::new();
        self.alias_moves(namespace, name, |moved| {
            moves.entry(moved.alias).or_default().push((moved.revision, moved.version));
            Ok(true)
        })?;
        let mut named = BTreeSet::new();
        for (alias, moves) in moves {
            let followers = moves.iter().skip(1).map(|(revision, _)| Some(*revision)).chain([None]);
            for ((revision, version), next) in moves.iter().zip(followers) {
                // A removal that nothing precedes says what an absence says.
                let is_over =
                    next.is_some_and(|next| next <= floor) || (version.is_none() && *revision <= floor);
                if !is_over {
                    named.extend(*version);
                    continue;
                }
                writes.push(Write::Remove(Table::Aliases, keys::alias(namespace, name, &alias, *revision)));
                let entry = keys::index(&Term::alias(&alias), namespace, name, *revision);
                writes.push(Write::Remove(Table::Index, entry));
            }
        }
        Ok(named)
    }

    /// Lets go of entries of the change log at or below the floor, `limit` of them at most; tells how many went.
    pub fn prune_log(&self, floor: Revision, limit: usize) -> Result<usize, StoreError> {
        let mut writes = Vec::new();
        let end = keys::log(floor);
        self.tables.walk(Table::Log, Unbounded, Included(&end), |key, _| {
            writes.push(Write::Remove(Table::Log, key.to_vec()));
            Ok(writes.len() < limit)
        })?;
        let gone = writes.len();
        self.tables.write(writes)?;
        Ok(gone)
    }

    /// A floor above this one below which there are so many bytes of documents more, or which so many documents lie below;
    /// the newest revision there is, where they do not come to that.
    pub fn floor_for(&self, bytes: u64, floor: Revision, limit: usize) -> Result<Revision, StoreError> {
        let (mut sum, mut seen, mut raised) = (0_u64, 0, floor);
        let from = keys::log(floor.next());
        self.tables.walk(Table::Documents, Included(&from), Unbounded, |key, value| {
            let revision = key.first_chunk().map_or(0, |revision| u64::from_be_bytes(*revision));
            raised = Revision(revision);
            sum = sum.saturating_add(unpacked_len(&value));
            seen += 1;
            Ok(sum < bytes && seen < limit)
        })?;
        Ok(raised)
    }
}
