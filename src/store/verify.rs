//! Whether a view is whole. Every value has a checksum, so a value that is there is right; what is looked for here is
//! what an engine that recovered from a damaged file silently left out or took back.

mod beside;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::Unbounded;

use super::read::{LogKind, decode_row, log_entry};
use super::rows::{HeadRow, RowKind, VersionRow};
use super::sled::Table;
use super::{Head, Store, StoreError, keys};
use crate::domain::{Alias, Revision, Version, limits};

/// What a view holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Versions kept, purged ones included.
    pub versions: u64,
    /// Bytes of their documents.
    pub bytes: u64,
}

impl Totals {
    /// Adds others.
    pub fn add(&mut self, more: Self) {
        self.versions = self.versions.saturating_add(more.versions);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }

    /// Takes some away.
    pub fn take(&mut self, less: Self) {
        self.versions = self.versions.saturating_sub(less.versions);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

/// What the tables say of a name.
struct Known {
    head: Head,
    /// Rows that are versions.
    rows: u64,
}

/// What the change log says of a name.
#[derive(Default)]
struct Newest {
    state: Option<(Revision, Version, bool)>,
    aliases: BTreeMap<Alias, Version>,
    alias_revision: Revision,
}

/// What the versions of a name are, as far as they were walked.
#[derive(Default)]
struct Run {
    persona: Vec<u8>,
    versions: u64,
    /// Of the versions that compaction keeps at least.
    kept: u64,
}

impl Store {
    /// Compares heads, rows, versions, aliases and request records with each other and with the change log, which is whole
    /// when no revision above the floor is missing. Reads every table but the documents, the index and the bases of folders: a
    /// document that is missing is found when it is read.
    pub fn verify(&self, head: Revision) -> Result<Totals, StoreError> {
        let floor = self.floor()?;
        let newest = self.verify_log(head, floor)?;
        let mut heads = HashMap::new();
        self.tables.walk(Table::Heads, Unbounded, Unbounded, |key, value| {
            let head = HeadRow::read(key, &value)?;
            if let Some(told) = newest.get(key)
                && !told.agrees(&head)
            {
                return Err(StoreError::damaged(key, "its newest state is not the last one"));
            }
            heads.insert(key.to_vec(), Known { head, rows: 0 });
            Ok(true)
        })?;
        if let Some(key) = newest.keys().find(|key| !heads.contains_key(*key)) {
            return Err(StoreError::damaged(key, "its newest state is not there"));
        }
        drop(newest);
        self.verify_rows(&mut heads)?;
        let totals = self.verify_versions(&heads, floor)?;
        self.verify_aliases(&heads)?;
        self.verify_requests()?;
        Ok(totals)
    }

    fn verify_log(&self, head: Revision, floor: Revision) -> Result<HashMap<Vec<u8>, Newest>, StoreError> {
        let mut newest: HashMap<Vec<u8>, Newest> = HashMap::new();
        let mut next = None;
        self.tables.walk(Table::Log, Unbounded, Unbounded, |key, value| {
            let entry = log_entry(key, &value)?;
            // What is at the floor or below may be gone, from the oldest on.
            let expected = next.unwrap_or_else(|| entry.revision.min(floor.next()));
            if entry.revision != expected {
                return Err(wrong("the change log", format!("revision {expected} is not there")));
            }
            next = Some(expected.next());
            for change in entry.changes {
                let told = newest.entry(keys::persona(&change.namespace, &change.name)).or_default();
                if change.kind.is_of_persona() {
                    let live = change.kind != LogKind::Deleted;
                    told.state = Some((entry.revision, change.version, live));
                }
                if change.kind == LogKind::Deleted {
                    told.aliases.clear();
                }
                if let Some(alias) = change.alias {
                    told.aliases.insert(alias, change.version);
                    told.alias_revision = entry.revision;
                }
            }
            Ok(true)
        })?;
        let next = next.unwrap_or_else(|| floor.next());
        if next != head.next() {
            let problem = format!("it ends before revision {next}, the registry at {head}");
            return Err(wrong("the change log", problem));
        }
        Ok(newest)
    }

    /// Every name's last row is the one that its head tells of. Counts the rows that are versions.
    fn verify_rows(&self, heads: &mut HashMap<Vec<u8>, Known>) -> Result<(), StoreError> {
        let (mut names, mut last) = (0, None::<(Vec<u8>, Revision, bool)>);
        let check = |heads: &HashMap<Vec<u8>, Known>, last: Option<(Vec<u8>, Revision, bool)>| {
            let Some((persona, revision, live)) = last else { return Ok(0) };
            match heads.get(&persona) {
                Some(Known { head, .. }) if (head.revision, head.live.is_some()) == (revision, live) => Ok(1),
                _ => Err(StoreError::damaged(&persona, "its newest row is not the last one")),
            }
        };
        self.tables.walk(Table::Rows, Unbounded, Unbounded, |key, value| {
            let live = matches!(decode_row(key, &value)?, RowKind::Put(_));
            let (persona, revision) = split(key)?;
            if let Some(known) = heads.get_mut(&persona) {
                known.rows += u64::from(live);
            }
            if last.as_ref().is_some_and(|(last, ..)| *last != persona) {
                names += check(heads, last.take())?;
            }
            last = Some((persona, Revision(revision), live));
            Ok(true)
        })?;
        names += check(heads, last)?;
        if names != heads.len() {
            return Err(wrong("rows", format!("{names} personas have some of {}", heads.len())));
        }
        Ok(())
    }

    /// No version is missing that compaction would have kept. A row of one that it was about to let go of may be left over
    /// from a crash.
    fn verify_versions(
        &self,
        heads: &HashMap<Vec<u8>, Known>,
        floor: Revision,
    ) -> Result<Totals, StoreError> {
        let (mut totals, mut run, mut whole) = (Totals::default(), Run::default(), 0_usize);
        let mut check = |run: &Run| {
            if run.versions == 0 {
                return Ok(());
            }
            let known = heads.get(&run.persona).filter(|known| {
                let all = known.head.last_version.0;
                let kept = run.kept == all.min(limits::HISTORY_VERSIONS);
                let left_over = known.rows > run.versions && floor.0 > 0;
                kept && (known.rows == run.versions || left_over) && (floor.0 > 0 || run.versions == all)
            });
            whole += 1;
            known.map(drop).ok_or_else(|| StoreError::damaged(&run.persona, "a version of it is not there"))
        };
        self.tables.walk(Table::Versions, Unbounded, Unbounded, |key, value| {
            let row = VersionRow::read(key, &value)?;
            let (persona, version) = split(key)?;
            if persona != run.persona {
                check(&run)?;
                run = Run { persona, ..Run::default() };
            }
            let last = heads.get(&run.persona).map_or(0, |known| known.head.last_version.0);
            run.versions += 1;
            run.kept += u64::from(version.saturating_add(limits::HISTORY_VERSIONS) > last);
            totals.add(Totals { versions: 1, bytes: u64::from(row.size) });
            Ok(true)
        })?;
        check(&run)?;
        let wanted = heads.values().filter(|known| known.head.last_version.0 > 0).count();
        if whole != wanted {
            return Err(wrong("versions", format!("{whole} personas have some of {wanted}")));
        }
        Ok(totals)
    }
}

impl Newest {
    /// Whether a head is what the log told last, as far as the log reaches back.
    fn agrees(&self, head: &Head) -> bool {
        let state = (head.revision, head.last_version, head.live.is_some());
        let aliases = self.aliases.iter().all(|(alias, version)| {
            head.aliases.get(alias).map_or(Version(0), |(named, _)| *named) == *version
        });
        self.state.is_none_or(|told| told == state) && aliases && self.alias_revision <= head.alias_revision
    }
}

/// The persona's part of a key, and the number behind it.
fn split(key: &[u8]) -> Result<(Vec<u8>, u64), StoreError> {
    let (namespace, name, number) =
        keys::parse_numbered(key).ok_or_else(|| StoreError::damaged(key, "no key of a row or version"))?;
    Ok((keys::persona(&namespace, &name), number))
}

fn wrong(what: &str, problem: String) -> StoreError {
    StoreError::Damaged { key: what.to_owned(), problem }
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
    use crate::store::sled::Write;

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
                body_mark: None,
            },
            size: 4,
            content: Bytes::from_static(b"# A\n"),
            purged: false,
            waivers: Vec::new(),
        };
        let outcome = WriteOutcome {
            namespace: Namespace::default(),
            name: persona.name.clone(),
            version: persona.version,
            revision: Revision(n),
            digest: None,
            unchanged: false,
            created: n != 2,
            previous: Version(0),
        };
        let (key, time) = (RequestKey([n as u8; 32]), Timestamp(n as i64));
        Arc::new(Commit {
            sequence: Sequence(n),
            revision: Revision(n),
            time,
            principal: Principal::anonymous(),
            call_id: "".into(),
            changes: vec![Change::Put { created: n != 2, persona: Arc::new(persona) }],
            requests: vec![RequestRecord { key, payload: Digest([0; 32]), time, outcomes: vec![outcome] }],
            bases: Vec::new(),
            floor: None,
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
