//! What a store takes on the disk, and how it shrinks: puts of new versions over some personas with the release binary, then
//! `persona backup`, `persona restore-store` and `persona compact`, with bytes and seconds of each.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench compact_store`. Results go to `benches/results/`.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

mod common;

use std::fs;
use std::path::Path;
use std::time::Instant;

use common::{Failure, rounded, serve, write};
use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use serde_json::{Value, json};

const PUTS: usize = 20_000;
const PERSONAS: usize = 2_000;
/// Bytes of a document.
const SIZE: usize = 4096;
/// Puts in flight.
const WRITERS: usize = 32;

/// Lines of the personas that come along: text that packs as people's text does.
fn lines() -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("personas"))? {
        let text = fs::read_to_string(entry?.path())?;
        let body = text.lines().filter(|line| line.len() > 40 && !line.contains(['#', ':', '`', '[']));
        lines.extend(body.map(ToOwned::to_owned));
    }
    lines.sort();
    Ok(lines)
}

/// A document of such lines, no two alike.
fn document(name: &str, number: usize, lines: &[String]) -> Vec<u8> {
    let mut text = format!(
        "---\nname: {name}\ndescription: Use when measuring stores.\n---\n# {name}\n\nText {number}.\n\n"
    );
    let mut state = number as u64;
    while text.len() < SIZE {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&lines[(state >> 33) as usize % lines.len()]);
        text.push('\n');
    }
    text.into_bytes()
}

/// Bytes that a file or directory takes on the disk; none where it is not.
fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(meta) = fs::metadata(path) else { return 0 };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum::<u64>()
        + if meta.is_file() { meta.blocks() * 512 } else { 0 }
}

/// Bytes of a data directory by its parts.
fn parts(data: &Path) -> Result<Value, Failure> {
    let mut views = 0;
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("view-") {
            views += size(&entry.path());
        }
    }
    let (journal, snapshots) = (size(&data.join("journal")), size(&data.join("snapshots")));
    Ok(json!({ "all": size(data), "journal": journal, "view": views, "snapshots": snapshots }))
}

/// Puts of new versions, persona by persona in turn; seconds and bytes of documents.
async fn put(address: &str) -> Result<(f64, usize), Failure> {
    let lines = std::sync::Arc::new(lines()?);
    let (begun, mut writers) = (Instant::now(), tokio::task::JoinSet::new());
    for writer in 0..WRITERS {
        let mut client = PersonaServiceClient::connect(format!("http://{address}")).await?;
        let lines = std::sync::Arc::clone(&lines);
        writers.spawn(async move {
            let mut bytes = 0;
            for number in (writer..PUTS).step_by(WRITERS) {
                let content = document(&format!("persona-{}", number % PERSONAS), number, &lines);
                bytes += content.len();
                let request = pb::PutPersonaRequest { content: content.into(), ..Default::default() };
                client.put_persona(request).await?;
            }
            Ok::<_, tonic::Status>(bytes)
        });
    }
    let mut bytes = 0;
    while let Some(done) = writers.join_next().await {
        bytes += done??;
    }
    Ok((begun.elapsed().as_secs_f64(), bytes))
}

/// Seconds that a command takes.
fn run(folder: &Path, arguments: &[&str]) -> Result<f64, Failure> {
    let begun = Instant::now();
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(arguments)
        .current_dir(folder)
        .output()?;
    if !command.status.success() {
        return Err(String::from_utf8_lossy(&command.stderr).into_owned().into());
    }
    Ok(rounded(begun.elapsed().as_secs_f64()))
}

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (folder, data) = (dir.path(), dir.path().join("data"));
    let (server, address, _) = serve(folder, &[])?;
    let (seconds, bytes) = runtime.block_on(put(&address))?;
    let backup_seconds = run(folder, &["backup", "a.backup", "--server", &address])?;
    server.stop()?;
    let before = parts(&data)?;
    let restore_seconds = run(folder, &["restore-store", "a.backup", "--data-dir", "restored"])?;
    let check_seconds = run(folder, &["check", "--data-dir", "data"])?;
    let compact_seconds = run(folder, &["compact", "--data-dir", "data"])?;
    let after = parts(&data)?;
    let result = json!({
        "puts": PUTS, "personas": PERSONAS, "document_bytes": bytes, "put_seconds": rounded(seconds),
        "before": before, "after": after, "backup_bytes": fs::metadata(folder.join("a.backup"))?.len(),
        "restored": parts(&folder.join("restored"))?,
        "backup_seconds": backup_seconds, "restore_seconds": restore_seconds,
        "check_seconds": check_seconds, "compact_seconds": compact_seconds,
    });
    println!("{result:#}");
    write("compact_store", result)
}
