//! The frame of schema migrations: pairs of steps, each idempotent, run one at a time and resumable.
//!
//! A step is recorded after it is done. A crash in between runs it again, which its idempotence makes harmless.

mod history;
mod looks;

use std::ops::Bound::Unbounded;

use super::sled::{Table, Write};
use super::{Store, StoreError, keys};
use crate::domain::{Brought, Digest, Origin, Persona, SourceBase, Version, View};
use crate::record;

/// The schema that this program writes.
pub const SCHEMA: u32 = 4;

/// The steps known to this program, in order; the first leads from schema 1 to 2.
pub const STEPS: &[Step] = &[
    Step { to: 2, name: "bases say which file brought them", up: bases_as_records, down: bases_as_digests },
    Step {
        to: 3,
        name: "documents are compressed, personas indexed",
        up: history::pack,
        down: history::unpack,
    },
    Step { to: 4, name: "names are found by their looks", up: looks::index, down: looks::forget },
];

const KEY: &[u8] = b"schema";

/// One step between neighbouring schemas.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The schema it leads up to, from the one below.
    pub to: u32,
    /// What it does, for the log.
    pub name: &'static str,
    /// From `to - 1` to `to`. May run again after it was cut short at any place.
    pub up: fn(&Store) -> Result<(), StoreError>,
    /// From `to` to `to - 1`. Likewise.
    pub down: fn(&Store) -> Result<(), StoreError>,
}

/// Why a view cannot be brought to the schema asked for.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No step leads there.
    #[error("the view has schema {found}; this program knows no step from there to {wanted}")]
    NoWay {
        /// The view's schema.
        found: u32,
        /// The one asked for.
        wanted: u32,
    },
    /// A step failed; run again, it goes on where it was.
    #[error("migration step {step:?} failed: {error}")]
    Step {
        /// The step's name.
        step: &'static str,
        /// Why.
        error: StoreError,
    },
    /// The view cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The view's schema; an empty view has none.
    pub fn schema(&self) -> Result<Option<u32>, StoreError> {
        let Some(value) = self.tables.get(Table::Meta, KEY)? else { return Ok(None) };
        let bytes = value.as_ref().try_into().map_err(|_| StoreError::damaged(KEY, "not four bytes"))?;
        Ok(Some(u32::from_be_bytes(bytes)))
    }

    pub(super) fn set_schema(&self, schema: u32) -> Result<(), StoreError> {
        self.tables.write(vec![Write::Set(Table::Meta, KEY.to_vec(), schema.to_be_bytes().to_vec())])?;
        self.sync()
    }
}

/// Brings a view to `wanted`, up or down; tells which steps were run. An empty view is simply marked.
pub fn migrate(store: &Store, steps: &[Step], wanted: u32) -> Result<Vec<&'static str>, MigrateError> {
    let Some(mut schema) = store.schema()? else {
        store.set_schema(wanted)?;
        return Ok(Vec::new());
    };
    let mut done = Vec::new();
    while schema != wanted {
        let (edge, next) = if schema < wanted { (schema + 1, schema + 1) } else { (schema, schema - 1) };
        let step = steps.iter().find(|step| step.to == edge);
        let step = step.ok_or(MigrateError::NoWay { found: schema, wanted })?;
        let run = if next > schema { step.up } else { step.down };
        run(store).map_err(|error| MigrateError::Step { step: step.name, error })?;
        store.set_schema(next)?;
        schema = next;
        done.push(step.name);
    }
    Ok(done)
}

/// Values of `bases` from a digest alone to a record. Path and creation are read off the live version, where the
/// folder brought it; else they are not known, which keeps the persona from being pruned.
fn bases_as_records(store: &Store) -> Result<(), StoreError> {
    store.rewrite_bases(|base, value| {
        let Ok(digest) = value.try_into() else { return Ok(None) };
        let (path, created) = store.brought_by(base)?.unwrap_or_default();
        let brought = Some(Brought { digest: Digest(digest), path, created });
        Ok(Some(record::encode_base(&SourceBase { brought, ..base.clone() })))
    })
}

