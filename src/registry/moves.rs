//! The decision about aliases and purges: what names a version, and what must not be taken from under it.

use super::Error;
use super::error::Unreadable;
use super::judge::{Judge, Worth};
use super::proposal::{AliasTarget, Proposal};
use crate::domain::{
    Alias, AliasMove, Change, Name, Namespace, Purge, Revision, Version, WriteOutcome, limits,
};
use crate::store::{Head, VersionState};

impl Judge<'_> {
    pub(super) fn set_alias(
        &self,
        proposal: &Proposal,
        target: &AliasTarget,
        version: Version,
    ) -> Result<Worth, Error> {
        let AliasTarget { namespace, name, .. } = target;
        let head = self.live_head(namespace, name)?;
        let current = expected(&head, target)?;
        self.kept(namespace, name, version, &head)?;
        let previous = current.map_or(Version(0), |(version, _)| version);
        let outcome = WriteOutcome { previous, ..self.outcome(namespace, name, version) };
        if let Some((_, revision)) = current.filter(|(current, _)| *current == version) {
            return Ok((None, WriteOutcome { revision, unchanged: true, ..outcome }));
        }
        if current.is_none() && head.aliases.len() >= limits::ALIASES {
            let most = limits::ALIASES;
            let description =
                format!("{name} has {most} aliases already, the most there may be; delete one first");
            return Err(Error::argument("alias", description));
        }
        Ok((Some(self.moved(proposal, target, Some(version))), outcome))
    }

    pub(super) fn delete_alias(&self, proposal: &Proposal, target: &AliasTarget) -> Result<Worth, Error> {
        let AliasTarget { namespace, name, alias, .. } = target;
        let head = self.live_head(namespace, name)?;
        let Some((previous, _)) = expected(&head, target)? else {
            let (namespace, name, alias) = (namespace.clone(), name.clone(), alias.clone());
            return Err(Error::AliasNotFound { namespace, name, alias });
        };
        let outcome = WriteOutcome { previous, ..self.outcome(namespace, name, Version(0)) };
        Ok((Some(self.moved(proposal, target, None)), outcome))
    }

    /// What is live and what an alias names stays: its readers would be left with nothing.
    pub(super) fn purge(
        &self,
        proposal: &Proposal,
        namespace: &Namespace,
        name: &Name,
        version: Version,
    ) -> Result<Worth, Error> {
        let Some(head) = self.head(namespace, name)? else {
            let (namespace, name) = (namespace.clone(), name.clone());
            return Err(Error::PersonaNotFound { namespace, name, last_version: None });
        };
        let made = self.kept(namespace, name, version, &head)?;
        let naming = head.aliases.iter().filter(|(_, (named, _))| *named == version);
        let aliases: Vec<Alias> = naming.map(|(alias, _)| alias.clone()).collect();
        if !aliases.is_empty() || (head.live.is_some() && version == head.last_version) {
            let (namespace, name) = (namespace.clone(), name.clone());
            return Err(Error::VersionInUse { namespace, name, version, aliases });
        }
        let change = Change::Purge(Purge {
            namespace: namespace.clone(),
            name: name.clone(),
            version,
            made,
            revision: self.head.next(),
            time: self.now,
            actor: proposal.caller.principal.clone(),
            message: proposal.message.clone(),
        });
        Ok((Some(change), self.outcome(namespace, name, version)))
    }

    fn moved(&self, proposal: &Proposal, target: &AliasTarget, version: Option<Version>) -> Change {
        Change::Alias(AliasMove {
            namespace: target.namespace.clone(),
            name: target.name.clone(),
            alias: target.alias.clone(),
            version,
            revision: self.head.next(),
            time: self.now,
            actor: proposal.caller.principal.clone(),
            message: proposal.message.clone(),
        })
    }

    /// The revision that made a version whose bytes are there.
    fn kept(
        &self,
        namespace: &Namespace,
        name: &Name,
        version: Version,
        head: &Head,
    ) -> Result<Revision, Error> {
        let cause = match self.pending.version(self.store, namespace, name, version)? {
            (VersionState::Kept(made), false) => return Ok(made),
            (VersionState::Kept(_), true) => Unreadable::Purged,
            (VersionState::Pruned, _) => Unreadable::Pruned,
            (VersionState::Never, _) => Unreadable::Never,
        };
        let (namespace, name) = (namespace.clone(), name.clone());
        Err(Error::VersionNotFound { namespace, name, version, last_version: head.last_version, cause })
    }
}

/// The version that the alias names now, when that is what the caller believes.
fn expected(head: &Head, target: &AliasTarget) -> Result<Option<(Version, Revision)>, Error> {
    let current = head.aliases.get(&target.alias).copied();
    let named = current.map_or(Version(0), |(version, _)| version);
    match target.expected {
        Some(expected) if expected != named => Err(Error::AliasMoved {
            namespace: target.namespace.clone(),
            name: target.name.clone(),
            alias: target.alias.clone(),
            current: named,
        }),
        _ => Ok(current),
    }
}
