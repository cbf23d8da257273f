//! Finding one persona or several in the view, and telling exactly why one is not there.

use super::Error;
use super::error::Unreadable;
use super::read::{BatchGet, Get, Selector};
use super::shelf::{Made, Shelf};
use super::watch::lost;
use crate::domain::{Name, Namespace, Persona, Revision, Version, limits};
use crate::store::{Entry, Store, StoreError, VersionState};

/// What a response holds besides personas, in bytes, generously.
const RESPONSE_SLACK: usize = 4 * 1024;

/// The persona, or why it is not there.
pub(super) fn find(store: &Store, get: &Get, at: Revision) -> Result<Result<Persona, Error>, StoreError> {
    match find_row(store, get, at)? {
        Ok(row) => read_row(store, get, row),
        Err(error) => Ok(Err(error)),
    }
}

/// What a shelf has made of the persona, or why it is not there. `purges`: asked before this.
pub(super) fn find_made(
    store: &Store,
    get: &Get,
    at: Revision,
    (shelf, purges): (&Shelf, u64),
) -> Result<Result<Made, Error>, StoreError> {
    let Get { namespace, name, selector, .. } = get;
    let is_newest = *selector == Selector::Newest;
    let row = match is_newest.then(|| shelf.newest(namespace, name, at)).flatten() {
        Some(row) => row,
        None => match find_row(store, get, at)? {
            Ok(row) => {
                if is_newest {
                    shelf.keep_newest(namespace, name, at, row);
                }
                row
            }
            Err(error) => return Ok(Err(error)),
        },
    };
    let read = || match read_row(store, get, row) {
        Ok(found) => found.map_err(Ok),
        Err(error) => Err(Err(error)),
    };
    match shelf.made((&get.namespace, &get.name, row), get.view, purges, read) {
        Ok(made) => Ok(Ok(made)),
        Err(Ok(error)) => Ok(Err(error)),
        Err(Err(error)) => Err(error),
    }
}

/// The row that is asked for, or why there is none.
fn find_row(store: &Store, get: &Get, at: Revision) -> Result<Result<Revision, Error>, StoreError> {
    let Get { namespace, name, selector, .. } = get;
    let row = match selector {
        Selector::Version(version) => match store.version(namespace, name, *version)? {
            VersionState::Kept(made) if made <= at => Some(made),
            state => return no_version(store, get, *version, state, at).map(Err),
        },
        selector => store.shown_row(namespace, name, selector.alias(), at)?,
    };
    if let Some(row) = row {
        return Ok(Ok(row));
    }
    let (namespace, name) = (namespace.clone(), name.clone());
    let live = || store.shown_row(&namespace, &name, None, at);
    let last_version = deleted_by(store, &namespace, &name, at)?;
    Ok(Err(match selector.alias() {
        Some(alias) if live()?.is_some() => Error::AliasNotFound { alias: alias.clone(), namespace, name },
        _ => Error::PersonaNotFound { namespace, name, last_version },
    }))
}

/// Why a version is not there.
fn no_version(
    store: &Store,
    get: &Get,
    version: Version,
    state: VersionState,
    at: Revision,
) -> Result<Error, StoreError> {
    let (namespace, name) = (get.namespace.clone(), get.name.clone());
    let Some(last_version) = last_version(store, &namespace, &name)? else {
        return Ok(Error::PersonaNotFound { namespace, name, last_version: None });
    };
    let (cause, last_version) = match state {
        VersionState::Never => (Unreadable::Never, last_version),
        VersionState::Pruned => (Unreadable::Pruned, last_version),
        VersionState::Kept(_) if get.freshness.at.is_some() => (Unreadable::Later, last_version),
        // It came while this was asked: in what is shown there is none yet.
        VersionState::Kept(_) => match newest_by(store, &namespace, &name, at)? {
            Some(entry) => (Unreadable::Never, entry.version()),
            None => return Ok(Error::PersonaNotFound { namespace, name, last_version: None }),
        },
    };
    Ok(Error::VersionNotFound { namespace, name, version, last_version, cause })
}

