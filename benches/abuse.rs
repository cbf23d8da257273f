//! What abuse of the transport costs an honest caller: the binary as a process, each kind of `tests/abuse` against it as fast as it
//! goes (and, to compare, a load that is allowed), and somebody who reads and writes beside it. Told are how much of it there was, how it was refused, how long an honest read takes
//! without it and with it, and the memory of the server. How it is refused, that every honest call is answered rightly, and a
//! bound of the memory are asserted; times are not.
//!
//! The load runs at a lower priority than the server and the honest caller: it is the server's slowness that is measured and not
//! that of a machine whose few cores everybody shares.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench abuse`, with `-- PART` the kinds that have it in their names. Results go to
//! `benches/results/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

mod common;
#[path = "../tests/it/issuer.rs"]
mod issuer;
#[path = "../tests/abuse/mod.rs"]
mod kinds;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Failure, Program, rounded, serve_logging, write};
use issuer::{AUDIENCE, ISSUER, Signer, claims};
use kinds::{ALL, ALLOWED, Abuse, Against, Target, Tokens, honest};
use persona_registry::auth::{self, NewToken};
use persona_registry::domain::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::sync::watch;

const ROUNDS: usize = 3;
/// Connections that do it at once.
const CROWD: usize = 4;
/// How long each kind goes on, and how long the honest caller is alone before it.
const ABUSED: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(1000);
/// The server's memory may never be more, in MiB.
const MEMORY: f64 = 512.0;

/// A server process with what calls need.
struct Served {
    program: Program,
    target: Target,
}

fn start(dir: &Path, against: Against) -> Result<Served, Failure> {
    let folder = dir.join(format!("{against:?}"));
    std::fs::create_dir_all(folder.join("data"))?;
    let (mut more, mut ca, mut tokens) = (Vec::new(), None, Tokens::default());
    match against {
        Against::Plain => {}
        Against::Tls => {
            let made = Command::new(env!("CARGO_BIN_EXE_persona"))
                .args(["dev-certs", "certs", "--force"])
                .current_dir(&folder)
                .output()?;
            assert!(made.status.success());
            more.extend(["--tls-cert", "certs/server.pem", "--tls-key", "certs/server-key.pem"]);
            ca = Some(folder.join("certs/ca.pem"));
        }
        Against::Auth => {
            let (signer, other) = (Signer::ed("one"), Signer::ed("one"));
            std::fs::write(folder.join("keys.json"), issuer::set(&[&signer]))?;
            let policy = format!(
                "[auth]\n[[auth.issuers]]\nname = \"corp\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nkeys = \"keys.json\"\n"
            );
            std::fs::write(folder.join("persona.toml"), policy)?;
            let file = folder.join("data/tokens.json");
            let token = |name: &str| {
                let grants = vec!["admin".parse()?];
                let new = NewToken { name: name.to_owned(), grants, expires: None };
                Ok::<_, Failure>(auth::create(&file, &new, SystemClock.now())?)
            };
            let forged = other.token(&claims("admin"));
            tokens =
                Tokens { good: token("good")?, greedy: token("greedy")?, revoked: token("revoked")?, forged };
            auth::revoke(&file, "revoked", SystemClock.now())?;
            more.extend(["--streams-per-caller", "100"]);
        }
    }
    let more: Vec<String> = more.into_iter().map(ToOwned::to_owned).collect();
    let (program, address, _) = serve_logging(&folder, &more, None)?;
    let target =
        Target { address: address.parse()?, ca, auth: against == Against::Auth, tokens: Arc::new(tokens) };
    Ok(Served { program, target })
}

