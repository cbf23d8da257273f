//! Whether a view is whole. Every value has a checksum, so a value that is there is right; what is looked for here is
//! what an engine that recovered from a damaged file silently left out or took back.

use std::collections::HashMap;
use std::ops::Bound::Unbounded;

use super::read::{LogKind, log_entry};
use super::rows::HeadRow;
use super::sled::{Table, Write};
use super::{Store, StoreError, keys};
use crate::domain::{Revision, Version};
use crate::record;

/// What the change log says of a name.
struct Newest {
    revision: Revision,
    version: Version,
    live: bool,
}

impl Store {
    /// Compares heads, rows, versions and request records with the change log, which is whole when no revision is
    /// missing. Reads every table but the documents and the bases of folders: a document that is missing is found when it is read.
    pub fn verify(&self, head: Revision) -> Result<(), StoreError> {
        let wrong = |what: &str, problem: String| StoreError::Damaged { key: what.to_owned(), problem };
        let (mut next, mut changes, mut versions) = (Revision(0).next(), 0_u64, 0_u64);
        let mut newest: HashMap<Vec<u8>, Newest> = HashMap::new();
        self.tables.walk(Table::Log, Unbounded, Unbounded, |key, value| {
            let entry = log_entry(key, &value)?;
            if entry.revision != next {
                return Err(wrong("the change log", format!("revision {next} is not there")));
            }
            next = next.next();
            for change in entry.changes {
                let live = change.kind != LogKind::Deleted;
                let told = Newest { revision: entry.revision, version: change.version, live };
                changes += 1;
                versions += u64::from(live);
                newest.insert(keys::persona(&change.namespace, &change.name), told);
            }
            Ok(true)
        })?;
        if next != head.next() {
            return Err(wrong(
                "the change log",
                format!("it ends before revision {next}, the registry at {head}"),
            ));
        }
        let mut heads = 0;
        self.tables.walk(Table::Heads, Unbounded, Unbounded, |key, value| {
            let head = HeadRow::read(key, &value)?;
            heads += 1;
            let agrees = newest.get(key).is_some_and(|told| {
                told.revision == head.revision
                    && told.version == head.last_version
                    && told.live == head.live.is_some()
            });
            if agrees {
                Ok(true)
            } else {
                Err(StoreError::damaged(key, "its newest state is not the last one"))
            }
        })?;
        self.tables.walk(Table::Expiry, Unbounded, Unbounded, |key, _| {
            let request = key.get(8..).unwrap_or_default();
            match self.tables.get(Table::Requests, request)? {
                Some(_) => Ok(true),
                None => Err(StoreError::damaged(key, "the outcome of this request is not there")),
            }
        })?;
        // A crash in the midst of forgetting leaves an outcome without its place in the order: it is given back.
        let mut places = Vec::new();
        self.tables.walk(Table::Requests, Unbounded, Unbounded, |key, value| {
            let request = record::decode_request(&value).map_err(StoreError::record(key))?;
            let place = keys::expiry(request.time, &request.key);
            if self.tables.get(Table::Expiry, &place)?.is_none() {
                places.push(Write::Set(Table::Expiry, place, Vec::new()));
            }
            Ok(true)
        })?;
        self.tables.write(places)?;
        let counts = [
            ("newest states", heads, newest.len() as u64),
            ("rows", self.count(Table::Rows)?, changes),
            ("versions", self.count(Table::Versions)?, versions),
        ];
        for (what, found, expected) in counts {
            if found != expected {
                return Err(wrong(what, format!("{found} are there of {expected}")));
            }
        }
        Ok(())
    }

    fn count(&self, table: Table) -> Result<u64, StoreError> {
        let mut count = 0;
        self.tables.walk(table, Unbounded, Unbounded, |_, _| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::domain::{
        Change, Commit, Derived, Dialect, Digest, Namespace, Origin, Persona, Principal, RequestKey,
        RequestRecord, Sequence, StoreId, Timestamp, WriteOutcome,
    };
    use crate::store::Options;

    fn commit(n: u64) -> Arc<Commit> {
        let persona = Persona {
            namespace: Namespace::default(),
            name: if n == 3 { "b" } else { "a" }.parse().unwrap(),
            version: Version(if n == 3 { 1 } else { n }),
            revision: Revision(n),
            digest: Digest::of(&n.to_be_bytes()),
            create_time: Timestamp(0),
            actor: Principal::anonymous(),
            message: String::new(),
            origin: Origin::Api,
            derived: Derived {
                display_name: String::new(),
                description: String::new(),
                tag: None,
                dialect: Dialect::Markdown,
                labels: BTreeMap::new(),
                model: None,
                tools: Vec::new(),
                front_matter: Vec::new(),
                outline: Vec::new(),
                interaction: None,
                body_offset: 0,
                token_estimate: 1,
            },
            size: 4,
            content: Bytes::from_static(b"# A\n"),
        };
        let outcome = WriteOutcome {
            namespace: Namespace::default(),
            name: persona.name.clone(),
            version: persona.version,
            revision: Revision(n),
            digest: None,
            unchanged: false,
        };
        let (key, time) = (RequestKey([n as u8; 32]), Timestamp(n as i64));
        Arc::new(Commit {
            sequence: Sequence(n),
            revision: Revision(n),
            time,
            principal: Principal::anonymous(),
            call_id: "".into(),
            changes: vec![Change::Put { created: n != 2, persona: Arc::new(persona) }],
            requests: vec![RequestRecord { key, payload: Digest([0; 32]), time, outcome }],
            bases: Vec::new(),
        })
    }

    fn entries(store: &Store, table: Table) -> Vec<(Vec<u8>, Bytes)> {
        let mut entries = Vec::new();
        let each = |key: &[u8], value| {
            entries.push((key.to_vec(), value));
            Ok(true)
        };
        store.tables.walk(table, Unbounded, Unbounded, each).unwrap();
        entries
    }

    #[test]
    fn any_entry_that_is_missing_or_of_yesterday_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options { cache_bytes: 1 << 20 }).unwrap();
        let apply = |commits: &[u64]| {
            let commits: Vec<_> = commits.iter().map(|n| commit(*n)).collect();
            store.apply(StoreId([1; 16]), &commits).unwrap();
        };
        apply(&[1]);
        let yesterday = entries(&store, Table::Heads).remove(0);
        apply(&[2, 3]);
        store.verify(Revision(3)).unwrap();
        assert!(store.verify(Revision(4)).is_err() && store.verify(Revision(2)).is_err());
        for table in [Table::Heads, Table::Rows, Table::Versions, Table::Log, Table::Requests] {
            for (key, value) in entries(&store, table) {
                store.tables.write(vec![Write::Remove(table, key.clone())]).unwrap();
                assert!(store.verify(Revision(3)).is_err(), "{table:?} {key:?}");
                store.tables.write(vec![Write::Set(table, key, value.to_vec())]).unwrap();
                store.verify(Revision(3)).unwrap();
            }
        }
        let places = entries(&store, Table::Expiry);
        assert!(!places.is_empty());
        for (place, _) in &places {
            store.tables.write(vec![Write::Remove(Table::Expiry, place.clone())]).unwrap();
        }
        store.verify(Revision(3)).unwrap();
        assert_eq!(entries(&store, Table::Expiry), places, "the order of forgetting is given back");
        store.tables.write(vec![Write::Set(Table::Heads, yesterday.0, yesterday.1.to_vec())]).unwrap();
        let error = store.verify(Revision(3)).unwrap_err().to_string();
        assert!(error.contains("its newest state is not the last one"), "{error}");
    }
}
