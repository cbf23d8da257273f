//! The same Get by another load: ghz, a client in Go that decodes every answer, pinned to a core of its own. It takes several times as long for a call
//! as either server, so that it is its own bound: what it tells of a server is the processor time of an answer, and how long one takes in such a client.
//!
//! `go install github.com/bojand/ghz/cmd/ghz@v0.93.0` puts it below `$(go env GOPATH)/bin`, which has to be on the PATH.

use std::path::Path;
use std::process::Command;

use persona_registry::wire::DESCRIPTORS;
use serde_json::{Value, json};

use crate::common::{Failure, Program};
use crate::load::{Case, cpu_seconds};
use crate::{bare, spread};

const ROUNDS: usize = 5;
const CALLS: u32 = 20_000;

/// The registry beside the bare handler.
pub fn compare(case: &Case, registry: (&Program, &str), dir: &Path) -> Result<Option<Value>, Failure> {
    if Command::new("ghz").arg("--version").output().is_err() {
        println!("ghz is not on the PATH: nothing is measured by it");
        return Ok(None);
    }
    std::fs::write(dir.join("descriptors"), DESCRIPTORS)?;
    let (bare, bare_address) = bare(dir, case)?;
    let sides = [registry, (&bare, bare_address.as_str())];
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut pair = [[0.0; 4]; 2];
        for side in [round % 2, 1 - round % 2] {
            let (server, address) = sides[side];
            run(case, address, CALLS / 4, dir)?;
            let before = cpu_seconds(server.id())?;
            let [rate, p50, p99] = run(case, address, CALLS, dir)?;
            let cpu = (cpu_seconds(server.id())? - before) * 1e6 / f64::from(CALLS);
            pair[side] = [rate, cpu, p50, p99];
        }
        println!("round {round}, ghz: {:.1?} beside {:.1?}", pair[0], pair[1]);
        rounds.push(pair);
    }
    let of = |side: usize, at: usize| spread(rounds.iter().map(|pair| pair[side][at]).collect());
    let ratio = |at: usize| spread(rounds.iter().map(|[a, b]| a[at] / b[at]).collect());
    let side = |side: usize| {
        let (rate, cpu, p50, p99) = (of(side, 0), of(side, 1), of(side, 2), of(side, 3));
        json!({ "per_second": rate, "cpu_us": cpu, "p50_ms": p50, "p99_ms": p99 })
    };
    Ok(Some(json!({
        "command": "cargo bench --bench peers -- ghz",
        "rounds": ROUNDS, "calls": CALLS, "order": "min, median, max", "case": case.name,
        "registry": side(0), "bare_tonic": side(1), "cpu_ratio": ratio(1), "p50_ratio": ratio(2),
    })))
}

/// Answers a second, p50 and p99 in milliseconds. All must be OK.
fn run(case: &Case, address: &str, calls: u32, dir: &Path) -> Result<[f64; 3], Failure> {
    let in_flight = case.connections * case.streams;
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "ghz", "--insecure", "--protoset"]).arg(dir.join("descriptors"));
    command.args(["--call", "persona.registry.v1.PersonaService/GetPersona", "-d", "{\"name\":\"small\"}"]);
    command.args(["--connections", &case.connections.to_string(), "-c", &in_flight.to_string()]);
    command.args(["-n", &calls.to_string(), "-O", "json", address.trim_start_matches("http://")]);
    let told: Value = serde_json::from_slice(&command.output()?.stdout)?;
    if told["statusCodeDistribution"]["OK"] != json!(calls) {
        return Err(format!("ghz: {}", told["statusCodeDistribution"]).into());
    }
    let at = |share: u64| {
        let all = told["latencyDistribution"].as_array();
        let one = all.and_then(|all| all.iter().find(|one| one["percentage"] == json!(share)));
        one.and_then(|one| one["latency"].as_f64()).map(|nanos| nanos / 1e6).ok_or("ghz tells no latency")
    };
    Ok([told["rps"].as_f64().ok_or("ghz tells no rate")?, at(50)?, at(99)?])
}
