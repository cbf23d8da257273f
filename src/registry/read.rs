//! Reads, each at one revision: the head is taken once, and rows newer than it are not seen.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use super::committer::Command;
use super::token::{Binding, PageToken, ResumeToken};
use super::watch::{Selection, lost};
use super::{Error, Registry};
use crate::domain::{Caller, Etag, Name, Namespace, Persona, Revision, StoreId, Version, View, limits};
use crate::store::{Store, StoreError};

/// How new an answer must be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freshness {
    /// The store and revision that it must at least show.
    pub min: Option<(StoreId, Revision)>,
}

/// Asks for one persona.
#[derive(Debug, Clone)]
pub struct Get {
    /// Where it is.
    pub namespace: Namespace,
    /// What it is.
    pub name: Name,
    /// Which version; none: the newest of a live persona.
    pub version: Option<Version>,
    /// How much of the persona is wanted.
    pub view: View,
    /// What the caller has.
    pub if_none_match: Option<Etag>,
    /// How new the answer must be.
    pub freshness: Freshness,
}

/// Answers [`Get`].
#[derive(Debug)]
pub struct Got {
    /// The revision that the answer shows.
    pub revision: Revision,
    /// The persona; none when the caller has it already.
    pub persona: Option<Persona>,
}

/// Asks for several personas.
#[derive(Debug, Clone)]
pub struct BatchGet {
    /// Where they are.
    pub namespace: Namespace,
    /// What they are, each once, at most [`limits::BATCH_GET_NAMES`].
    pub names: Vec<Name>,
    /// How much of each is wanted.
    pub view: View,
    /// How new the answer must be.
    pub freshness: Freshness,
}

/// Asks for a page.
#[derive(Debug, Clone)]
pub struct List {
    /// Where; none: everywhere.
    pub namespace: Option<Namespace>,
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
pub struct Listing {
    /// The revision that all pages show.
    pub revision: Revision,
    /// The page.
    pub personas: Vec<Persona>,
    /// Asks for the next page; empty on the last.
    pub next_page_token: String,
    /// On the last page, a start for watching the same selection.
    pub resume_token: String,
}

impl Registry {
    /// One persona. A read that hits the view's cache takes less than a microsecond, so it runs where it is called.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %get.namespace, name = %get.name), err(level = "debug"))]
    pub async fn get(&self, _caller: &Caller, get: Get) -> Result<Got, Error> {
        let revision = self.fresh(get.freshness)?;
        let read = |store: &Store| match get.version {
            None => store.at(&get.namespace, &get.name, revision, get.view),
            Some(version) => match store.version(&get.namespace, &get.name, version)? {
                Some(row) if row <= revision => {
                    let persona = store.row(&get.namespace, &get.name, row, get.view)?;
                    persona.ok_or_else(|| lost(&get.namespace, &get.name)).map(Some)
                }
                _ => Ok(None),
            },
        };
        let persona = match self.reading(read) {
            Ok(persona) => persona,
            Err((view, error)) => {
                self.heal(view, &error).await;
                self.reading(read).map_err(|(_, error)| error)?
            }
        };
        let Some(persona) = persona else { return Err(self.absent(&get).await) };
        let persona = (get.if_none_match != Some(persona.etag())).then_some(persona);
        Ok(Got { revision, persona })
    }

    /// Several personas at one revision, in the order asked for.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %batch.namespace, names = batch.names.len()), err(level = "debug"))]
    pub async fn batch_get(
        &self,
        _caller: &Caller,
        batch: BatchGet,
        size: fn(&Persona, View) -> usize,
    ) -> Result<(Revision, Vec<Persona>), Error> {
        let revision = self.fresh(batch.freshness)?;
        let found = self
            .blocking(move |store| {
                let BatchGet { namespace, names, view, .. } = &batch;
                let (mut personas, mut missing, mut bytes, mut fit) = (Vec::new(), Vec::new(), 0, 0);
                for name in names {
                    match store.at(namespace, name, revision, *view)? {
                        None => missing.push(name.clone()),
                        Some(persona) => {
                            bytes += size(&persona, *view);
                            if bytes <= limits::RESPONSE_BYTES - RESPONSE_SLACK {
                                fit += 1;
                                personas.push(persona);
                            } else {
                                // What stands behind the first that does not fit does not count as fitting.
                                bytes = limits::RESPONSE_BYTES;
                            }
                        }
                    }
                }
                if !missing.is_empty() {
                    let (namespace, count) = (namespace.clone(), missing.len());
                    missing.truncate(limits::STATUS_MISSING_NAMES);
                    return Ok(Err(Error::PersonasNotFound { namespace, count, names: missing }));
                }
                Ok(if fit < names.len() { Err(Error::BatchTooLarge { fit }) } else { Ok(personas) })
            })
            .await??;
        Ok((revision, found))
    }

