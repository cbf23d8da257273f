//! Reads beside a bare tonic handler: the binary as it is shipped (look-up, tracing, request ids and all) and a tonic service that only
//! hands out clones of the same messages (`anchor.rs`), each a process pinned to one core, with h2load on the other. Rounds
//! alternate who comes first and shuffle the cases; what counts is the ratio within a round. That both answer alike is
//! asserted, and that every answer has all its bytes.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench peers` needs `h2load` (Debian: nghttp2-client) and `taskset` on the PATH, and `strace` to count system calls; with `-- PART`
//! the cases that have it in their names, with `-- anchors` the first one beside other products (`anchors.rs`), with `-- ghz` the first one by another load (`ghz.rs`). Results go to
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

mod anchor;
mod anchors;
#[path = "../common/mod.rs"]
mod common;
mod ghz;
mod http_load;
mod load;

use std::path::Path;
use std::process::Command;

use common::{Failure, Program, document, rounded, write};
use load::{Case, Measured, framed, measure, system_calls};
use pb::persona_service_client::PersonaServiceClient;
use persona_registry::domain::fraction;
use persona_registry::wire::pb;
use prost::Message as _;
use serde_json::{Value, json};

const ROUNDS: usize = 7;
/// Personas of a page.
const PAGE: usize = 50;
/// The core of the servers; the load has the other.
const SERVERS: [&str; 2] = ["-c", "0"];

type Client = PersonaServiceClient<tonic::transport::Channel>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [word, get, list] = arguments.as_slice()
        && word == "anchor"
    {
        return anchor::serve(get.as_ref(), list.as_ref());
    }
    if Command::new("h2load").arg("--version").output().is_err() {
        println!("h2load is not on the PATH (Debian: nghttp2-client): nothing is measured");
        return Ok(());
    }
    let part = arguments.first().map(String::as_str).unwrap_or_default();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (registry, address) = registry(dir.path())?;
    let cases: Vec<Case> = runtime.block_on(cases(&address))?;
    if part == "anchors" {
        let case = cases.first().ok_or("no case")?;
        return write("anchors", anchors::compare(case, &address, dir.path())?);
    }
    if part == "ghz" {
        let case = cases.first().ok_or("no case")?;
        let told = ghz::compare(case, (&registry, &address), dir.path())?;
        return told.map_or(Ok(()), |told| write("ghz", told));
    }
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.name.contains(part)).collect();

    let mut rows: Vec<Vec<[Measured; 2]>> = cases.iter().map(|_| Vec::new()).collect();
    let mut counts = Vec::new();
    for case in &cases {
        let (bare, bare_address) = bare(dir.path(), case)?;
        let ours = system_calls(case, &registry, &address, dir.path())?;
        counts.push([ours, system_calls(case, &bare, &bare_address, dir.path())?]);
    }
    for round in 0..ROUNDS {
        for at in shuffled(cases.len()) {
            let case = &cases[at];
            let (bare, bare_address) = bare(dir.path(), case)?;
            runtime.block_on(alike(case, [&address, &bare_address]))?;
            let first = (round + at) % 2;
            let mut pair = [None; 2];
            for side in [first, 1 - first] {
                let (server, address) = [(&registry, &address), (&bare, &bare_address)][side];
                pair[side] = Some(measure(case, server, address, dir.path())?);
            }
            let [Some(ours), Some(theirs)] = pair else { return Err("a side is missing".into()) };
            println!("round {round}, {}: {ours:.2?} beside {theirs:.2?}", case.name);
            println!(
                "  requests/s {:.2}, p50 {:.2}",
                ours.per_second / theirs.per_second,
                ours.p50_ms / theirs.p50_ms
            );
            rows[at].push([ours, theirs]);
        }
    }
    registry.stop()?;
    let rows = cases.iter().zip(&rows).zip(&counts);
    let rows: Vec<Value> = rows.map(|((case, rounds), calls)| row(case, rounds, calls)).collect();
    for row in &rows {
        println!("{}: requests/s {}, p50 {}", row["case"], row["ratio"], row["p50_ratio"]);
    }
    if !part.is_empty() {
        return Ok(());
    }
    write("peers", json!({ "rounds": ROUNDS, "order": "min, median, max", "rows": rows }))
}

