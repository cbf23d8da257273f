//! How long to wait between attempts: by chance, up to a bound that doubles, so that clients do not come back in step.

use std::time::Duration;

use crate::domain::fraction;

/// Waits for a row of attempts. [`Backoff::reset`] after a success.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
}

impl Backoff {
    /// Waits of at most `first`, then of at most twice that, and so on; of at most `most`.
    #[must_use]
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, attempt: 0 }
    }

    /// The next wait: anything up to the doubled bound, added to `asked` (what the server said).
    pub fn next_wait(&mut self, asked: Option<Duration>) -> Duration {
        let full = self.first.saturating_mul(1 << self.attempt.min(20)).min(self.most);
        self.attempt = self.attempt.saturating_add(1);
        let jittered = full.mul_f64(fraction());
        // Clients that a drain told the same delay would otherwise all return at its end.
        asked.map_or(jittered, |asked| asked.saturating_add(jittered))
    }

    /// Begins again with short waits.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_up_to_a_bound_that_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for full in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next_wait(None);
            assert!(wait <= Duration::from_millis(full), "{wait:?} of {full} ms");
        }
        let later: Vec<_> = (0..200).map(|_| backoff.next_wait(None)).collect();
        let within = |from: u64, to: u64| {
            later.iter().filter(|wait| (from..to).contains(&u64::try_from(wait.as_millis()).unwrap())).count()
        };
        assert!(within(0, 250) > 10 && within(250, 750) > 20 && within(750, 1001) > 10, "{later:?}");
        backoff.reset();
        assert!(backoff.next_wait(None) <= Duration::from_millis(100));
    }

    #[test]
    fn what_the_server_asks_is_waited_at_least() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_secs(1));
        assert!(backoff.next_wait(Some(Duration::from_secs(5))) >= Duration::from_secs(5));
    }
}
