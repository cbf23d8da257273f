//! Bytes that went bad in the middle: an error that names the place, never a record skipped. What cannot be
//! told from an unfinished write is cut, unless the view knows better.

use persona_registry::domain::{Sequence, StoreId};
use persona_registry::journal::{Corruption, Journal, Known, OpenError, Problem, ReplayError};

use crate::journal_disk::{Disk, Image, commit, replayed, small};

const HEADER: usize = 64;

/// A journal of 24 records in groups of one, in several files.
fn sample() -> Image {
    let disk = Disk::default();
    let mut journal = disk.open(0, &small()).unwrap().journal;
    for sequence in 1..=24 {
        journal.append(&[commit(sequence, 100 * (sequence as usize % 7) + 2000)]).unwrap();
    }
    assert!(disk.live().len() >= 3);
    disk.live()
}

struct Record {
    file: String,
    offset: usize,
    length: usize,
    sequence: u64,
}

/// Where the records stand, read by the drawing in docs/storage.md.
fn records(image: &Image) -> Vec<Record> {
    let mut found = Vec::new();
    for (file, bytes) in image {
        let mut offset = HEADER;
        while offset + 24 <= bytes.len() {
            let length = u32::from_le_bytes(bytes[offset + 4..offset + 8].try_into().unwrap()) as usize;
            let sequence = u64::from_le_bytes(bytes[offset + 8..offset + 16].try_into().unwrap());
            if length == 0 {
                break;
            }
            found.push(Record { file: file.clone(), offset, length, sequence });
            offset += (24 + length).next_multiple_of(8);
        }
    }
    assert!(found.iter().map(|record| record.sequence).eq(1..=24));
    found
}

fn refusal(image: &Image, known: u64) -> Corruption {
    let disk = Disk::of(image);
    let before = disk.live();
    let error = disk.open(known, &small()).expect_err("opens in spite of the damage");
    assert_eq!(disk.live(), before, "a refused journal is left as it is");
    let OpenError::Corrupt(corruption) = error else { panic!("{error}") };
    corruption
}

fn assert_names(corruption: &Corruption, record: &Record, what: &str) {
    let message = corruption.to_string();
    assert_eq!(corruption.offset, record.offset as u64, "{what}: {message}");
    assert_eq!(corruption.sequence, Sequence(record.sequence), "{what}: {message}");
    assert!(corruption.path.ends_with(&record.file), "{what}: {message}");
    for part in
        [record.file.clone(), format!("byte {}", record.offset), "restore the newest backup".to_owned()]
    {
        assert!(message.contains(&part), "{what}: {message}");
    }
}

#[test]
fn crash_d_damage_in_every_region_of_a_middle_record_is_named() {
    let image = sample();
    let records = records(&image);
    // One in a sealed file, the first and one in the middle of the newest file.
    let newest = records.iter().position(|record| Some(&record.file) == image.keys().next_back()).unwrap();
    for record in [&records[4], &records[newest], &records[newest + 1]] {
        let regions = [
            ("checksum", 0..4),
            ("length", 4..8),
            ("sequence", 8..16),
            ("group", 16..24),
            ("payload", 24..25),
            ("payload", 24 + record.length / 2..24 + record.length / 2 + 1),
            ("payload", 24 + record.length - 1..24 + record.length),
        ];
        for (what, region) in regions {
            for at in region {
                for flip in [1, 0x10, 0x80, 0xff] {
                    let mut image = image.clone();
                    image.get_mut(&record.file).unwrap()[record.offset + at] ^= flip;
                    assert_names(&refusal(&image, 0), record, what);
                    assert_names(&refusal(&image, record.sequence - 1), record, what);
                }
            }
        }
        for (what, fill) in [("zeros", 0), ("ones", 0xff)] {
            let mut image = image.clone();
            let bytes = image.get_mut(&record.file).unwrap();
            bytes[record.offset..record.offset + 24 + record.length].fill(fill);
            assert_names(&refusal(&image, 0), record, what);
        }
    }
}

#[test]
fn crash_d_a_file_cut_short_in_the_middle_is_named() {
    let image = sample();
    let records = records(&image);
    for cut in [0, 10, 24, 500] {
        let mut image = image.clone();
        image.get_mut(&records[4].file).unwrap().truncate(records[4].offset + cut);
        assert_names(&refusal(&image, 0), &records[4], "cut");
    }
}

/// Damage in what the view has already applied does not keep the registry from starting; replay finds it.
#[test]
fn crash_d_damage_in_a_file_that_need_not_be_read_is_found_by_replay() {
    let image = sample();
    let records = records(&image);
    let mut damaged = image.clone();
    damaged.get_mut(&records[4].file).unwrap()[records[4].offset + 30] ^= 1;
    let journal = Disk::of(&damaged).open(24, &small()).unwrap().journal;
    let Err(ReplayError::Corrupt(corruption)) = replayed(&journal, 0) else { panic!("replays the damage") };
    assert_names(&corruption, &records[4], "replay");
    assert_eq!(replayed(&journal, 23).unwrap(), [commit(24, 100 * (24 % 7) + 2000)]);
}

