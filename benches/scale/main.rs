//! What a registry costs as it grows: stores of a thousand personas, ten times that and so on. Told are how long filling takes, what
//! lies on the disk, how soon a start on a full store serves, how much memory it holds, and single calls (Get, List, Put, and
//! what a watcher is told) in turn with those of a server that has a thousand; what counts is the ratio within a round.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench scale` measures up to 100,000, with `-- 1000000` a million of 1 KiB, with `-- NUMBER…` those
//! sizes. Needs `taskset` on the PATH. Results go to `benches/results/`.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod fill;
#[path = "../common/stores.rs"]
mod stores;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use calls::{Call, Round, Side, round};
use common::{Failure, Program, rounded, write};
use fill::Set;
use serde_json::{Value, json};
use stores::{lines, parts, run};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// From here on documents are smaller, and it takes long.
const MANY: usize = 1_000_000;
/// What all are held against.
const BASE: usize = 1_000;
/// Up to here a folder of files is seeded too.
const FOLDER: usize = 10_000;
const SEED: usize = 42;
const ROUNDS: usize = 5;
const STARTS: usize = 5;
/// Calls of a round: of each server, of each kind.
const CALLS: [(Call, &str, usize); 5] = [
    (Call::Get, "get", 3000),
    (Call::GetFew, "get_few", 3000),
    (Call::List, "list", 300),
    (Call::ListFirst, "list_first", 300),
    (Call::Put, "put", 200),
];

fn main() -> Result<(), Failure> {
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let chosen = words.map(|word| word.parse()).collect::<Result<Vec<usize>, _>>()?;
    let sizes = if chosen.is_empty() { SIZES.to_vec() } else { chosen };
    println!("seed {SEED}");
    let mut rows = Vec::new();
    for personas in sizes.clone() {
        rows.push(measure(personas)?);
    }
    let result = json!({
        "rounds": ROUNDS, "starts": STARTS, "seed": SEED, "order": "min, median, max", "rows": rows,
    });
    match sizes.as_slice() {
        sizes if sizes == SIZES => write("scale", result),
        [MANY] => write("scale_million", result),
        _ => Ok(()),
    }
}

fn measure(personas: usize) -> Result<Value, Failure> {
    let size = if personas < MANY { 4096 } else { 1024 };
    let set = Set { personas, size, seed: SEED, lines: Arc::new(lines()?) };
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;

    println!("{personas} personas of {size} bytes");
    let (seconds, bytes) = fill(&set, dir.path(), &runtime)?;
    let mut row = json!({
        "personas": personas, "document_size": size, "document_bytes": bytes,
        "batch_seconds": rounded(seconds), "disk": parts(&dir.path().join("data"))?,
        "bound_mib": rounded(1.5 * bytes as f64 / f64::from(1 << 20) + 64.0),
    });
    println!("  written in {seconds:.1} s, {}", row["disk"]);
    if personas <= FOLDER {
        row["folder_seconds"] = seed_folder(&set)?.into();
    }
    starts(dir.path(), &runtime, &mut row)?;
    if personas < MANY {
        restored(dir.path(), &mut row)?;
    }

    let small = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let base = Set { personas: BASE, ..set.clone() };
    fill(&base, small.path(), &runtime)?;
    let (server, address, _) = serve(dir.path(), Some("0"), &[])?;
    let (beside, beside_address, _) = serve(small.path(), Some("0"), &[])?;
    pin("1")?;
    let rounds = runtime.block_on(async {
        let mut sides = [Side::new(&address, &set).await?, Side::new(&beside_address, &base).await?];
        row["read_mib"] = rounded(server.memory()?.0).into();
        row["read_peak_mib"] = rounded(server.memory()?.1).into();
        let mut rounds = Vec::new();
        // Puts come last: a page that was asked for before shows what was before them.
        for (call, name, count) in CALLS {
            round(&mut sides, call, count / 4).await?;
            let mut of = Vec::new();
            for _ in 0..ROUNDS {
                of.push(round(&mut sides, call, count).await?);
            }
            rounds.push((call, name, of));
        }
        row["end_mib"] = rounded(server.memory()?.0).into();
        Ok::<_, Failure>(rounds)
    });
    pin("0,1")?;
    server.stop()?;
    beside.stop()?;
    for (call, name, rounds) in rounds? {
        row[name] = times(&rounds, |round| &round.took);
        if call == Call::Put {
            row["watch"] = times(&rounds, |round| &round.told);
        }
        println!("  {name}: p50 {} ms, to {BASE}: {}", row[name]["p50_ms"], row[name]["ratio"]);
    }
    println!("{row:#}");
    Ok(row)
}

