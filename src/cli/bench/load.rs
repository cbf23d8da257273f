//! How load is made: so many calls in flight, each place making its next call when it has the answer to its last one, or calls at
//! moments of their own, which wait for a place and count the wait.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::value_parser;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::tally::Tally;
use super::{Failure, Output, shape};
use crate::client::{Client, ClientError};
use crate::config::Config;

/// How long, where nothing is said.
const USUAL: Duration = Duration::from_secs(10);
/// How long at most.
const LONGEST: Duration = Duration::from_secs(600);
/// What a place waits after a failure, so that a registry that is gone is not called without end.
const PAUSE: Duration = Duration::from_millis(10);
/// The most that is waited when the registry asks to come back later.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How much load.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Load {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=64))]
    pub(super) connections: u32,

    /// Calls in flight on each connection; for `watch`: streams
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    pub(super) streams: u32,

    /// How long, 600 at most [default: 10, or until there were as many --calls]
    #[arg(long, value_name = "SECONDS", value_parser = length)]
    duration: Option<Duration>,

    /// How many calls; the duration ends it too
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=100_000_000))]
    calls: Option<u64>,

    /// Calls a second, of all connections together; a call that has to wait for a place is late, which counts [default: as
    /// fast as answers come]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,

    /// Beyond this machine too: for a registry that is yours
    #[arg(long)]
    anywhere: bool,
}

fn length(text: &str) -> Result<Duration, String> {
    let read = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    read.filter(|length| !length.is_zero() && *length <= LONGEST)
        .ok_or_else(|| format!("give a number of seconds, above 0 and up to {}", LONGEST.as_secs()))
}

impl Load {
    /// Load on a registry that is somebody else's is an attack, so another machine is called only where that was said.
    pub(super) fn permit(&self, config: &Config) -> Result<(), Failure> {
        if self.anywhere || config.server.is_here() {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{} is not this machine, and load on a registry that is not yours is an attack; say --anywhere if it is",
            config.server
        )))
    }

    /// A client for each stream. By turns, so that the first few are spread over all connections.
    pub(super) fn spread(&self, connections: &[Client]) -> Vec<Client> {
        (0..self.streams).flat_map(|_| connections.iter().cloned()).collect()
    }

    /// A client for each call in flight, which are no more than there are calls.
    pub(super) fn places(&self, connections: &[Client]) -> Vec<Client> {
        let mut places = self.spread(connections);
        places.truncate(self.calls.and_then(|calls| usize::try_from(calls).ok()).unwrap_or(usize::MAX));
        places
    }

    fn length(&self) -> Duration {
        self.duration.unwrap_or(if self.calls.is_some() { LONGEST } else { USUAL })
    }

    /// When a call is to begin, from the beginning of all; none: when there is a place.
    fn moment(&self, number: u64) -> Option<Duration> {
        let rate = u64::from(self.rate?);
        Some(Duration::from_nanos(number.saturating_mul(1_000_000_000) / rate))
    }

    /// Calls that were to begin until then.
    fn due(&self, until: Duration) -> Option<u64> {
        let due = until.as_nanos().saturating_mul(u128::from(self.rate?)).div_ceil(1_000_000_000);
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        Some(self.calls.map_or(due, |calls| calls.min(due)))
    }
}

/// Which call it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Among those in flight, from 0.
    pub(super) place: usize,
    /// Among all, from 0.
    pub(super) number: u64,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) tally: Tally,
    length: Duration,
    /// Calls that should have begun and had no place; none without a rate.
    not_begun: Option<u64>,
}

impl Measured {
    /// As it is told.
    pub(super) fn shape(&self, what: &'static str, load: &Load, config: &Config) -> shape::Bench {
        let seconds = self.length.as_secs_f64();
        let Tally { done, failed, bytes, latencies, .. } = &self.tally;
        shape::Bench {
            what,
            server: config.server.to_string(),
            connections: load.connections,
            streams: load.streams,
            rate: load.rate,
            seconds: shape::thousandth(seconds),
            calls: done + failed,
            failed: *failed,
            not_begun: self.not_begun,
            calls_per_second: shape::per_second(*done, seconds),
            bytes: *bytes,
            bytes_per_second: shape::per_second(*bytes, seconds),
            errors: self.tally.errors(),
            latency_us: latencies.shape(),
            last_latency_us: None,
        }
    }
}

struct Run {
    load: Load,
    begun: Instant,
    turns: AtomicU64,
    tally: Mutex<Tally>,
}

