//! Commits into the view: idempotent, so that a replay over a newer view ends where it should.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;

use super::rows::{AppliedRow, HeadRow, LogChangeRow, LogRow, Row, RowKind};
use super::sled::{Table, Write};
use super::{Applied, Head, Store, StoreError, keys};
use crate::domain::{Change, Commit, RequestKey, StoreId, Timestamp};
use crate::record;

/// Writes collected for a group, table by table: documents before rows before heads, so that whoever sees a
/// head finds what it points at, and how far the view is comes last.
#[derive(Default)]
struct Group {
    contents: Vec<Write>,
    rows: Vec<Write>,
    versions: Vec<Write>,
    log: Vec<Write>,
    requests: Vec<Write>,
    expiry: Vec<Write>,
    bases: Vec<Write>,
    heads: BTreeMap<Vec<u8>, Head>,
}

impl Store {
    /// Applies a group of commits that follow one another.
    pub fn apply(&self, store_id: StoreId, commits: &[Arc<Commit>]) -> Result<(), StoreError> {
        let Some(last) = commits.last() else { return Ok(()) };
        let mut group = Group::default();
        for commit in commits {
            group.add(commit);
        }
        let heads = group.heads.iter();
        let heads = heads
            .map(|(key, head)| Write::Set(Table::Heads, key.clone(), HeadRow::from(head).encode_to_vec()));
        let applied = AppliedRow::from(&Applied { store_id, sequence: last.sequence }).encode_to_vec();
        let mut writes = group.contents;
        writes.extend(group.rows);
        writes.extend(group.versions);
        writes.extend(group.log);
        writes.extend(group.requests);
        writes.extend(group.expiry);
        writes.extend(group.bases);
        writes.extend(heads);
        writes.push(Write::Set(Table::Meta, b"applied".to_vec(), applied));
        self.tables.write(writes)
    }

    /// Forgets outcomes decided before `time`, looking at `limit` of them at most; tells how many went.
    pub fn expire_requests(&self, time: Timestamp, limit: usize) -> Result<usize, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        // The order goes first: what a crash leaves behind is an outcome too many and never one too few.
        let (mut writes, mut outcomes, mut looked_at) = (Vec::new(), Vec::new(), 0);
        let end = keys::expiry_prefix(time);
        self.tables.walk(Table::Expiry, Unbounded, Excluded(&end), |key, _| {
            let request = key.get(8..).and_then(|request| request.try_into().ok()).map(RequestKey);
            // The id may have been used anew since: a replayed journal brings both uses. What cannot be read stays.
            if let Some(request) = request
                && let Ok(Some(record)) = self.request(&request)
                && record.time < time
            {
                outcomes.push(Write::Remove(Table::Requests, request.0.to_vec()));
            }
            writes.push(Write::Remove(Table::Expiry, key.to_vec()));
            looked_at += 1;
            Ok(looked_at < limit)
        })?;
        let gone = outcomes.len();
        writes.extend(outcomes);
        self.tables.write(writes)?;
        Ok(gone)
    }
}

impl Group {
    fn add(&mut self, commit: &Commit) {
        let mut changes = Vec::with_capacity(commit.changes.len());
        for change in &commit.changes {
            let (namespace, name) = (change.namespace(), change.name());
            let key = keys::row(namespace, name, commit.revision);
            let (kind, version, head) = match change {
                Change::Put { created, persona } => {
                    let content = keys::content(namespace, name, commit.revision);
                    self.contents.push(Write::Set(Table::Contents, content, persona.content.to_vec()));
                    let row = RowKind::Put(record::encode_persona_meta(persona).into());
                    self.rows.push(set_row(key, row));
                    let version = keys::version(namespace, name, persona.version);
                    self.versions.push(Write::Set(
                        Table::Versions,
                        version,
                        keys::log(commit.revision).to_vec(),
                    ));
                    let live = Some((persona.digest, persona.derived.dialect.as_str().to_owned()));
                    let head = Head { revision: commit.revision, last_version: persona.version, live };
                    (if *created { 1 } else { 2 }, persona.version, head)
                }
                Change::Delete(tombstone) => {
                    let row = RowKind::Delete(record::encode_tombstone(tombstone).into());
                    self.rows.push(set_row(key, row));
                    let last_version = tombstone.last_version;
                    (3, last_version, Head { revision: commit.revision, last_version, live: None })
                }
            };
            self.heads.insert(keys::persona(namespace, name), head);
            changes.push(LogChangeRow {
                namespace: namespace.to_string(),
                name: name.to_string(),
                kind,
                version: version.0,
            });
        }
        if !changes.is_empty() {
            let row = LogRow { time: commit.time.0, changes };
            self.log.push(Write::Set(Table::Log, keys::log(commit.revision).to_vec(), row.encode_to_vec()));
        }
        for request in &commit.requests {
            let value = record::encode_request(request);
            self.requests.push(Write::Set(Table::Requests, request.key.0.to_vec(), value));
            let expiry = keys::expiry(request.time, &request.key);
            self.expiry.push(Write::Set(Table::Expiry, expiry, Vec::new()));
        }
        for base in &commit.bases {
            let key = keys::base(&base.source, &base.namespace, &base.name);
            self.bases.push(match base.brought {
                Some(_) => Write::Set(Table::Bases, key, record::encode_base(base)),
                None => Write::Remove(Table::Bases, key),
            });
        }
    }
}

fn set_row(key: Vec<u8>, kind: RowKind) -> Write {
    Write::Set(Table::Rows, key, Row { kind: Some(kind) }.encode_to_vec())
}
