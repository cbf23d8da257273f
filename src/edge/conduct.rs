//! What a connection costs in vain: frames that ask for nothing, calls that are not let in. One that costs much is read
//! more slowly, so that it waits and not the others.
//!
//! Costs are about what each thing takes of a core, measured once and rounded up; `docs/performance.md` has the floods.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Something that served nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vain {
    /// A frame that manages the connection, or carries nothing.
    Frame,
    /// A stream that was reset, by whichever side.
    Reset,
    /// A call that was not let in.
    Refused,
    /// The same after its signature was looked at.
    Forged,
    /// A request that was not the message that it should have been; its bytes are told by nobody, so a large one sets the price.
    Malformed,
    /// A request that was too large.
    TooLarge,
}

impl Vain {
    /// What it costs of a core.
    #[must_use]
    pub const fn cost(self) -> Duration {
        Duration::from_micros(match self {
            Self::Frame => 4,
            Self::Reset => 20,
            Self::Refused => 50,
            Self::Forged | Self::Malformed => 200,
            Self::TooLarge => 1500,
        })
    }
}

/// How a connection behaves. Clones share it.
#[derive(Debug, Clone)]
pub struct Conduct(Arc<Debt>);

#[derive(Debug)]
struct Debt {
    /// Nanoseconds that a nanosecond of vain work takes to be forgiven.
    forgiven_in: u64,
    begun: Instant,
    /// Nanoseconds after `begun` when all that it did will be forgiven.
    forgiven_at: AtomicU64,
}

/// How much may be owed before the connection waits: what is forgiven in this time.
const BURST: Duration = Duration::from_millis(100);

impl Conduct {
    /// Of a connection that has done nothing yet, and may cost so much of a core in vain each second.
    #[must_use]
    pub fn new(each_second: Duration) -> Self {
        let forgiven_in = nanos(Duration::from_secs(1)) / nanos(each_second).max(1);
        Self(Arc::new(Debt { forgiven_in, begun: Instant::now(), forgiven_at: AtomicU64::new(0) }))
    }

    /// Puts something on its account, so many times.
    pub fn charge(&self, what: Vain, times: usize) {
        self.0.charge(self.0.now(), what, times);
    }

    /// When it may be read again; none: now.
    #[must_use]
    pub fn waits_until(&self) -> Option<Instant> {
        Instant::now().checked_add(self.0.waits(self.0.now())?)
    }
}

impl Debt {
    /// Nanoseconds since it began.
    fn now(&self) -> u64 {
        nanos(self.begun.elapsed())
    }

    fn charge(&self, now: u64, what: Vain, times: usize) {
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        let owed = nanos(what.cost()).saturating_mul(times).saturating_mul(self.forgiven_in);
        // Only a sum is kept here: nothing else is read by its order.
        let add = |at: u64| Some(at.max(now).saturating_add(owed));
        let (Ok(_) | Err(_)) = self.forgiven_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn waits(&self, now: u64) -> Option<Duration> {
        let owed = self.forgiven_at.load(Ordering::Relaxed).saturating_sub(now);
        owed.checked_sub(nanos(BURST)).filter(|wait| *wait > 0).map(Duration::from_nanos)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn a_connection_waits_for_what_it_cost_in_vain() {
        let conduct = Conduct::new(Duration::from_millis(100));
        let debt = &conduct.0;
        assert_eq!(debt.waits(0), None);
        // A tenth of a second of work a second, and at once a tenth of that.
        debt.charge(0, Vain::Refused, 200);
        assert_eq!(debt.waits(0), None);
        debt.charge(0, Vain::Refused, 1000);
        assert_eq!(debt.waits(0), Some(Duration::from_millis(500)));
        assert_eq!(debt.waits(400 * MILLISECOND), Some(Duration::from_millis(100)));
        assert_eq!(debt.waits(500 * MILLISECOND), None);
        // What is forgiven is forgotten, and good conduct saves nothing up.
        let later = 3_600_000 * MILLISECOND;
        debt.charge(later, Vain::TooLarge, 7);
        assert_eq!(debt.waits(later), Some(Duration::from_millis(5)));
    }

    #[test]
    fn no_sum_is_too_large_and_clones_share_it() {
        let conduct = Conduct::new(Duration::ZERO);
        for _ in 0..3 {
            conduct.clone().charge(Vain::TooLarge, usize::MAX);
        }
        assert!(conduct.waits_until().is_some_and(|end| end > Instant::now() + Duration::from_secs(1 << 33)));
    }
}
