//! Reads of the view, each as of a revision: newer rows are invisible.

use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;
use prost::Message;

use super::rows::{self, AppliedRow, HeadRow, LogRow, Row, RowKind};
use super::sled::Table;
use super::{Applied, Head, Store, StoreError, keys};
use crate::domain::{
    Brought, Name, Namespace, Persona, RequestKey, RequestRecord, Revision, SourceBase, SourceId, Timestamp,
    Version, View,
};
use crate::record;

/// One persona of a listing, as it was at the revision asked for.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The set it belongs to.
    pub namespace: Namespace,
    /// Its identity there.
    pub name: Name,
    /// Revision of the row to read.
    pub revision: Revision,
}

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
    /// The version made, or of a deletion the last there was.
    pub version: Version,
}

/// What happened to a persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// A version where there was no live persona.
    Created,
    /// A version of a live persona.
    Updated,
    /// A deletion.
    Deleted,
}

impl Store {
    /// How far the view is; none when it is empty.
    pub fn applied(&self) -> Result<Option<Applied>, StoreError> {
        let key = b"applied";
        self.tables.get(Table::Meta, key)?.map(|value| AppliedRow::read(key, &value)).transpose()
    }

    /// The newest state of a name.
    pub fn head(&self, namespace: &Namespace, name: &Name) -> Result<Option<Head>, StoreError> {
        let key = keys::persona(namespace, name);
        self.tables.get(Table::Heads, &key)?.map(|value| HeadRow::read(&key, &value)).transpose()
    }

    /// Walks all heads in order of (namespace, name).
    pub fn heads(
        &self,
        mut each: impl FnMut(Namespace, Name, Head) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.tables.walk(Table::Heads, Unbounded, Unbounded, |key, value| {
            let (namespace, name) =
                keys::parse_persona(key).ok_or_else(|| StoreError::damaged(key, "no persona's key"))?;
            each(namespace, name, HeadRow::read(key, &value)?)
        })
    }

    /// The persona as it was at a revision; none when there was none or it was deleted.
    pub fn at(
        &self,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
        view: View,
    ) -> Result<Option<Persona>, StoreError> {
        let Some(revision) = self.live_row(namespace, name, at)? else { return Ok(None) };
        let missing = || StoreError::damaged(&keys::row(namespace, name, revision), "the row is not there");
        self.row(namespace, name, revision, view)?.ok_or_else(missing).map(Some)
    }

    /// Revision of the row that was live at a revision.
    fn live_row(
        &self,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
    ) -> Result<Option<Revision>, StoreError> {
        let Some(head) = self.head(namespace, name)? else { return Ok(None) };
        if head.revision <= at {
            return Ok(head.live.is_some().then_some(head.revision));
        }
        self.older_live_row(namespace, name, at)
    }

    fn older_live_row(
        &self,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
    ) -> Result<Option<Revision>, StoreError> {
        let (from, to) = (keys::row(namespace, name, Revision(0)), keys::row(namespace, name, at));
        let Some(value) = self.tables.last(Table::Rows, &from, &to)? else { return Ok(None) };
        match decode_row(&to, &value)? {
            RowKind::Put(meta) => {
                let persona = record::decode_persona_meta(&meta, Bytes::new());
                Ok(Some(persona.map_err(StoreError::record(&to))?.revision))
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
        let content = if view == View::Full {
            let missing = || StoreError::damaged(&key, "the document is not there");
            self.tables
                .get(Table::Contents, &keys::content(namespace, name, revision))?
                .ok_or_else(missing)?
        } else {
            Bytes::new()
        };
        record::decode_persona_meta(&meta, content).map(Some).map_err(StoreError::record(&key))
    }

    /// The revision that made a version, when there is such a version.
    pub fn version(
        &self,
        namespace: &Namespace,
        name: &Name,
        version: Version,
    ) -> Result<Option<Revision>, StoreError> {
        let Some(head) = self.head(namespace, name)? else { return Ok(None) };
        if version > head.last_version || version.0 == 0 {
            return Ok(None);
        }
        // A head is written after the versions that it counts.
        let key = keys::version(namespace, name, version);
        match self.tables.get(Table::Versions, &key)? {
            Some(value) => rows::revision(&key, &value).map(Some),
            None => Err(StoreError::damaged(&key, "the version is not there")),
        }
    }

    /// Up to `limit` personas that were live at a revision, in order, behind `after`; the names alone.
    /// Fewer than `limit` means that there are no more.
    pub fn list(
        &self,
        namespace: Option<&Namespace>,
        after: Option<(&Namespace, &Name)>,
        at: Revision,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let prefix = namespace.map(keys::namespace);
        let after = after.map(|(namespace, name)| keys::persona(namespace, name));
        let from = match (&after, &prefix) {
            (Some(after), _) => Excluded(after.as_slice()),
            (None, Some(prefix)) => Included(prefix.as_slice()),
            (None, None) => Unbounded,
        };
        let end = prefix.as_deref().and_then(keys::successor);
        let to = end.as_deref().map_or(Unbounded, Excluded);
        let mut listed = Vec::new();
        if limit == 0 {
            return Ok(listed);
        }
        self.tables.walk(Table::Heads, from, to, |key, value| {
            let (namespace, name) =
                keys::parse_persona(key).ok_or_else(|| StoreError::damaged(key, "no persona's key"))?;
            let head = HeadRow::read(key, &value)?;
            let revision = if head.revision <= at {
                head.live.is_some().then_some(head.revision)
            } else {
                self.older_live_row(&namespace, &name, at)?
            };
            if let Some(revision) = revision {
                listed.push(Listed { namespace, name, revision });
            }
            Ok(listed.len() < limit)
        })?;
        Ok(listed)
    }

    /// Walks the entries of the change log after `after` and up to `to`, in order, for as long as `each` says so.
    /// Every revision has one: a missing entry is damage.
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

fn decode_row(key: &[u8], value: &[u8]) -> Result<RowKind, StoreError> {
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
            other => return Err(StoreError::damaged(key, format!("a change of kind {other}"))),
        };
        Ok(LogChange { namespace, name, kind, version: Version(change.version) })
    });
    let changes = changes.collect::<Result<_, _>>()?;
    Ok(LogEntry { revision: rows::revision(key, key)?, time: rows::time(&row), changes })
}
