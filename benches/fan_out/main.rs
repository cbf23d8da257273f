//! One change told to ten thousand watchers: the binary as it is shipped, a bare tonic service over a broadcast channel, and a bare
//! loop of writes, each a process on one core, the watchers on the other (`crowd.rs`). All sides stand at once, each with its own
//! watchers; rounds shuffle who publishes first. Told is how long it takes from publishing (of the registry: from before the put,
//! its sync included) until the last watcher has all of it.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench fan_out` needs `taskset` and 20,000 open files (`ulimit -n`). Results go to
//! `benches/results/`.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

mod anchors;
#[path = "../common/mod.rs"]
mod common;
mod crowd;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Failure, Program, document, rounded, write};
use crowd::Arrived;
use pb::persona_service_client::PersonaServiceClient;
use persona_registry::domain::fraction;
use persona_registry::wire::pb;
use prost::Message;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::transport::Channel;

const ROUNDS: usize = 15;
const WARMUP: usize = 3;
/// Bytes of a document.
const SIZE: usize = 4096;
/// Connections and streams of each.
const SHARED: (u32, u32) = (100, 100);
const OWN: (u32, u32) = (9_900, 1);
/// The core of the servers; the watchers have the other.
const SERVERS: [&str; 2] = ["-c", "0"];
const WATCHERS: &str = "1";
/// How long a server is let alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

type Client = PersonaServiceClient<Channel>;

/// What tells watchers.
struct Side {
    name: &'static str,
    server: Program,
    publish: Publish,
    arrived: Arrived,
    kib: f64,
    ms: Vec<f64>,
    cpu_us: Vec<f64>,
}

enum Publish {
    Put(Client),
    Byte(TcpStream),
}

impl Publish {
    async fn once(&mut self, number: usize) -> Result<(), Failure> {
        match self {
            Self::Put(client) => {
                let content = document("change", number % 10, SIZE).into();
                client.put_persona(pb::PutPersonaRequest { content, ..Default::default() }).await?;
            }
            Self::Byte(stream) => stream.write_all(&[1]).await?,
        }
        Ok(())
    }
}

fn request() -> Vec<u8> {
    let start = Some(pb::watch_personas_request::Start::FromNow(true));
    let progress = prost_types::Duration { seconds: 60, nanos: 0 };
    framed(&pb::WatchPersonasRequest { start, progress_interval: Some(progress), ..Default::default() })
}

/// A message as gRPC frames it.
fn framed(message: &impl Message) -> Vec<u8> {
    let encoded = message.encode_to_vec();
    let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &encoded].concat()
}

fn server(dir: &Path, arguments: &[&str]) -> Result<(Program, String), Failure> {
    let mut command = Command::new("taskset");
    command.args(SERVERS);
    if arguments.is_empty() {
        command.arg(env!("CARGO_BIN_EXE_persona"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--watch-streams", "20000"]);
    } else {
        command.arg(std::env::current_exe()?).args(arguments);
    }
    let server = Program::run(command, dir, None)?;
    let (_, address) = server.listens()?;
    Ok((server, address))
}

/// What the registry tells its watchers of one change.
async fn told(address: &str) -> Result<pb::WatchPersonasResponse, Failure> {
    let mut client = Client::connect(format!("http://{address}")).await?;
    let start = Some(pb::watch_personas_request::Start::FromNow(true));
    let request = pb::WatchPersonasRequest { start, ..Default::default() };
    let mut stream = client.watch_personas(request).await?.into_inner();
    stream.message().await?;
    // Another text than that of the first round: a put of what is there tells nobody.
    Publish::Put(client).once(9).await?;
    stream.message().await?.ok_or_else(|| "nothing was told".into())
}

/// A side with its watchers.
async fn side(
    name: &'static str,
    (server, address): (Program, String),
    (connections, streams): (u32, u32),
    loop_bytes: Option<usize>,
) -> Result<Side, Failure> {
    let (address, asked) =
        address.split_once(' ').map_or((&*address, None), |(one, other)| (one, Some(other)));
    let publish = match asked {
        None => Publish::Put(Client::connect(format!("http://{address}")).await?),
        Some(asked) => Publish::Byte(TcpStream::connect(asked).await?),
    };
    tokio::time::sleep(SETTLE).await;
    let (before, _) = server.memory()?;
    let arrived = Arrived::default();
    let request = request();
    for number in 1..=connections {
        match loop_bytes {
            Some(bytes) => crowd::listen(address, bytes, arrived.clone()).await?,
            None => crowd::watch(address, streams, &request, arrived.clone()).await?,
        }
        if loop_bytes.is_none() && (number % 100 == 0 || number == connections) {
            let since = number - (number - 1) / 100 * 100;
            arrived.others((since * streams) as usize).await?;
        }
    }
    tokio::time::sleep(SETTLE).await;
    let (after, _) = server.memory()?;
    let kib = (after - before) * 1024.0 / f64::from(connections * streams);
    println!("{name}: {connections} connections of {streams}, {kib:.1} KiB a watcher");
    Ok(Side { name, server, publish, arrived, kib, ms: Vec::new(), cpu_us: Vec::new() })
}

/// Publishes once on each side, in an order by chance.
async fn round(sides: &mut [Side], watchers: usize, number: usize) -> Result<(), Failure> {
    let mut order: Vec<(f64, usize)> = (0..sides.len()).map(|at| (fraction(), at)).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, at) in order {
        let side = &mut sides[at];
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (cpu, begun) = (cpu_us(side.server.id())?, Instant::now());
        let (published, came) = tokio::join!(side.publish.once(number), side.arrived.changes(watchers));
        published?;
        let ms = (came? - begun).as_secs_f64() * 1000.0;
        let cpu = (cpu_us(side.server.id())? - cpu) / watchers as f64;
        if number >= WARMUP {
            side.ms.push(ms);
            side.cpu_us.push(cpu);
        }
    }
    Ok(())
}

/// Microseconds of processor time that a process had, by the scheduler's own account of all its threads.
fn cpu_us(id: u32) -> Result<f64, Failure> {
    let mut total = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        total += text.split(' ').next().unwrap_or_default().parse::<f64>().unwrap_or_default() / 1000.0;
    }
    Ok(total)
}

