//! A snapshot into a fresh view.

use std::io::Read;
use std::sync::Arc;

use prost::Message as _;

use super::reader::Frame;
use super::{End, Reader, SnapshotError};
use crate::domain::StoreId;
use crate::store::migrate::{self, SCHEMA, STEPS};
use crate::store::rows::{AppliedRow, FloorRow};
use crate::store::sled::{TABLES, Table, Write};
use crate::store::{Applied, Store, StoreError, keys};

impl Store {
    /// Fills an empty view from a snapshot, as part of this history. When it fails, the view is of no use.
    pub fn load<R: Read>(&self, mut reader: Reader<R>, store_id: StoreId) -> Result<End, SnapshotError> {
        let header = reader.header();
        self.set_schema(header.schema)?;
        let mut is_ready = false;
        loop {
            let frame = reader.next()?;
            if !is_ready && !matches!(frame, Frame::Entries { .. }) {
                let applied = AppliedRow::from(&Applied { store_id, sequence: header.sequence });
                let mut writes = vec![(keys::APPLIED, applied.encode_to_vec())];
                if header.floor.0 > 0 {
                    writes.push((keys::FLOOR, FloorRow { floor: header.floor.0 }.encode_to_vec()));
                }
                if header.unpurged {
                    writes.push((keys::UNPURGED, Vec::new()));
                }
                let meta = |(key, value): (&[u8], _)| Write::Set(Table::Meta, key.to_vec(), value);
                self.tables.write(writes.into_iter().map(meta).collect())?;
                migrate::migrate(self, STEPS, SCHEMA)?;
                is_ready = true;
            }
            match frame {
                Frame::Entries { table, entries } => {
                    let unknown = || StoreError::damaged(table.as_bytes(), "a table of no known name");
                    let (table, _) = TABLES.iter().find(|(_, name)| *name == table).ok_or_else(unknown)?;
                    let set = |(key, value)| Write::Set(*table, key, value);
                    self.tables.write(entries.into_iter().map(set).collect())?;
                }
                Frame::Commits(commits) => {
                    let commits: Vec<_> = commits.into_iter().map(Arc::new).collect();
                    self.apply(store_id, &commits)?;
                }
                Frame::End(end) => return Ok(end),
            }
        }
    }
}
