//! What a stretch comes to for a stream with a filter or an alias: the difference of the views at both ends, since a
//! change of the log alone does not tell whether a persona was selected before or is now.

use std::collections::BTreeMap;

use super::difference::{Kind, PendingChange};
use crate::domain::{Name, Namespace, Persona, Revision, Version};
use crate::registry::select::Selection;
use crate::store::{Store, StoreError};

/// The names that a stretch touched, each with its last deletion there.
#[derive(Debug, Default)]
pub(super) struct Touched(BTreeMap<(Namespace, Name), Option<(Version, Revision)>>);

impl Touched {
    /// Takes note of a change, which may be a deletion: the last version before it, and its revision.
    pub(super) fn add(&mut self, namespace: Namespace, name: Name, deletion: Option<(Version, Revision)>) {
        let seen = self.0.entry((namespace, name)).or_default();
        *seen = deletion.or(*seen);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The difference between the views at two revisions, by namespace and name.
    pub(super) fn difference(
        &self,
        store: &Store,
        selection: &Selection,
        from: Revision,
        to: Revision,
    ) -> Result<Vec<PendingChange>, StoreError> {
        let mut group = Vec::new();
        for ((namespace, name), deletion) in &self.0 {
            let was = selection.was(store, namespace, name, from)?;
            let is = selection.at(store, namespace, name, to)?;
            let change = |kind, version, revision| PendingChange {
                namespace: namespace.clone(),
                name: name.clone(),
                kind,
                version,
                revision,
                persona: None,
            };
            let shown = |kind, persona: &Persona| change(kind, persona.version, persona.revision);
            let deleted = deletion.map(|(version, revision)| change(Kind::Deleted, version, revision));
            match (was, is) {
                (None, None) => {}
                (None, Some(is)) => group.push(shown(Kind::Created, &is)),
                (Some(was), None) => group.push(deleted.unwrap_or_else(|| shown(Kind::Left, &was))),
                (Some(_), Some(is)) if deleted.is_some() => {
                    // Deleted and made again: both are told, so that nobody takes the new one for the old.
                    group.extend(deleted);
                    group.push(shown(Kind::Created, &is));
                }
                (Some(was), Some(is)) if was.revision == is.revision => {}
                (Some(_), Some(is)) => group.push(shown(Kind::Updated, &is)),
            }
        }
        Ok(group)
    }
}