fn spread(values: &[f64]) -> Value {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    json!([rounded(values[0]), rounded(values[values.len() / 2]), rounded(values[values.len() - 1])])
}

/// The registry, and what it is measured by, with so many watchers.
async fn case(dir: &Path, shape: (u32, u32), anchors: &[&'static str]) -> Result<Value, Failure> {
    let watchers = (shape.0 * shape.1) as usize;
    let (registry, address) = server(dir, &[])?;
    let message = framed(&told(&address).await?);
    let file = dir.join("message");
    let path = file.to_string_lossy().into_owned();
    let mut sides = vec![side("registry", (registry, address), shape, None).await?];
    for &anchor in anchors {
        let is_loop = anchor == "loop";
        std::fs::write(&file, if is_loop { &message } else { &message[5..] })?;
        let started = server(dir, &[anchor, &path])?;
        sides.push(side(anchor, started, shape, is_loop.then_some(message.len())).await?);
    }
    for number in 0..ROUNDS + WARMUP {
        round(&mut sides, watchers, number).await?;
    }
    let rows: Vec<Value> = sides
        .iter()
        .map(|side| {
            json!({
                "side": side.name, "ms": spread(&side.ms), "cpu_us": spread(&side.cpu_us),
                "kib": rounded(side.kib),
                "ratio": spread(&sides[0].ms.iter().zip(&side.ms).map(|(ours, one)| ours / one).collect::<Vec<_>>()),
            })
        })
        .collect();
    rows.iter().for_each(|row| println!("{row}"));
    Ok(json!({ "connections": shape.0, "streams": shape.1, "bytes": message.len(), "sides": rows }))
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["broadcast", message] => return anchors::broadcast(message.as_ref()),
        ["loop", message] => return anchors::write_loop(message.as_ref()),
        _ => {}
    }
    let own = std::process::id().to_string();
    if !Command::new("taskset").args(["-a", "-p", "-c", WATCHERS, &own]).output()?.status.success() {
        return Err("taskset could not give the watchers a core of their own".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let part = arguments.first().map(String::as_str).unwrap_or_default();
    let mut cases = Vec::new();
    for (name, shape, anchors) in [("shared", SHARED, &["broadcast"][..]), ("own", OWN, &["loop"])] {
        if name.contains(part) {
            let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
            let local = tokio::task::LocalSet::new();
            cases.push(runtime.block_on(local.run_until(case(dir.path(), shape, anchors)))?);
        }
    }
    if !part.is_empty() {
        return Ok(());
    }
    write("fan_out", json!({ "rounds": ROUNDS, "order": "min, median, max", "cases": cases }))
}
