//! What a listing or a stream selects, and finding it in the view: by names, by filter, at an alias.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Error;
use super::token::Binding;
use super::watch::lost;
use crate::domain::{Alias, Caller, Name, Namespace, Permission, Persona, Revision, Scope, View};
use crate::filter::Filter;
use crate::store::{Store, StoreError};

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
    /// Which namespaces a look everywhere takes in: those that the caller may read.
    /// Whoever answers the request fills it in.
    pub scope: Scope,
}

/// Where a search goes on.
pub(super) type Place = (Namespace, Name);

impl Selection {
    /// Narrows it down to what a caller may read; refuses it where that is nothing.
    pub(super) fn permit(&mut self, caller: &Caller) -> Result<(), Error> {
        caller.require_in(Permission::Read, self.namespace.as_ref())?;
        // One that is named is in or out as a whole, and its tokens are anybody's who may read it.
        if self.namespace.is_none() {
            self.scope = caller.access.scope(Permission::Read);
        }
        Ok(())
    }

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
        let scope = self.scope.fingerprint();
        if !scope.is_empty() {
            fields.extend([&b"\0\0"[..], scope.as_bytes()]);
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
            && self.scope.contains(namespace)
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
        after: Option<Place>,
        mut each: impl FnMut(Persona) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.walk_rows(store, at, after, |row| each(row.read(store, view)?))
    }

    /// The same, told of the rows alone.
    pub(super) fn walk_rows(
        &self,
        store: &Store,
        at: Revision,
        after: Option<Place>,
        mut each: impl FnMut(Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let is_everything_there = self.is_plain()
            && self.names.is_empty()
            && (self.namespace.is_some() || self.scope.is_everything());
        if is_everything_there {
            let after = after.as_ref().map(|(namespace, name)| (namespace, name));
            return store.live_rows_after(self.namespace.as_ref(), after, at, |namespace, name, revision| {
                each(Row { namespace, name, revision, basic: None })
            });
        }
        let mut look_at = |namespace: &Namespace, name: &Name| {
            let row = match self.takes(namespace, name) {
                true => store.shown_row(namespace, name, self.alias.as_ref(), at)?,
                false => None,
            };
            let Some(revision) = row else { return Ok(true) };
            let mut row = Row { namespace, name, revision, basic: None };
            if self.filter.is_some() {
                // The document is read once it is known to be wanted.
                let persona = store.row(namespace, name, revision, View::Basic)?;
                let persona = persona.ok_or_else(|| lost(namespace, name))?;
                if !self.matches(&persona) {
                    return Ok(true);
                }
                row.basic = Some(Box::new(persona));
            }
            each(row)
        };
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !self.names.is_empty()) {
            let is_behind = |name: &&Name| after.as_ref().is_none_or(|(_, after)| *name > after);
            for name in self.names.iter().filter(is_behind) {
                if !look_at(namespace, name)? {
                    break;
                }
            }
            return Ok(());
        }
        let plan = self.filter.as_ref().map(|filter| filter.plan());
        let mut candidates =
            store.candidates(plan.as_ref(), self.alias.as_ref(), self.namespace.as_ref(), after)?;
        while let Some((namespace, name)) = candidates.next_name()? {
            if !self.scope.contains(&namespace) {
                // Behind the last name that it could have.
                let after = Some((namespace, Name::greatest()));
                candidates = store.candidates(plan.as_ref(), self.alias.as_ref(), None, after)?;
                continue;
            }
            if !look_at(&namespace, &name)? {
                break;
            }
        }
        Ok(())
    }
}

/// A row that is selected.
pub(super) struct Row<'r> {
    pub namespace: &'r Namespace,
    pub name: &'r Name,
    pub revision: Revision,
    /// What is in it but the document, where it was read already.
    basic: Option<Box<Persona>>,
}

impl Row<'_> {
    pub(super) fn read(self, store: &Store, view: View) -> Result<Persona, StoreError> {
        if let (Some(persona), View::Basic) = (self.basic, view) {
            return Ok(*persona);
        }
        let persona = store.row(self.namespace, self.name, self.revision, view)?;
        persona.ok_or_else(|| lost(self.namespace, self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{Change, Commit, Derived, Dialect, Principal, Sequence, StoreId, Timestamp};
    use crate::filter::strategy::version_of;
    use crate::store::Options;

    const PERSONAS: u64 = 1000;
    /// One in so many is of the team asked for.
    const ONE_IN: u64 = 100;

    /// A view of personas in one commit.
    fn view(dir: &tempfile::TempDir) -> Store {
        let store = Store::open(dir.path(), &Options { cache_bytes: 8 << 20 }).unwrap();
        let change = |number: u64| {
            let team = if number.is_multiple_of(ONE_IN) { "payments" } else { "platform" };
            let labels = BTreeMap::from([("team".to_owned(), team.to_owned())]);
            let derived = Derived { labels, ..Derived::nothing(Dialect::Persona) };
            let name = format!("p{number:05}").parse().unwrap();
            let persona = version_of(&Namespace::default(), &name, 1, derived);
            Change::Put { created: true, persona: Arc::new(persona) }
        };
        let commit = Commit {
            sequence: Sequence(1),
            revision: Revision(1),
            time: Timestamp(1),
            principal: Principal::anonymous(),
            call_id: "".into(),
            changes: (0..PERSONAS).map(change).collect(),
            requests: Vec::new(),
            bases: Vec::new(),
            floor: None,
        };
        store.apply(StoreId([7; 16]), &[Arc::new(commit)]).unwrap();
        store
    }

    /// How many a filter finds, and the entries of the view that were read for it.
    fn search(store: &Store, filter: &str) -> (u64, u64) {
        let filter = Some(filter).filter(|text| !text.is_empty());
        let filter = filter.map(|text| Arc::new(Filter::parse(text).unwrap()));
        let selection = Selection { filter, ..Selection::default() };
        let (before, mut found) = (store.entries_read(), 0);
        let each = |_| {
            found += 1;
            Ok(true)
        };
        selection.walk(store, Revision(1), View::Basic, None, each).unwrap();
        (found, store.entries_read() - before)
    }

    #[test]
    fn a_selective_filter_reads_what_it_finds_and_not_everything() {
        let dir = tempfile::tempdir().unwrap();
        let store = view(&dir);
        let (all, everything) = search(&store, "");
        assert!(all == PERSONAS && everything >= 2 * PERSONAS);
        for (filter, finds) in [
            ("labels.team = payments", PERSONAS / ONE_IN),
            ("dialect = persona AND labels.team = payments AND create_time > 1970-01-01", PERSONAS / ONE_IN),
            ("labels.team = payments OR name = p00001", PERSONAS / ONE_IN + 1),
            ("labels.team = payments AND NOT name:p", 0),
            ("labels.team = nobody OR tag = x OR tools:y", 0),
            ("name = p00007", 1),
            ("name = \"No Name\"", 0),
        ] {
            let (found, read) = search(&store, filter);
            assert_eq!(found, finds, "{filter}");
            // Of each candidate its entry, head and row, and a few to see which way is short.
            assert!(read <= 4 * PERSONAS / ONE_IN + 60, "{filter}: {read} entries");
        }
        // What no term leads to is looked for everywhere.
        let (found, read) = search(&store, "name:p0000");
        assert!(found == 10 && read >= everything, "{read}");
    }
}
