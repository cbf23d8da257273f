//! What was made once and is handed out again, within a bound and only for as long as it may be shown.
//!
//! Only what can never be otherwise is kept, such as what a version holds or what a revision shows. A purge is the one thing that
//! changes it: each entry tells how often a version had been purged before anything was read for it, and a purge empties all.

use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::domain::limits;

/// Bytes that an entry takes beside what it holds.
pub(super) const ENTRY_BYTES: usize = 256;
/// Bytes that an entry has, more or less; a bad guess costs a few moves of a table.
pub(super) const USUAL_BYTES: u64 = 4096;
/// A cache is made of parts with a lock and a bound each, at most so many. Some for each core, as is usual, would leave no part room for
/// a large entry on a large machine.
const PARTS: u64 = 8;
/// Bytes of a part, where there are several: twice what the largest page may have, since a part takes no entry that would fill it.
const PART_BYTES: u64 = 2 * limits::PAGE_BYTES as u64;

/// Tells its size.
pub(super) trait Held {
    /// Bytes of memory that it holds, beside its own.
    fn held_bytes(&self) -> usize;
}

/// What a cache holds, and how often it had what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    /// Bytes that it holds now.
    pub bytes: u64,
    /// How often it had it, since the start.
    pub hits: u64,
    /// How often it had not.
    pub misses: u64,
}

/// Things by key.
pub(super) struct Kept<K, V> {
    entries: Cache<K, Entry<V>, Weight>,
    /// How often a version had been purged when this was last looked at.
    purges: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl<K, V> fmt::Debug for Kept<K, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Kept").field("purges", &self.purges).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    purges: u64,
}

#[derive(Clone)]
struct Weight;

impl<K, V: Held> Weighter<K, Entry<V>> for Weight {
    fn weight(&self, _: &K, entry: &Entry<V>) -> u64 {
        (ENTRY_BYTES + entry.value.held_bytes()) as u64
    }
}

impl<K: Eq + Hash + Clone, V: Held + Clone> Kept<K, V> {
    /// For this many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let usual = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let count = || AtomicU64::new(0);
        // The cache would round up to a power of two.
        let parts = 1 << (bytes / PART_BYTES).clamp(1, PARTS).ilog2();
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usual)
            .weight_capacity(bytes)
            .shards(parts)
            .build();
        let entries = match options {
            Ok(options) => {
                let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
                Cache::with_options(options, Weight, hasher, lifecycle)
            }
            Err(_) => Cache::with_weighter(usual, bytes, Weight),
        };
        Self { entries, purges: count(), hits: count(), misses: count() }
    }

    /// What it holds, and how it was of use.
    pub(super) fn counts(&self) -> CacheCounts {
        CacheCounts {
            bytes: self.entries.weight(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// What is there for a reader who has seen this many purges.
    pub(super) fn get(&self, key: &K, purges: u64) -> Option<V> {
        if self.purges.load(Ordering::Relaxed) < purges {
            self.purges.fetch_max(purges, Ordering::Relaxed);
            // What is gone for good does not stay in memory either.
            self.entries.clear();
        }
        let found = self.entries.get(key).filter(|entry| entry.purges == purges);
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found.map(|entry| entry.value)
    }

    /// Keeps what was read after this many purges, unless there were more since.
    pub(super) fn keep(&self, key: K, value: V, purges: u64) {
        let is_past = || self.purges.load(Ordering::Relaxed) > purges;
        if is_past() {
            return;
        }
        self.entries.insert(key.clone(), Entry { value, purges });
        if is_past() {
            // All was emptied between the two looks: what came after that would stay.
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1000;
    const BOUND: u64 = 100 * (SIZE + ENTRY_BYTES) as u64;

    impl Held for Vec<u8> {
        fn held_bytes(&self) -> usize {
            self.len()
        }
    }

    impl Held for u64 {
        fn held_bytes(&self) -> usize {
            SIZE
        }
    }

    #[test]
    fn a_purge_takes_everything_and_what_was_read_before_it_is_not_shown_after_it() {
        let kept = Kept::<u64, u64>::new(BOUND);
        kept.keep(1, 10, 0);
        assert_eq!((kept.get(&1, 0), kept.get(&2, 0)), (Some(10), None));
        assert_eq!(kept.get(&1, 1), None);
        assert_eq!(kept.counts().bytes, 0, "it is gone from memory too");
        // A reader who began before the purge comes late.
        kept.keep(1, 10, 0);
        assert_eq!((kept.counts().bytes, kept.get(&1, 0)), (0, None));
        kept.keep(1, 11, 1);
        assert_eq!((kept.get(&1, 1), kept.get(&1, 0)), (Some(11), None));
        let CacheCounts { hits, misses, .. } = kept.counts();
        assert_eq!((hits, misses), (2, 4));
    }

    #[test]
    fn a_large_entry_finds_room_however_many_cores_there_are() {
        for (parts, expected) in [(0, 1), (1, 1), (2, 2), (3, 2), (6, 4), (8, 8), (64, 8)] {
            let kept = Kept::<u64, Vec<u8>>::new(parts * PART_BYTES + 1);
            assert_eq!(kept.entries.num_shards(), expected, "{parts}");
            assert!(parts == 0 || kept.entries.shard_capacity() >= PART_BYTES, "{parts}");
        }
        let kept = Kept::<u64, Vec<u8>>::new(2 * PART_BYTES);
        kept.keep(1, vec![0; limits::PAGE_BYTES], 0);
        assert!(kept.get(&1, 0).is_some());
    }

    #[test]
    fn it_holds_no_more_than_its_bound() {
        let kept = Kept::<u64, u64>::new(BOUND);
        for key in 0..2000 {
            kept.keep(key, key, 0);
            assert!(kept.counts().bytes <= BOUND);
        }
        assert!(kept.counts().bytes > BOUND / 2, "and makes use of it");
    }
}
