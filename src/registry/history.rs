//! What was, and what names it: a persona's history, aliases, namespaces, each in pages that show one revision.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::find::deleted_by;
use super::read::{Freshness, freshness_bytes};
use super::token::{Binding, PlaceToken};
use super::{Error, Registry};
use crate::domain::{Alias, AliasMove, Caller, Name, Namespace, Permission, Revision, Version};
use crate::store::{Entry, Store};

/// Asks for a page of a persona's history.
#[derive(Debug, Clone)]
pub struct History {
    /// Where it is.
    pub namespace: Namespace,
    /// The persona.
    pub name: Name,
    /// Entries on the page at most.
    pub page_size: usize,
    /// Where the page begins.
    pub page_token: String,
    /// How new the history must be, or as of when.
    pub freshness: Freshness,
}

/// An entry of a history, with the aliases that name it.
#[derive(Debug)]
pub struct HistoryEntry {
    /// The version or deletion.
    pub entry: Entry,
    /// Aliases that name the version.
    pub aliases: Vec<Alias>,
}

/// Answers [`History`].
#[derive(Debug)]
pub struct HistoryPage {
    /// The revision that all pages show.
    pub revision: Revision,
    /// The page, newest first.
    pub entries: Vec<HistoryEntry>,
    /// Asks for the next page; empty on the last.
    pub next_page_token: String,
}

/// Asks for a page of aliases.
#[derive(Debug, Clone)]
pub struct ListAliases {
    /// Where; none: everywhere.
    pub namespace: Option<Namespace>,
    /// Of this persona; none: of all.
    pub name: Option<Name>,
    /// Aliases on the page at most.
    pub page_size: usize,
    /// Where the page begins.
    pub page_token: String,
    /// How new the listing must be, or as of when.
    pub freshness: Freshness,
}

/// Answers [`ListAliases`].
#[derive(Debug)]
pub struct AliasPage {
    /// The revision that all pages show.
    pub revision: Revision,
    /// The moves that made the aliases what they are, by namespace, name and alias.
    pub aliases: Vec<AliasMove>,
    /// Asks for the next page; empty on the last.
    pub next_page_token: String,
}

/// Asks for a page of namespaces.
#[derive(Debug, Clone)]
pub struct ListNamespaces {
    /// Namespaces on the page at most.
    pub page_size: usize,
    /// Where the page begins.
    pub page_token: String,
}

/// Answers [`ListNamespaces`].
#[derive(Debug)]
pub struct NamespacePage {
    /// The revision.
    pub revision: Revision,
    /// Namespaces with the number of their live personas.
    pub namespaces: Vec<(Namespace, u64)>,
    /// Asks for the next page; empty on the last.
    pub next_page_token: String,
}

impl Registry {
    /// What happened to one persona, newest first.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %history.namespace, name = %history.name), err(level = "debug"))]
    pub async fn history(&self, caller: &Caller, history: History) -> Result<HistoryPage, Error> {
        caller.require(Permission::Read, &history.namespace)?;
        let freshness = freshness_bytes(history.freshness);
        let (namespace, name) = (history.namespace.as_str().as_bytes(), history.name.as_str().as_bytes());
        let binding = Binding::of(&[b"history", namespace, name, &freshness]);
        let store_id = self.store_id();
        let token = PlaceToken::parse(&history.page_token, store_id, binding)?;
        let freshness = self.at_token(history.freshness, token.as_ref().map(|token| token.revision))?;
        // The place is the revision of the last entry of the page before.
        let before = token.and_then(|token| token.place.parse().ok()).map(Revision);
        let history = Arc::new(history);
        let read = move |store: &Store, revision: Revision| {
            let History { namespace, name, page_size, .. } = &*history;
            let (mut entries, mut more) = (Vec::new(), false);
            let aliases = store.aliases_at(namespace, name, revision)?;
            let naming = |version: Version| {
                let naming = aliases.iter().filter(|moved| moved.version == Some(version));
                naming.map(|moved| moved.alias.clone()).collect::<Vec<_>>()
            };
            store.history(namespace, name, before.unwrap_or_else(|| revision.next()), |entry| {
                if entries.len() >= *page_size {
                    more = true;
                    return Ok(false);
                }
                let aliases = match &entry {
                    Entry::Version(persona) => naming(persona.version),
                    Entry::Deletion(_) => Vec::new(),
                };
                entries.push(HistoryEntry { entry, aliases });
                Ok(true)
            })?;
            if entries.is_empty() && before.is_none() {
                let (namespace, name) = (namespace.clone(), name.clone());
                return Ok(Err(Error::PersonaNotFound { namespace, name, last_version: None }));
            }
            let last = entries.last().filter(|_| more).map(|last| match &last.entry {
                Entry::Version(persona) => persona.revision,
                Entry::Deletion(tombstone) => tombstone.revision,
            });
            let next = last.map(|last| PlaceToken { revision, place: last.to_string() });
            let next_page_token = next.map(|token| token.print(store_id, binding)).unwrap_or_default();
            Ok(Ok(HistoryPage { revision, entries, next_page_token }))
        };
        Ok(self.at_one_revision(freshness, read).await?.1)
    }

