//! A full disk refuses a group before a byte of it is written; a failed sync ends the journal's writing.

use persona_registry::domain::Commit;
use persona_registry::journal::{AppendError, Durability, Journal, Options};

use crate::journal_disk::{Dice, Disk, Faults, commit, replayed, small};

fn group(after: usize, dice: &mut Dice) -> Vec<Commit> {
    let first = after as u64 + 1;
    (first..=first + dice.below(3) as u64).map(|sequence| commit(sequence, dice.below(5000))).collect()
}

fn held(disk: &Disk, known: usize) -> Vec<Commit> {
    let journal = disk.open(known as u64, &small()).unwrap().journal;
    replayed(&journal, 0).unwrap()
}

/// On a disk of this size: writes until it is full, then checks that nothing of the refused group is anywhere.
fn fill(capacity: usize, short_writes: Option<usize>) -> usize {
    let disk = Disk::with(Faults { capacity: Some(capacity), short_writes, ..Faults::default() });
    let mut journal = match disk.open(0, &small()) {
        Ok(opened) => opened.journal,
        Err(error) => {
            assert!(error.to_string().contains("journal-00000000000000000001.log"), "{error}");
            assert!(disk.live().is_empty());
            return 0;
        }
    };
    let (mut dice, mut all) = (Dice(capacity as u64), Vec::new());
    let refused = loop {
        let group = group(all.len(), &mut dice);
        match journal.append(&group) {
            Ok(()) => all.extend(group),
            Err(AppendError::Full) => break group,
            Err(error) => panic!("capacity {capacity}: {error}"),
        }
    };
    let position = journal.last();
    assert_eq!(position.sequence.0, all.len() as u64);
    assert!(matches!(journal.append(&refused), Err(AppendError::Full)));
    assert_eq!(replayed(&journal, 0).unwrap(), all);
    // Neither a restart nor a power cut finds anything of it.
    assert_eq!(held(&Disk::of(&disk.live()), all.len()), all);
    assert_eq!(held(&Disk::of(&disk.durable()), all.len()), all);
    // A smaller one may still fit.
    let small_one = [commit(all.len() as u64 + 1, 1)];
    match journal.append(&small_one) {
        Ok(()) => all.extend(small_one),
        Err(AppendError::Full) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(held(&Disk::of(&disk.durable()), all.len()), all);
    // With space again the journal goes on, without being opened anew.
    disk.fault(|faults| faults.capacity = None);
    let next = group(all.len(), &mut dice);
    journal.append(&next).unwrap();
    all.extend(next);
    assert_eq!(held(&Disk::of(&disk.durable()), all.len()), all);
    all.len()
}

#[test]
fn crash_e_a_full_disk_refuses_before_anything_is_written() {
    let mut most = 0;
    for capacity in (0..3).chain((50..200).step_by(7)).chain((200..80_000).step_by(509)) {
        most = most.max(fill(capacity, None)).max(fill(capacity, Some(100)));
    }
    println!("up to {most} commits");
    assert!(most > 15);
}

#[test]
fn crash_e_a_failed_sync_is_final_and_never_retried() {
    for (number, durability) in (1..60).zip([Durability::Strict, Durability::Relaxed].into_iter().cycle()) {
        let disk = Disk::with(Faults { fail_sync: Some(number), ..Faults::default() });
        let options = Options { durability, ..small() };
        let Ok(opened) = disk.open(0, &options) else { continue };
        let mut journal = opened.journal;
        let (mut dice, mut all, mut safe) = (Dice(number as u64), Vec::new(), 0);
        let failed = loop {
            let group = group(all.len(), &mut dice);
            let written = journal.append(&group);
            all.extend(group);
            match written.and_then(|()| journal.sync()) {
                Ok(()) => safe = all.len(),
                Err(AppendError::Failed(error)) => break error.to_string(),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(failed, "injected sync failure");
        let (syncs, writes) = (disk.syncs(), disk.writes());
        disk.fault(|faults| faults.fail_sync = None);
        let next = [commit(journal.last().sequence.0 + 1, 1)];
        assert!(matches!(journal.append(&next), Err(AppendError::Failed(_))));
        assert!(matches!(journal.sync(), Err(AppendError::Failed(_))));
        assert!(matches!(journal.trim(journal.last().sequence), Err(AppendError::Failed(_))));
        assert_eq!((disk.syncs(), disk.writes()), (syncs, writes), "nothing is tried again");
        // What was safe is there after a restart and after a power cut; of the rest, whole commits or none.
        for image in [disk.live(), disk.durable()] {
            let held = held(&Disk::of(&image), safe);
            assert!(held.len() >= safe && held[..] == all[..held.len()], "sync {number}");
        }
    }
}

#[test]
fn crash_e_a_failed_write_is_final_too() {
    for number in 1..40 {
        let disk = Disk::with(Faults { fail_write: Some(number), ..Faults::default() });
        let Ok(opened) = disk.open(0, &small()) else { continue };
        let (mut journal, mut dice, mut all) = (opened.journal, Dice(7), Vec::new());
        loop {
            let group = group(all.len(), &mut dice);
            match journal.append(&group) {
                Ok(()) => all.extend(group),
                Err(AppendError::Failed(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(matches!(journal.append(&[commit(all.len() as u64 + 1, 1)]), Err(AppendError::Failed(_))));
        assert_eq!(held(&Disk::of(&disk.live()), all.len()), all);
    }
}
