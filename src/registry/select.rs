//! What a listing or a stream selects, and finding it in the view: by names, by filter, at an alias.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::token::Binding;
use super::watch::lost;
use crate::domain::{Alias, Name, Namespace, Persona, Revision, View};
use crate::filter::Filter;
use crate::store::{Store, StoreError};

/// Names looked at in one step.
const AT_ONCE: usize = 256;

/// What is selected.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Where; none: everywhere.
    pub namespace: Option<Namespace>,
    /// What; empty: everything there.
    pub names: BTreeSet<Name>,
    /// What it must say; none: anything.
    pub filter: Option<Arc<Filter>>,
    /// The alias that it must have, and is shown as; none: the newest of what is not deleted.
    pub alias: Option<Alias>,
}

/// Where a search goes on.
pub(super) type Place = (Namespace, Name);

impl Selection {
    /// What a resume token of this selection is bound to.
    #[must_use]
    pub fn binding(&self) -> Binding {
        let namespace = self.namespace.as_ref().map_or("-", Namespace::as_str);
        let filter = self.filter.as_ref().map_or("", |filter| filter.text());
        let alias = self.alias.as_ref().map_or("", Alias::as_str);
        let mut fields: Vec<&[u8]> = vec![b"watch", namespace.as_bytes()];
        fields.extend(self.names.iter().map(|name| name.as_str().as_bytes()));
        // Tokens of selections without either were made before there were any.
        if !filter.is_empty() || !alias.is_empty() {
            fields.extend([&b"\0"[..], filter.as_bytes(), alias.as_bytes()]);
        }
        Binding::of(&fields)
    }

    /// Whether what is selected can be told from the change log alone.
    pub(super) const fn is_plain(&self) -> bool {
        self.filter.is_none() && self.alias.is_none()
    }

    /// Whether a persona of this name may be selected.
    pub(super) fn takes(&self, namespace: &Namespace, name: &Name) -> bool {
        self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
            && (self.names.is_empty() || self.names.contains(name))
    }

    /// Whether a version is selected, when its name is.
    pub(super) fn matches(&self, persona: &Persona) -> bool {
        self.filter.as_ref().is_none_or(|filter| !persona.purged && filter.matches(persona))
    }

    /// What is selected of a name at a revision, without its document.
    pub(super) fn at(
        &self,
        store: &Store,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
    ) -> Result<Option<Persona>, StoreError> {
        let shown = store.shown(namespace, name, self.alias.as_ref(), at, View::Basic)?;
        Ok(shown.filter(|persona| self.matches(persona)))
    }

    /// What may have been selected of a name at a revision: what a purged version said is not known any more, and a client that
    /// has it must hear of its end.
    pub(super) fn was(
        &self,
        store: &Store,
        namespace: &Namespace,
        name: &Name,
        at: Revision,
    ) -> Result<Option<Persona>, StoreError> {
        let shown = store.shown(namespace, name, self.alias.as_ref(), at, View::Basic)?;
        Ok(shown.filter(|persona| persona.purged || self.matches(persona)))
    }

    /// Walks what is selected at a revision, behind `after`, by namespace and name, for as long as `each` says so.
    pub(super) fn walk(
        &self,
        store: &Store,
        at: Revision,
        view: View,
        mut after: Option<Place>,
        mut each: impl FnMut(Persona) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        loop {
            let candidates = self.candidates(store, after.as_ref())?;
            let at_end = candidates.len() < AT_ONCE;
            for (namespace, name) in candidates {
                let row = match self.takes(&namespace, &name) {
                    true => store.shown_row(&namespace, &name, self.alias.as_ref(), at)?,
                    false => None,
                };
                if let Some(revision) = row {
                    let read = |view| {
                        let persona = store.row(&namespace, &name, revision, view)?;
                        persona.ok_or_else(|| lost(&namespace, &name))
                    };
                    // The document is read once it is known to be wanted.
                    let found = match (&self.filter, view) {
                        (None, view) => Some(read(view)?),
                        (Some(_), View::Basic) => Some(read(View::Basic)?).filter(|one| self.matches(one)),
                        (Some(_), View::Full) => match self.matches(&read(View::Basic)?) {
                            true => Some(read(View::Full)?),
                            false => None,
                        },
                    };
                    if let Some(persona) = found
                        && !each(persona)?
                    {
                        return Ok(());
                    }
                }
                after = Some((namespace, name));
            }
            if at_end {
                return Ok(());
            }
        }
    }

    /// The next names that may be selected, in order, each once; fewer than [`AT_ONCE`] are the last ones.
    fn candidates(&self, store: &Store, after: Option<&Place>) -> Result<Vec<Place>, StoreError> {
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !self.names.is_empty()) {
            let behind = self.names.iter().filter(|name| after.is_none_or(|(_, after)| *name > after));
            return Ok(behind.take(AT_ONCE).map(|name| (namespace.clone(), name.clone())).collect());
        }
        let plan = self.filter.as_ref().map(|filter| filter.plan());
        store.candidates(plan.as_ref(), self.alias.as_ref(), self.namespace.as_ref(), after, AT_ONCE)
    }
}
