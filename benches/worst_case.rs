//! How long the judge takes on documents that were made to be slow, in one thread: 256 KiB each, or 16 KiB where the many stand
//! in the front matter, which has no more.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench worst_case` writes milliseconds to `benches/results/`. With `-- --grow` nothing is
//! timed: instructions are counted by valgrind on documents of one size and of four times that, and it fails where they grow
//! by more than the bytes, or are twice what `benches/worst_case.tsv` says; `--bless` writes that file anew.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

#[path = "common/callgrind.rs"]
mod callgrind;
#[path = "common/mod.rs"]
mod common;
#[path = "common/grow.rs"]
mod grow;
#[path = "common/hostile.rs"]
mod hostile;

use std::hint::black_box;
use std::time::Instant;

use common::{Failure, rounded, write};
use hostile::{CASES, Case, Place, document};
use persona_registry::document::Input;
use persona_registry::domain::limits::{DOCUMENT_BYTES, FRONT_MATTER_BYTES};
use persona_registry::validate::judge;
use serde_json::json;

const ROUNDS: usize = 5;

/// Judges once. A function of its own, so that it can be counted alone.
#[inline(never)]
pub fn judge_once(case: &Case, content: &[u8]) -> usize {
    let input = Input { content, path: Some(case.path), ..Input::default() };
    black_box(judge(black_box(&input))).diagnostics.len()
}

/// Judges what is not counted.
#[inline(never)]
pub fn warm_up(content: &[u8]) {
    black_box(judge(&Input { content, ..Input::default() }));
}

fn largest(case: &Case) -> usize {
    match case.place {
        Place::Front => FRONT_MATTER_BYTES,
        Place::Body => DOCUMENT_BYTES,
    }
}

/// The least of some rounds: what it takes when nothing comes between.
fn milliseconds(case: &Case) -> f64 {
    let content = document(case, largest(case));
    let times = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        judge_once(case, &content);
        begun.elapsed().as_secs_f64() * 1e3
    });
    times.fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--grow"] => return grow::check(false),
        ["--grow", "--bless"] => return grow::check(true),
        ["--share", number] => return grow::judge_share(number.parse()?),
        _ => {}
    }
    let mut rows: Vec<_> = CASES
        .iter()
        .filter(|case| words.first().is_none_or(|word| case.name.contains(word)))
        .map(|case| (milliseconds(case), case))
        .collect();
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (ms, case) in &rows {
        println!("{ms:8.2} ms  {}", case.name);
    }
    if !words.is_empty() {
        return Ok(());
    }
    let rows = rows
        .iter()
        .map(|(ms, case)| json!({ "case": case.name, "kib": largest(case) / 1024, "ms": rounded(*ms) }));
    write("worst_case", json!({ "rounds": ROUNDS, "rows": rows.collect::<Vec<_>>() }))
}
