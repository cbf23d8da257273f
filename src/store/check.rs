//! Reading a view to the last byte: what a start leaves to the reads.

use std::ops::Bound::Unbounded;

use bytes::Bytes;

use super::document::unpack;
use super::read::decode_row;
use super::rows::RowKind;
use super::sled::Table;
use super::{Store, StoreError, keys};
use crate::domain::Digest;
use crate::filter::{Term, terms};
use crate::record;

impl Store {
    /// Compares every document with its version's digest, and the index with what the versions say; tells how many documents
    /// there were, and each problem by itself.
    pub fn check_documents(&self, mut problem: impl FnMut(StoreError)) -> Result<u64, StoreError> {
        let (mut documents, mut indexed) = (0, 0_u64);
        self.tables.walk(Table::Rows, Unbounded, Unbounded, |key, value| {
            let RowKind::Put(meta) = decode_row(key, &value)? else { return Ok(true) };
            let persona =
                record::decode_persona_meta(&meta, Bytes::new()).map_err(StoreError::record(key))?;
            let (namespace, name, revision) = (&persona.namespace, &persona.name, persona.revision);
            if persona.purged {
                return Ok(true);
            }
            let place = keys::content(namespace, name, revision);
            match self.tables.get(Table::Documents, &place).and_then(|value| match value {
                Some(value) => unpack(&place, value),
                None => Err(StoreError::damaged(key, "its document is not there")),
            }) {
                Ok(document) if Digest::of(&document) == persona.digest => documents += 1,
                Ok(_) => problem(StoreError::damaged(key, "its document does not have its digest")),
                Err(error) => problem(error),
            }
            for term in terms(&persona) {
                indexed += 1;
                if self.tables.get(Table::Index, &keys::index(&term, namespace, name, revision))?.is_none() {
                    problem(StoreError::damaged(key, "the index does not lead to it"));
                }
            }
            Ok(true)
        })?;
        self.tables.walk(Table::Aliases, Unbounded, Unbounded, |key, value| {
            let moved = record::decode_alias(&value).map_err(StoreError::record(key))?;
            if moved.version.is_some() {
                indexed += 1;
                let term = Term::alias(&moved.alias);
                let entry = keys::index(&term, &moved.namespace, &moved.name, moved.revision);
                if self.tables.get(Table::Index, &entry)?.is_none() {
                    problem(StoreError::damaged(key, "the index does not lead to it"));
                }
            }
            Ok(true)
        })?;
        let mut entries = 0_u64;
        self.tables.walk(Table::Index, Unbounded, Unbounded, |_, _| {
            entries += 1;
            Ok(true)
        })?;
        if entries > indexed {
            let text = format!("{entries} entries are there, and {indexed} lead somewhere");
            problem(StoreError::Damaged { key: "the index".to_owned(), problem: text });
        }
        Ok(documents)
    }
}