    /// A page of personas, by namespace and name. `size` tells how many bytes a persona takes in the answer.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn list(
        &self,
        _caller: &Caller,
        list: List,
        size: fn(&Persona, View) -> usize,
    ) -> Result<Listing, Error> {
        let head = self.fresh(list.freshness)?;
        let binding = list_binding(&list);
        let store_id = self.store_id();
        let token = match list.page_token.as_str() {
            "" => None,
            text => Some(PageToken::parse(text, store_id, binding)?),
        };
        let revision = match &token {
            Some(token) if token.revision > head => return Err(Error::RevisionInFuture { revision: head }),
            Some(token) => token.revision,
            None => head,
        };
        let selection = Selection { namespace: list.namespace.clone(), names: BTreeSet::new() };
        self.blocking(move |store| {
            let mut after = token.as_ref().map(|token| token.after.clone());
            let (mut personas, mut bytes) = (Vec::new(), 0);
            let from = after.as_ref().map(|(namespace, name)| (namespace, name));
            // One more than the page holds tells whether there is a next one.
            let listed = store.list(list.namespace.as_ref(), from, revision, list.page_size + 1)?;
            let mut more = listed.len() > list.page_size;
            for one in listed.iter().take(list.page_size) {
                let row = store.row(&one.namespace, &one.name, one.revision, list.view)?;
                let persona = row.ok_or_else(|| lost(&one.namespace, &one.name))?;
                bytes += size(&persona, list.view);
                if bytes > limits::PAGE_BYTES && !personas.is_empty() {
                    more = true;
                    break;
                }
                after = Some((one.namespace.clone(), one.name.clone()));
                personas.push(persona);
            }
            let next = after.filter(|_| more).map(|after| PageToken { revision, after });
            Ok(Listing {
                revision,
                personas,
                resume_token: match &next {
                    Some(_) => String::new(),
                    None => ResumeToken { revision }.print(store_id, selection.binding()),
                },
                next_page_token: next.map(|token| token.print(store_id, binding)).unwrap_or_default(),
            })
        })
        .await
    }

    /// The revision to answer at, when it is as new as asked.
    fn fresh(&self, freshness: Freshness) -> Result<Revision, Error> {
        let head = self.head();
        if let Some((store_id, min)) = freshness.min {
            if store_id != self.store_id() {
                return Err(Error::StoreMismatch { store_id: self.store_id() });
            }
            if min > head {
                return Err(Error::RevisionInFuture { revision: head });
            }
        }
        Ok(head)
    }

    /// Why a persona is not there: the name, or only the version.
    async fn absent(&self, get: &Get) -> Error {
        let Get { namespace, name, version, .. } = get.clone();
        let ever = self.reading(|store| store.head(&namespace, &name));
        match (version, ever) {
            (_, Err((_, error))) => error.into(),
            (Some(version), Ok(Some(head))) => {
                Error::VersionNotFound { namespace, name, version, last_version: head.last_version }
            }
            (_, Ok(head)) => {
                let last_version = head.map(|head| head.last_version);
                Error::PersonaNotFound { namespace, name, last_version }
            }
        }
    }

    /// Reads from the view in use; an error comes with that view's number.
    fn reading<T>(&self, read: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, (u64, StoreError)> {
        let view = self.shared.view();
        read(&view.store).map_err(|error| (view.number, error))
    }

    /// Runs a read that may take a while where it may block; a damaged view is made anew, and the read repeated.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        read: impl Fn(&Store) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let run = |read| {
            let registry = self.clone();
            let work = tokio::task::spawn_blocking(move || registry.reading(read));
            async { work.await.map_err(|error| Error::Internal(format!("a read failed: {error}"))) }
        };
        match run(read.clone()).await? {
            Ok(value) => Ok(value),
            Err((view, error)) => {
                self.heal(view, &error).await;
                Ok(run(read).await?.map_err(|(_, error)| error)?)
            }
        }
    }

    /// Has a view made anew in which a read found damage, unless that was done since.
    async fn heal(&self, view: u64, error: &StoreError) {
        if view != self.shared.view().number {
            return;
        }
        tracing::error!(%error, "a read found the view damaged");
        let (done, healed) = oneshot::channel();
        if self.commands.send(Command::Heal(view, done)).await.is_ok() {
            drop(healed.await);
        }
    }
}

/// What a response holds besides personas, in bytes, generously.
const RESPONSE_SLACK: usize = 4 * 1024;

/// All fields of a listing but page_size and the token itself.
fn list_binding(list: &List) -> Binding {
    let min = list.freshness.min.map(|(store_id, min)| (store_id.0, min.0.to_be_bytes()));
    let (store_id, min) = min.unwrap_or_default();
    Binding::of(&[
        b"list",
        list.namespace.as_ref().map_or("-", Namespace::as_str).as_bytes(),
        &[u8::from(list.view == View::Full)],
        &store_id,
        &min,
    ])
}
