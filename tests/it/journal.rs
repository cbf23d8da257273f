//! What every journal promises, asked of the one on local files: on a real directory, on a disk in memory, and
//! on one that takes few bytes at a time.

use std::sync::Arc;

use persona_registry::domain::{Commit, Revision, Sequence, StoreId};
use persona_registry::journal::{
    AppendError, Directory, Durability, Journal, Known, LocalJournal, OpenError, Opened, Options, Position,
    Problem, ReplayError, Storage,
};
use persona_registry::record;

use crate::journal_disk::{Disk, Faults, commit, commit_of, replayed, small};

fn open(storage: &Arc<dyn Storage>, known: u64) -> LocalJournal {
    let known = Known { store_id: None, sequence: Sequence(known) };
    let Opened { journal, repaired, removed } =
        LocalJournal::open(Arc::clone(storage), known, small()).unwrap();
    assert_eq!((repaired, removed), (None, None));
    journal
}

fn conforms(storage: Arc<dyn Storage>) {
    let mut journal = open(&storage, 0);
    let id = journal.store_id();
    assert_eq!((journal.last(), journal.oldest()), (Position::default(), Sequence(1)));
    assert!(replayed(&journal, 0).unwrap().is_empty());

    let mut all: Vec<Commit> = Vec::new();
    for size in [0, 1, 500, 3000, 40_000, 9000, 8000, 7000, 6000] {
        let next = all.len() as u64 + 1;
        let group = [commit(next, size), commit(next + 1, 10), commit(next + 2, size / 2)];
        journal.append(&group).unwrap();
        all.extend(group);
        let last = all.last().unwrap();
        assert_eq!(journal.last(), Position { sequence: last.sequence, revision: last.revision });
        assert_eq!(replayed(&journal, 0).unwrap(), all);
    }

    // What does not continue the journal changes nothing.
    let next = all.len() as u64 + 1;
    journal.append(&[]).unwrap();
    let mut back = commit(next, 1);
    back.revision = Revision(1);
    let huge = commit_of(next + 1, vec![0; 17 << 20].into());
    for wrong in [
        vec![commit(next + 1, 1)],
        vec![commit(next - 1, 1)],
        vec![commit(next, 1), commit(next, 1)],
        vec![back],
    ] {
        assert!(matches!(journal.append(&wrong), Err(AppendError::OutOfOrder { .. })));
    }
    assert!(matches!(journal.append(&[commit(next, 1), huge]), Err(AppendError::TooLarge { .. })));
    assert_eq!(replayed(&journal, 0).unwrap(), all);

    // A record that takes no revision has a sequence all the same.
    let mut unchanged = commit(next, 0);
    unchanged.changes.clear();
    unchanged.revision = journal.last().revision;
    journal.append(std::slice::from_ref(&unchanged)).unwrap();
    all.push(unchanged);
    drop(journal);

    // All of it again, from anywhere, whatever the view says that it has.
    for known in 0..=all.len() as u64 {
        let journal = open(&storage, known);
        assert_eq!(journal.store_id(), id);
        assert_eq!(replayed(&journal, known).unwrap(), all[known as usize..]);
    }
    let mut journal = open(&storage, 0);
    let last = all.last().unwrap();
    assert_eq!(journal.last(), Position { sequence: last.sequence, revision: last.revision });

    // The receiver may stop it.
    let mut count = 0;
    let stopped = journal.replay(Sequence(0), &mut |_| {
        count += 1;
        if count == 3 { Err("enough".into()) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(ReplayError::Receiver { sequence: Sequence(3), .. })), "{stopped:?}");

    // Letting go frees whole files and never the newest.
    assert_eq!(journal.trim(Sequence(1)).unwrap(), Sequence(1));
    let oldest = journal.trim(journal.last().sequence).unwrap();
    assert!(oldest.0 > 1 && oldest <= journal.last().sequence, "{oldest}");
    assert_eq!(journal.oldest(), oldest);
    assert!(matches!(replayed(&journal, 0), Err(ReplayError::Trimmed { .. })));
    drop(journal);
    let mut journal = open(&storage, 0);
    assert_eq!(journal.oldest(), oldest);
    assert_eq!(replayed(&journal, oldest.0 - 1).unwrap(), all[oldest.0 as usize - 1..]);
    let next = all.len() as u64 + 1;
    journal.append(&[commit(next, 10)]).unwrap();
    assert_eq!(journal.last().sequence, Sequence(next));
}

#[test]
fn conforms_on_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    conforms(Arc::new(Directory::open(&dir.path().join("deep/journal")).unwrap()));
}

#[test]
fn conforms_on_a_disk_in_memory() {
    conforms(Arc::new(Disk::default()));
}

#[test]
fn conforms_where_writes_are_short() {
    conforms(Arc::new(Disk::with(Faults { short_writes: Some(1000), ..Faults::default() })));
}

