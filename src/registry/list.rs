//! Pages of personas: all pages of a listing show one revision.

use std::sync::Arc;

use super::read::{Freshness, Still, freshness_bytes};
use super::select::{Row, Selection};
use super::shelf::{Made, Page, Shelf};
use super::token::{Binding, PageToken, ResumeToken};
use super::{Error, Registry};
use crate::domain::{Alias, Caller, Name, Namespace, Persona, Revision, View, limits};
use crate::store::{Store, StoreError};

/// Asks for a page.
#[derive(Debug, Clone)]
pub struct List {
    /// What is listed; without names.
    pub selection: Selection,
    /// Personas on the page at most.
    pub page_size: usize,
    /// Where the page begins.
    pub page_token: String,
    /// How much of each is wanted.
    pub view: View,
    /// How new the listing must be.
    pub freshness: Freshness,
}

/// Answers [`List`].
#[derive(Debug)]
pub struct Listing<T = Persona> {
    /// The revision that all pages show.
    pub revision: Revision,
    /// The page.
    pub personas: Vec<T>,
    /// Asks for the next page; empty on the last.
    pub next_page_token: String,
    /// On the last page, a start for watching the same selection.
    pub resume_token: String,
}

/// A page that is asked for by somebody who may have it.
struct Asked {
    list: List,
    binding: Binding,
    /// Behind which persona it begins.
    after: Option<(Namespace, Name)>,
    /// The revision that it must show is the listing's, where one was begun.
    freshness: Freshness,
}

impl Registry {
    /// A page of personas, by namespace and name. `size` tells how many bytes a persona takes in the answer.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn list(
        &self,
        caller: &Caller,
        list: List,
        size: fn(&Persona, View) -> usize,
    ) -> Result<Listing, Error> {
        let view = list.view;
        let read = move |_: &Registry, store: &Store, row: Row<'_>| row.read(store, view);
        self.page(self.asked(caller, list)?, read, move |persona| size(persona, view)).await
    }

    /// The same, as this shelf has them made: as they are in the answer. What was on a page at a revision is on it for ever, so that a
    /// page that somebody had before, and nothing was written since, is here at once.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn list_made(
        &self,
        caller: &Caller,
        list: List,
        shelf: Arc<Shelf>,
    ) -> Result<Arc<Listing<Made>>, Error> {
        let view = list.view;
        let asked = self.asked(caller, list)?;
        let (freshness, at) = (asked.freshness, self.fresh(asked.freshness)?);
        let purges = self.shared.purges();
        let Asked { binding, after, list: List { page_size: size, .. }, .. } = &asked;
        let mut page = Page { binding: *binding, size: *size, after: after.clone(), at };
        if let Some(listing) = shelf.page(&page, purges)
            && let Still::Shown = self.still(freshness, at)?
        {
            return Ok(listing);
        }
        let made = Arc::clone(&shelf);
        let read = move |registry: &Registry, store: &Store, row: Row<'_>| {
            let (purges, place) = (registry.shared.purges(), (row.namespace, row.name, row.revision));
            made.made(place, view, purges, || row.read(store, view))
        };
        let listing = Arc::new(self.page(asked, read, |made| made.bytes.len()).await?);
        page.at = listing.revision;
        shelf.keep_page(page, &listing, purges);
        Ok(listing)
    }

    /// Looks at what is asked for, and at who asks.
    fn asked(&self, caller: &Caller, mut list: List) -> Result<Asked, Error> {
        list.selection.permit(caller)?;
        let binding = list_binding(&list);
        let token = match list.page_token.as_str() {
            "" => None,
            text => Some(PageToken::parse(text, self.store_id(), binding)?),
        };
        let freshness = self.at_token(list.freshness, token.as_ref().map(|token| token.revision))?;
        Ok(Asked { list, binding, after: token.map(|token| token.after), freshness })
    }

    /// Puts a page together.
    async fn page<T: Send + 'static>(
        &self,
        asked: Asked,
        read: impl Fn(&Registry, &Store, Row<'_>) -> Result<T, StoreError> + Clone + Send + 'static,
        size: impl Fn(&T) -> usize + Clone + Send + 'static,
    ) -> Result<Listing<T>, Error> {
        let Asked { list, binding, after, freshness } = asked;
        let (store_id, list, registry) = (self.store_id(), Arc::new(list), self.clone());
        let page = move |store: &Store, revision| {
            let List { selection, page_size, .. } = &*list;
            let (mut personas, mut bytes, mut last, mut more) = (Vec::new(), 0, None, false);
            selection.walk_rows(store, revision, after.clone(), |row| {
                let place = (row.namespace.clone(), row.name.clone());
                let persona = read(&registry, store, row)?;
                bytes += size(&persona);
                // One more than the page holds tells whether there is a next one.
                if personas.len() >= *page_size || (bytes > limits::PAGE_BYTES && !personas.is_empty()) {
                    more = true;
                    return Ok(false);
                }
                personas.push(persona);
                last = Some(place);
                Ok(true)
            })?;
            let last = last.filter(|_| more);
            let next = last.map(|after| PageToken { revision, after }.print(store_id, binding));
            let resume_token = match &next {
                Some(_) => String::new(),
                None => ResumeToken { revision }.print(store_id, selection.binding()),
            };
            let next_page_token = next.unwrap_or_default();
            Ok(Ok(Listing { revision, personas, next_page_token, resume_token }))
        };
        Ok(self.at_one_revision(freshness, page).await?.1)
    }
}

/// All fields of a listing but page_size and the token itself.
fn list_binding(list: &List) -> Binding {
    let Selection { namespace, filter, alias, names: _, scope } = &list.selection;
    Binding::of(&[
        b"list",
        namespace.as_ref().map_or("-", Namespace::as_str).as_bytes(),
        &[u8::from(list.view == View::Full)],
        &freshness_bytes(list.freshness),
        filter.as_ref().map_or("", |filter| filter.text()).as_bytes(),
        alias.as_ref().map_or("", Alias::as_str).as_bytes(),
        scope.fingerprint().as_bytes(),
    ])
}
