//! What is counted while calls run: latencies in a histogram of fixed size, bytes, and failures by code.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Failure, shape};
use crate::client::ClientError;

/// The longest time that is told apart; a run and the last of its calls end sooner.
const MOST: Duration = Duration::from_secs(3600);

/// Times in microseconds, to a thousandth of each.
#[derive(Debug, Clone)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Result<Self, Failure> {
        let most = u64::try_from(MOST.as_micros()).unwrap_or(u64::MAX);
        let times = Histogram::new_with_bounds(1, most, 3);
        Ok(Self(times.map_err(|error| Failure::Server(Box::new(error)))?))
    }

    pub(super) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn p50(&self) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(0.5))
    }

    /// As it is told; none without a time.
    pub(super) fn shape(&self) -> Option<shape::Latency> {
        let times = &self.0;
        (!times.is_empty()).then(|| shape::Latency {
            count: times.len(),
            min: times.min(),
            mean: times.mean().round(),
            p50: times.value_at_quantile(0.5),
            p90: times.value_at_quantile(0.9),
            p99: times.value_at_quantile(0.99),
            p999: times.value_at_quantile(0.999),
            max: times.max(),
            histogram: self.bars(),
        })
    }

    /// How many took up to 10, 15, 20, 30, 50, 70, 100, 150, … µs, from the fewest that anything took to the most.
    fn bars(&self) -> Vec<shape::Bar> {
        let mut bars: Vec<shape::Bar> = Vec::new();
        let decade =
            |tens| [10, 15, 20, 30, 50, 70].map(|first| 10_u64.saturating_pow(tens).saturating_mul(first));
        let mut bounds = (0..).flat_map(decade);
        let mut up_to_us = 0;
        for step in self.0.iter_recorded() {
            while up_to_us < step.value_iterated_to() {
                let Some(next) = bounds.next() else { return bars };
                up_to_us = next;
                if up_to_us >= step.value_iterated_to() || !bars.is_empty() {
                    bars.push(shape::Bar { up_to_us, count: 0 });
                }
            }
            if let Some(bar) = bars.last_mut() {
                bar.count += step.count_since_last_iteration();
            }
        }
        bars
    }
}

/// What came of the calls so far.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Of calls that went well.
    pub(super) latencies: Latencies,
    /// Calls that went well.
    pub(super) done: u64,
    /// Calls that did not.
    pub(super) failed: u64,
    /// What those that went well carried.
    pub(super) bytes: u64,
    /// By code and reason: how many, and what the first one said.
    errors: BTreeMap<(String, Option<&'static str>), (u64, String)>,
}

impl Tally {
    pub(super) fn new() -> Result<Self, Failure> {
        let latencies = Latencies::new()?;
        Ok(Self { latencies, done: 0, failed: 0, bytes: 0, errors: BTreeMap::new() })
    }

    pub(super) fn count(&mut self, time: Duration, ended: &Result<usize, ClientError>) {
        match ended {
            Ok(bytes) => {
                self.done += 1;
                self.bytes += *bytes as u64;
                self.latencies.record(time);
            }
            Err(error) => {
                self.failed += 1;
                let reason = error.reason().map(|reason| reason.as_str_name());
                let reason = reason.map(|reason| reason.strip_prefix("ERROR_REASON_").unwrap_or(reason));
                let first = || (0, error.to_string());
                self.errors.entry((code(error), reason)).or_insert_with(first).0 += 1;
            }
        }
    }

    pub(super) fn errors(&self) -> Vec<shape::BenchError> {
        let told = |((code, reason), (count, message)): (&(String, Option<&'static str>), &(u64, String))| {
            shape::BenchError { code: code.clone(), reason: *reason, count: *count, message: message.clone() }
        };
        self.errors.iter().map(told).collect()
    }
}

/// The code of a failed call as the contract writes it: `DEADLINE_EXCEEDED`.
fn code(error: &ClientError) -> String {
    let code = match error {
        ClientError::Refused(refusal) => refusal.code,
        ClientError::Unreachable { .. } | ClientError::Insecure { .. } => tonic::Code::Unavailable,
        ClientError::Silent(_) | ClientError::Pending(_) => tonic::Code::DeadlineExceeded,
        ClientError::Missing { .. } => tonic::Code::NotFound,
        ClientError::TokenExposed { .. } => tonic::Code::Unauthenticated,
        ClientError::Closed => tonic::Code::Cancelled,
        ClientError::Incomplete(_) => tonic::Code::Unknown,
    };
    let mut word = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_uppercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_into_bars_that_grow_with_them() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.shape().is_none());
        for micros in [90, 100, 150, 900, 2_000_000_000_000] {
            latencies.record(Duration::from_micros(micros));
        }
        let shape = latencies.shape().unwrap();
        let bars: Vec<_> = shape.histogram.iter().map(|bar| (bar.up_to_us, bar.count)).collect();
        assert_eq!(bars[..7], [(100, 2), (150, 1), (200, 0), (300, 0), (500, 0), (700, 0), (1000, 1)]);
        assert_eq!(bars.iter().map(|bar| bar.1).sum::<u64>(), 5);
        assert_eq!((shape.count, shape.min, shape.p50), (5, 90, 150));
        // What is longer than anything that is told apart counts as the longest.
        assert!((3_600_000_000..3_610_000_000).contains(&shape.max), "{}", shape.max);
    }

    #[test]
    fn failures_are_told_by_code_and_apart_from_times() {
        let mut tally = Tally::new().unwrap();
        let silent = Err(ClientError::Silent(Duration::from_secs(3)));
        for ended in [Ok(7), silent.clone(), silent, Err(ClientError::Closed)] {
            tally.count(Duration::from_millis(1), &ended);
        }
        assert_eq!((tally.done, tally.failed, tally.bytes), (1, 3, 7));
        let errors = tally.errors();
        let told: Vec<_> = errors.iter().map(|error| (error.code.as_str(), error.count)).collect();
        assert_eq!(told, [("CANCELLED", 1), ("DEADLINE_EXCEEDED", 2)]);
        assert_eq!(errors[1].message, "the registry said nothing for 3 s");
        assert_eq!(tally.latencies.shape().map(|shape| shape.count), Some(1));
    }
}