/// A server that was filled and stopped; seconds and bytes.
fn fill(set: &Set, dir: &Path, runtime: &tokio::runtime::Runtime) -> Result<(f64, usize), Failure> {
    let (server, address, _) = serve(dir, None, &[])?;
    let filled = runtime.block_on(set.write(&address))?;
    server.stop()?;
    Ok(filled)
}

/// Seconds from a start on nothing to the first line, with all of it in a folder.
fn seed_folder(set: &Set) -> Result<f64, Failure> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    set.files(&dir.path().join("files"))?;
    written_out()?;
    let (server, _, seconds) = serve(dir.path(), None, &["--personas", "default=files"])?;
    server.stop()?;
    println!("  seeded from a folder in {seconds:.2} s");
    Ok(rounded(seconds))
}

/// Starts on what is there: after a stop, and after the server was killed.
fn starts(dir: &Path, runtime: &tokio::runtime::Runtime, row: &mut Value) -> Result<(), Failure> {
    let (mut stopped, mut memory, mut killed) = (Vec::new(), Vec::new(), Vec::new());
    let many = row["personas"].as_u64() >= Some(MANY as u64);
    for _ in 0..if many { 2 } else { STARTS } {
        written_out()?;
        let (server, address, seconds) = serve(dir, None, &[])?;
        stopped.push(seconds);
        memory.push(server.memory()?.0);
        let serves = runtime.block_on(async {
            let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
            let mut client = HealthClient::new(channel);
            let answer = client.check(HealthCheckRequest::default()).await?.into_inner();
            Ok::<_, Failure>(answer.status().as_str_name())
        })?;
        if serves != "SERVING" {
            return Err(format!("the first line came at {serves}").into());
        }
        // What is let go of is killed.
        drop(server);
        let (server, _, seconds) = serve(dir, None, &[])?;
        killed.push(seconds);
        server.stop()?;
    }
    row["start_seconds"] = spread(stopped);
    row["killed_seconds"] = spread(killed);
    row["start_mib"] = spread(memory);
    println!("  starts: {} s, after a kill {} s", row["start_seconds"], row["killed_seconds"]);
    Ok(())
}

/// A backup, and a store made of it.
fn restored(dir: &Path, row: &mut Value) -> Result<(), Failure> {
    let (server, address, _) = serve(dir, None, &[])?;
    row["backup_seconds"] = run(dir, &["backup", "a.backup", "--server", &address])?.into();
    server.stop()?;
    row["restore_seconds"] = run(dir, &["restore-store", "a.backup", "--data-dir", "restored"])?.into();
    row["restored_disk"] = parts(&dir.join("restored"))?;
    std::fs::remove_dir_all(dir.join("restored"))?;
    Ok(())
}

/// The binary as it is shipped, on a core or on all, and the seconds until its first line.
fn serve(dir: &Path, core: Option<&str>, more: &[&str]) -> Result<(Program, String, f64), Failure> {
    let binary = env!("CARGO_BIN_EXE_persona");
    let mut command = match core {
        None => Command::new(binary),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core, binary]);
            command
        }
    };
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]).args(more);
    let begun = Instant::now();
    let server = Program::run(command, dir, None)?;
    let (came, address) = server.listens()?;
    Ok((server, address, (came - begun).as_secs_f64()))
}

/// Keeps this program to these cores.
fn pin(cores: &str) -> Result<(), Failure> {
    let id = std::process::id().to_string();
    Command::new("taskset").args(["-a", "-c", "-p", cores, &id]).output()?;
    Ok(())
}

/// What was written before must not be on its way to the disk while something is measured.
fn written_out() -> Result<(), Failure> {
    Command::new("sync").status()?;
    Ok(())
}

/// p50 and p99 of both servers, and the ratio of the p50 within each round.
fn times(rounds: &[Round], of: impl Fn(&Round) -> &[Vec<f64>; 2]) -> Value {
    let at = |times: &[f64], share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    let all = |side: usize, share| spread(rounds.iter().map(|round| at(&of(round)[side], share)).collect());
    let ratio = |round: &Round| at(&of(round)[0], 50) / at(&of(round)[1], 50);
    json!({
        "p50_ms": all(0, 50), "p99_ms": all(0, 99),
        "base_p50_ms": all(1, 50), "base_p99_ms": all(1, 99),
        "ratio": spread(rounds.iter().map(ratio).collect()),
    })
}

/// Least, median and most.
fn spread(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    json!([rounded(values[0]), rounded(values[values.len() / 2]), rounded(values[values.len() - 1])])
}
