//! A histogram that is counted without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// How often values fell below each of some bounds. Somebody who reads while others count may see a value in one number and
/// not yet in another; the next reading has it in all. Clones count together.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [f64],
    /// One for each bound, and one for what lies above all of them.
    counts: Vec<AtomicU64>,
    /// Sum in billionths.
    sum: AtomicU64,
}

impl Histogram {
    /// With these upper bounds, which are part of what they bound, in rising order.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { bounds, counts, sum: AtomicU64::new(0) }))
    }

    /// Counts a value. Below zero: as zero.
    pub fn observe(&self, value: f64) {
        let place = self.0.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.0.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // A conversion from a float saturates, and a sum of billionths lasts for five hundred years of seconds.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let billionths = (value * 1e9) as u64;
        self.0.sum.fetch_add(billionths, Ordering::Relaxed);
    }

    /// Counts a number of things.
    pub fn observe_count(&self, count: usize) {
        self.observe(u32::try_from(count).unwrap_or(u32::MAX).into());
    }

    /// Counts a time, in seconds.
    pub fn observe_time(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = self.0.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        #[expect(clippy::cast_precision_loss, reason = "it is told to some digits")]
        let sum = self.0.sum.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn values_fall_below_their_bounds() {
        let histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 3.0, -1.0] {
            histogram.observe(value);
        }
        histogram.observe_time(Duration::from_millis(2500));
        let mut registry = Registry::default();
        registry.register("size", "Sizes", histogram.clone());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert_eq!(
            text,
            "# HELP size Sizes.\n# TYPE size histogram\nsize_sum 8.5\nsize_count 6\nsize_bucket{le=\"1.0\"} 3\n\
             size_bucket{le=\"2.0\"} 4\nsize_bucket{le=\"+Inf\"} 6\n# EOF\n"
        );
    }
}