/// The persona of a row that was found, or why it has gone since.
fn read_row(store: &Store, get: &Get, row: Revision) -> Result<Result<Persona, Error>, StoreError> {
    let Get { namespace, name, selector, view, .. } = get;
    let Some(persona) = store.row(namespace, name, row, *view)? else {
        // It may have been pruned since it was looked up.
        if let (Selector::Version(version), Some(last_version)) =
            (selector, last_version(store, namespace, name)?)
            && store.version(namespace, name, *version)? == VersionState::Pruned
        {
            let (namespace, name) = (namespace.clone(), name.clone());
            let (version, cause) = (*version, Unreadable::Pruned);
            return Ok(Err(Error::VersionNotFound { namespace, name, version, last_version, cause }));
        }
        return Err(lost(namespace, name));
    };
    if persona.purged {
        return Ok(Err(purged(persona, last_version(store, namespace, name)?)));
    }
    Ok(Ok(persona))
}

fn last_version(store: &Store, namespace: &Namespace, name: &Name) -> Result<Option<Version>, StoreError> {
    Ok(store.head(namespace, name)?.map(|head| head.last_version))
}

/// The last version of a persona that had been deleted by a revision.
pub(super) fn deleted_by(
    store: &Store,
    namespace: &Namespace,
    name: &Name,
    at: Revision,
) -> Result<Option<Version>, StoreError> {
    let newest = newest_by(store, namespace, name, at)?;
    Ok(newest.filter(|entry| matches!(entry, Entry::Deletion(_))).map(|entry| entry.version()))
}

/// What had last happened to a persona by a revision.
fn newest_by(
    store: &Store,
    namespace: &Namespace,
    name: &Name,
    at: Revision,
) -> Result<Option<Entry>, StoreError> {
    let mut newest = None;
    store.history(namespace, name, at.next(), |entry| {
        newest = Some(entry);
        Ok(false)
    })?;
    Ok(newest)
}

fn purged(persona: Persona, last_version: Option<Version>) -> Error {
    let Persona { namespace, name, version, .. } = persona;
    let last_version = last_version.unwrap_or(version);
    Error::VersionNotFound { namespace, name, version, last_version, cause: Unreadable::Purged }
}

/// All of the personas, in the order asked for, or why that cannot be.
pub(super) fn find_all(
    store: &Store,
    batch: &BatchGet,
    at: Revision,
    size: &impl Fn(&Persona) -> usize,
) -> Result<Result<Vec<Persona>, Error>, StoreError> {
    let BatchGet { namespace, names, alias, view, .. } = batch;
    let (mut personas, mut bytes, mut fit) = (Vec::new(), 0, 0);
    let (mut missing, mut unnamed) = (Vec::new(), Vec::new());
    for name in names {
        let Some(persona) = store.shown(namespace, name, alias.as_ref(), at, *view)? else {
            let is_there = alias.is_some() && store.shown_row(namespace, name, None, at)?.is_some();
            if is_there { &mut unnamed } else { &mut missing }.push(name.clone());
            continue;
        };
        if persona.purged {
            let last_version = store.head(namespace, name)?.map(|head| head.last_version);
            return Ok(Err(purged(persona, last_version)));
        }
        bytes += size(&persona);
        if bytes <= limits::RESPONSE_BYTES - RESPONSE_SLACK {
            fit += 1;
            personas.push(persona);
        } else {
            // What stands behind the first that does not fit does not count as fitting.
            bytes = limits::RESPONSE_BYTES;
        }
    }
    let first = |mut names: Vec<Name>| {
        let count = names.len();
        names.truncate(limits::STATUS_MISSING_NAMES);
        (namespace.clone(), count, names)
    };
    Ok(match alias {
        _ if !missing.is_empty() => {
            let (namespace, count, names) = first(missing);
            Err(Error::PersonasNotFound { namespace, count, names })
        }
        Some(alias) if !unnamed.is_empty() => {
            let (namespace, count, names) = first(unnamed);
            Err(Error::AliasesNotFound { namespace, alias: alias.clone(), count, names })
        }
        _ if fit < names.len() => Err(Error::BatchTooLarge { fit }),
        _ => Ok(personas),
    })
}
