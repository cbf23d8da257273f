//! Reads, each at one revision: the head is taken once, and rows newer than it are not seen.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::committer::Command;
use super::find::{find, find_all, find_made};
use super::shelf::{Made, Shelf};
use super::{Error, Registry};
use crate::domain::{
    Alias, Caller, Etag, Name, Namespace, Permission, Persona, Revision, StoreId, Version, View,
};
use crate::store::{Store, StoreError};

/// How new an answer must be, or as of when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freshness {
    /// The store that the revisions belong to; there where either is.
    pub store_id: Option<StoreId>,
    /// The revision that it must at least show.
    pub min: Revision,
    /// The revision that it must show; none: the newest.
    pub at: Option<Revision>,
}

/// Which version of a persona.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selector {
    /// The newest, of a persona that is not deleted.
    #[default]
    Newest,
    /// A version by its number.
    Version(Version),
    /// The version that an alias names.
    Alias(Alias),
}

impl Selector {
    pub(super) const fn alias(&self) -> Option<&Alias> {
        match self {
            Self::Alias(alias) => Some(alias),
            Self::Newest | Self::Version(_) => None,
        }
    }
}

/// Asks for one persona.
#[derive(Debug, Clone)]
pub struct Get {
    /// Where it is.
    pub namespace: Namespace,
    /// What it is.
    pub name: Name,
    /// Which version.
    pub selector: Selector,
    /// How much of the persona is wanted.
    pub view: View,
    /// What the caller has.
    pub if_none_match: Option<Etag>,
    /// How new the answer must be, or as of when.
    pub freshness: Freshness,
}

/// Answers [`Get`].
#[derive(Debug)]
pub struct Got<T = Persona> {
    /// The revision that the answer shows.
    pub revision: Revision,
    /// The persona; none when the caller has it already.
    pub persona: Option<T>,
}

/// Asks for several personas.
#[derive(Debug, Clone)]
pub struct BatchGet {
    /// Where they are.
    pub namespace: Namespace,
    /// What they are, each once, at most [`BATCH_GET_NAMES`](crate::domain::limits::BATCH_GET_NAMES).
    pub names: Vec<Name>,
    /// The alias that names their versions; none: the newest.
    pub alias: Option<Alias>,
    /// How much of each is wanted.
    pub view: View,
    /// How new the answer must be.
    pub freshness: Freshness,
}

impl Registry {
    /// One persona. A read that hits the view's cache takes less than a microsecond, so it runs where it is called.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %get.namespace, name = %get.name), err(level = "debug"))]
    pub async fn get(&self, caller: &Caller, get: Get) -> Result<Got, Error> {
        self.found(caller, &get, |store, revision| find(store, &get, revision), Persona::etag).await
    }

    /// The same, as this shelf has it made.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %get.namespace, name = %get.name), err(level = "debug"))]
    pub async fn get_made(&self, caller: &Caller, get: Get, shelf: &Shelf) -> Result<Got<Made>, Error> {
        let read = |store: &Store, revision| {
            let purges = self.shared.purges();
            find_made(store, &get, revision, (shelf, purges))
        };
        self.found(caller, &get, read, |made| made.etag).await
    }

    async fn found<T>(
        &self,
        caller: &Caller,
        get: &Get,
        read: impl Fn(&Store, Revision) -> Result<Result<T, Error>, StoreError>,
        etag: impl Fn(&T) -> Etag,
    ) -> Result<Got<T>, Error> {
        caller.require(Permission::Read, &get.namespace)?;
        let mut revision = self.fresh(get.freshness)?;
        loop {
            let found = match self.reading(|store| self.undamaged(revision, read(store, revision))) {
                Ok(found) => found,
                Err((view, error)) => {
                    self.heal(view, &error).await;
                    self.reading(|store| read(store, revision)).map_err(|(_, error)| error)?
                }
            };
            match self.still(get.freshness, revision)? {
                Still::Shown => {
                    let persona = found?;
                    let has_it = get.if_none_match.as_ref().is_some_and(|has| *has == etag(&persona));
                    return Ok(Got { revision, persona: (!has_it).then_some(persona) });
                }
                Still::Again(newer) => revision = newer,
            }
        }
    }

