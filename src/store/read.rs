//! Reads of the view, each as of a revision: newer rows are invisible.

use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;
use prost::Message;

use super::document::unpack;
use super::rows::{self, AppliedRow, HeadRow, LogRow, Row, RowKind};
use super::sled::Table;
use super::{Applied, Head, Store, StoreError, keys};
use crate::domain::{
    Alias, Brought, Name, Namespace, Persona, RequestKey, RequestRecord, Revision, SourceBase, SourceId,
    Timestamp, Version, View,
};
use crate::record;

/// One revision of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The revision.
    pub revision: Revision,
    /// When it was committed.
    pub time: Timestamp,
    /// What changed, one a name.
    pub changes: Vec<LogChange>,
}

/// One change of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChange {
    /// The namespace touched.
    pub namespace: Namespace,
    /// The persona touched.
    pub name: Name,
    /// What happened.
    pub kind: LogKind,
    /// The version made, of a deletion the last there was; of a moved alias the one that it names now, 0 where it was
    /// removed; of a purge the version purged.
    pub version: Version,
    /// The alias that was moved.
    pub alias: Option<Alias>,
}

/// What happened to a persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// A version where there was no live persona.
    Created,
    /// A version of a live persona.
    Updated,
    /// A deletion, of its aliases too.
    Deleted,
    /// An alias was moved or removed: what is live stays.
    Aliased,
    /// The bytes of a version were purged: what is live stays, and what aliases name.
    Purged,
}

impl LogKind {
    /// Whether the live persona is another one after it.
    #[must_use]
    pub const fn is_of_persona(self) -> bool {
        matches!(self, Self::Created | Self::Updated | Self::Deleted)
    }
}

impl Store {
    /// How far the view is; none when it is empty.
    pub fn applied(&self) -> Result<Option<Applied>, StoreError> {
        let key = keys::APPLIED;
        self.tables.get(Table::Meta, key)?.map(|value| AppliedRow::read(key, &value)).transpose()
    }

    /// The newest state of a name.
    pub fn head(&self, namespace: &Namespace, name: &Name) -> Result<Option<Head>, StoreError> {
        let key = keys::persona(namespace, name);
        self.tables.get(Table::Heads, &key)?.map(|value| HeadRow::read(&key, &value)).transpose()
    }

    /// Revision of the row that was live at a revision, of a name whose head is known.
    pub(super) fn live_row_of(
        &self,
        head: &Head,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
    ) -> Result<Option<Revision>, StoreError> {
        if head.revision <= at {
            return Ok(head.live.is_some().then_some(head.revision));
        }
        let (from, to) = (keys::row(namespace, name, Revision(0)), keys::row(namespace, name, at));
        let Some((key, value)) = self.tables.last(Table::Rows, &from, &to)? else { return Ok(None) };
        match decode_row(&key, &value)? {
            RowKind::Put(_) => {
                let place = keys::parse_numbered(&key);
                let (_, _, revision) = place.ok_or_else(|| StoreError::damaged(&key, "no row's key"))?;
                Ok(Some(Revision(revision)))
            }
            RowKind::Delete(_) => Ok(None),
        }
    }

    /// The version that a revision's row holds; none when that row is a deletion or is not there.
    pub fn row(
        &self,
        namespace: &Namespace,
        name: &Name,
        revision: Revision,
        view: View,
    ) -> Result<Option<Persona>, StoreError> {
        let key = keys::row(namespace, name, revision);
        let Some(value) = self.tables.get(Table::Rows, &key)? else { return Ok(None) };
        let RowKind::Put(meta) = decode_row(&key, &value)? else { return Ok(None) };
        let mut persona =
            record::decode_persona_meta(&meta, Bytes::new()).map_err(StoreError::record(&key))?;
        if view == View::Full && !persona.purged {
            let place = keys::content(namespace, name, revision);
            let Some(value) = self.tables.get(Table::Documents, &place)? else {
                return self.row_without_document(&key, persona);
            };
            persona.content = unpack(&place, value)?;
        }
        Ok(Some(persona))
    }

