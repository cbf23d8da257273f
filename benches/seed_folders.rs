//! Seeding folders with the release binary: seconds until the first line of a start on an empty store and on a full one,
//! memory, and what became of the files. The folders are those of `PERSONA_CORPUS`, each a namespace of its own, where
//! that is set; and 10,000 generated files.
//!
//! `BENCH_DATE=2026-01-31 PERSONA_CORPUS=DIR cargo bench --bench seed_folders`. Results go to `benches/results/`.

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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hint::black_box;
use std::path::Path;

use common::{Failure, document, rounded, serve, write};
use persona_registry::document::{Input, parse};
use persona_registry::seed::walk;
use persona_registry::wire::pb;
use persona_registry::wire::pb::admin_service_client::AdminServiceClient;
use serde_json::{Value, json};

const ROUNDS: usize = 5;
const FILES: usize = 10_000;
/// Bytes of a generated document; together 75 MB.
const SIZE: usize = 7500;

/// Least, median and most.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]].map(rounded)
}

/// What a server has, and what it refused.
async fn outcome(address: &str) -> Result<Value, Failure> {
    let mut admin = AdminServiceClient::connect(format!("http://{address}")).await?;
    let status = admin.get_status(pb::GetStatusRequest {}).await?.into_inner();
    let counts = status.counts.unwrap_or_default();
    let (mut reasons, mut codes) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    let (mut listed, mut page_token) = (0, String::new());
    loop {
        let request = pb::ListRefusedSourcesRequest { namespace: "-".to_owned(), page_size: 500, page_token };
        let page = admin.list_refused_sources(request).await?.into_inner();
        listed += page.refused_sources.len() as i64;
        for file in page.refused_sources {
            let reason = file.reason().as_str_name().trim_start_matches("REASON_").to_owned();
            *reasons.entry(reason).or_default() += 1;
            let blocking = file.diagnostics.iter().filter(|found| found.blocks_storing);
            let blocking: BTreeSet<&str> = blocking.map(|found| found.code.as_str()).collect();
            for code in blocking {
                *codes.entry(code.to_owned()).or_default() += 1;
            }
        }
        if page.next_page_token.is_empty() {
            if listed != page.total_size {
                return Err(format!("{listed} of {} refused files are listed", page.total_size).into());
            }
            break;
        }
        page_token = page.next_page_token;
    }
    Ok(json!({
        "personas": counts.personas, "namespaces": counts.namespaces, "refused": listed,
        "refused_by_reason": reasons, "refused_by_code": codes,
    }))
}

/// What was written before must not be on its way to the disk while something is measured.
fn written_out() -> Result<(), Failure> {
    std::process::Command::new("sync").status()?;
    Ok(())
}

/// Seconds that `persona validate` takes for the same folders: reading and judging, and nothing else.
fn validated(folders: &[String]) -> Result<f64, Failure> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_persona"));
    command.args(["validate", "--format", "json"]);
    command.args(folders.iter().filter_map(|folder| Some(folder.split_once('=')?.1)));
    let begun = std::time::Instant::now();
    // That there are findings is no failure here.
    command.output()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds that the library takes to read and parse the same files one after the other, in this process, and nothing else.
