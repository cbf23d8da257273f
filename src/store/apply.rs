//! Commits into the view: idempotent, so that a replay over a newer view ends where it should.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;

use super::document::pack;
use super::rows::{AppliedRow, FloorRow, HeadRow, LogChangeRow, LogRow, Row, RowKind, VersionRow};
use super::sled::{Table, Write};
use super::{Applied, Head, Store, StoreError, keys};
use crate::domain::{
    AliasMove, Change, Commit, Derived, Persona, Purge, RequestKey, StoreId, Timestamp, Tombstone, View,
};
use crate::filter::{Term, terms};
use crate::record;

/// Writes collected for a group, table by table: documents before rows before heads, so that whoever sees a
/// head finds what it points at, and how far the view is comes last.
struct Group<'a> {
    store: &'a Store,
    documents: Vec<Write>,
    /// Documents that go: once no row says any more that they are there.
    gone: Vec<Write>,
    rows: Vec<Write>,
    versions: Vec<Write>,
    aliases: Vec<Write>,
    index: Vec<Write>,
    log: Vec<Write>,
    requests: Vec<Write>,
    expiry: Vec<Write>,
    bases: Vec<Write>,
    meta: Vec<Write>,
    heads: BTreeMap<Vec<u8>, Head>,
    /// Versions of this group, which the view does not have yet.
    personas: BTreeMap<Vec<u8>, Arc<Persona>>,
}

