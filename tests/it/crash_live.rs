//! The view is damaged under a running registry whose engine keeps next to nothing in memory. What is read is right or
//! refused, never wrong; the registry makes its view anew by itself, and then all is right.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc;

use persona_registry::registry::Error;

use crate::crash_content::{Copy, Sample, run};
use crate::harness::PATIENCE;
use crate::journal_commits::Dice;

/// Opens a copy, damages the engine's file under it, reads everything; whether the view had to be made anew.
fn live(
    sample: &'static Sample,
    what: String,
    damage: impl FnOnce(&fs::File, u64, &Copy) + Send + 'static,
) -> bool {
    println!("{what}");
    let (done, result) = mpsc::channel();
    // On a thread, since an engine on damaged files may never come back.
    std::thread::spawn(move || {
        let copy = sample.copy();
        let (registry, report) = copy.open().unwrap();
        assert!(report.rebuilt.is_none());
        let file = fs::File::options().read(true).write(true).open(copy.path("view-1/db")).unwrap();
        let length = file.metadata().unwrap().len();
        damage(&file, length, &copy);
        run(async {
            // Each call mends what it meets; the first may still be refused.
            let mut refused = 0;
            while let Err(error) = sample.compare(&registry).await {
                assert!(matches!(error, Error::Corrupt(_)), "{error}");
                println!("  refused: {error}");
                refused += 1;
                assert!(refused < 20, "it is never mended");
            }
            sample.go_on(&registry).await;
            registry.close().await;
        });
        drop(registry);
        let healed = !copy.path("view-1").exists();
        let (registry, _) = copy.open().unwrap();
        run(registry.close());
        // The test ends with the answer, and nothing may be left to be removed then.
        drop((registry, copy));
        done.send(healed).unwrap();
    });
    let healed =
        result.recv_timeout(PATIENCE * 4).unwrap_or_else(|_| panic!("{what}: failed, or never came back"));
    println!("  made anew: {healed}");
    healed
}

fn flip(rounds: u64, seed: u64, share: u64) -> usize {
    let mut healed = 0;
    for round in 0..rounds {
        let what = format!("seed {seed}, round {round}: one bit in {share} bytes flipped");
        let damaged = live(Sample::large(), what, move |file, length, _| {
            let mut dice = Dice(seed * 1000 + round);
            for _ in 0..(length / share).max(1) {
                let (at, mut byte) = (dice.below(length as usize) as u64, [0]);
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ (1 << dice.below(8))], at).unwrap();
            }
        });
        healed += usize::from(damaged);
    }
    println!("{rounds} rounds, {healed} views made anew, all hold");
    healed
}

#[test]
fn crash_c_bits_flipped_under_a_running_registry() {
    assert!(flip(2, 1, 2000) > 0);
    flip(1, 2, 200_000);
}

#[test]
fn crash_c_the_engines_file_overwritten_or_cut_under_a_running_registry() {
    let zeros =
        |file: &fs::File, length: u64, _: &Copy| file.write_all_at(&vec![0; length as usize], 0).unwrap();
    assert!(live(Sample::large(), "zeros".to_owned(), zeros));
    let cut = |file: &fs::File, length: u64, _: &Copy| file.set_len(length / 3).unwrap();
    assert!(live(Sample::large(), "cut to a third".to_owned(), cut));
}

#[test]
#[ignore = "minutes"]
fn crash_c_bits_flipped_under_a_running_registry_at_length() {
    for share in [100, 10_000, 100_000, 1_000_000] {
        flip(25, share, share);
    }
}
