//! Whether a view is whole. Every value has a checksum, so a value that is there is right; what is looked for here is
//! what an engine that recovered from a damaged file silently left out or took back.

use std::collections::HashMap;
use std::ops::Bound::Unbounded;

use super::read::{LogKind, log_entry};
use super::rows::HeadRow;
use super::sled::Table;
use super::{Store, StoreError, keys};
use crate::domain::{Revision, Version};

/// What the change log says of a name.
struct Newest {
    revision: Revision,
    version: Version,
    live: bool,
}

impl Store {
    /// Compares heads, rows, versions and request records with the change log, which is whole when no revision is
    /// missing. Reads every table but the documents: a document that is missing is found when it is read.
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
        let counts = [
            ("newest states", heads, newest.len() as u64),
            ("rows", self.count(Table::Rows)?, changes),
            ("versions", self.count(Table::Versions)?, versions),
            ("outcomes of requests", self.count(Table::Requests)?, self.count(Table::Expiry)?),
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
