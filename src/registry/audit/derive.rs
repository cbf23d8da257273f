//! A commit's records: each change with what was before it.

use std::collections::HashMap;

use crate::audit::{Action, Record};
use crate::domain::{
    AliasMove, Change, Commit, Digest, Name, Namespace, Origin, Persona, Purge, Revision, Tombstone, Version,
    View, Waiver,
};
use crate::store::{Head, Store, StoreError};

/// How many records a commit has: one at least.
pub(in crate::registry) fn count(commit: &Commit) -> u32 {
    let waived = commit.changes.iter().map(|change| waivers(change).len()).sum::<usize>();
    let count = commit.changes.len() + waived + usize::from(commit.floor.is_some());
    u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}

fn waivers(change: &Change) -> &[Waiver] {
    match change {
        Change::Put { persona, .. } => &persona.waivers,
        _ => &[],
    }
}

/// What was before a commit, by a view that has it or has not, and by the commits between the view and this one.
pub(super) struct Past<'a> {
    store: &'a Store,
    heads: HashMap<(Namespace, Name), Head>,
}

impl<'a> Past<'a> {
    pub(super) fn of(store: &'a Store) -> Self {
        Self { store, heads: HashMap::new() }
    }

    /// The records of the commit that comes next.
    pub(super) fn records(&mut self, commit: &Commit) -> Vec<Record> {
        let mut records = Vec::new();
        for change in &commit.changes {
            let record = self.record(commit, change);
            let waived = waivers(change).iter().map(|waiver| Record {
                namespace: record.namespace.clone(),
                name: record.name.clone(),
                version: record.version,
                after: record.after,
                what: waiver.rule.clone(),
                detail: waiver.reason.clone(),
                ..base(commit, Action::Waiver)
            });
            let waived: Vec<_> = waived.collect();
            records.push(record);
            records.extend(waived);
        }
        if let Some(floor) = commit.floor {
            records.push(Record { floor: floor.0, ..base(commit, Action::Compact) });
        }
        if records.is_empty() {
            records.push(note(commit));
        }
        let parts = count(commit);
        if parts > 1 {
            for (record, part) in records.iter_mut().zip(1..) {
                (record.part, record.parts) = (part, parts);
            }
        }
        records
    }

    fn record(&mut self, commit: &Commit, change: &Change) -> Record {
        let (namespace, name) = (change.namespace(), change.name());
        let before = self.before(commit.revision, change).unwrap_or_else(|error| {
            // The reader that needs it has the view mended; the record says what the commit does.
            tracing::error!(%error, %namespace, %name, "the audit log cannot tell what was before a change");
            Before::default()
        });
        let record = |action| Record {
            namespace: namespace.to_string(),
            name: name.to_string(),
            before: before.digest,
            before_version: before.version.0,
            ..base(commit, action)
        };
        match change {
            Change::Put { persona, .. } => {
                let Persona { version, digest, message, origin, .. } = &**persona;
                let (source, path) = match origin {
                    Origin::Api => (String::new(), String::new()),
                    Origin::File { source, path } => (source.to_string(), path.clone()),
                };
                let after = Some(*digest);
                let message = message.clone();
                Record { version: version.0, after, message, source, path, ..record(Action::Put) }
            }
            Change::Delete(Tombstone { last_version, message, aliases, .. }) => {
                let of_it =
                    |base: &&crate::domain::SourceBase| base.namespace == *namespace && base.name == *name;
                let source = commit.bases.iter().find(of_it).map(|base| base.source.to_string());
                Record {
                    version: last_version.0,
                    message: message.clone(),
                    aliases: aliases.iter().map(ToString::to_string).collect(),
                    source: source.unwrap_or_default(),
                    ..record(Action::Delete)
                }
            }
            Change::Alias(AliasMove { alias, version, message, .. }) => {
                let action = if version.is_some() { Action::AliasSet } else { Action::AliasDelete };
                Record {
                    alias: alias.to_string(),
                    after_version: version.map_or(0, |version| version.0),
                    message: message.clone(),
                    ..record(action)
                }
            }
            Change::Purge(Purge { version, message, .. }) => {
                Record { version: version.0, message: message.clone(), ..record(Action::Purge) }
            }
        }
    }

    fn before(&mut self, revision: Revision, change: &Change) -> Result<Before, StoreError> {
        let (namespace, name) = (change.namespace(), change.name());
        let key = (namespace.clone(), name.clone());
        let head = match self.heads.remove(&key) {
            Some(head) => head,
            None => self.store.head(namespace, name)?.unwrap_or_default(),
        };
        let at = Revision(revision.0.saturating_sub(1));
        // The view is behind the commit, but where a log is brought up to the journal.
        let is_behind = head.revision <= at && head.alias_revision <= at;
        let mut before = Before::default();
        match change {
            Change::Put { .. } | Change::Delete(_) if is_behind => before.digest = head.digest(),
            Change::Put { .. } | Change::Delete(_) => {
                let shown = self.store.shown(namespace, name, None, at, View::Basic)?;
                before.digest = shown.map(|persona| persona.digest);
            }
            Change::Alias(moved) => {
                let named = self.store.alias_of(&head, namespace, name, &moved.alias, at)?;
                before.version = named.map_or(Version(0), |(version, _)| version);
            }
            Change::Purge(purge) => {
                let row = self.store.row(namespace, name, purge.made, View::Basic)?;
                before.digest = row.map(|persona| persona.digest);
            }
        }
        if is_behind {
            self.heads.insert(key, head.after(change, revision));
        }
        Ok(before)
    }
}

#[derive(Default)]
struct Before {
    digest: Option<Digest>,
    version: Version,
}

fn base(commit: &Commit, action: Action) -> Record {
    Record {
        time: commit.time,
        principal: commit.principal.to_string(),
        call_id: commit.call_id.to_string(),
        commit: commit.sequence.0,
        revision: commit.revision.0,
        ..Record::of(action)
    }
}

/// The record of a commit that changed nothing.
fn note(commit: &Commit) -> Record {
    if let Some(base_of) = commit.bases.first() {
        let (files, source) = (commit.bases.len(), base_of.source.to_string());
        let detail = format!("{files} files noted");
        let namespace = base_of.namespace.to_string();
        return Record { namespace, source, detail, ..base(commit, Action::Import) };
    }
    let record = base(commit, Action::Unchanged);
    let outcomes: Vec<_> = commit.requests.iter().flat_map(|request| &request.outcomes).collect();
    match outcomes.as_slice() {
        [one] => Record {
            namespace: one.namespace.to_string(),
            name: one.name.to_string(),
            version: one.version.0,
            ..record
        },
        many => Record { detail: format!("{} operations", many.len()), ..record },
    }
}