#[test]
fn one_write_and_one_sync_a_group() {
    let disk = Disk::default();
    let mut journal = disk.open(0, &Options::default()).unwrap().journal;
    journal.append(&[commit(1, 10)]).unwrap();
    let before = (disk.writes(), disk.syncs());
    let group: Vec<_> = (2..100).map(|sequence| commit(sequence, 2000)).collect();
    journal.append(&group).unwrap();
    assert_eq!((disk.writes(), disk.syncs()), (before.0 + 1, before.1 + 1));
}

#[test]
fn relaxed_appends_without_a_sync() {
    let disk = Disk::default();
    let options = Options { durability: Durability::Relaxed, ..Options::default() };
    let mut journal = disk.open(0, &options).unwrap().journal;
    journal.append(&[commit(1, 10)]).unwrap();
    let before = disk.syncs();
    journal.append(&[commit(2, 10)]).unwrap();
    journal.append(&[commit(3, 10)]).unwrap();
    assert_eq!(disk.syncs(), before);
    journal.sync().unwrap();
    journal.sync().unwrap();
    assert_eq!(disk.syncs(), before + 1);
    assert_eq!(replayed(&disk_again(&disk, &options), 0).unwrap().len(), 3);
}

fn disk_again(disk: &Disk, options: &Options) -> LocalJournal {
    Disk::of(&disk.durable()).open(0, options).unwrap().journal
}

#[test]
fn a_new_journal_takes_the_identity_that_is_given_and_keeps_it() {
    let disk: Arc<dyn Storage> = Arc::new(Disk::default());
    let id = StoreId([7; 16]);
    let known = Known { store_id: Some(id), sequence: Sequence(0) };
    assert_eq!(LocalJournal::open(Arc::clone(&disk), known, small()).unwrap().journal.store_id(), id);
    assert_eq!(open(&disk, 0).store_id(), id);
    let other = Known { store_id: Some(StoreId([8; 16])), sequence: Sequence(0) };
    let error = LocalJournal::open(disk, other, small()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Corrupt(c) if matches!(c.problem, Problem::ForeignStore { .. })),
        "{error}"
    );
}

/// The kernel drops pages whose sync failed but goes on showing them: what a restart reads there, and serves,
/// must be written anew, or the next loss of power takes it.
#[test]
fn crash_b_what_a_failed_sync_left_in_the_cache_is_written_again_at_opening() {
    let disk = Disk::default();
    let mut journal = disk.open(0, &small()).unwrap().journal;
    journal.append(&[commit(1, 10)]).unwrap();
    let next = disk.syncs() + 1;
    disk.fault(|faults| faults.fail_sync = Some(next));
    assert!(matches!(journal.append(&[commit(2, 3000)]), Err(AppendError::Failed(_))));
    drop(journal);

    let restarted = Disk::of(&disk.durable());
    restarted.cache(&disk.live());
    let journal = restarted.open(0, &small()).unwrap().journal;
    let served = replayed(&journal, 0).unwrap();
    assert_eq!(served.len(), 2);
    drop(journal);
    assert_eq!(replayed(&disk_again(&restarted, &small()), 0).unwrap(), served);
}

/// What a document holds cannot pass for a record, even where a write of it was torn.
#[test]
fn crash_b_document_text_cannot_imitate_a_record() {
    let disk = Disk::default();
    let mut journal = disk.open(0, &small()).unwrap().journal;
    journal.append(&[commit(1, 10)]).unwrap();
    let mut content = vec![b'x'; 4096];
    // Records far ahead at every place where one could begin, with the checksum of a segment without salt.
    for place in content.chunks_exact_mut(48) {
        let mut rest = Vec::new();
        rest.extend(24_u32.to_le_bytes());
        rest.extend(5_u64.to_le_bytes());
        rest.extend(5_u64.to_le_bytes());
        rest.extend([b'y'; 24]);
        place[..4].copy_from_slice(&crc32c::crc32c(&rest).to_le_bytes());
        place[4..].copy_from_slice(&rest[..44]);
    }
    for shift in 0..8 {
        let disk = Disk::of(&disk.live());
        let mut journal = disk.open(1, &small()).unwrap().journal;
        let text = [&vec![b'z'; shift][..], &content].concat();
        journal.append(&[commit_of(2, text.into())]).unwrap();
        let mut image = disk.live();
        let file = image.values_mut().next().unwrap();
        let end = 64 + 24 + record::encode_commit(&commit(1, 10)).len().next_multiple_of(8);
        file[end] ^= 1;
        let opened = Disk::of(&image).open(1, &small()).unwrap();
        assert!(opened.repaired.is_some());
        assert_eq!(opened.journal.last().sequence, Sequence(1));
    }
}
