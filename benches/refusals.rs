//! Whether the time that a refusal takes tells what is there: `GetPersona` over loopback, with authentication on, of a persona
//! of somebody else's namespace, of one that is not there, of a namespace that is not there; and of one that is not there in a
//! namespace of the caller's own. Each round asks for all four, in an order by chance.
//!
//! `BENCH_DATE=2026-01-31 cargo bench --bench refusals`. Results go to `benches/results/`.

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

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{Failure, document, rounded, serve, write};
use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use serde_json::{Value, json};
use tonic::Request;
use tonic::transport::Channel;

const WARM: usize = 2000;
const ROUNDS: usize = 20_000;
/// Personas in either namespace.
const PERSONAS: usize = 200;
/// Samples drawn anew for an interval.
const RESAMPLES: usize = 1000;

/// What is asked for: its name in the results, a namespace and a name. All names are as long as one another.
const CASES: [(&str, &str, &str); 4] = [
    ("theirs, there", "theirs0", "persona-100"),
    ("theirs, absent", "theirs0", "missing-100"),
    ("no such namespace", "nowhere", "persona-100"),
    ("own, absent", "ownones", "missing-100"),
];

/// Numbers by chance, of a generator that needs no crate.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn token(folder: &Path, name: &str, grant: &str) -> Result<String, Failure> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command.args(["token", "create", name, "--grant", grant, "--data-dir", "data"]).current_dir(folder);
    let made = command.output()?;
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

fn with<T>(token: &str, message: T) -> Result<Request<T>, Failure> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}

/// Microseconds of one call.
async fn timed(client: &mut PersonaServiceClient<Channel>, token: &str, case: usize) -> Result<f64, Failure> {
    let (_, namespace, name) = CASES[case];
    let get = pb::GetPersonaRequest {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..Default::default()
    };
    let request = with(token, get)?;
    let begun = Instant::now();
    let answer = client.get_persona(request).await;
    let took = begun.elapsed().as_secs_f64() * 1e6;
    match answer {
        Err(status) if (status.code() == tonic::Code::NotFound) == (case == 3) => Ok(took),
        other => Err(format!("another answer: {other:?}").into()),
    }
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

fn median_of_sample(values: &[f64], chance: &mut Chance) -> f64 {
    let mut sample: Vec<f64> = (0..values.len()).map(|_| values[chance.below(values.len())]).collect();
    let middle = sample.len() / 2;
    *sample.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// How often a value of the first is less than one of the second, ties halved: one half where they are alike.
fn less(first: &[f64], second: &[f64]) -> f64 {
    let (below, upto) = first.iter().fold((0, 0), |(below, upto), value| {
        let less = second.partition_point(|other| other < value);
        let equal = second.partition_point(|other| other <= value);
        (below + less, upto + equal)
    });
    1.0 - (below + upto) as f64 / 2.0 / (first.len() as f64 * second.len() as f64)
}

/// One case beside another: the difference of their medians with a 95 % interval, and which is less how often. The standard
/// error of the latter is that of Mann and Whitney.
fn beside(took: &[Vec<f64>; 4], one: usize, other: usize, chance: &mut Chance) -> Value {
    let (first, second) = (&took[one], &took[other]);
    let difference = percentile(first, 50) - percentile(second, 50);
    let mut resampled: Vec<f64> =
        (0..RESAMPLES).map(|_| median_of_sample(first, chance) - median_of_sample(second, chance)).collect();
    resampled.sort_by(f64::total_cmp);
    let (low, high) = (resampled[RESAMPLES * 25 / 1000], resampled[RESAMPLES * 975 / 1000]);
    let (n, less) = (first.len() as f64, less(first, second));
    let z = (less - 0.5) / ((2.0 * n + 1.0) / (12.0 * n * n)).sqrt();
    let (first, second) = (CASES[one].0, CASES[other].0);
    println!(
        "{first} beside {second}: medians differ by {difference:.2} us (95 %: {low:.2} to {high:.2}); less in {:.2} % (z {z:.1})",
        less * 100.0
    );
    json!({
        "one": first, "other": second, "median_difference_us": rounded(difference),
        "interval_us": [rounded(low), rounded(high)], "less": rounded(less), "z": rounded(z),
    })
}

async fn measure(folder: &Path) -> Result<Value, Failure> {
    let (admin, reader) = (token(folder, "ops", "admin")?, token(folder, "looker", "reader@ownones")?);
    let (server, address, _) = serve(folder, &["--auth".to_owned()])?;
    let channel = Channel::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?;
    let mut client = PersonaServiceClient::new(channel);
    for namespace in ["theirs0", "ownones"] {
        for number in 0..PERSONAS {
            let content = document(&format!("persona-{number:03}"), number, 4096).into();
            let put =
                pb::PutPersonaRequest { namespace: namespace.to_owned(), content, ..Default::default() };
            client.put_persona(with(&admin, put)?).await?;
        }
    }
    let (mut took, mut chance): ([Vec<f64>; 4], _) = (Default::default(), Chance::new());
    for round in 0..WARM + ROUNDS {
        let mut order = [0, 1, 2, 3];
        for at in (1..order.len()).rev() {
            order.swap(at, chance.below(at + 1));
        }
        for case in order {
            let micros = timed(&mut client, &reader, case).await?;
            if round >= WARM {
                took[case].push(micros);
            }
        }
    }
    server.stop()?;
    took.iter_mut().for_each(|took| took.sort_by(f64::total_cmp));
    let rows: Vec<_> = CASES
        .iter()
        .zip(&took)
        .map(|((case, ..), took)| {
            let (p50, p99) = (percentile(took, 50), percentile(took, 99));
            println!("{case}: p50 {p50:.1} us, p99 {p99:.1} us");
            json!({ "case": case, "p50_us": rounded(p50), "p99_us": rounded(p99) })
        })
        .collect();
    let compared: Vec<_> =
        [(0, 1), (2, 1), (3, 1)].map(|(one, other)| beside(&took, one, other, &mut chance)).into();
    Ok(json!({ "rounds": ROUNDS, "personas": PERSONAS, "rows": rows, "compared": compared }))
}

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    fs::create_dir_all(dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    write("refusals", runtime.block_on(measure(dir.path()))?)
}
