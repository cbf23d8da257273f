//! Durable puts of 4 KiB documents beside etcd's, in one run: rounds alternate and are shuffled, servers run pinned
//! to one core and the load to the other, and what counts is the ratio within a round.
//!
//! `cargo bench --bench durable_put` needs `etcd` and `taskset` on the PATH; without etcd it says so and measures
//! the registry alone. Results go to `benches/results/`.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program, not the product"
)]

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use tonic::transport::Channel;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of a document or value.
const SIZE: usize = 4096;
/// Names that are written in turn.
const NAMES: u64 = 1000;
const ROUNDS: usize = 5;
const WARM: Duration = Duration::from_secs(1);
const RUN: Duration = Duration::from_secs(4);
/// Connections and calls in flight on each.
const LOADS: [(usize, usize); 3] = [(1, 1), (1, 16), (8, 16)];

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdPut {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdPutDone {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Registry,
    Etcd,
}

/// A server of either kind in a directory of its own.
struct Server {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn start(side: Side) -> Result<Server, Failure> {
    // Beside the build, not in a memory file system: the disk is what is measured.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let data = dir.path().join("data");
    let (address, peer) = (free_port()?, free_port()?);
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]);
    match side {
        Side::Registry => {
            command.arg(env!("CARGO_BIN_EXE_persona")).args([
                "serve",
                "--listen",
                &address.to_string(),
                "--data-dir",
            ]);
            command.arg(&data).env("RUST_LOG", "warn").current_dir(dir.path());
        }
        Side::Etcd => {
            let (client, peer) = (format!("http://{address}"), format!("http://{peer}"));
            command.args(["etcd", "--name", "bench", "--log-level", "error", "--data-dir"]).arg(&data);
            command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args([
                "--initial-cluster",
                &format!("bench={peer}"),
                "--quota-backend-bytes",
                "8000000000",
            ]);
        }
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    Ok(Server { child, address, _dir: dir })
}

async fn connect(address: SocketAddr) -> Result<Channel, Failure> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match Channel::from_shared(format!("http://{address}"))?.connect().await {
            Ok(channel) => return Ok(channel),
            Err(error) if Instant::now() > end => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A document of exactly [`SIZE`] bytes that no other put has.
fn document(name: &str, number: u64) -> Vec<u8> {
    let mut text = format!(
        "---\nname: {name}\ndescription: Use when measuring puts.\n---\n# {name}\n\nput {number}\n\n"
    );
    let line = "You answer briefly, name your sources, and say what you do not know.\n";
    while text.len() < SIZE {
        text.push_str(line);
    }
    text.truncate(SIZE);
    text.into_bytes()
}

async fn one_put(side: Side, channel: &Channel, number: u64) -> Result<(), Failure> {
    let name = format!("persona-{}", number % NAMES);
    let content = document(&name, number);
    match side {
        Side::Registry => {
            let request = pb::PutPersonaRequest { content: content.into(), ..Default::default() };
            PersonaServiceClient::new(channel.clone()).put_persona(request).await?;
        }
        Side::Etcd => {
            let mut client = tonic::client::Grpc::new(channel.clone());
            client.ready().await?;
            let codec = tonic_prost::ProstCodec::<EtcdPut, EtcdPutDone>::default();
            let path = http::uri::PathAndQuery::from_static("/etcdserverpb.KV/Put");
            let request = tonic::Request::new(EtcdPut { key: name.into_bytes(), value: content });
            client.unary(request, path, codec).await?;
        }
    }
    Ok(())
}

struct Measured {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

async fn load(
    side: Side,
    address: SocketAddr,
    (connections, in_flight): (usize, usize),
) -> Result<Measured, Failure> {
    let numbers = Arc::new(AtomicU64::new(1));
    let begin = Instant::now() + WARM;
    let end = begin + RUN;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let channel = connect(address).await?;
        for _ in 0..in_flight {
            let (channel, numbers) = (channel.clone(), Arc::clone(&numbers));
            workers.spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < end {
                    let sent = Instant::now();
                    one_put(side, &channel, numbers.fetch_add(1, Ordering::Relaxed)).await?;
                    if sent >= begin {
                        took.push(sent.elapsed());
                    }
                }
                Ok::<_, Failure>(took)
            });
        }
    }
    let mut all = Vec::new();
    while let Some(took) = workers.join_next().await {
        all.extend(took??);
    }
    all.sort();
    let at = |share: f64| {
        let index = (all.len().saturating_sub(1) as f64 * share) as usize;
        all.get(index).copied().unwrap_or_default()
    };
    Ok(Measured { per_second: all.len() as f64 / RUN.as_secs_f64(), p50: at(0.5), p99: at(0.99) })
}

/// Least, median and most.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}

fn main() -> Result<(), Failure> {
    let has_etcd = Command::new("etcd").arg("--version").output().is_ok();
    if !has_etcd {
        println!("etcd is not on the PATH: the registry is measured alone, and there is no ratio");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for shape in LOADS {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut sides = vec![Side::Registry];
            if has_etcd {
                // Who comes first changes from round to round.
                sides.insert(round % 2, Side::Etcd);
            }
            let mut rates = [f64::NAN; 2];
            for side in sides {
                let server = start(side)?;
                let measured = runtime.block_on(load(side, server.address, shape))?;
                let (p50, p99) = (measured.p50.as_micros(), measured.p99.as_micros());
                println!(
                    "{shape:?} round {round} {side:?}: {:.0}/s, p50 {p50} us, p99 {p99} us",
                    measured.per_second
                );
                rates[side as usize] = measured.per_second;
                match side {
                    Side::Registry => ours.push(measured.per_second),
                    Side::Etcd => theirs.push(measured.per_second),
                }
            }
            ratios.push(rates[0] / rates[1]);
        }
        let (ours, theirs, ratio) = (spread(ours), spread(theirs), spread(ratios));
        let in_flight = shape.0 * shape.1;
        println!("in flight {in_flight}: registry {ours:.0?}/s, etcd {theirs:.0?}/s, ratio {ratio:.2?}");
        rows.push(serde_json::json!({
            "in_flight": in_flight, "connections": shape.0, "document_bytes": SIZE,
            "registry_per_second": ours, "etcd_per_second": theirs, "ratio": ratio,
        }));
    }
    let date = std::env::var("BENCH_DATE").unwrap_or_else(|_| "undated".to_owned());
    let result = serde_json::json!({
        "bench": "durable_put", "date": date, "order": "min, median, max", "rounds": ROUNDS,
        "command": "cargo bench --bench durable_put", "rows": rows,
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/results/{date}-durable-put.json"));
    std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&result)?))?;
    Ok(())
}