impl Run {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next call, and says which it is and since when it takes its time; none when it is over.
    async fn turn(&self, stop: &mut watch::Receiver<bool>) -> Option<(u64, Instant)> {
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        let (now, end) = (Instant::now(), self.begun + self.load.length());
        if *stop.borrow() || now >= end || self.load.calls.is_some_and(|calls| number >= calls) {
            return None;
        }
        let due = self.load.moment(number).map_or(now, |moment| self.begun + moment);
        if due <= now {
            return Some((number, due));
        }
        if due >= end {
            return None;
        }
        tokio::select! {
            // A timer that is a little late is no fault of the registry's.
            () = sleep_until(due) => Some((number, Instant::now())),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    /// Makes call after call, one at a time.
    async fn work<F>(&self, place: usize, mut stop: watch::Receiver<bool>, call: impl Fn(Turn) -> F)
    where
        F: Future<Output = Result<usize, ClientError>>,
    {
        while let Some((number, since)) = self.turn(&mut stop).await {
            let ended = call(Turn { place, number }).await;
            self.tally().count(since.elapsed(), &ended);
            if let Err(error) = ended {
                let pause = error.retry_delay().unwrap_or(PAUSE).min(LONGEST_PAUSE);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
        }
    }
}

/// Makes calls in each of the places until it is over or a signal ends it. A call answers how many bytes it carried.
pub(super) async fn drive<F>(
    load: &Load,
    places: Vec<Client>,
    call: impl Fn(Client, Turn) -> F + Clone + Send + 'static,
    out: &Output,
) -> Result<Measured, Failure>
where
    F: Future<Output = Result<usize, ClientError>> + Send + 'static,
{
    let listen = |kind| signal(kind).map_err(|source| Failure::io("no signals", source));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let tally = Mutex::new(Tally::new()?);
    let run = Arc::new(Run { load: load.clone(), begun: Instant::now(), turns: AtomicU64::new(0), tally });
    let stop = watch::Sender::new(false);
    let mut workers = JoinSet::new();
    for (place, client) in places.into_iter().enumerate() {
        let (run, call, stop) = (Arc::clone(&run), call.clone(), stop.subscribe());
        workers.spawn(async move { run.work(place, stop, move |turn| call(client.clone(), turn)).await });
    }
    let bar = if out.has_reader() { bar(load) } else { ProgressBar::hidden() };
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                None => break,
                Some(ended) => ended.map_err(|died| Failure::Server(Box::new(died)))?,
            },
            _ = interrupt.recv() => drop(stop.send_replace(true)),
            _ = terminate.recv() => drop(stop.send_replace(true)),
            _ = ticks.tick() => show(&bar, &run),
        }
    }
    bar.finish_and_clear();
    let length = run.begun.elapsed();
    let tally = run.tally().clone();
    let late = |due: u64| due.saturating_sub(tally.done + tally.failed);
    let is_whole = !*stop.borrow();
    let not_begun = load.due(length.min(load.length())).map(|due| if is_whole { late(due) } else { 0 });
    Ok(Measured { tally, length, not_begun })
}

fn bar(load: &Load) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %");
    let whole = load.calls.unwrap_or(u64::try_from(load.length().as_millis()).unwrap_or(u64::MAX));
    ProgressBar::new(whole).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, run: &Run) {
    let tally = run.tally();
    let made = tally.done + tally.failed;
    let passed = u64::try_from(run.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    bar.set_message(format!(
        "{} calls, {} failed, half within {:.1} ms",
        HumanCount(made),
        HumanCount(tally.failed),
        tally.latencies.p50().as_secs_f64() * 1e3
    ));
    bar.set_position(if run.load.calls.is_some() { made } else { passed });
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        load: Load,
    }

    fn load(arguments: &[&str]) -> Result<Load, clap::Error> {
        Line::try_parse_from([&["x"], arguments].concat()).map(|line| line.load)
    }

    #[test]
    fn everything_has_a_bound() {
        for bad in ["--connections=0", "--connections=65", "--streams=65", "--duration=0", "--duration=601"] {
            assert!(load(&[bad]).is_err(), "{bad}");
        }
        for bad in ["--duration=-1", "--duration=NaN", "--calls=0", "--rate=0", "--rate=1000001"] {
            assert!(load(&[bad]).is_err(), "{bad}");
        }
        assert_eq!(load(&[]).unwrap().length(), USUAL);
        assert_eq!(load(&["--calls", "5"]).unwrap().length(), LONGEST);
        let half = load(&["--calls", "5", "--duration", "0.5"]).unwrap();
        assert_eq!(half.length(), Duration::from_millis(500));
    }

    #[test]
    fn calls_have_moments_where_there_is_a_rate() {
        assert_eq!(load(&[]).unwrap().moment(3), None);
        let load = load(&["--rate", "4", "--calls", "6"]).unwrap();
        assert_eq!(load.moment(3), Some(Duration::from_millis(750)));
        // At 0, 250, 500 and 750 ms; the one at 1 s is not before it.
        assert_eq!(load.due(Duration::from_secs(1)), Some(4));
        assert_eq!(load.due(Duration::from_millis(1001)), Some(5));
        assert_eq!(load.due(Duration::from_secs(9)), Some(6));
    }
}
