//! A snapshot that was taken while commits came is the view after the last of them; one that was damaged is refused.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;

use proptest::prelude::*;

use super::{Header, Reader, SnapshotError, Writer, check};
use crate::domain::{Change, Commit, Revision, Sequence, StoreId, Timestamp};
use crate::store::Store;
use crate::store::migrate::{SCHEMA, migrate};
use crate::store::properties::{Try, apply, dump, history, open, tries};

const STORE: StoreId = StoreId([7; 16]);

fn header(store: &Store, at: u64) -> Header {
    store.header(STORE, (Sequence(at), Revision(at)), Timestamp(5)).unwrap()
}

fn snapshot(store: &Store, at: u64, commits: &[Arc<Commit>], out: impl Write) -> Result<(), SnapshotError> {
    let mut writer = Writer::begin(out, &header(store, at))?;
    store.dump(&header(store, at), &mut writer, || false)?;
    for commit in commits {
        writer.commit(commit)?;
    }
    writer.finish().map(drop)
}

/// Bytes kept, and more of the commits applied with every write of some.
struct Busy<'a> {
    store: &'a Store,
    commits: RefCell<&'a [Arc<Commit>]>,
    bytes: &'a mut Vec<u8>,
}

impl Write for Busy<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let commits = *self.commits.borrow();
        let (now, later) = commits.split_at(commits.len().min(7));
        apply(self.store, now, 2);
        *self.commits.borrow_mut() = later;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The view that a snapshot makes.
fn loaded(bytes: &[u8]) -> Result<(tempfile::TempDir, Store), SnapshotError> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.load(Reader::begin(bytes)?, STORE)?;
    Ok((dir, store))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_snapshot_taken_while_commits_come_is_the_view_after_the_last(
        tries in tries(), begun in any::<prop::sample::Index>()
    ) {
        let (dir, history) = (tempfile::tempdir().unwrap(), history(&tries));
        let store = open(&dir);
        migrate(&store, &[], SCHEMA).unwrap();
        // A purge ends every snapshot that is under way.
        let is_purge = |commit: &Arc<Commit>| matches!(commit.changes.first(), Some(Change::Purge(_)));
        let purged = history.commits.iter().rposition(is_purge).map_or(0, |at| at + 1);
        let begun = begun.index(history.commits.len() + 1).max(purged);
        let (before, after) = history.commits.split_at(begun);
        apply(&store, before, 50);
        let mut bytes = Vec::new();
        let busy = Busy { store: &store, commits: RefCell::new(after), bytes: &mut bytes };
        snapshot(&store, begun as u64, after, busy).unwrap();
        apply(&store, &history.commits, 50);
        let (_dir, made) = loaded(&bytes).unwrap();
        made.verify(Revision(history.commits.len() as u64)).unwrap();
        made.check_documents(|problem| panic!("{problem}")).unwrap();
        // The snapshot of a view without a commit has nothing to say of how far it is.
        if !history.commits.is_empty() {
            prop_assert_eq!(dump(&made), dump(&store));
        }
        prop_assert_eq!(check(&bytes[..]).unwrap().1.bytes, bytes.len() as u64);
    }
}

fn small() -> Vec<u8> {
    let (dir, history) = (tempfile::tempdir().unwrap(), history(&[(0, Try::Put); 9]));
    let store = open(&dir);
    migrate(&store, &[], SCHEMA).unwrap();
    apply(&store, &history.commits[..6], 50);
    let mut bytes = Vec::new();
    snapshot(&store, 6, &history.commits[6..], &mut bytes).unwrap();
    bytes
}

#[test]
fn every_bit_of_a_snapshot_counts_and_so_does_its_end() {
    let whole = small();
    check(&whole[..]).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(check(&bytes[..]).is_err(), "a bit at {at}");
        assert!(matches!(check(&whole[..at]), Err(SnapshotError::Damaged { .. })), "cut at {at}");
    }
    assert!(check(&[&whole[..], &[0]].concat()[..]).is_err(), "something behind it");
    // Two parts that are sound by themselves, exchanged or left out.
    let frames = frames(&whole);
    for at in 1..frames.len() {
        let without: Vec<_> = frames.iter().enumerate().filter(|(one, _)| *one != at).collect();
        let bytes: Vec<u8> = without.into_iter().flat_map(|(_, frame)| frame.iter().copied()).collect();
        assert!(check(&bytes[..]).is_err(), "without part {at}");
        let mut exchanged = frames.clone();
        exchanged.swap(at, at.max(2) - 1);
        assert!(at == 1 || check(&exchanged.concat()[..]).is_err(), "part {at} exchanged");
    }
}

/// The header, and each frame.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (head, mut rest) = bytes.split_at(super::frame::HEADER);
    let mut frames = vec![head.to_vec()];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let (frame, behind) = rest.split_at(super::frame::HEAD + length);
        frames.push(frame.to_vec());
        rest = behind;
    }
    frames
}

#[test]
fn a_copy_is_the_same_under_another_name() {
    let (whole, mut copy) = (small(), Vec::new());
    let store_id = StoreId([9; 16]);
    let end = Reader::begin(&whole[..]).unwrap().copy(store_id, &mut copy).unwrap();
    let (header, copied) = check(&copy[..]).unwrap();
    assert_eq!((header.store_id, copied), (store_id, end));
    let (a, b) = (loaded(&whole).unwrap(), loaded(&copy).unwrap());
    assert_eq!(dump(&a.1), dump(&b.1));
}

#[test]
fn a_view_that_lost_something_is_not_taken_for_whole() {
    use crate::store::sled::{Table, Write};
    let (dir, history) = (tempfile::tempdir().unwrap(), history(&[(0, Try::Put); 9]));
    let store = open(&dir);
    apply(&store, &history.commits, 50);
    let tables = [Table::Documents, Table::Rows, Table::Versions, Table::Log];
    for table in tables {
        let mut keys = Vec::new();
        let each = |key: &[u8], value: bytes::Bytes| {
            keys.push((key.to_vec(), value.to_vec()));
            Ok(true)
        };
        store.tables.walk(table, std::ops::Bound::Unbounded, std::ops::Bound::Unbounded, each).unwrap();
        let (key, value) = keys[4].clone();
        store.tables.write(vec![Write::Remove(table, key.clone())]).unwrap();
        assert!(matches!(snapshot(&store, 9, &[], Vec::new()), Err(SnapshotError::Store(_))), "{table:?}");
        store.tables.write(vec![Write::Set(table, key, value)]).unwrap();
    }
    snapshot(&store, 9, &[], Vec::new()).unwrap();
}