/// The way back.
fn bases_as_digests(store: &Store) -> Result<(), StoreError> {
    store.rewrite_bases(|_, value| match value.len() {
        DIGEST_BYTES => Ok(None),
        _ => Ok(record::decode_base(value).ok().and_then(|base| base.brought).map(|it| it.digest.0.to_vec())),
    })
}

const DIGEST_BYTES: usize = 32;

impl Store {
    /// Writes every base anew for which there is a new value.
    fn rewrite_bases(
        &self,
        mut anew: impl FnMut(&SourceBase, &[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut writes = Vec::new();
        self.tables.walk(Table::Bases, Unbounded, Unbounded, |key, value| {
            let (source, namespace, name) =
                keys::parse_base(key).ok_or_else(|| StoreError::damaged(key, "no base's key"))?;
            let base = SourceBase { source, namespace, name, brought: None };
            writes.extend(anew(&base, &value)?.map(|value| Write::Set(Table::Bases, key.to_vec(), value)));
            Ok(true)
        })?;
        self.tables.write(writes)
    }

    /// The path that the folder brought the live version from, and whether that version was the first.
    fn brought_by(&self, base: &SourceBase) -> Result<Option<(String, bool)>, StoreError> {
        let Some(head) = self.head(&base.namespace, &base.name)? else { return Ok(None) };
        let live = self.row(&base.namespace, &base.name, head.revision, View::Basic)?;
        Ok(live.and_then(|Persona { origin, version, .. }| match origin {
            Origin::File { source, path } if source == base.source => Some((path, version == Version(1))),
            _ => None,
        }))
    }
}

#[cfg(test)]
mod whole;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Calls after which a step fails, to cut it short; counts down.
    static FAIL_IN: AtomicU32 = AtomicU32::new(u32::MAX);

    fn set(store: &Store, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        if FAIL_IN.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(StoreError::damaged(key.as_bytes(), "cut short"));
        }
        let key = key.as_bytes().to_vec();
        store.tables.write(vec![match value {
            Some(value) => Write::Set(Table::Meta, key, value.into()),
            None => Write::Remove(Table::Meta, key),
        }])
    }

    const TEST_STEPS: &[Step] = &[
        Step {
            to: 2,
            name: "split",
            up: |store| {
                set(store, "a", Some("1"))?;
                set(store, "b", Some("2"))
            },
            down: |store| {
                set(store, "a", None)?;
                set(store, "b", None)
            },
        },
        Step {
            to: 3,
            name: "rename",
            up: |store| {
                set(store, "c", Some("2"))?;
                set(store, "b", None)
            },
            down: |store| {
                set(store, "b", Some("2"))?;
                set(store, "c", None)
            },
        },
    ];

    fn keys(store: &Store) -> String {
        let held = |key: &&str| store.tables.get(Table::Meta, key.as_bytes()).unwrap().is_some();
        ["a", "b", "c"].iter().filter(|key| held(key)).copied().collect()
    }

    #[test]
    fn steps_go_up_and_down_and_resume_wherever_they_were_cut() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options { cache_bytes: 1 << 20 }).unwrap();
        assert_eq!(migrate(&store, TEST_STEPS, 1).unwrap(), Vec::<&str>::new());
        for cut in 0..4 {
            FAIL_IN.store(cut, Ordering::Relaxed);
            assert!(migrate(&store, TEST_STEPS, 3).is_err(), "cut {cut}");
            FAIL_IN.store(u32::MAX, Ordering::Relaxed);
            migrate(&store, TEST_STEPS, 3).unwrap();
            assert_eq!((keys(&store).as_str(), store.schema().unwrap()), ("ac", Some(3)));
            FAIL_IN.store(cut, Ordering::Relaxed);
            assert!(migrate(&store, TEST_STEPS, 1).is_err(), "cut {cut}");
            FAIL_IN.store(u32::MAX, Ordering::Relaxed);
            migrate(&store, TEST_STEPS, 1).unwrap();
            assert_eq!((keys(&store).as_str(), store.schema().unwrap()), ("", Some(1)));
        }
        assert!(matches!(migrate(&store, TEST_STEPS, 9), Err(MigrateError::NoWay { found: 3, wanted: 9 })));
    }
}