    /// What a version is whose document was not found: it may have been purged or pruned in this moment.
    fn row_without_document(&self, key: &[u8], persona: Persona) -> Result<Option<Persona>, StoreError> {
        let version = keys::version(&persona.namespace, &persona.name, persona.version);
        if self.tables.get(Table::Versions, &version)?.is_none() {
            return Ok(None);
        }
        let Some(value) = self.tables.get(Table::Rows, key)? else { return Ok(None) };
        let RowKind::Put(meta) = decode_row(key, &value)? else { return Ok(None) };
        let again = record::decode_persona_meta(&meta, Bytes::new()).map_err(StoreError::record(key))?;
        if again.purged {
            Ok(Some(again))
        } else {
            Err(StoreError::damaged(key, "the document is not there"))
        }
    }

    /// Walks the entries of the change log after `after` and up to `to`, in order, for as long as `each` says so.
    /// Every revision above the floor has one: a missing entry is damage.
    pub fn log(
        &self,
        after: Revision,
        to: Revision,
        mut each: impl FnMut(LogEntry) -> bool,
    ) -> Result<(), StoreError> {
        if after >= to {
            return Ok(());
        }
        let (from, end) = (keys::log(after), keys::log(to));
        let missing = |revision| {
            StoreError::damaged(&keys::log(revision), format!("revision {revision} is not in the change log"))
        };
        let (mut expected, mut stopped) = (after.next(), false);
        self.tables.walk(Table::Log, Excluded(&from), Included(&end), |key, value| {
            let entry = log_entry(key, &value)?;
            if entry.revision != expected {
                return Err(missing(expected));
            }
            expected = expected.next();
            stopped = !each(entry);
            Ok(!stopped)
        })?;
        if !stopped && expected <= to {
            return Err(missing(expected));
        }
        Ok(())
    }

    /// The recorded outcome of a request.
    pub fn request(&self, request: &RequestKey) -> Result<Option<RequestRecord>, StoreError> {
        let value = self.tables.get(Table::Requests, &request.0)?;
        value.map(|value| record::decode_request(&value).map_err(StoreError::record(&request.0))).transpose()
    }

    /// What a folder last brought for a name.
    pub fn base(
        &self,
        source: &SourceId,
        namespace: &Namespace,
        name: &Name,
    ) -> Result<Option<Brought>, StoreError> {
        let key = keys::base(source, namespace, name);
        let Some(value) = self.tables.get(Table::Bases, &key)? else { return Ok(None) };
        Ok(record::decode_base(&value).map_err(StoreError::record(&key))?.brought)
    }

    /// Everything that a folder brought, by namespace and name.
    pub fn bases(&self, source: &SourceId) -> Result<Vec<SourceBase>, StoreError> {
        let prefix = keys::bases(source);
        let end = keys::successor(&prefix);
        let mut bases = Vec::new();
        self.tables.walk(
            Table::Bases,
            Included(&prefix),
            end.as_deref().map_or(Unbounded, Excluded),
            |key, value| {
                bases.push(record::decode_base(&value).map_err(StoreError::record(key))?);
                Ok(true)
            },
        )?;
        Ok(bases)
    }
}

pub(super) fn decode_row(key: &[u8], value: &[u8]) -> Result<RowKind, StoreError> {
    let row = Row::decode(value).map_err(|error| StoreError::damaged(key, error))?;
    row.kind.ok_or_else(|| StoreError::damaged(key, "a row of no kind"))
}

pub(super) fn log_entry(key: &[u8], value: &[u8]) -> Result<LogEntry, StoreError> {
    let row = LogRow::decode(value).map_err(|error| StoreError::damaged(key, error))?;
    let changes = row.changes.iter().map(|change| {
        let (namespace, name) = change.names(key)?;
        let kind = match change.kind {
            1 => LogKind::Created,
            2 => LogKind::Updated,
            3 => LogKind::Deleted,
            4 => LogKind::Aliased,
            5 => LogKind::Purged,
            other => return Err(StoreError::damaged(key, format!("a change of kind {other}"))),
        };
        let alias = match change.alias.as_str() {
            "" => None,
            alias => Some(alias.parse().map_err(|error| StoreError::damaged(key, error))?),
        };
        Ok(LogChange { namespace, name, kind, version: Version(change.version), alias })
    });
    let changes = changes.collect::<Result<_, _>>()?;
    Ok(LogEntry { revision: rows::revision(key, key)?, time: rows::time(&row), changes })
}
