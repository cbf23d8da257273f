//! A snapshot takes the place of old journal files: everything is there as it was, whatever becomes of the view, of what a crash
//! left, or of the snapshot itself, which is never skipped when it is needed and damaged.

use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use persona_registry::registry::{Registry, check};

use crate::crash_content::{Copy, Image, Sample, place, run};
use crate::faulty::{Disk, Mood};
use crate::harness::{PATIENCE, put};
use crate::journal_commits::Dice;

/// Opens it so that a snapshot is due at once, and closes it when old journal files are gone.
fn shortened(copy: &Copy) {
    let mut options = copy.options();
    (options.snapshot_bytes, options.checkpoint_interval) = (0, Duration::ZERO);
    let first = copy.files("journal", "journal-").remove(0);
    let (registry, _) = Copy::open_as(options).unwrap();
    until(|| !copy.path(&first).exists());
    run(registry.close());
    drop(registry);
    let snapshots = copy.files("snapshots", "");
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
}

fn until(done: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < patience, "it comes within patience");
        std::thread::yield_now();
    }
}

/// The large sample, its journal shortened by a snapshot.
fn short() -> Copy {
    static SHORT: OnceLock<Image> = OnceLock::new();
    let make = || {
        let copy = Sample::large().copy();
        shortened(&copy);
        copy.image()
    };
    SHORT.get_or_init(make).copy()
}

fn holds(copy: &Copy) -> Option<String> {
    let (registry, report) = copy.open().unwrap();
    Sample::large().holds(&registry);
    report.rebuilt.map(|(reason, _)| reason)
}

#[test]
fn crash_f_a_view_is_made_anew_from_a_snapshot_and_the_journal_behind_it() {
    assert_eq!(holds(&short()), None);
    let copy = short();
    // Records behind the snapshot.
    let (registry, _) = copy.open().unwrap();
    run(async {
        Sample::large().compare(&registry).await.unwrap();
        registry.close().await;
    });
    drop(registry);
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    assert!(holds(&copy).unwrap().contains("not there"));
    // Shortened twice, and then the view is lost.
    let copy = short();
    fs::remove_file(copy.path("CHECKPOINT")).unwrap();
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    assert!(holds(&copy).is_some());
}

#[test]
fn crash_f_a_damaged_snapshot_is_refused_where_it_is_needed_and_named() {
    let mut dice = Dice(11);
    for round in 0..6 {
        let copy = short();
        let name = copy.files("snapshots", "snapshot-").remove(0);
        copy.damage(&name, |bytes| match round {
            0 => bytes.truncate(bytes.len() - 1),
            1 => bytes.truncate(bytes.len() / 2),
            2 => bytes[20] ^= 1,
            3 => bytes.push(0),
            _ => {
                let at = place(bytes, &mut dice);
                bytes[at] ^= 1 << dice.below(8);
            }
        });
        let found = check(&copy.options(), false).unwrap().findings;
        assert!(found.iter().any(|found| found.part.ends_with(&name)), "{round}: {found:?}");
        // The view is sound, and so nothing is lost yet.
        let (registry, report) = copy.open().unwrap();
        assert!(report.rebuilt.is_none());
        run(async {
            Sample::large().compare(&registry).await.unwrap();
            registry.close().await;
        });
        drop(registry);
        for view in ["view-1", "view-2"] {
            drop(fs::remove_dir_all(copy.path(view)));
        }
        let error = copy.open().unwrap_err().to_string();
        assert!(error.contains("snapshot-") && error.contains("restore-store"), "{round}: {error}");
    }
}

