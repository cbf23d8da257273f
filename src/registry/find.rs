//! Finding one persona or several in the view, and telling exactly why one is not there.

use super::Error;
use super::error::Unreadable;
use super::read::{BatchGet, Get, Selector};
use super::watch::lost;
use crate::domain::{Name, Namespace, Persona, Revision, Version, limits};
use crate::store::{Entry, Store, StoreError, VersionState};

/// What a response holds besides personas, in bytes, generously.
const RESPONSE_SLACK: usize = 4 * 1024;

/// The persona, or why it is not there.
pub(super) fn find(store: &Store, get: &Get, at: Revision) -> Result<Result<Persona, Error>, StoreError> {
    let Get { namespace, name, selector, view, .. } = get;
    let (namespace, name) = (namespace.clone(), name.clone());
    let head = store.head(&namespace, &name)?;
    let last_version = head.map(|head| head.last_version);
    let made = match selector {
        Selector::Version(version) => match store.version(&namespace, &name, *version)? {
            VersionState::Kept(made) if made <= at => Some(made),
            state => {
                let Some(last_version) = last_version else {
                    return Ok(Err(Error::PersonaNotFound { namespace, name, last_version }));
                };
                let (cause, last_version) = match state {
                    VersionState::Never => (Unreadable::Never, last_version),
                    VersionState::Pruned => (Unreadable::Pruned, last_version),
                    VersionState::Kept(_) if get.freshness.at.is_some() => (Unreadable::Later, last_version),
                    // It came while this was asked: in what is shown there is none yet.
                    VersionState::Kept(_) => match newest_by(store, &namespace, &name, at)? {
                        Some(entry) => (Unreadable::Never, entry.version()),
                        None => {
                            return Ok(Err(Error::PersonaNotFound { namespace, name, last_version: None }));
                        }
                    },
                };
                let version = *version;
                return Ok(Err(Error::VersionNotFound { namespace, name, version, last_version, cause }));
            }
        },
        selector => store.shown_row(&namespace, &name, selector.alias(), at)?,
    };
    let Some(made) = made else {
        let live = || store.shown_row(&namespace, &name, None, at);
        let last_version = deleted_by(store, &namespace, &name, at)?;
        return Ok(Err(match selector.alias() {
            Some(alias) if live()?.is_some() => {
                Error::AliasNotFound { alias: alias.clone(), namespace, name }
            }
            _ => Error::PersonaNotFound { namespace, name, last_version },
        }));
    };
    let Some(persona) = store.row(&namespace, &name, made, *view)? else {
        // It may have been pruned since it was looked up.
        if let (Selector::Version(version), Some(last_version)) = (selector, last_version)
            && store.version(&namespace, &name, *version)? == VersionState::Pruned
        {
            let (version, cause) = (*version, Unreadable::Pruned);
            return Ok(Err(Error::VersionNotFound { namespace, name, version, last_version, cause }));
        }
        return Err(lost(&namespace, &name));
    };
    Ok(if persona.purged { Err(purged(persona, last_version)) } else { Ok(persona) })
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
