//! The real steps on real stores: up, down and up again give the same, wherever they are cut short.

use std::process::Command;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{SCHEMA, STEPS, migrate};
use crate::store::properties::{Try, apply, dump, history, open};
use crate::store::{Options, Store};

type Entries = Vec<(&'static str, Vec<u8>, Bytes)>;

/// A view that a program of the first schema wrote.
fn first() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store-1.tar.gz");
    let unpacked = Command::new("tar").args(["xzf", fixture, "-C"]).arg(dir.path()).status().unwrap();
    assert!(unpacked.success());
    let store = Store::open(&dir.path().join("data/view-1"), &Options { cache_bytes: 1 << 20 }).unwrap();
    assert_eq!(store.schema().unwrap(), Some(1));
    (dir, store)
}

/// Migrates with every write after so many failing, then without; tells whether the first was cut short.
fn cut(store: &Store, writes: u64, wanted: u32) -> bool {
    store.tables.writes_left.store(writes, Ordering::Relaxed);
    let was_cut = migrate(store, STEPS, wanted).is_err();
    store.tables.writes_left.store(u64::MAX, Ordering::Relaxed);
    migrate(store, STEPS, wanted).unwrap();
    assert_eq!(store.schema().unwrap(), Some(wanted));
    was_cut
}

/// Goes up and down for as long as a cut after more writes still cuts something.
fn everywhere(store: &Store, step: usize, (low, at_low): (u32, &Entries), (high, at_high): (u32, &Entries)) {
    let mut cuts = 0;
    for writes in (0..).step_by(step) {
        let down = cut(store, writes, low);
        assert!(dump(store) == *at_low, "down to {low}, cut after {writes}");
        let up = cut(store, writes, high);
        assert!(dump(store) == *at_high, "up to {high}, cut after {writes}");
        if !down && !up {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 3, "{cuts} cuts");
}

#[test]
fn a_store_of_the_first_schema_goes_up_and_down_wherever_it_is_cut() {
    let (_dir, store) = first();
    let at_first = dump(&store);
    migrate(&store, STEPS, 2).unwrap();
    let at_second = dump(&store);
    migrate(&store, STEPS, SCHEMA).unwrap();
    let at_newest = dump(&store);
    assert!(store.check_documents(|problem| panic!("{problem}")).unwrap() > 0);
    let named = |entries: &Entries, table: &str| entries.iter().filter(|(name, ..)| *name == table).count();
    assert!(named(&at_first, "contents") > 0 && named(&at_newest, "contents") == 0);
    assert_eq!(named(&at_newest, "documents"), named(&at_first, "contents"));
    assert!(named(&at_newest, "index") > 0 && named(&at_second, "index") == 0);
    everywhere(&store, 1, (1, &at_first), (SCHEMA, &at_newest));
    everywhere(&store, 1, (2, &at_second), (SCHEMA, &at_newest));
}

#[test]
fn a_step_that_takes_entries_some_at_a_time_goes_up_and_down_wherever_it_is_cut() {
    // More than are taken at once.
    let (dir, history) = (tempfile::tempdir().unwrap(), history(&[(0, Try::Put); 1100]));
    let store = open(&dir);
    migrate(&store, &[], SCHEMA).unwrap();
    apply(&store, &history.commits, 100);
    let at_newest = dump(&store);
    migrate(&store, STEPS, 2).unwrap();
    let at_second = dump(&store);
    migrate(&store, STEPS, SCHEMA).unwrap();
    assert!(dump(&store) == at_newest);
    everywhere(&store, 977, (2, &at_second), (SCHEMA, &at_newest));
}
