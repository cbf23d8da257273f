//! What one caller may have at once, and all of them together: calls a second, calls in flight, streams. More is refused at
//! once rather than queued.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Failure;
use crate::domain::Principal;

/// What callers may have. 0: no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls a second of one principal, streams included; so many may also come at once. Default none.
    pub calls_per_second: u32,
    /// Calls of one principal in flight, streams apart. Default 1024.
    pub concurrent_calls: usize,
    /// Streams of one principal. Default 2000.
    pub streams: usize,
    /// Calls of all together in flight, streams apart. Default 8192.
    pub all_calls: usize,
    /// Calls whose token is still being looked at: others are let in beside them. Default 1024.
    pub unverified: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_per_second: 0, concurrent_calls: 1024, streams: 2000, all_calls: 8192, unverified: 1024 }
    }
}

/// What a refused caller asked too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Calls a second.
    Rate,
    /// Calls in flight.
    Calls,
    /// Streams.
    Streams,
}

impl Kind {
    /// Its word in metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "calls_per_second",
            Self::Calls => "concurrent_calls",
            Self::Streams => "streams",
        }
    }

    /// What it counts, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rate => "calls a second",
            Self::Calls => "calls in flight",
            Self::Streams => "streams",
        }
    }
}

/// Principals after whose coming those that did not call for long are forgotten.
const FORGET_AFTER: usize = 4096;

/// Counts what callers have.
#[derive(Debug)]
pub(super) struct Shares {
    limits: Limits,
    rate: Option<DefaultKeyedRateLimiter<Principal>>,
    held: Mutex<HashMap<Principal, Held>>,
    all: AtomicUsize,
    unverified: Option<Semaphore>,
    seen: AtomicUsize,
}

/// What a principal has.
#[derive(Debug, Default)]
struct Held {
    calls: usize,
    streams: usize,
}

impl Held {
    fn of(&mut self, is_stream: bool) -> &mut usize {
        if is_stream { &mut self.streams } else { &mut self.calls }
    }
}

impl Shares {
    pub(super) fn new(limits: Limits) -> Self {
        let unverified = (limits.unverified > 0).then(|| Semaphore::new(limits.unverified));
        let quota = NonZeroU32::new(limits.calls_per_second).map(Quota::per_second);
        Self {
            rate: quota.map(RateLimiter::keyed),
            limits,
            held: Mutex::default(),
            all: AtomicUsize::new(0),
            unverified,
            seen: AtomicUsize::new(0),
        }
    }

    /// A place among the calls whose token is being looked at; none where they have no limit.
    pub(super) fn look(&self) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        let Some(places) = &self.unverified else { return Ok(None) };
        places.try_acquire().map(Some).map_err(|_| Failure::Overloaded)
    }

    /// A place for a call; given back when it is dropped. `principal`: who has a share of their own.
    pub(super) fn take(
        self: &Arc<Self>,
        principal: Option<&Principal>,
        is_stream: bool,
    ) -> Result<Place, Failure> {
        let mut place = Place { shares: Arc::clone(self), principal: None, is_stream };
        if !is_stream {
            let all = self.all.fetch_add(1, Ordering::Relaxed);
            if self.limits.all_calls > 0 && all >= self.limits.all_calls {
                return Err(Failure::Overloaded);
            }
        }
        let Some(principal) = principal else { return Ok(place) };
        if let Some(rate) = &self.rate {
            if rate.check_key(principal).is_err() {
                let limit = self.limits.calls_per_second as usize;
                return Err(Failure::OverShare { kind: Kind::Rate, limit });
            }
            if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET_AFTER == FORGET_AFTER - 1 {
                rate.retain_recent();
            }
        }
        let (kind, limit) = match is_stream {
            true => (Kind::Streams, self.limits.streams),
            false => (Kind::Calls, self.limits.concurrent_calls),
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(principal.clone()).or_default().of(is_stream);
        if limit > 0 && *count >= limit {
            return Err(Failure::OverShare { kind, limit });
        }
        *count += 1;
        drop(held);
        place.principal = Some(principal.clone());
        Ok(place)
    }
}

/// A place that a call has.
#[derive(Debug)]
pub(super) struct Place {
    shares: Arc<Shares>,
    principal: Option<Principal>,
    is_stream: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_stream {
            self.shares.all.fetch_sub(1, Ordering::Relaxed);
        }
        let Some(principal) = &self.principal else { return };
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(has) = held.get_mut(principal) else { return };
        let count = has.of(self.is_stream);
        *count = count.saturating_sub(1);
        if has.calls == 0 && has.streams == 0 {
            held.remove(principal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(limits: Limits) -> Arc<Shares> {
        Arc::new(Shares::new(limits))
    }

    #[test]
    fn each_principal_has_a_share_and_gives_it_back() {
        let shares = shares(Limits { concurrent_calls: 2, streams: 1, ..Limits::default() });
        let (a, b) = (Principal::new("a"), Principal::new("b"));
        let held = [shares.take(Some(&a), false).unwrap(), shares.take(Some(&a), false).unwrap()];
        let refused = shares.take(Some(&a), false).unwrap_err();
        assert_eq!(refused, Failure::OverShare { kind: Kind::Calls, limit: 2 });
        drop(shares.take(Some(&b), false).unwrap());
        let stream = shares.take(Some(&a), true).unwrap();
        assert_eq!(
            shares.take(Some(&a), true).unwrap_err(),
            Failure::OverShare { kind: Kind::Streams, limit: 1 }
        );
        drop((held, stream));
        assert!(shares.held.lock().unwrap().is_empty() && shares.all.load(Ordering::Relaxed) == 0);
        drop(shares.take(Some(&a), true).unwrap());
    }

    #[test]
    fn all_together_have_a_bound_and_streams_are_not_counted_in_it() {
        let shares = shares(Limits { all_calls: 1, ..Limits::default() });
        let stream = shares.take(None, true).unwrap();
        let call = shares.take(None, false).unwrap();
        assert_eq!(shares.take(None, false).unwrap_err(), Failure::Overloaded);
        drop((stream, call));
        assert!(shares.take(None, false).is_ok());
    }

    #[test]
    fn calls_a_second_are_counted_for_each() {
        let shares = shares(Limits { calls_per_second: 3, ..Limits::default() });
        let (a, b) = (Principal::new("a"), Principal::new("b"));
        let taken = (0..10).filter(|_| shares.take(Some(&a), false).is_ok()).count();
        assert!((3..10).contains(&taken), "{taken}");
        assert!(shares.take(Some(&b), false).is_ok());
    }

    #[test]
    fn tokens_that_are_looked_at_have_a_bound_of_their_own() {
        let shares = shares(Limits { unverified: 1, ..Limits::default() });
        let looked_at = shares.look().unwrap();
        assert_eq!(shares.look().unwrap_err(), Failure::Overloaded);
        assert!(shares.take(None, false).is_ok(), "who is known is let in");
        drop(looked_at);
        assert!(shares.look().is_ok());
    }
}
