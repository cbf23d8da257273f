//! Schema 4: terms lead to names that look alike and to bodies of one text.

use bytes::Bytes;

use crate::filter::{Column, Term, terms};
use crate::record;
use crate::store::read::decode_row;
use crate::store::rows::RowKind;
use crate::store::sled::{Table, Write};
use crate::store::{Store, StoreError, keys};

/// The columns that there were not before.
const NEW: [Column; 2] = [Column::Looks, Column::Body];

/// From 3 to 4. A version that was stored before bodies had marks has none, and is not found by its body.
pub(super) fn index(store: &Store) -> Result<(), StoreError> {
    store.each(Table::Rows, |key, value, writes| {
        let RowKind::Put(meta) = decode_row(key, &value)? else { return Ok(()) };
        let persona = record::decode_persona_meta(&meta, Bytes::new()).map_err(StoreError::record(key))?;
        for term in terms(&persona).into_iter().filter(is_new) {
            let entry = keys::index(&term, &persona.namespace, &persona.name, persona.revision);
            writes.push(Write::Set(Table::Index, entry, Vec::new()));
        }
        Ok(())
    })
}

/// From 4 to 3.
pub(super) fn forget(store: &Store) -> Result<(), StoreError> {
    store.each(Table::Index, |key, _, writes| {
        if NEW.iter().any(|column| key.first() == Some(&(*column as u8))) {
            writes.push(Write::Remove(Table::Index, key.to_vec()));
        }
        Ok(())
    })
}

fn is_new(term: &Term) -> bool {
    NEW.iter().any(|column| term.is_of(*column))
}
