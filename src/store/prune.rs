//! Letting go of old history: what was superseded at or before the floor, is outside a persona's last versions, and is
//! named by no alias at any revision from the floor on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;

use super::read::decode_row;
use super::rows::{RowKind, VersionRow};
use super::sled::{Table, Write};
use super::verify::Totals;
use super::{Head, Store, StoreError, keys};
use crate::domain::{Alias, Name, Namespace, Revision, Version, limits};
use crate::filter::{Term, terms};
use crate::record;

/// A row of a persona's history.
struct Row {
    revision: Revision,
    /// The version; none: a deletion.
    version: Option<Version>,
}

impl Store {
    /// Lets go of what of a persona's history may go below a floor; tells what went.
    pub fn prune(
        &self,
        namespace: &Namespace,
        name: &Name,
        head: &Head,
        floor: Revision,
    ) -> Result<Totals, StoreError> {
        let mut writes = Vec::new();
        let named = match head.alias_revision.0 {
            0 => BTreeSet::new(),
            _ => self.prune_aliases(namespace, name, floor, &mut writes)?,
        };
        let mut totals = Totals::default();
        let oldest_kept = head.last_version.0.saturating_sub(limits::HISTORY_VERSIONS).saturating_add(1);
        if oldest_kept > 1 {
            totals = self.prune_rows(namespace, name, floor, (Version(oldest_kept), &named), &mut writes)?;
        }
        self.tables.write(writes)?;
        Ok(totals)
    }

    /// The rows, without what they hold, in order.
    fn rows_of(&self, namespace: &Namespace, name: &Name) -> Result<Vec<Row>, StoreError> {
        let prefix = keys::of_persona(namespace, name);
        let end = keys::successor(&prefix);
        let to = end.as_deref().map_or(Unbounded, Excluded);
        let mut versions = BTreeMap::new();
        self.tables.walk(Table::Versions, Included(&prefix), to, |key, value| {
            let row = VersionRow::read(key, &value)?;
            let (_, _, version) =
                keys::parse_numbered(key).ok_or_else(|| StoreError::damaged(key, "no version's key"))?;
            versions.insert(row.revision, Version(version));
            Ok(true)
        })?;
        let mut rows = Vec::new();
        self.tables.walk(Table::Rows, Included(&prefix), to, |key, _| {
            let (_, _, revision) =
                keys::parse_numbered(key).ok_or_else(|| StoreError::damaged(key, "no row's key"))?;
            let revision = Revision(revision);
            rows.push(Row { revision, version: versions.get(&revision).copied() });
            Ok(true)
        })?;
        Ok(rows)
    }

    fn prune_rows(
        &self,
        namespace: &Namespace,
        name: &Name,
        floor: Revision,
        (oldest_kept, named): (Version, &BTreeSet<Version>),
        writes: &mut Vec<Write>,
    ) -> Result<Totals, StoreError> {
        let mut totals = Totals::default();
        let rows = self.rows_of(namespace, name)?;
        let mut last_version = Version(0);
        for (row, next) in rows.iter().zip(rows.iter().skip(1)) {
            last_version = row.version.unwrap_or(last_version);
            if next.revision > floor || last_version >= oldest_kept {
                break;
            }
            if row.version.is_some_and(|version| named.contains(&version)) {
                continue;
            }
            let key = keys::row(namespace, name, row.revision);
            if let Some(version) = row.version {
                let Some(value) = self.tables.get(Table::Rows, &key)? else { continue };
                let RowKind::Put(meta) = decode_row(&key, &value)? else { continue };
                let persona = record::decode_persona_meta(&meta, Bytes::new());
                let persona = persona.map_err(StoreError::record(&key))?;
                totals.versions += 1;
                totals.bytes += u64::from(persona.size);
                for term in terms(&persona) {
                    let entry = keys::index(&term, namespace, name, row.revision);
                    writes.push(Write::Remove(Table::Index, entry));
                }
                writes.push(Write::Remove(Table::Versions, keys::version(namespace, name, version)));
                let document = keys::content(namespace, name, row.revision);
                writes.push(Write::Remove(Table::Documents, document));
            }
            writes.push(Write::Remove(Table::Rows, key));
        }
        Ok(totals)
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

    /// The oldest floor from which on at most so many bytes of documents were written; 0: all of them fit.
    pub fn floor_for(&self, bytes: u64) -> Result<Revision, StoreError> {
        let (mut sum, mut floor) = (0_u64, Revision(0));
        self.tables.walk_back(Table::Documents, Unbounded, Unbounded, |key, value| {
            sum = sum.saturating_add(value.len() as u64);
            if sum > bytes
                && let Some(revision) = key.first_chunk()
            {
                floor = Revision(u64::from_be_bytes(*revision));
                return Ok(false);
            }
            Ok(true)
        })?;
        Ok(floor)
    }
}
