//! What the group decided so far, over a view that does not show it yet.

use std::collections::{HashMap, HashSet};

use super::Error;
use crate::domain::{
    Brought, Change, Commit, Name, Namespace, RequestKey, RequestRecord, Revision, SourceId, Version,
};
use crate::store::{Head, Store, VersionState};

type Persona = (Namespace, Name);

/// What the group decided so far.
#[derive(Debug, Default)]
pub(super) struct Pending {
    heads: HashMap<Persona, Head>,
    /// Versions made by the group.
    made: HashMap<(Namespace, Name, Version), Revision>,
    purged: HashSet<(Namespace, Name, Version)>,
    requests: HashMap<RequestKey, RequestRecord>,
    bases: HashMap<(SourceId, Namespace, Name), Option<Brought>>,
    floor: Option<Revision>,
}

impl Pending {
    /// Takes a commit of this group into account.
    pub(super) fn add(&mut self, store: &Store, commit: &Commit) -> Result<(), Error> {
        for change in &commit.changes {
            let (namespace, name) = (change.namespace(), change.name());
            let before = self.head(store, namespace, name)?.unwrap_or_default();
            let key = (namespace.clone(), name.clone());
            match change {
                Change::Put { persona, .. } => {
                    self.made.insert((key.0.clone(), key.1.clone(), persona.version), commit.revision);
                }
                Change::Purge(purge) => {
                    self.purged.insert((key.0.clone(), key.1.clone(), purge.version));
                }
                Change::Delete(_) | Change::Alias(_) => {}
            }
            self.heads.insert(key, before.after(change, commit.revision));
        }
        for request in &commit.requests {
            self.requests.insert(request.key, request.clone());
        }
        for base in &commit.bases {
            let key = (base.source.clone(), base.namespace.clone(), base.name.clone());
            self.bases.insert(key, base.brought.clone());
        }
        self.floor = commit.floor.or(self.floor);
        Ok(())
    }

    /// The floor, where the group raised it.
    pub(super) const fn floor(&self) -> Option<Revision> {
        self.floor
    }

    pub(super) fn head(
        &self,
        store: &Store,
        namespace: &Namespace,
        name: &Name,
    ) -> Result<Option<Head>, Error> {
        match self.heads.get(&(namespace.clone(), name.clone())) {
            Some(head) => Ok(Some(head.clone())),
            None => Ok(store.head(namespace, name)?),
        }
    }

    /// How a version stands, and whether it was purged.
    pub(super) fn version(
        &self,
        store: &Store,
        namespace: &Namespace,
        name: &Name,
        version: Version,
    ) -> Result<(VersionState, bool), Error> {
        let key = (namespace.clone(), name.clone(), version);
        let purged = self.purged.contains(&key);
        if let Some(revision) = self.made.get(&key) {
            return Ok((VersionState::Kept(*revision), purged));
        }
        let state = store.version(namespace, name, version)?;
        let VersionState::Kept(revision) = state else { return Ok((state, purged)) };
        let row = store.row(namespace, name, revision, crate::domain::View::Basic)?;
        let row = row.ok_or_else(|| super::watch::lost(namespace, name))?;
        Ok((state, purged || row.purged))
    }

    pub(super) fn request(&self, store: &Store, key: &RequestKey) -> Result<Option<RequestRecord>, Error> {
        match self.requests.get(key) {
            Some(record) => Ok(Some(record.clone())),
            None => Ok(store.request(key)?),
        }
    }

    pub(super) fn base(
        &self,
        store: &Store,
        source: &SourceId,
        namespace: &Namespace,
        name: &Name,
    ) -> Result<Option<Brought>, Error> {
        match self.bases.get(&(source.clone(), namespace.clone(), name.clone())) {
            Some(brought) => Ok(brought.clone()),
            None => Ok(store.base(source, namespace, name)?),
        }
    }
}
