//! What a load came to, as JSON.

use serde::Serialize;

/// One run.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Bench {
    /// `get`, `list`, `put` or `watch`.
    pub(in crate::cli) what: &'static str,
    pub(in crate::cli) server: String,
    pub(in crate::cli) connections: u32,
    /// Of each connection.
    pub(in crate::cli) streams: u32,
    /// Calls a second that were asked for.
    pub(in crate::cli) rate: Option<u32>,
    pub(in crate::cli) seconds: f64,
    /// Those that failed are among them.
    pub(in crate::cli) calls: u64,
    pub(in crate::cli) failed: u64,
    /// Calls that the rate asked for and that found no place; none without a rate.
    pub(in crate::cli) not_begun: Option<u64>,
    /// That went well.
    pub(in crate::cli) calls_per_second: f64,
    pub(in crate::cli) bytes: u64,
    pub(in crate::cli) bytes_per_second: f64,
    pub(in crate::cli) errors: Vec<BenchError>,
    /// Of calls that went well; of `watch` until each stream.
    pub(in crate::cli) latency_us: Option<Latency>,
    /// Of `watch` until the last stream.
    pub(in crate::cli) last_latency_us: Option<Latency>,
}

/// Calls that failed in one way.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct BenchError {
    pub(in crate::cli) code: String,
    pub(in crate::cli) reason: Option<&'static str>,
    pub(in crate::cli) count: u64,
    /// What the first of them said.
    pub(in crate::cli) message: String,
}

/// Times, in microseconds.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Latency {
    pub(in crate::cli) count: u64,
    pub(in crate::cli) min: u64,
    pub(in crate::cli) mean: f64,
    pub(in crate::cli) p50: u64,
    pub(in crate::cli) p90: u64,
    pub(in crate::cli) p99: u64,
    pub(in crate::cli) p999: u64,
    pub(in crate::cli) max: u64,
    pub(in crate::cli) histogram: Vec<Bar>,
}

/// How many took no longer than this, and longer than the bar before.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Bar {
    pub(in crate::cli) up_to_us: u64,
    pub(in crate::cli) count: u64,
}

/// So many a second.
pub(in crate::cli) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { thousandth(count as f64 / seconds) } else { 0.0 }
}

/// To the thousandth.
pub(in crate::cli) fn thousandth(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
