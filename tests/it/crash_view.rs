//! The view is damaged while nothing runs. At the next start everything acknowledged is there, as it was, and that
//! the view was made anew is said. Damage to the journal is refused, whatever the view holds.

use std::fs;

use persona_registry::journal::Durability;

use crate::crash_content::{Copy, Sample, place, run};
use crate::journal_commits::Dice;

/// Opens the copy and compares all of it; tells why the view was made anew, if it was.
fn opened(sample: &Sample, copy: &Copy, what: &str) -> Option<String> {
    println!("{what}");
    let (registry, report) = copy.open().unwrap_or_else(|error| panic!("{what}: {error}"));
    sample.holds(&registry);
    drop(registry);
    // And it stays so.
    let (registry, again) = copy.open().unwrap();
    assert!(again.rebuilt.is_none() && again.replayed == 0, "{what}: {again:?}");
    assert!(report.rebuilt.is_none() || report.replayed > 0);
    drop(registry);
    report.rebuilt.map(|(reason, _)| reason)
}

#[track_caller]
fn rebuilt(sample: &Sample, what: &str, damage: impl FnOnce(&Copy)) {
    let copy = sample.copy();
    damage(&copy);
    let reason = opened(sample, &copy, what);
    println!("  {}", reason.unwrap_or_else(|| panic!("{what}: not made anew, or not said")));
}

#[test]
fn crash_c_an_undamaged_view_is_used() {
    for sample in [Sample::small(), Sample::killed()] {
        assert_eq!(opened(sample, &sample.copy(), "undamaged"), None);
    }
}

#[test]
fn crash_c_a_view_that_is_not_there_is_made_anew() {
    for sample in [Sample::small(), Sample::killed()] {
        rebuilt(sample, "view deleted", |copy| fs::remove_dir_all(copy.path("view-1")).unwrap());
        rebuilt(sample, "view empty", |copy| copy.replace("view-1", tempfile::tempdir().unwrap().path()));
        rebuilt(sample, "no db", |copy| fs::remove_file(copy.path("view-1/db")).unwrap());
    }
}

#[test]
fn crash_c_a_view_cut_short_is_made_anew() {
    for sample in [Sample::small(), Sample::killed()] {
        let used =
            |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0 && *byte != bytes[bytes.len() - 2]);
        for (what, cut) in
            [("0", (0, 1)), ("a twentieth", (1, 20)), ("a half", (1, 2)), ("nine tenths", (9, 10))]
        {
            let copy = sample.copy();
            copy.damage("view-1/db", |bytes| bytes.truncate(used(bytes).unwrap() / cut.1 * cut.0));
            let reason = opened(sample, &copy, &format!("db cut to {what} of what is used"));
            // What came after the checkpoint is replayed, and so need not be missed.
            assert!(reason.is_some() || std::ptr::eq(sample, Sample::killed()));
        }
    }
    // The last byte of what was reserved holds nothing: then there is nothing to be made anew.
    let copy = Sample::small().copy();
    copy.damage("view-1/db", |bytes| bytes.truncate(bytes.len() - 1));
    opened(Sample::small(), &copy, "db one byte shorter");
}

#[test]
fn crash_c_the_engines_small_files_damaged() {
    for sample in [Sample::small(), Sample::killed()] {
        for (dir, prefix) in [("view-1", "snap."), ("view-1", "conf")] {
            for (what, at) in [("first", 0), ("middle", 20), ("last", usize::MAX)] {
                let copy = sample.copy();
                copy.damage(&copy.files(dir, prefix).pop().unwrap(), |bytes| {
                    let at = at.min(bytes.len() - 1);
                    bytes[at] ^= 0x20;
                });
                println!("  {:?}", opened(sample, &copy, &format!("{prefix} {what} byte")));
            }
            let copy = sample.copy();
            copy.damage(&copy.files(dir, prefix).pop().unwrap(), Vec::clear);
            println!("  {:?}", opened(sample, &copy, &format!("{prefix} empty")));
        }
        let copy = sample.copy();
        fs::remove_file(copy.path("view-1/conf")).unwrap();
        println!("  {:?}", opened(sample, &copy, "conf deleted"));
        let copy = sample.copy();
        fs::remove_file(copy.path(&copy.files("view-1", "snap.").pop().unwrap())).unwrap();
        println!("  {:?}", opened(sample, &copy, "snapshot deleted"));
    }
}