#[test]
fn crash_f_a_snapshot_that_is_gone_is_taken_again_while_the_view_has_it_all() {
    let copy = short();
    fs::remove_dir_all(copy.path("snapshots")).unwrap();
    let (registry, report) = copy.open().unwrap();
    assert!(report.rebuilt.is_none());
    let is_there = || copy.path("snapshots").exists() && !copy.files("snapshots", "snapshot-").is_empty();
    until(is_there);
    run(registry.close());
    drop(registry);
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    assert!(holds(&copy).is_some());
    // Without a view there is nothing to take it from.
    let copy = short();
    fs::remove_dir_all(copy.path("snapshots")).unwrap();
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    let error = copy.open().unwrap_err().to_string();
    assert!(error.contains("the journal begins at record") && error.contains("restore-store"), "{error}");
    // One of another store is not taken for ours.
    let copy = short();
    let name = copy.files("snapshots", "snapshot-").remove(0);
    copy.damage(&name, |bytes| {
        let mut other = Vec::new();
        let store_id = persona_registry::domain::StoreId([9; 16]);
        persona_registry::store::snapshot::Reader::begin(&bytes[..])
            .unwrap()
            .copy(store_id, &mut other)
            .unwrap();
        *bytes = other;
    });
    assert_eq!(check(&copy.options(), false).unwrap().findings.len(), 2);
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    let error = copy.open().unwrap_err().to_string();
    assert!(error.contains("belongs to store"), "{error}");
    // A journal that is gone is damage, however much the snapshot has.
    let copy = short();
    fs::remove_dir_all(copy.path("journal")).unwrap();
    fs::remove_dir_all(copy.path("view-1")).unwrap();
    fs::remove_file(copy.path("CHECKPOINT")).unwrap();
    let error = copy.open().unwrap_err().to_string();
    assert!(error.contains("had been acknowledged"), "{error}");
}

#[test]
fn crash_f_leftovers_of_a_snapshot_do_not_disturb() {
    let copy = short();
    let newest = copy.files("snapshots", "snapshot-").remove(0);
    fs::write(copy.path("snapshots/unfinished"), b"half a snapshot").unwrap();
    fs::copy(copy.path(&newest), copy.path("snapshots/snapshot-00000000000000000007")).unwrap();
    let (registry, report) = copy.open().unwrap();
    assert!(report.rebuilt.is_none());
    until(|| copy.files("snapshots", "").len() == 1);
    assert_eq!(copy.files("snapshots", ""), [newest]);
    Sample::large().holds(&registry);
    // Killed between the snapshot and the trim: the whole journal is there, and the old files go at the next start.
    let (copy, whole) = (short(), Sample::large().copy());
    copy.replace("journal", &whole.path("journal"));
    copy.replace("view-1", &whole.path("view-1"));
    fs::copy(whole.path("CHECKPOINT"), copy.path("CHECKPOINT")).unwrap();
    let first = copy.files("journal", "journal-").remove(0);
    let (registry, report) = copy.open().unwrap();
    assert!(report.rebuilt.is_none(), "{report:?}");
    until(|| !copy.path(&first).exists());
    Sample::large().holds(&registry);
}

/// Writes beside a disk that cannot be read, or synced, when a snapshot is to be taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_f_where_the_journal_cannot_be_read_no_snapshot_is_taken_and_nothing_is_let_go_of() {
    let mut disk = None;
    let server = crate::harness::Server::start_with(|options| {
        options.registry.journal.segment_bytes = 16 << 10;
        options.registry.snapshot_bytes = u64::MAX;
        options.registry.heal_pause = Duration::from_millis(20);
        options.registry.checkpoint_interval = Duration::ZERO;
        disk = Some(Disk::of(options));
    })
    .await;
    let disk = Arc::new(disk.unwrap());
    let mut client = server.client().await;
    for n in 0..40 {
        client
            .put_persona(put(&format!("a{}", n % 4), &format!("{n} {}", "word ".repeat(200))))
            .await
            .unwrap();
    }
    let mut stopped = server.stop().await;
    stopped.options.registry.snapshot_bytes = 0;
    disk.set(Mood::FailRead);
    // What cannot be read is told by the start, and by a snapshot that needs it.
    assert!(stopped.again().start().await.is_err());
    disk.set(Mood::Well);
    let server = stopped.start().await.unwrap();
    let shelf = server.data_dir().join("snapshots");
    let journal = server.scratch().join("journal");
    let is_short =
        || fs::read_dir(&journal).unwrap().count() == 1 && fs::read_dir(&shelf).unwrap().count() == 1;
    tokio::task::spawn_blocking({
        let (journal, shelf) = (journal.clone(), shelf.clone());
        move || until(|| fs::read_dir(&journal).unwrap().count() == 1 && shelf.exists())
    })
    .await
    .unwrap();
    assert!(is_short());
    let mut client = server.client().await;
    for name in ["a0", "a1", "a2", "a3"] {
        assert_eq!(
            client
                .get_persona(crate::harness::get(name))
                .await
                .unwrap()
                .into_inner()
                .persona
                .unwrap()
                .version,
            10
        );
    }
    let server = server.restart().await;
    assert_eq!(server.registry.status().versions, 40);
    let registry: &Registry = &server.registry;
    assert_eq!(registry.head().0, 40);
}