/// A crowd that does it for a while, on a thread of lower priority; how much it did.
fn crowd(abuse: &'static Abuse, target: &Target) -> (usize, Duration) {
    let (target, begun) = (target.clone(), Instant::now());
    let thread = std::thread::spawn(move || {
        let id = std::fs::read_link("/proc/thread-self").unwrap();
        let id = id.file_name().unwrap().to_string_lossy().into_owned();
        drop(Command::new("renice").args(["-n", "15", "-p", &id]).output());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let events = Arc::new(AtomicUsize::new(0));
        let work = async {
            let crowd = (0..CROWD).map(|_| {
                let (target, events) = (target.clone(), Arc::clone(&events));
                tokio::spawn(async move {
                    while begun.elapsed() < ABUSED {
                        let told = abuse.run(&target, abuse.sizes.1).await;
                        events.fetch_add(told.events, Ordering::Relaxed);
                    }
                })
            });
            for one in crowd.collect::<Vec<_>>() {
                one.await.unwrap();
            }
        };
        runtime.block_on(work);
        events.load(Ordering::Relaxed)
    });
    let events = thread.join().unwrap();
    (events, begun.elapsed())
}

struct Row {
    quiet: f64,
    abused: f64,
    per_second: f64,
    events: usize,
    seconds: f64,
    mib: f64,
}

async fn row(abuse: &'static Abuse, served: &Served) -> Result<Row, Failure> {
    let client = honest::connect(&served.target).await;
    let (stop, mut stopped) = watch::channel(false);
    let alone = tokio::spawn(async move {
        let took = honest::calls(&client, &mut stopped).await;
        (client, took)
    });
    tokio::time::sleep(QUIET).await;
    stop.send_replace(true);
    let (client, alone) = alone.await?;
    stop.send_replace(false);
    let mut stopped = stop.subscribe();
    let beside = tokio::spawn(async move { honest::calls(&client, &mut stopped).await });
    let target = served.target.clone();
    let (events, took) = tokio::task::spawn_blocking(move || crowd(abuse, &target)).await?;
    stop.send_replace(true);
    let beside = beside.await?;
    let (_, most) = served.program.memory()?;
    assert!(most < MEMORY, "{}: {most} MiB", abuse.name);
    Ok(Row {
        quiet: honest::percentile(alone, 99),
        abused: honest::percentile(beside, 99),
        per_second: events as f64 / took.as_secs_f64(),
        events,
        seconds: took.as_secs_f64(),
        mib: most,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    rounded(values[values.len() / 2])
}

fn main() -> Result<(), Failure> {
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let all = ALLOWED.iter().chain(&ALL);
    let chosen: Vec<&'static Abuse> = all.filter(|abuse| abuse.name.contains(&part)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut rounds: Vec<Vec<Row>> = chosen.iter().map(|_| Vec::new()).collect();
    for number in 0..ROUNDS {
        for (abuse, rows) in chosen.iter().zip(&mut rounds) {
            // What is held ends by the server's patience, which is long: once is enough.
            if abuse.held && number > 0 {
                continue;
            }
            // A server of its own: what one kind leaves in memory is not the next one's.
            let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
            let served = start(dir.path(), abuse.against)?;
            let row = runtime.block_on(row(abuse, &served))?;
            println!(
                "round {number}, {}: {} {} in {:.1} s, {}; p99 {:.2} ms, then {:.2} ms; {:.0} MiB",
                abuse.name,
                row.events,
                abuse.unit,
                row.seconds,
                abuse.refused,
                row.quiet,
                row.abused,
                row.mib
            );
            rows.push(row);
            served.program.stop()?;
        }
    }
    if !part.is_empty() {
        return Ok(());
    }
    let rows = chosen.iter().zip(&rounds).map(|(abuse, rows)| {
        let of = |value: fn(&Row) -> f64| median(rows.iter().map(value).collect());
        json!({
            "abuse": abuse.name,
            "against": format!("{:?}", abuse.against).to_lowercase(),
            "unit": abuse.unit,
            "held": abuse.held,
            "events": rows[0].events,
            "per_second": of(|row| row.per_second),
            "refused": abuse.refused,
            "quiet_p99_ms": of(|row| row.quiet),
            "abused_p99_ms": of(|row| row.abused),
            "ratio": of(|row| row.abused / row.quiet),
            "most_mib": of(|row| row.mib),
        })
    });
    let rows: Vec<Value> = rows.collect();
    let result = json!({
        "rounds": ROUNDS, "connections": CROWD, "seconds": ABUSED.as_secs(), "memory_bound_mib": MEMORY, "rows": rows,
    });
    write("abuse", result)
}
