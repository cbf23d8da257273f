//! What is made of versions once and handed out again and again: a version never changes, so what was made of it stays true for as
//! long as its bytes may be shown. Nor does what a revision shows: which version of a name is the newest then, and what is on a page.
//!
//! A shelf answers nothing by itself. At which revision an answer is, and who may have it, is looked at each time.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;

use super::kept::{CacheCounts, Held, Kept, USUAL_BYTES};
use super::list::Listing;
use super::token::Binding;
use crate::domain::{Etag, Name, Namespace, Persona, Revision, View};

/// Of the bytes of a shelf so many are for pages, whose personas are mostly on the shelf anyway: one in this many.
const PAGES_SHARE: u64 = 4;

/// Keeps what was made of versions, within a bound.
#[derive(Debug)]
pub struct Shelf {
    make: fn(&Persona, View) -> Bytes,
    versions: Kept<Place, Made>,
    newest: Cache<(Namespace, Name), Newest>,
    pages: Kept<Page, Arc<Listing<Made>>>,
}

/// What was made of one version.
#[derive(Debug, Clone)]
pub struct Made {
    /// The version's.
    pub etag: Etag,
    /// What was made.
    pub bytes: Bytes,
}

impl Held for Made {
    fn held_bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Held for Arc<Listing<Made>> {
    fn held_bytes(&self) -> usize {
        self.personas.iter().map(|made| size_of::<Made>() + made.bytes.len()).sum()
    }
}

/// A row and how much of it.
type Place = (Namespace, Name, Revision, View);

/// The newest row of a name as of a revision.
#[derive(Debug, Clone, Copy)]
struct Newest {
    at: Revision,
    row: Revision,
}

/// A page of a listing as of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Page {
    /// What is listed, and of it what the caller may see.
    pub binding: Binding,
    pub size: usize,
    /// It begins behind this.
    pub after: Option<(Namespace, Name)>,
    pub at: Revision,
}

impl Shelf {
    /// A shelf for this many bytes of what `make` makes.
    #[must_use]
    pub fn new(bytes: u64, make: fn(&Persona, View) -> Bytes) -> Self {
        let usual = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let pages = bytes / PAGES_SHARE;
        Self { make, versions: Kept::new(bytes - pages), newest: Cache::new(usual), pages: Kept::new(pages) }
    }

    /// How versions and pages are kept. The bytes of a page are counted there as well, though they are mostly the same memory.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, CacheCounts); 2] {
        [("versions", self.versions.counts()), ("pages", self.pages.counts())]
    }

    /// The newest row of a name as of this revision, where that was found out already.
    pub(super) fn newest(&self, namespace: &Namespace, name: &Name, at: Revision) -> Option<Revision> {
        let newest = self.newest.get(&(namespace.clone(), name.clone()))?;
        (newest.at == at).then_some(newest.row)
    }

    /// Keeps that it is this one.
    pub(super) fn keep_newest(&self, namespace: &Namespace, name: &Name, at: Revision, row: Revision) {
        self.newest.insert((namespace.clone(), name.clone()), Newest { at, row });
    }

    /// A page, where it was put together already. `purges`: how often a version had been purged by now.
    pub(super) fn page(&self, page: &Page, purges: u64) -> Option<Arc<Listing<Made>>> {
        self.pages.get(page, purges)
    }

    /// Keeps a page. `purges`: asked before it was read.
    pub(super) fn keep_page(&self, page: Page, listing: &Arc<Listing<Made>>, purges: u64) {
        self.pages.keep(page, Arc::clone(listing), purges);
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
        let place = (namespace.clone(), name.clone(), row, view);
        if let Some(made) = self.versions.get(&place, purges) {
            return Ok(made);
        }
        let persona = read()?;
        let made = Made { etag: persona.etag(), bytes: (self.make)(&persona, view) };
        if !persona.purged {
            self.versions.keep(place, made.clone(), purges);
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
    use crate::registry::kept::ENTRY_BYTES;

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
        let bytes = 4 * (SIZE + ENTRY_BYTES) as u64;
        assert_eq!(shelf.counts()[0], ("versions", CacheCounts { bytes, hits: 4, misses: 4 }));
    }

    #[test]
    fn what_was_purged_is_read_again_and_what_has_no_bytes_is_not_kept() {
        let shelf = shelf();
        asked(&shelf, &persona(1), View::Full, 0);
        assert!(asked(&shelf, &persona(1), View::Full, 1).1);
        assert!(!asked(&shelf, &persona(1), View::Full, 1).1);
        let purged = Persona { purged: true, ..persona(4) };
        for _ in 0..2 {
            assert!(asked(&shelf, &purged, View::Full, 1).1);
        }
    }

    #[test]
    fn the_newest_row_is_known_as_of_the_revision_that_it_was_found_at_and_no_other() {
        let (shelf, one) = (shelf(), persona(1));
        let newest = |at| shelf.newest(&one.namespace, &one.name, Revision(at));
        shelf.keep_newest(&one.namespace, &one.name, Revision(8), Revision(1));
        assert_eq!((newest(7), newest(8), newest(9)), (None, Some(Revision(1)), None));
        shelf.keep_newest(&one.namespace, &one.name, Revision(9), Revision(9));
        assert_eq!((newest(8), newest(9)), (None, Some(Revision(9))));
    }

    #[test]
    fn a_page_is_known_as_of_its_revision_until_something_is_purged() {
        let shelf = shelf();
        let (made, _) = asked(&shelf, &persona(1), View::Full, 0);
        let (next_page_token, resume_token) = (String::new(), String::new());
        let listing = Listing { revision: Revision(8), personas: vec![made], next_page_token, resume_token };
        let page = |at| Page { binding: Binding::of(&[b"list"]), size: 50, after: None, at: Revision(at) };
        shelf.keep_page(page(8), &Arc::new(listing), 0);
        let is_there = |at, purges| shelf.page(&page(at), purges).is_some();
        assert_eq!((is_there(8, 0), is_there(9, 0), is_there(8, 1)), (true, false, false));
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