/// The registry as it is shipped, with nothing said about its log.
fn registry(dir: &Path) -> Result<(Program, String), Failure> {
    let mut command = Command::new("taskset");
    command.args(SERVERS).arg(env!("CARGO_BIN_EXE_persona"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    let server = Program::run(command, dir, None)?;
    let (_, address) = server.listens()?;
    Ok((server, format!("http://{address}")))
}

/// The anchor with the answer of a case.
fn bare(dir: &Path, case: &Case) -> Result<(Program, String), Failure> {
    let (get, list) = (dir.join("get"), dir.join("list"));
    let is_list = case.method == "ListPersonas";
    let message = case.answer.get(5..).unwrap_or_default();
    std::fs::write(&get, if is_list { &[] } else { message })?;
    std::fs::write(&list, if is_list { message } else { &[] })?;
    let mut command = Command::new("taskset");
    command.args(SERVERS).arg(std::env::current_exe()?).arg("anchor").args([get, list]);
    let server = Program::run(command, dir, None)?;
    let (_, address) = server.listens()?;
    Ok((server, format!("http://{address}")))
}

/// Fills the registry, and asks it what it will be asked.
async fn cases(address: &str) -> Result<Vec<Case>, Failure> {
    let mut client = Client::connect(address.to_owned()).await?.max_decoding_message_size(usize::MAX);
    let put = |name: String, bytes, namespace: &str| {
        let content = document(&name, 1, bytes).into();
        pb::PutPersonaRequest { namespace: namespace.to_owned(), content, ..Default::default() }
    };
    for number in 0..PAGE {
        client.put_persona(put(format!("persona-{number}"), 4096, "page")).await?;
    }
    for (name, bytes) in [("small", 4096), ("large", 32 * 1024)] {
        client.put_persona(put(name.to_owned(), bytes, "default")).await?;
    }
    let get = |name: &str| pb::GetPersonaRequest { name: name.to_owned(), ..Default::default() };
    let list = pb::ListPersonasRequest {
        namespace: "page".to_owned(),
        view: pb::PersonaView::Full.into(),
        ..Default::default()
    };
    let mut cases = Vec::new();
    for (name, persona, connections, streams, requests) in [
        ("Get 4 KiB, 8 × 16", "small", 8, 16, 160_000),
        ("Get 32 KiB, 8 × 16", "large", 8, 16, 60_000),
        ("Get 4 KiB, 1 × 1", "small", 1, 1, 16_000),
    ] {
        let answer = framed(&client.get_persona(get(persona)).await?.into_inner());
        let request = framed(&get(persona));
        cases.push(Case { name, method: "GetPersona", request, answer, connections, streams, requests });
    }
    let answer = framed(&client.list_personas(list.clone()).await?.into_inner());
    cases.push(Case {
        name: "List of 50 × 4 KiB, 8 × 16",
        method: "ListPersonas",
        request: framed(&list),
        answer,
        connections: 8,
        streams: 16,
        requests: 6_000,
    });
    Ok(cases)
}

/// Both answer with the same message.
async fn alike(case: &Case, addresses: [&str; 2]) -> Result<(), Failure> {
    for address in addresses {
        let mut client = Client::connect(address.to_owned()).await?.max_decoding_message_size(usize::MAX);
        let request = case.request.get(5..).unwrap_or_default();
        let answer = if case.method == "GetPersona" {
            framed(&client.get_persona(pb::GetPersonaRequest::decode(request)?).await?.into_inner())
        } else {
            framed(&client.list_personas(pb::ListPersonasRequest::decode(request)?).await?.into_inner())
        };
        if answer != case.answer {
            return Err(format!("{address} answers {} otherwise", case.name).into());
        }
    }
    Ok(())
}

/// The numbers below this one in an order by chance.
fn shuffled(count: usize) -> Vec<usize> {
    let mut keyed: Vec<(f64, usize)> = (0..count).map(|at| (fraction(), at)).collect();
    keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
    keyed.into_iter().map(|(_, at)| at).collect()
}

fn row(case: &Case, rounds: &[[Measured; 2]], calls: &[Option<f64>; 2]) -> Value {
    let side = |at: usize| {
        let of = |value: fn(&Measured) -> f64| spread(rounds.iter().map(|pair| value(&pair[at])).collect());
        json!({
            "per_second": of(|one| one.per_second),
            "cpu_us": of(|one| one.cpu_us),
            "p50_ms": of(|one| one.p50_ms),
            "p99_ms": of(|one| one.p99_ms),
            "p999_ms": of(|one| one.p999_ms),
            "system_calls": calls[at].map(rounded),
            "rss_mib": of(|one| one.rss_mib),
        })
    };
    let ratio =
        |value: fn(&Measured) -> f64| spread(rounds.iter().map(|[a, b]| value(a) / value(b)).collect());
    json!({
        "case": case.name,
        "answer_bytes": case.answer.len(),
        "registry": side(0),
        "bare_tonic": side(1),
        "ratio": ratio(|one| one.per_second),
        "p50_ratio": ratio(|one| one.p50_ms),
    })
}

/// Least, median and most.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().map_or(f64::NAN, rounded);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}
