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
#[path = "common/stores.rs"]
mod stores;

use std::fs;
use std::time::Instant;

use common::{Failure, rounded, serve, write};
use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use serde_json::json;
use stores::{document, lines, parts, run};

const PUTS: usize = 20_000;
const PERSONAS: usize = 2_000;
/// Bytes of a document.
const SIZE: usize = 4096;
/// Puts in flight.
const WRITERS: usize = 32;

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
                let content = document(&format!("persona-{}", number % PERSONAS), number, &lines, SIZE);
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
