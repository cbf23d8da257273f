//! How long a saved file takes to reach whoever watches: a server process that follows a folder of 1,000 personas, a
//! `persona watch` process beside it, and 200 saves in place and 200 by rename, each timed from before the save to the
//! line that `persona watch` prints.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench follow_latency`. Results go to `benches/results/`.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

mod common;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{Failure, Program, document, rounded, serve, write};
use serde_json::{Value, json};

const PERSONAS: usize = 1000;
const SAVES: usize = 200;
/// Bytes of a document.
const SIZE: usize = 4096;

fn path_of(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("team-{}/persona-{number}.md", number % 20))
}

fn save_in_place(path: &Path, text: &[u8]) -> Result<(), Failure> {
    Ok(fs::write(path, text)?)
}

fn save_by_rename(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let beside = path.with_extension("md~");
    fs::write(&beside, text)?;
    Ok(fs::rename(beside, path)?)
}

type Save = fn(&Path, &[u8]) -> Result<(), Failure>;

/// Saves files by chance at moments by chance, and waits for each.
fn measure(folder: &Path, watch: &Program, way: &str, save: Save) -> Result<Value, Failure> {
    let chance = || RandomState::new().build_hasher().finish();
    let mut took = Vec::new();
    for round in 0..SAVES {
        let number = (chance() % PERSONAS as u64) as usize;
        let (path, name) = (path_of(folder, number), format!("persona-{number}"));
        // The text of before, and its number at the end: what came is what was saved now.
        let text = [fs::read(&path)?, format!("- Saved {way}, {round}.\n").into_bytes()].concat();
        std::thread::sleep(Duration::from_micros(chance() % 100_000));
        let begun = Instant::now();
        save(&path, &text)?;
        let (came, line) = watch.out.next()?;
        if !line.split_whitespace().any(|word| word == name) {
            return Err(format!("after {name} was saved there came: {line}").into());
        }
        took.push((came - begun).as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    // The least time that so many of a hundred saves did not take longer than.
    let at = |percent: usize| rounded(took[(took.len() * percent).div_ceil(100) - 1]);
    println!("{way}: p50 {:.1} ms, p90 {:.1}, p99 {:.1}, most {:.1}", at(50), at(90), at(99), at(100));
    Ok(json!({
        "way": way, "saves": SAVES, "min_ms": rounded(took[0]),
        "p50_ms": at(50), "p90_ms": at(90), "p99_ms": at(99), "max_ms": at(100),
    }))
}

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = dir.path().join("team");
    for number in 0..PERSONAS {
        let path = path_of(&folder, number);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(path, document(&format!("persona-{number}"), number, SIZE))?;
    }
    let more = ["--personas", "team", "--follow"].map(ToOwned::to_owned);
    let (server, address, _) = serve(dir.path(), &more)?;
    let watch = ["watch", "--from-now", "--server", &address].map(ToOwned::to_owned);
    let watch = Program::start(&watch, dir.path())?;
    watch.err.until("watching from revision")?;
    let rows = [
        measure(&folder, &watch, "in place", save_in_place)?,
        measure(&folder, &watch, "by rename", save_by_rename)?,
    ];
    server.stop()?;
    write("follow_latency", json!({ "personas": PERSONAS, "document_bytes": SIZE, "rows": rows }))
}
