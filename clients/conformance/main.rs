//! One suite for all clients, against the real server: `scenarios.toml` says what happens, a driver in each language does it
//! with its client and says what it sees, and this program holds the one to the other. See README.md.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test program, which shares its proxy with the other tests"
)]

mod driver;
mod fits;
mod paper;
mod process;
#[path = "../../tests/it/proxy.rs"]
mod proxy;
mod script;
mod server;
mod snapshot_file;
mod stage;
mod table;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser as _;

use driver::{Driver, NotThere};
use fits::Unmet;
use script::Scenario;
use stage::Stage;
use table::{Outcome, Table};

/// What the proxy wants of the tests that it comes from.
mod harness {
    use std::time::Duration;

    /// How long anything here may take before the suite fails: generous, since a machine may be busy.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    pub async fn soon<T>(what: impl Future<Output = T>) -> T {
        tokio::time::timeout(PATIENCE, what).await.expect("within patience")
    }
}

/// Holds clients to docs/clients.md
#[derive(Debug, clap::Parser)]
struct Args {
    /// Whose clients, such as rust,go
    #[arg(long, value_delimiter = ',', default_value = "rust")]
    clients: Vec<String>,
    /// Only scenarios of exactly these names
    #[arg(long)]
    scenario: Vec<String>,
    /// Take one part after the other out of the clients: what proves it must fail
    #[arg(long)]
    switch_off: bool,
    /// Fail where a client has no driver or no toolchain; so it is too where CI is set
    #[arg(long)]
    require: bool,
    /// Scenarios of one client at the same time
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// Only scenarios with this in their names
    filters: Vec<String>,
    /// What cargo test may pass on to every test program; without a meaning here
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    list: bool,
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
}

/// One run of one scenario.
#[derive(Debug, Clone)]
struct Task {
    scenario: Arc<Scenario>,
    /// The part that is taken out of the client.
    switch_off: Option<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if args.ignored || args.list {
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let scenarios = script::read(&folder.join("conformance/scenarios.toml"))?;
    let chosen = scenarios.into_iter().map(Arc::new).filter(|scenario| {
        (args.scenario.is_empty() || args.scenario.contains(&scenario.name))
            && (args.filters.is_empty() || args.filters.iter().any(|part| scenario.name.contains(part)))
    });
    let mut tasks = Vec::new();
    for scenario in chosen {
        if args.switch_off {
            let parts = scenario.proves.clone();
            tasks.extend(
                parts.into_iter().map(|part| Task { scenario: scenario.clone(), switch_off: Some(part) }),
            );
        } else {
            tasks.push(Task { scenario, switch_off: None });
        }
    }
    if tasks.is_empty() {
        println!("conformance: no scenario was asked for");
        return Ok(ExitCode::SUCCESS);
    }
    let require = args.require || std::env::var_os("CI").is_some_and(|set| !set.is_empty());
    let mut table = Table::new(tasks.iter().map(Task::title).collect());
    for language in &args.clients {
        let begun = Instant::now();
        let outcomes = run(&folder.join(language), language, &tasks, &args).await?;
        table.add(language, outcomes, begun.elapsed());
    }
    let good = table.print(require);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Task {
    fn title(&self) -> String {
        match &self.switch_off {
            None => self.scenario.name.clone(),
            Some(part) => format!("{} without {part}", self.scenario.name),
        }
    }
}

/// All that is to be done with one client, a few at a time; each of them has a driver that goes from one to the next.
async fn run(folder: &Path, language: &str, tasks: &[Task], args: &Args) -> Result<Vec<Outcome>> {
    let skipped = |why: &str| vec![Outcome::Skipped(why.to_owned()); tasks.len()];
    match Driver::start(folder).await {
        Ok(driver) => driver.stop().await?,
        Err(error) if error.is::<NotThere>() => return Ok(skipped(&error.to_string())),
        Err(error) => return Ok(vec![Outcome::Failed(format!("{error:#}")); tasks.len()]),
    }
    let queue: VecDeque<_> = tasks.iter().cloned().enumerate().collect();
    let (queue, outcomes) = (Arc::new(Mutex::new(queue)), Arc::new(Mutex::new(BTreeMap::new())));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..args.jobs.max(1) {
        let (queue, outcomes) = (queue.clone(), outcomes.clone());
        let (folder, language) = (folder.to_owned(), language.to_owned());
        workers.spawn(async move {
            let mut drivers = BTreeMap::new();
            loop {
                let Some((number, task)) = queue.lock().unwrap().pop_front() else { break };
                let begun = Instant::now();
                let result = one(&task, &language, &folder, &mut drivers).await;
                if result.is_err() {
                    // What it is left in is not what the next scenario should begin with.
                    drivers.clear();
                }
                outcomes.lock().unwrap().insert(number, judge(&task, result, begun.elapsed()));
            }
            for driver in drivers.into_values() {
                Driver::stop(driver).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    let mut wrong = None;
    while let Some(ended) = workers.join_next().await {
        wrong = wrong.or(ended?.err());
    }
    let mut outcomes: Vec<_> = std::mem::take(&mut *outcomes.lock().unwrap()).into_values().collect();
    if let (Some(error), Some(last)) = (wrong, outcomes.last_mut()) {
        *last = Outcome::Failed(format!("a driver did not end well: {error:#}"));
    }
    Ok(outcomes)
}

async fn one(
    task: &Task,
    language: &str,
    folder: &PathBuf,
    drivers: &mut BTreeMap<String, Driver>,
) -> Result<()> {
    if !drivers.contains_key(language) {
        drivers.insert(language.to_owned(), Driver::start(folder).await.context("no driver")?);
    }
    let mut stage = Stage::new(task.scenario.clone(), language, task.switch_off.clone(), folder, drivers)?;
    let played = tokio::time::timeout(Duration::from_secs(120), stage.play()).await;
    played.context("the scenario takes longer than two minutes")?
}

/// Where a part was taken out, only an expectation that is not met shows that the suite notices.
fn judge(task: &Task, result: Result<()>, took: Duration) -> Outcome {
    match (result, &task.switch_off) {
        (Ok(()), None) => Outcome::Passed(took),
        (Err(error), None) => Outcome::Failed(format!("{error:#}")),
        (Ok(()), Some(part)) => Outcome::Failed(format!("it passes without {part}: it proves nothing")),
        (Err(error), Some(_)) if error.downcast_ref::<Unmet>().is_some() => Outcome::Passed(took),
        (Err(error), Some(_)) => Outcome::Failed(format!("it fails, but for another reason: {error:#}")),
    }
}
