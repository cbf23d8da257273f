//! Schema 3: documents are packed in a table of their own, versions say how large theirs is, and terms lead to versions.
//!
//! Each entry is written in its new place before it leaves the old one: whatever a step that was cut short has done is
//! left alone by the next run, and the rest follows.

use std::ops::Bound::{Excluded, Unbounded};

use bytes::Bytes;

use crate::domain::Revision;
use crate::filter::terms;
use crate::record;
use crate::store::document;
use crate::store::read::decode_row;
use crate::store::rows::{RowKind, VersionRow};
use crate::store::sled::{Table, Write};
use crate::store::{Store, StoreError, keys};

/// Entries taken at once, so that memory stays bounded.
const AT_ONCE: usize = 1000;

/// From 2 to 3.
pub(super) fn pack(store: &Store) -> Result<(), StoreError> {
    store.each(Table::Rows, |key, value, writes| {
        let RowKind::Put(meta) = decode_row(key, &value)? else { return Ok(()) };
        let persona = record::decode_persona_meta(&meta, Bytes::new()).map_err(StoreError::record(key))?;
        let (namespace, name) = (&persona.namespace, &persona.name);
        for term in terms(&persona) {
            let entry = keys::index(&term, namespace, name, persona.revision);
            writes.push(Write::Set(Table::Index, entry, Vec::new()));
        }
        let row = VersionRow { revision: persona.revision, size: persona.size };
        let version = keys::version(namespace, name, persona.version);
        writes.push(Write::Set(Table::Versions, version, row.encode()));
        Ok(())
    })?;
    store.each(Table::Contents, |key, value, writes| {
        writes.push(Write::Set(Table::Documents, key.to_vec(), document::pack(&value)));
        writes.push(Write::Remove(Table::Contents, key.to_vec()));
        Ok(())
    })
}

/// From 3 to 2. Aliases and the floor are not known there: a program of that schema refuses the journal that tells of
/// them.
pub(super) fn unpack(store: &Store) -> Result<(), StoreError> {
    store.each(Table::Documents, |key, value, writes| {
        writes.push(Write::Set(Table::Contents, key.to_vec(), document::unpack(key, value)?.to_vec()));
        writes.push(Write::Remove(Table::Documents, key.to_vec()));
        Ok(())
    })?;
    store.each(Table::Versions, |key, value, writes| {
        if value.len() > size_of::<Revision>() {
            let revision = VersionRow::read(key, &value)?.revision;
            writes.push(Write::Set(Table::Versions, key.to_vec(), keys::log(revision).to_vec()));
        }
        Ok(())
    })?;
    store.each(Table::Index, |key, _, writes| {
        writes.push(Write::Remove(Table::Index, key.to_vec()));
        Ok(())
    })
}

impl Store {
    /// Has every entry of a table answered with writes, some at a time.
    pub(super) fn each(
        &self,
        table: Table,
        mut answer: impl FnMut(&[u8], Bytes, &mut Vec<Write>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (mut writes, mut seen, mut last) = (Vec::new(), 0, None);
            let from = after.as_deref().map_or(Unbounded, Excluded);
            self.tables.walk(table, from, Unbounded, |key, value| {
                answer(key, value, &mut writes)?;
                (seen, last) = (seen + 1, Some(key.to_vec()));
                Ok(seen < AT_ONCE)
            })?;
            self.tables.write(writes)?;
            match last {
                Some(key) if seen == AT_ONCE => after = Some(key),
                _ => return Ok(()),
            }
        }
    }
}