#[test]
fn crash_c_leftovers_of_a_crash_do_not_disturb() {
    for sample in [Sample::small(), Sample::killed()] {
        let copy = sample.copy();
        fs::write(copy.path("view-1/snap.00000000000000FF.generating"), b"half a snapshot").unwrap();
        assert_eq!(opened(sample, &copy, "unfinished snapshot"), None);
        // A view that was being made when the power went.
        let copy = sample.copy();
        copy.replace("view-2", &copy.path("view-1"));
        copy.damage("view-2/db", |bytes| bytes.truncate(4000));
        assert_eq!(opened(sample, &copy, "half a next view"), None);
        assert!(!copy.path("view-2").exists());
        let copy = sample.copy();
        fs::write(copy.path("CHECKPOINT.new"), b"view 9").unwrap();
        assert_eq!(opened(sample, &copy, "half a checkpoint"), None);
    }
}

#[test]
fn crash_c_a_checkpoint_that_is_wrong_loses_nothing() {
    for sample in [Sample::small(), Sample::killed()] {
        let copy = sample.copy();
        fs::remove_file(copy.path("CHECKPOINT")).unwrap();
        assert_eq!(opened(sample, &copy, "checkpoint deleted"), None);
        let copy = sample.copy();
        copy.damage("CHECKPOINT", |bytes| bytes[20] ^= 1);
        assert_eq!(opened(sample, &copy, "checkpoint damaged"), None);
        rebuilt(sample, "checkpoint of a view that is not there", |copy| {
            copy.damage("CHECKPOINT", |bytes| {
                let text = String::from_utf8(bytes.clone()).unwrap().replace("view 1\n", "view 5\n");
                let body = text.split_inclusive('\n').take(3).collect::<String>();
                *bytes = format!("{body}crc {:08x}\n", crc32c::crc32c(body.as_bytes())).into_bytes();
            });
        });
    }
}

#[test]
fn crash_c_a_view_of_another_time_or_store() {
    let (small, killed) = (Sample::small(), Sample::killed());
    rebuilt(small, "another store's view", |copy| copy.replace("view-1", &killed.copy().path("view-1")));
    // Without a checkpoint nothing says which of the two, view or journal, is the stranger.
    let copy = small.copy();
    copy.replace("view-1", &killed.copy().path("view-1"));
    fs::remove_file(copy.path("CHECKPOINT")).unwrap();
    let error = copy.open().unwrap_err().to_string();
    assert!(
        error.contains("journal-00000000000000000001.log") && error.contains("belongs to store"),
        "{error}"
    );
    // An old copy of the view put back under a newer checkpoint, and together with its own.
    let (old, copy) = (small.copy(), small.copy());
    let (registry, _) = copy.open().unwrap();
    small.holds(&registry);
    drop(registry);
    copy.replace("view-1", &old.path("view-1"));
    let (registry, report) = copy.open().unwrap();
    let reason = report.rebuilt.unwrap().0;
    assert!(reason.contains("lacks records"), "{reason}");
    run(registry.close());
    drop(registry);
    copy.replace("view-1", &old.path("view-1"));
    fs::remove_dir_all(copy.path("view-2")).unwrap();
    fs::copy(old.path("CHECKPOINT"), copy.path("CHECKPOINT")).unwrap();
    let (registry, report) = copy.open().unwrap();
    assert!(report.rebuilt.is_none() && report.replayed == 1, "{report:?}");
    run(registry.close());
}

