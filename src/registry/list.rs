//! Pages of personas: all pages of a listing show one revision.

use std::sync::Arc;

use super::read::{Freshness, freshness_bytes};
use super::select::{Row, Selection};
use super::shelf::{Made, Shelf};
use super::token::{Binding, PageToken, ResumeToken};
use super::{Error, Registry};
use crate::domain::{Alias, Caller, Namespace, Persona, Revision, View, limits};
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

impl Registry {
    /// A page of personas, by namespace and name. `size` tells how many bytes a persona takes in the answer.
    pub async fn list(
        &self,
        caller: &Caller,
        list: List,
        size: fn(&Persona, View) -> usize,
    ) -> Result<Listing, Error> {
        let view = list.view;
        let read = move |_: &Registry, store: &Store, row: Row<'_>| row.read(store, view);
        self.listed(caller, list, read, move |persona| size(persona, view)).await
    }

    /// The same, as this shelf has them made. `around`: bytes that each takes in the answer beside what was made.
    pub async fn list_made(
        &self,
        caller: &Caller,
        list: List,
        shelf: Arc<Shelf>,
        around: usize,
    ) -> Result<Listing<Made>, Error> {
        let view = list.view;
        let read = move |registry: &Registry, store: &Store, row: Row<'_>| {
            let (purges, place) = (registry.shared.purges(), (row.namespace, row.name, row.revision));
            shelf.made(place, view, purges, || row.read(store, view))
        };
        self.listed(caller, list, read, move |made| made.bytes.len() + around).await
    }

    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    async fn listed<T: Send + 'static>(
        &self,
        caller: &Caller,
        mut list: List,
        read: impl Fn(&Registry, &Store, Row<'_>) -> Result<T, StoreError> + Clone + Send + 'static,
        size: impl Fn(&T) -> usize + Clone + Send + 'static,
    ) -> Result<Listing<T>, Error> {
        list.selection.permit(caller)?;
        let binding = list_binding(&list);
        let store_id = self.store_id();
        let token = match list.page_token.as_str() {
            "" => None,
            text => Some(PageToken::parse(text, store_id, binding)?),
        };
        let freshness = self.at_token(list.freshness, token.as_ref().map(|token| token.revision))?;
        let after = token.map(|token| token.after);
        let (list, registry) = (Arc::new(list), self.clone());
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