fn parsed(folders: &[String]) -> Result<f64, Failure> {
    let mut files = Vec::new();
    for folder in folders.iter().filter_map(|folder| Some(folder.split_once('=')?.1)) {
        files.extend(walk(Path::new(folder)).files);
    }
    let begun = std::time::Instant::now();
    for file in files {
        let content = fs::read(file)?;
        black_box(parse(&Input { content: &content, ..Input::default() }));
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Starts on an empty store and on a full one, some times; what all of them came to.
async fn measure(what: &str, folders: &[String]) -> Result<Value, Failure> {
    let more: Vec<String> =
        folders.iter().flat_map(|folder| ["--personas".to_owned(), folder.clone()]).collect();
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    let (mut alone, mut judging) = (Vec::new(), Vec::new());
    let (mut parsing, mut ratio) = (Vec::new(), Vec::new());
    let (mut cold_mib, mut warm_mib) = (Vec::new(), Vec::new());
    let mut came = Value::Null;
    for round in 0..ROUNDS {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        written_out()?;
        let (server, address, seconds) = serve(dir.path(), &more)?;
        cold.push(seconds);
        cold_mib.push(server.memory()?.1);
        let mut after = outcome(&address).await?;
        let mut passed_over = 0;
        for (_, line) in server.err.until("grpcurl")? {
            if let (true, Some((before, _))) = (line.starts_with("  folder"), line.split_once(" passed over"))
            {
                passed_over += before.rsplit(' ').next().unwrap_or_default().parse::<usize>()?;
            }
        }
        after["passed_over"] = passed_over.into();
        server.stop()?;
        written_out()?;
        let (server, address, seconds) = serve(dir.path(), &more)?;
        warm.push(seconds);
        warm_mib.push(server.memory()?.1);
        let mut again = outcome(&address).await?;
        again["passed_over"] = passed_over.into();
        server.stop()?;
        let (server, _, seconds) = serve(dir.path(), &[])?;
        alone.push(seconds);
        server.stop()?;
        judging.push(validated(folders)?);
        parsing.push(parsed(folders)?);
        ratio.push(cold[round] / parsing[round]);
        println!("{what}, round {round}: cold {:.2} s, warm {:.2} s", cold[round], warm[round]);
        if again != after || (round > 0 && came != after) {
            return Err(format!("not the same every time: {came}, {after}, {again}").into());
        }
        came = after;
    }
    came["cold_seconds"] = json!(spread(cold));
    came["warm_seconds"] = json!(spread(warm));
    came["store_alone_seconds"] = json!(spread(alone));
    came["validate_seconds"] = json!(spread(judging));
    came["parse_seconds"] = json!(spread(parsing));
    came["cold_to_parse"] = json!(spread(ratio));
    came["cold_peak_mib"] = json!(spread(cold_mib));
    came["warm_peak_mib"] = json!(spread(warm_mib));
    println!("{came:#}");
    Ok(came)
}

/// The namespace for a folder: its name, in the letters that names have.
fn namespace(folder: &str) -> String {
    let lower = folder.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

async fn corpus() -> Result<Value, Failure> {
    let Some(root) = std::env::var_os("PERSONA_CORPUS") else {
        println!("PERSONA_CORPUS is not set: only generated files are measured");
        return Ok(Value::Null);
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let name = namespace(&entry.file_name().to_string_lossy());
            folders.push(format!("{name}={}", entry.path().display()));
        }
    }
    folders.sort();
    let mut measured = measure("corpus", &folders).await?;
    measured["folders"] = folders.len().into();
    Ok(measured)
}

async fn generated() -> Result<Value, Failure> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let team = |number: usize| format!("team-{}/area-{}", number % 20, number % 7);
    let mut bytes = 0;
    for number in 0..FILES {
        let folder = dir.path().join(team(number));
        fs::create_dir_all(&folder)?;
        let text = document(&format!("persona-{number}"), number, SIZE);
        bytes += text.len();
        fs::write(folder.join(format!("{number}.md")), text)?;
    }
    let mut measured = measure("generated", &[folder_of(dir.path())]).await?;
    measured["files"] = FILES.into();
    measured["bytes"] = bytes.into();
    Ok(measured)
}

fn folder_of(path: &Path) -> String {
    format!("default={}", path.display())
}

fn main() -> Result<(), Failure> {
    // A thread of its own ends the connections that are done with: a server that stops waits for them.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (corpus, generated) =
        runtime.block_on(async { Ok::<_, Failure>((corpus().await?, generated().await?)) })?;
    write(
        "seed_folders",
        json!({ "rounds": ROUNDS, "order": "min, median, max", "corpus": corpus, "generated": generated }),
    )
}