#[test]
fn crash_d_the_newest_record_is_a_torn_tail_unless_the_view_has_it() {
    let image = sample();
    let records = records(&image);
    let newest = records.last().unwrap();
    for at in [0, 5, 9, 17, 30, 24 + newest.length - 1] {
        let mut image = image.clone();
        image.get_mut(&newest.file).unwrap()[newest.offset + at] ^= 0x40;
        assert_names(&refusal(&image, 24), newest, "newest");
        let opened = Disk::of(&image).open(23, &small()).unwrap();
        let torn = opened.repaired.expect("a torn tail");
        assert_eq!((torn.offset, opened.journal.last().sequence), (newest.offset as u64, Sequence(23)));
        assert!(torn.path.ends_with(&newest.file) && torn.bytes <= (newest.length + 24) as u64);
    }
}

#[test]
fn crash_d_every_bit_of_a_header_counts() {
    let image = sample();
    for file in image.keys() {
        for at in 0..HEADER {
            for bit in 0..8 {
                let mut image = image.clone();
                image.get_mut(file).unwrap()[at] ^= 1 << bit;
                let corruption = refusal(&image, 24);
                assert!(matches!(corruption.problem, Problem::Header(_)), "{corruption}");
                assert!(corruption.path.ends_with(file) && corruption.offset == 0, "{corruption}");
            }
        }
    }
}

fn reseal(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn crash_d_a_newer_format_is_told_from_damage() {
    let mut image = sample();
    let bytes = image.values_mut().next_back().unwrap();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    reseal(bytes);
    let corruption = refusal(&image, 0);
    assert_eq!(corruption.problem, Problem::Newer(2));
    assert!(corruption.to_string().contains("by a newer version of the registry"), "{corruption}");
    // Nor is it taken for an unfinished rotation when it holds no record yet.
    image.values_mut().next_back().unwrap()[HEADER..].fill(0);
    assert_eq!(refusal(&image, 0).problem, Problem::Newer(2));
}

#[test]
fn crash_d_a_file_of_another_store_is_refused() {
    let mut image = sample();
    let bytes = image.values_mut().nth(1).unwrap();
    bytes[16] ^= 1;
    reseal(bytes);
    assert!(matches!(refusal(&image, 0).problem, Problem::ForeignStore { .. }));
    let image = sample();
    let known = Known { store_id: Some(StoreId([9; 16])), sequence: Sequence(0) };
    let storage = std::sync::Arc::new(Disk::of(&image));
    let error = persona_registry::journal::LocalJournal::open(storage, known, small()).unwrap_err();
    assert!(error.to_string().contains("09090909090909090909090909090909"), "{error}");
}

#[test]
fn crash_d_a_missing_file_is_refused() {
    let image = sample();
    let names: Vec<_> = image.keys().cloned().collect();
    let mut middle = image.clone();
    middle.remove(&names[1]);
    for known in [0, 24] {
        let corruption = refusal(&middle, known);
        assert!(matches!(corruption.problem, Problem::Missing(_)), "{corruption}");
    }
    let mut newest = image.clone();
    newest.remove(names.last().unwrap());
    assert_eq!(refusal(&newest, 24).problem, Problem::Behind(Sequence(24)));
    assert_eq!(refusal(&Image::new(), 24).problem, Problem::Behind(Sequence(24)));
    // A file under another name is none.
    let mut renamed = image;
    let bytes = renamed.remove(&names[1]).unwrap();
    renamed.insert("journal-00000000000000000002.log".to_owned(), bytes);
    assert!(matches!(refusal(&renamed, 0).problem, Problem::Header(_)));
}

#[test]
fn crash_d_an_unfinished_rotation_is_undone_and_a_lost_one_is_not() {
    let image = sample();
    let next = "journal-00000000000000000025.log".to_owned();
    for bytes in [vec![], vec![0; 10], vec![0; 8192], b"PERSJRNL".to_vec()] {
        let mut image = image.clone();
        image.insert(next.clone(), bytes);
        let disk = Disk::of(&image);
        let opened = disk.open(24, &small()).unwrap();
        assert!(opened.removed.expect("the file").ends_with(&next));
        assert_eq!(opened.journal.last().sequence, Sequence(24));
        assert!(!disk.live().contains_key(&next));
    }
    // A rotation to 26 begins when 25 is safe, and 25 is not there.
    let mut image = image;
    image.insert("journal-00000000000000000026.log".to_owned(), vec![0; 8192]);
    let corruption = refusal(&image, 0);
    assert!(matches!(corruption.problem, Problem::Record("is blank", Sequence(26))), "{corruption}");
}