/// Bits flipped in the engine's file by chance. Most places hold nothing that is still in use.
fn flip(sample: &Sample, rounds: usize, seed: u64, near_ends: bool) {
    const SEGMENT: usize = 8 << 20;
    let mut noticed = 0;
    for round in 0..rounds {
        let mut dice = Dice(seed.wrapping_mul(1000) + round as u64);
        let copy = sample.copy();
        let mut places = Vec::new();
        copy.damage("view-1/db", |bytes| {
            for _ in 0..[1, 1, 2, 20][dice.below(4)] {
                // What is lost with a message is all that follows in its segment: near the end that is little.
                let at = if near_ends {
                    let end = SEGMENT * (1 + dice.below(bytes.len() / SEGMENT)) - 1;
                    end - dice.below(40_000)
                } else {
                    place(bytes, &mut dice)
                };
                bytes[at] ^= 1 << dice.below(8);
                places.push(at);
            }
        });
        let what = format!("seed {seed}, round {round}: bits flipped at {places:?}");
        noticed += usize::from(opened(sample, &copy, &what).is_some());
    }
    println!("{rounds} rounds, {noticed} views made anew, all hold");
}

#[test]
fn crash_c_bits_flipped_anywhere_in_the_view() {
    flip(Sample::small(), 8, 1, false);
    flip(Sample::killed(), 8, 2, false);
    flip(Sample::large(), 2, 3, false);
    flip(Sample::large(), 2, 4, true);
}

#[test]
#[ignore = "minutes: PERSONA_CRASH_ROUNDS rounds of each, 200 when it does not say"]
fn crash_c_bits_flipped_at_length() {
    let number =
        |name, otherwise| std::env::var(name).map_or(otherwise, |text: String| text.parse().unwrap());
    let (rounds, seed) = (number("PERSONA_CRASH_ROUNDS", 200), number("PERSONA_CRASH_SEED", 5));
    flip(Sample::small(), rounds, seed as u64, false);
    flip(Sample::killed(), rounds, seed as u64, false);
    flip(Sample::large(), rounds, seed as u64, false);
    flip(Sample::large(), rounds, seed as u64 + 1, true);
}

#[test]
fn crash_c_a_journal_that_is_gone_is_refused_though_the_view_has_it_all() {
    for sample in [Sample::small(), Sample::killed()] {
        let copy = sample.copy();
        fs::remove_dir_all(copy.path("journal")).unwrap();
        let error = copy.open().unwrap_err().to_string();
        assert!(error.contains("data/journal") && error.contains("had been acknowledged"), "{error}");
    }
}

#[test]
fn crash_c_a_journal_file_missing_in_the_middle_is_refused() {
    for index in 1..3 {
        let copy = Sample::large().copy();
        let name = &copy.files("journal", "journal-")[index];
        fs::remove_file(copy.path(name)).unwrap();
        let error = copy.open().unwrap_err().to_string();
        assert!(error.contains("data/journal/journal-") && error.contains("are missing"), "{error}");
    }
    // The first: nothing says so to a sound view, but a view cannot be made from the rest.
    let copy = Sample::large().copy();
    fs::remove_file(copy.path(&copy.files("journal", "journal-")[0])).unwrap();
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    let error = copy.open().unwrap_err().to_string();
    assert!(error.contains("the journal begins at record"), "{error}");
}

/// What relaxed durability may cost: the newest records, and a view that has them is not believed. Strict durability
/// promised them, and so the same files are refused.
#[test]
fn crash_c_a_view_ahead_of_the_journal() {
    for sample in [Sample::small(), Sample::killed()] {
        let copy = sample.copy();
        let (registry, _) = copy.open().unwrap();
        let head = registry.head();
        run(registry.close());
        drop(registry);
        copy.damage(&copy.files("journal", "journal-").pop().unwrap(), |bytes| {
            let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            bytes[end - 100..].fill(0);
        });
        let error = copy.open().unwrap_err().to_string();
        assert!(error.contains("had been acknowledged"), "{error}");
        let (registry, report) = copy.open_with(Durability::Relaxed).unwrap();
        assert!(report.rebuilt.unwrap().0.contains("the journal lost") && report.torn.is_some());
        assert_eq!(registry.head().0, head.0 - 1);
        run(async {
            sample.go_on(&registry).await;
            registry.close().await;
        });
        drop(registry);
        let (registry, report) = copy.open_with(Durability::Relaxed).unwrap();
        assert!(report.rebuilt.is_none() && registry.head() == head, "{report:?}");
        run(registry.close());
    }
}
