//! What is made of versions once and handed out again and again: a version never changes, so what was made of it stays true for as
//! long as its bytes may be shown.
//!
//! A shelf answers nothing by itself. Which version an answer shows, and whether it is there, is looked up each time; only what is
//! made of the version is taken from here.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::{Etag, Name, Namespace, Persona, Revision, View};

/// Bytes that an entry takes beside what was made.
const ENTRY_BYTES: usize = 256;
/// Bytes that an entry has, more or less; a bad guess costs a few moves of a table.
const USUAL_BYTES: u64 = 4096;

/// Keeps what was made of versions, within a bound.
#[derive(Debug)]
pub struct Shelf {
    make: fn(&Persona, View) -> Bytes,
    kept: Cache<Place, Kept, Weight>,
    /// How often a version had been purged when this was last looked at.
    purges: AtomicU64,
    times_made: AtomicU64,
}

/// What was made of one version.
#[derive(Debug, Clone)]
pub struct Made {
    /// The version's.
    pub etag: Etag,
    /// What was made.
    pub bytes: Bytes,
}

/// A row and how much of it.
type Place = (Namespace, Name, Revision, View);

/// What was made, and how often a version had been purged before it was read.
#[derive(Debug, Clone)]
struct Kept {
    made: Made,
    purges: u64,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Place, Kept> for Weight {
    fn weight(&self, _: &Place, kept: &Kept) -> u64 {
        (ENTRY_BYTES + kept.made.bytes.len()) as u64
    }
}

impl Shelf {
    /// A shelf for this many bytes of what `make` makes.
    #[must_use]
    pub fn new(bytes: u64, make: fn(&Persona, View) -> Bytes) -> Self {
        let usual = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let kept = Cache::with_weighter(usual, bytes, Weight);
        Self { make, kept, purges: AtomicU64::new(0), times_made: AtomicU64::new(0) }
    }

    /// Bytes that it holds now.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.kept.weight()
    }

    /// How often something had to be made because it was not here.
    #[must_use]
    pub fn times_made(&self) -> u64 {
        self.times_made.load(Ordering::Relaxed)
    }

    /// What was made of this row, or else of what is read now. `purges`: how often a version had been purged, asked before
    /// anything was read. An error of the reader, and a version without its bytes, are handed on and kept nowhere.
    pub(super) fn made<E>(
        &self,
        (namespace, name, row): (&Namespace, &Name, Revision),
        view: View,
        purges: u64,
        read: impl FnOnce() -> Result<Persona, E>,
    ) -> Result<Made, E> {
        if self.purges.load(Ordering::Relaxed) < purges {
            self.purges.fetch_max(purges, Ordering::Relaxed);
            // What is gone for good does not stay in memory either.
            self.kept.clear();
        }
        let place = (namespace.clone(), name.clone(), row, view);
        if let Some(kept) = self.kept.get(&place).filter(|kept| kept.purges == purges) {
            return Ok(kept.made);
        }
        let persona = read()?;
        self.times_made.fetch_add(1, Ordering::Relaxed);
        let made = Made { etag: persona.etag(), bytes: (self.make)(&persona, view) };
        if !persona.purged && self.purges.load(Ordering::Relaxed) <= purges {
            self.kept.insert(place, Kept { made: made.clone(), purges });
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;
    use crate::domain::{Derived, Dialect};
    use crate::filter::strategy::version_of;

    /// Bytes that are made of each.
    const SIZE: usize = 1000;
    const BOUND: u64 = 100 * (SIZE + ENTRY_BYTES) as u64;

    fn shelf() -> Shelf {
        Shelf::new(BOUND, |persona, view| {
            vec![(persona.revision.0 as u8).wrapping_add(u8::from(view == View::Full)); SIZE].into()
        })
    }

    fn persona(revision: u64) -> Persona {
        let derived = Derived::nothing(Dialect::Persona);
        version_of(&Namespace::default(), &"a".parse().unwrap(), revision, derived)
    }

    /// What the shelf has of this version after this many purges, and whether it had to be read for it.
    fn asked(shelf: &Shelf, persona: &Persona, view: View, purges: u64) -> (Made, bool) {
        let place = (&persona.namespace, &persona.name, persona.revision);
        let was_read = Cell::new(false);
        let read = || {
            was_read.set(true);
            Ok::<_, Infallible>(persona.clone())
        };
        let made = shelf.made(place, view, purges, read).unwrap();
        (made, was_read.get())
    }

    #[test]
    fn each_version_and_view_is_made_once() {
        let shelf = shelf();
        for (round, revision) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
            for view in [View::Basic, View::Full] {
                let (made, was_read) = asked(&shelf, &persona(revision), view, 0);
                assert_eq!(made.bytes, vec![revision as u8 + u8::from(view == View::Full); SIZE]);
                assert_eq!(made.etag, persona(revision).etag());
                assert_eq!(was_read, round == 0, "{revision} {view:?}");
            }
        }
        assert_eq!(shelf.times_made(), 4);
        assert_eq!(shelf.held_bytes(), 4 * (SIZE + ENTRY_BYTES) as u64);
    }

    #[test]
    fn a_purge_takes_everything_and_what_was_read_before_it_is_not_shown_after_it() {
        let shelf = shelf();
        asked(&shelf, &persona(1), View::Full, 0);
        assert!(asked(&shelf, &persona(2), View::Full, 1).1);
        assert_eq!(shelf.held_bytes(), (SIZE + ENTRY_BYTES) as u64, "the first is gone from memory too");
        // A reader who began before the purge comes late.
        asked(&shelf, &persona(3), View::Full, 0);
        assert_eq!(shelf.held_bytes(), (SIZE + ENTRY_BYTES) as u64);
        assert!(asked(&shelf, &persona(3), View::Full, 1).1);
        let purged = Persona { purged: true, ..persona(4) };
        for _ in 0..2 {
            assert!(asked(&shelf, &purged, View::Full, 1).1, "what has no bytes is not kept");
        }
    }

    #[test]
    fn it_holds_no_more_than_its_bound() {
        let shelf = shelf();
        for revision in 1..2000 {
            asked(&shelf, &persona(revision), View::Full, 0);
            assert!(shelf.held_bytes() <= BOUND);
        }
        assert!(shelf.held_bytes() > BOUND / 2, "and makes use of it");
    }

    #[test]
    fn an_error_is_handed_on_and_kept_nowhere() {
        let shelf = shelf();
        let one = persona(1);
        let place = (&one.namespace, &one.name, Revision(1));
        assert_eq!(shelf.made(place, View::Full, 0, || Err("damaged")).unwrap_err(), "damaged");
        assert!(asked(&shelf, &one, View::Full, 0).1);
    }
}
