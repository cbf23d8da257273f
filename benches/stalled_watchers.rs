//! What watchers that never read cost: a server process, 100 streams that are read, and beside them 1,000 that are not, in
//! rounds with and without them. Told are the memory that each holds of the server's, and how long a change takes from
//! before its put to a live watcher.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench stalled_watchers`. Results go to `benches/results/`.

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

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Failure, Program, document, rounded, serve, write};
use pb::persona_service_client::PersonaServiceClient;
use pb::watch_personas_request::Start;
use pb::watch_personas_response::Event;
use persona_registry::wire::pb;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

const LIVE: usize = 100;
const STALLED: usize = 1000;
const ROUNDS: usize = 5;
/// Puts that are measured, and those before them: more than fills every window.
const PUTS: usize = 400;
const WARMUP: usize = 60;
const PACE: Duration = Duration::from_millis(8);
/// Bytes of a document.
const SIZE: usize = 4096;
/// What a stream may be sent unread, in bytes: the least that HTTP/2 begins with.
const WINDOW: u32 = 65_535;

type Client = PersonaServiceClient<Channel>;
type Stream = Streaming<pb::WatchPersonasResponse>;

async fn connect(address: &str) -> Result<Client, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .tcp_nodelay(true);
    Ok(PersonaServiceClient::new(endpoint.connect().await?))
}

/// A stream of changes from now on, on a connection of its own.
async fn watch(address: &str) -> Result<(Client, Stream), Failure> {
    let mut client = connect(address).await?;
    let request = pb::WatchPersonasRequest {
        start: Some(Start::FromNow(true)),
        mode: pb::WatchMode::EveryVersion.into(),
        ..Default::default()
    };
    let mut stream = client.watch_personas(request).await?.into_inner();
    match stream.message().await? {
        Some(pb::WatchPersonasResponse { event: Some(Event::Opened(_)), .. }) => Ok((client, stream)),
        other => Err(format!("a stream began with {other:?}").into()),
    }
}

async fn put(client: &mut Client, number: usize) -> Result<(), Failure> {
    let name = format!("persona-{}", number % 100);
    let content = document(&name, number, SIZE).into();
    client.put_persona(pb::PutPersonaRequest { content, ..Default::default() }).await?;
    Ok(())
}

/// Reads changes until there were so many; when each came.
async fn read(mut stream: Stream, wanted: usize) -> Result<Vec<Instant>, Failure> {
    let mut came = Vec::with_capacity(wanted);
    while came.len() < wanted {
        let Some(message) = stream.message().await? else { return Err("a stream ended".into()) };
        if let Some(Event::Changes(changes)) = message.event {
            let now = Instant::now();
            came.extend(changes.changes.iter().map(|_| now));
        }
    }
    Ok(came)
}

struct Round {
    p50_ms: f64,
    p99_ms: f64,
    /// Of the server's memory, each stalled stream's.
    kib: f64,
}

async fn round(
    server: &Program,
    address: &str,
    stalled: usize,
    puts: &AtomicUsize,
) -> Result<Round, Failure> {
    let (before, _) = server.memory()?;
    let mut unread = Vec::with_capacity(stalled);
    for _ in 0..stalled {
        unread.push(watch(address).await?);
    }
    let mut writer = connect(address).await?;
    for _ in 0..WARMUP {
        put(&mut writer, puts.fetch_add(1, Ordering::Relaxed)).await?;
    }
    let mut readers = JoinSet::new();
    for _ in 0..LIVE {
        let (client, stream) = watch(address).await?;
        readers.spawn(async move {
            let came = read(stream, PUTS).await;
            drop(client);
            came
        });
    }
    let mut sent = Vec::with_capacity(PUTS);
    let mut next = tokio::time::Instant::now();
    for _ in 0..PUTS {
        next += PACE;
        tokio::time::sleep_until(next).await;
        sent.push(Instant::now());
        put(&mut writer, puts.fetch_add(1, Ordering::Relaxed)).await?;
    }
    let mut took = Vec::with_capacity(PUTS * LIVE);
    while let Some(came) = readers.join_next().await {
        let came = came??;
        took.extend(came.iter().zip(&sent).map(|(came, sent)| (*came - *sent).as_secs_f64() * 1000.0));
    }
    let (after, _) = server.memory()?;
    drop(unread);
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
    let kib = if stalled == 0 { 0.0 } else { (after - before).max(0.0) * 1024.0 / stalled as f64 };
    Ok(Round { p50_ms: at(50), p99_ms: at(99), kib })
}

fn spread(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    json!([rounded(values[0]), rounded(values[values.len() / 2]), rounded(values[values.len() - 1])])
}

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let puts = Arc::new(AtomicUsize::new(0));
    let mut rows = Vec::new();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        // A server of each round's own: what an allocator keeps of one round is not the next one's.
        for stalled in if number % 2 == 0 { [0, STALLED] } else { [STALLED, 0] } {
            let data = dir.path().join(format!("{number}-{stalled}"));
            std::fs::create_dir(&data)?;
            let (server, address, _) = serve(&data, &[])?;
            let measured = runtime.block_on(round(&server, &address, stalled, &puts))?;
            println!(
                "round {number}, {stalled} stalled: p50 {:.2} ms, p99 {:.2} ms, {:.1} KiB each",
                measured.p50_ms, measured.p99_ms, measured.kib
            );
            if stalled == 0 { &mut without } else { &mut with }.push(measured);
            drop(server);
        }
    }
    let ratio = without.iter().zip(&with).map(|(without, with)| with.p99_ms / without.p99_ms).collect();
    for (stalled, rounds) in [(0, &without), (STALLED, &with)] {
        rows.push(json!({
            "stalled": stalled,
            "p50_ms": spread(rounds.iter().map(|one| one.p50_ms).collect()),
            "p99_ms": spread(rounds.iter().map(|one| one.p99_ms).collect()),
        }));
    }
    let result = json!({
        "live": LIVE, "puts": PUTS, "pace_ms": PACE.as_millis() as u64, "document_bytes": SIZE, "rounds": ROUNDS,
        "rows": rows,
        "p99_ratio": spread(ratio),
        "kib_per_stalled_stream": spread(with.iter().map(|one| one.kib).collect()),
    });
    write("stalled_watchers", result)
}