    /// Aliases of a persona, a namespace, or all, by namespace, name and alias.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn list_aliases(&self, caller: &Caller, list: ListAliases) -> Result<AliasPage, Error> {
        caller.require_in(Permission::Read, list.namespace.as_ref())?;
        let scope = caller.access.scope(Permission::Read);
        let fingerprint = if list.namespace.is_none() { scope.fingerprint() } else { String::new() };
        let binding = Binding::of(&[
            b"aliases",
            list.namespace.as_ref().map_or("-", Namespace::as_str).as_bytes(),
            list.name.as_ref().map_or("", Name::as_str).as_bytes(),
            &freshness_bytes(list.freshness),
            fingerprint.as_bytes(),
        ]);
        let store_id = self.store_id();
        let token = PlaceToken::parse(&list.page_token, store_id, binding)?;
        let freshness = self.at_token(list.freshness, token.as_ref().map(|token| token.revision))?;
        // A token is not sealed, so a place that this listing cannot have come to is looked for.
        let after = token.map(|token| {
            let place = alias_place(&token.place).filter(|(namespace, name, _)| {
                list.namespace.as_ref().is_none_or(|asked| asked == namespace)
                    && list.name.as_ref().is_none_or(|asked| asked == name)
                    && scope.contains(namespace)
            });
            place.ok_or(Error::PageTokenInvalid("is damaged"))
        });
        let after = after.transpose()?;
        let list = Arc::new(list);
        let read = move |store: &Store, revision: Revision| {
            let mut page = Page { size: list.page_size, aliases: Vec::new(), more: false };
            // The persona of the last alias may have more.
            if let Some((namespace, name, alias)) = &after {
                page.take(store.aliases_at(namespace, name, revision)?, |moved| moved.alias > *alias);
            }
            match (&list.namespace, &list.name) {
                (Some(namespace), Some(name)) if after.is_none() => {
                    if store.shown_row(namespace, name, None, revision)?.is_none() {
                        let last_version = deleted_by(store, namespace, name, revision)?;
                        let (namespace, name) = (namespace.clone(), name.clone());
                        return Ok(Err(Error::PersonaNotFound { namespace, name, last_version }));
                    }
                    page.take(store.aliases_at(namespace, name, revision)?, |_| true);
                }
                (_, Some(_)) => {}
                (namespace, None) => {
                    let behind = after.as_ref().map(|(namespace, name, _)| (namespace, name));
                    store.heads_after(namespace.as_ref(), behind, |namespace, name, head| {
                        if head.alias_revision.0 > 0 && scope.contains(&namespace) {
                            page.take(store.aliases_at(&namespace, &name, revision)?, |_| true);
                        }
                        Ok(!page.more)
                    })?;
                }
            }
            let last = page.aliases.last().filter(|_| page.more);
            let next = last.map(|last| {
                let place = format!("{}\0{}\0{}", last.namespace, last.name, last.alias);
                PlaceToken { revision, place }.print(store_id, binding)
            });
            let next_page_token = next.unwrap_or_default();
            Ok(Ok(AliasPage { revision, aliases: page.aliases, next_page_token }))
        };
        Ok(self.at_one_revision(freshness, read).await?.1)
    }

    /// Namespaces with a live persona. Their counts are those of the moment at which a page is asked for.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn list_namespaces(
        &self,
        caller: &Caller,
        list: &ListNamespaces,
    ) -> Result<NamespacePage, Error> {
        caller.require_in(Permission::Read, None)?;
        let scope = caller.access.scope(Permission::Read);
        let (store_id, binding) = (self.store_id(), Binding::of(&[b"namespaces"]));
        let token = PlaceToken::parse(&list.page_token, store_id, binding)?;
        // In this order: counts are published just before their revision.
        let head = self.head();
        let all = self.shared.namespaces();
        let revision = head.max(all.0);
        let mut shown = self.shared.head.subscribe();
        shown.wait_for(|shown| *shown >= revision).await.map_err(|_| Error::Draining)?;
        let after: Option<Namespace> = token.and_then(|token| token.place.parse().ok());
        let behind = all.1.range((after.map_or(Unbounded, Excluded), Unbounded));
        let seen = behind.filter(|(namespace, _)| scope.contains(namespace));
        let mut behind = seen.map(|(namespace, count)| (namespace.clone(), *count));
        let namespaces: Vec<_> = behind.by_ref().take(list.page_size).collect();
        let last = namespaces.last().filter(|_| behind.next().is_some());
        let next = last.map(|(last, _)| PlaceToken { revision, place: last.to_string() });
        let next_page_token = next.map(|token| token.print(store_id, binding)).unwrap_or_default();
        Ok(NamespacePage { revision, namespaces, next_page_token })
    }
}

/// Where a page of aliases ended.
fn alias_place(text: &str) -> Option<(Namespace, Name, Alias)> {
    let mut parts = text.splitn(3, '\0');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A page of aliases that fills up.
struct Page {
    size: usize,
    aliases: Vec<AliasMove>,
    more: bool,
}

impl Page {
    fn take(&mut self, moves: Vec<AliasMove>, wanted: impl Fn(&AliasMove) -> bool) {
        for moved in moves.into_iter().filter(wanted) {
            if self.aliases.len() >= self.size {
                self.more = true;
                return;
            }
            self.aliases.push(moved);
        }
    }
}