    /// Several personas at one revision, in the order asked for. `size` tells how many bytes one takes in the answer.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %batch.namespace, names = batch.names.len()), err(level = "debug"))]
    pub async fn batch_get(
        &self,
        caller: &Caller,
        batch: BatchGet,
        size: impl Fn(&Persona) -> usize + Send + Sync + 'static,
    ) -> Result<(Revision, Vec<Persona>), Error> {
        caller.require(Permission::Read, &batch.namespace)?;
        let freshness = batch.freshness;
        let asked = Arc::new((batch, size));
        let read = move |store: &Store, revision| find_all(store, &asked.0, revision, &asked.1);
        self.at_one_revision(freshness, read).await
    }

    /// The revision to answer at, when it is as new as asked and not too old.
    pub(super) fn fresh(&self, freshness: Freshness) -> Result<Revision, Error> {
        let head = self.head();
        let Freshness { store_id, min, at } = freshness;
        if store_id.is_some_and(|store_id| store_id != self.store_id()) {
            return Err(Error::StoreMismatch { store_id: self.store_id() });
        }
        if min > head || at.is_some_and(|at| at > head) {
            return Err(Error::RevisionInFuture { revision: head });
        }
        let floor = self.shared.floor();
        match at {
            Some(at) if at < floor => Err(Error::RevisionCompacted { floor }),
            at => Ok(at.unwrap_or(head)),
        }
    }

    /// The same request for a page that goes on with a listing of this revision.
    pub(super) fn at_token(&self, freshness: Freshness, token: Option<Revision>) -> Result<Freshness, Error> {
        self.fresh(freshness)?;
        Ok(Freshness { at: token.or(freshness.at), ..freshness })
    }

    /// Whether what was read at a revision is what was there: the floor may have passed it meanwhile.
    pub(super) fn still(&self, freshness: Freshness, revision: Revision) -> Result<Still, Error> {
        let floor = self.shared.floor();
        match freshness.at {
            _ if floor <= revision => Ok(Still::Shown),
            Some(_) => Err(Error::RevisionCompacted { floor }),
            None => Ok(Still::Again(self.head())),
        }
    }

    /// What is missing below the floor was let go of, and is no damage.
    fn undamaged<T>(
        &self,
        revision: Revision,
        read: Result<Result<T, Error>, StoreError>,
    ) -> Result<Result<T, Error>, StoreError> {
        let floor = self.shared.floor();
        match read {
            Err(_) if floor > revision => Ok(Err(Error::RevisionCompacted { floor })),
            read => read,
        }
    }

    /// Runs a read of one revision where it may block, until the floor has not passed it meanwhile.
    pub(super) async fn at_one_revision<T: Send + 'static>(
        &self,
        freshness: Freshness,
        read: impl Fn(&Store, Revision) -> Result<Result<T, Error>, StoreError> + Clone + Send + 'static,
    ) -> Result<(Revision, T), Error> {
        let mut revision = self.fresh(freshness)?;
        loop {
            let (read, registry) = (read.clone(), self.clone());
            let read = move |store: &Store| registry.undamaged(revision, read(store, revision));
            let found = self.blocking(read).await;
            match self.still(freshness, revision)? {
                Still::Shown => return Ok((revision, found??)),
                Still::Again(newer) => revision = newer,
            }
        }
    }

    /// Reads from the view in use; an error comes with that view's number.
    pub(super) fn reading<T>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, (u64, StoreError)> {
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
    pub(super) async fn heal(&self, view: u64, error: &StoreError) {
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

/// Whether an answer holds.
pub(super) enum Still {
    Shown,
    /// It must be read again, at this revision.
    Again(Revision),
}

/// What a token is bound to of the read options.
pub(super) fn freshness_bytes(freshness: Freshness) -> Vec<u8> {
    let Freshness { store_id, min, at } = freshness;
    let store_id = store_id.map(|store_id| store_id.0).unwrap_or_default();
    [&store_id[..], &min.0.to_be_bytes(), &at.unwrap_or_default().0.to_be_bytes()].concat()
}
