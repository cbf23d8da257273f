//! The view into a snapshot, while writes go on.

use std::io::Write;
use std::ops::Bound::Unbounded;

use bytes::Bytes;

use super::{Header, SnapshotError, Writer};
use crate::domain::{Revision, Sequence, StoreId, Timestamp};
use crate::record;
use crate::store::read::decode_row;
use crate::store::rows::{RowKind, VersionRow};
use crate::store::sled::{TABLES, Table};
use crate::store::{Store, StoreError, keys};

/// How many of each there are, of the revisions up to the place at which a snapshot was begun: nothing of them goes meanwhile, so
/// the numbers agree unless the engine left something out.
#[derive(Default)]
struct Tally {
    documents: u64,
    rows: u64,
    purged: u64,
    versions: u64,
    log: Option<Revision>,
}

impl Store {
    /// What a snapshot that is begun now begins with. Nothing may be applied between this and the place given.
    pub fn header(
        &self,
        store_id: StoreId,
        (sequence, revision): (Sequence, Revision),
        time: Timestamp,
    ) -> Result<Header, StoreError> {
        Ok(Header {
            schema: self.schema()?.unwrap_or(crate::store::migrate::SCHEMA),
            store_id,
            sequence,
            revision,
            floor: self.floor()?,
            time,
            unpurged: self.is_unpurged()?,
        })
    }

    /// Writes every table. What is applied meanwhile may be in it or not, so the commits since the header's place must follow.
    /// Nothing may be pruned, purged or forgotten meanwhile.
    pub fn dump<W: Write>(
        &self,
        header: &Header,
        out: &mut Writer<W>,
        cancelled: impl Fn() -> bool,
    ) -> Result<(), SnapshotError> {
        let mut tally = Tally::default();
        let mut tables: Vec<_> = TABLES.into_iter().filter(|(table, _)| *table != Table::Meta).collect();
        // Documents first: what filling a view with them leaves on the disk is used again for the rest.
        tables.sort_by_key(|(table, _)| *table != Table::Documents);
        for (table, name) in tables {
            let mut failed = None;
            self.tables.walk(table, Unbounded, Unbounded, |key, value| {
                tally.count(table, key, &value, header)?;
                let wrote =
                    if cancelled() { Err(SnapshotError::Cancelled) } else { out.entry(name, key, &value) };
                failed = wrote.err();
                Ok(failed.is_none())
            })?;
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Ok(tally.agrees(header)?)
    }
}

impl Tally {
    fn count(&mut self, table: Table, key: &[u8], value: &Bytes, header: &Header) -> Result<(), StoreError> {
        let is_old = |revision: u64| revision <= header.revision.0;
        match table {
            Table::Documents | Table::Contents => {
                let revision = key.first_chunk().map_or(0, |revision| u64::from_be_bytes(*revision));
                self.documents += u64::from(is_old(revision));
            }
            Table::Rows => {
                let revision = keys::parse_numbered(key).map_or(0, |(_, _, revision)| revision);
                if let (true, RowKind::Put(meta)) = (is_old(revision), decode_row(key, value)?) {
                    let persona = record::decode_persona_meta(&meta, Bytes::new());
                    self.rows += 1;
                    self.purged += u64::from(persona.map_err(StoreError::record(key))?.purged);
                }
            }
            Table::Versions => self.versions += u64::from(is_old(VersionRow::read(key, value)?.revision.0)),
            Table::Log => {
                let revision = crate::store::rows::revision(key, key)?;
                if self.log.is_some_and(|last| last.next() != revision) {
                    return Err(StoreError::damaged(key, "the change log has a gap before it"));
                }
                self.log = Some(revision);
            }
            _ => {}
        }
        Ok(())
    }

    fn agrees(&self, header: &Header) -> Result<(), StoreError> {
        let Self { documents, rows, purged, versions, log } = *self;
        let ends = log.unwrap_or(header.floor) >= header.revision;
        // Below a floor, what a crash left of a version that was about to go may still be there.
        let (least, most) = (versions.saturating_sub(purged), rows.saturating_sub(purged));
        let agree = if header.floor.0 == 0 {
            rows == versions && documents == most
        } else {
            rows >= versions && (least..=most).contains(&documents)
        };
        if agree && ends {
            return Ok(());
        }
        let problem = format!("{rows} rows, {versions} versions and {documents} documents do not agree");
        Err(StoreError::Damaged { key: "the view".to_owned(), problem })
    }
}