impl Store {
    /// Applies a group of commits that follow one another.
    pub fn apply(&self, store_id: StoreId, commits: &[Arc<Commit>]) -> Result<(), StoreError> {
        let Some(last) = commits.last() else { return Ok(()) };
        let mut group = Group::new(self);
        for commit in commits {
            group.add(commit)?;
        }
        let heads = group.heads.iter();
        let heads = heads
            .map(|(key, head)| Write::Set(Table::Heads, key.clone(), HeadRow::from(head).encode_to_vec()));
        let applied = AppliedRow::from(&Applied { store_id, sequence: last.sequence }).encode_to_vec();
        let mut writes = group.documents;
        writes.extend(group.rows);
        writes.extend(group.gone);
        writes.extend(group.versions);
        writes.extend(group.aliases);
        writes.extend(group.index);
        writes.extend(group.log);
        writes.extend(group.requests);
        writes.extend(group.expiry);
        writes.extend(group.bases);
        writes.extend(group.meta);
        writes.extend(heads);
        writes.push(Write::Set(Table::Meta, keys::APPLIED.to_vec(), applied));
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

impl<'a> Group<'a> {
    fn new(store: &'a Store) -> Self {
        Self {
            store,
            documents: Vec::new(),
            gone: Vec::new(),
            rows: Vec::new(),
            versions: Vec::new(),
            aliases: Vec::new(),
            index: Vec::new(),
            log: Vec::new(),
            requests: Vec::new(),
            expiry: Vec::new(),
            bases: Vec::new(),
            meta: Vec::new(),
            heads: BTreeMap::new(),
            personas: BTreeMap::new(),
        }
    }

    fn add(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let mut changes = Vec::with_capacity(commit.changes.len());
        for change in &commit.changes {
            let mut entry = LogChangeRow {
                namespace: change.namespace().to_string(),
                name: change.name().to_string(),
                ..LogChangeRow::default()
            };
            match change {
                Change::Put { created, persona } => {
                    self.put(persona);
                    (entry.kind, entry.version) = (if *created { 1 } else { 2 }, persona.version.0);
                }
                Change::Delete(tombstone) => {
                    self.delete(tombstone);
                    (entry.kind, entry.version) = (3, tombstone.last_version.0);
                }
                Change::Alias(moved) => {
                    self.alias(moved);
                    (entry.kind, entry.version) = (4, moved.version.map_or(0, |version| version.0));
                    entry.alias = moved.alias.to_string();
                }
                Change::Purge(purge) => {
                    self.purge(purge)?;
                    (entry.kind, entry.version) = (5, purge.version.0);
                }
            }
            let key = keys::persona(change.namespace(), change.name());
            let before = match self.heads.remove(&key) {
                Some(head) => head,
                None => self.store.head(change.namespace(), change.name())?.unwrap_or_default(),
            };
            self.heads.insert(key, before.after(change, commit.revision));
            changes.push(entry);
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
        if let Some(floor) = commit.floor {
            let row = FloorRow { floor: floor.0 }.encode_to_vec();
            self.meta.push(Write::Set(Table::Meta, keys::FLOOR.to_vec(), row));
        }
        Ok(())
    }

    fn put(&mut self, persona: &Arc<Persona>) {
        let Persona { namespace, name, revision, version, .. } = &**persona;
        let key = keys::row(namespace, name, *revision);
        let document = keys::content(namespace, name, *revision);
        self.documents.push(Write::Set(Table::Documents, document, pack(&persona.content)));
        self.rows.push(set_row(key.clone(), RowKind::Put(record::encode_persona_meta(persona).into())));
        let row = VersionRow { revision: *revision, size: persona.size };
        let version = keys::version(namespace, name, *version);
        self.versions.push(Write::Set(Table::Versions, version, row.encode()));
        for term in terms(persona) {
            let entry = keys::index(&term, namespace, name, *revision);
            self.index.push(Write::Set(Table::Index, entry, Vec::new()));
        }
        self.personas.insert(key, Arc::clone(persona));
    }

    fn delete(&mut self, tombstone: &Tombstone) {
        let Tombstone { namespace, name, revision, .. } = tombstone;
        let row = RowKind::Delete(record::encode_tombstone(tombstone).into());
        self.rows.push(set_row(keys::row(namespace, name, *revision), row));
        for alias in &tombstone.aliases {
            self.alias(&AliasMove {
                namespace: namespace.clone(),
                name: name.clone(),
                alias: alias.clone(),
                version: None,
                revision: *revision,
                time: tombstone.time,
                actor: tombstone.actor.clone(),
                message: tombstone.message.clone(),
            });
        }
    }

    fn alias(&mut self, moved: &AliasMove) {
        let AliasMove { namespace, name, alias, revision, .. } = moved;
        let key = keys::alias(namespace, name, alias, *revision);
        self.aliases.push(Write::Set(Table::Aliases, key, record::encode_alias(moved)));
        if moved.version.is_some() {
            let entry = keys::index(&Term::alias(alias), namespace, name, *revision);
            self.index.push(Write::Set(Table::Index, entry, Vec::new()));
        }
    }

    /// The bytes go, and all that was read from them; the row stays and says so.
    fn purge(&mut self, purge: &Purge) -> Result<(), StoreError> {
        let Purge { namespace, name, made, .. } = purge;
        let key = keys::row(namespace, name, *made);
        let persona = match self.personas.remove(&key) {
            Some(persona) => Some(Persona::clone(&persona)),
            None => self.store.row(namespace, name, *made, View::Basic)?,
        };
        // A replay over a newer view may find it pruned.
        let Some(persona) = persona else { return Ok(()) };
        for term in terms(&persona) {
            self.index.push(Write::Remove(Table::Index, keys::index(&term, namespace, name, *made)));
        }
        let dialect = persona.derived.dialect;
        let row = Persona { purged: true, derived: Derived::nothing(dialect), ..persona };
        self.rows.push(set_row(key, RowKind::Put(record::encode_persona_meta(&row).into())));
        let document = keys::content(namespace, name, *made);
        self.gone.push(Write::Remove(Table::Documents, document));
        self.meta.push(Write::Set(Table::Meta, keys::UNPURGED.to_vec(), Vec::new()));
        Ok(())
    }
}

fn set_row(key: Vec<u8>, kind: RowKind) -> Write {
    Write::Set(Table::Rows, key, Row { kind: Some(kind) }.encode_to_vec())
}
