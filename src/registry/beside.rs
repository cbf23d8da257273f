//! What a document is judged among: the personas of the namespace that it would be put into.

use std::cell::RefCell;

use crate::domain::{BodyMark, Derived, Dialect, Name, Namespace, Persona, Revision, View};
use crate::filter::{Column, Plan, Term};
use crate::store::{Store, StoreError};
use crate::validate::{Beside, Other};

/// Candidates of a term that are looked at: those that no longer have it are passed over.
const LOOKED_AT: usize = 16;
/// Names that a misspelt one is compared with.
const NAMES: usize = 1024;

/// A namespace of the view, as a judge asks it.
pub(super) struct Stored<'a> {
    store: &'a Store,
    namespace: &'a Namespace,
    at: Revision,
    /// The name that was asked about last, and what is stored under it: rules ask about a document's own more than once.
    asked: RefCell<Option<(Name, Option<Persona>)>>,
    /// The first thing that could not be read: what was found is not to be relied on then.
    fault: RefCell<Option<StoreError>>,
}

impl<'a> Stored<'a> {
    pub(super) fn new(store: &'a Store, namespace: &'a Namespace, at: Revision) -> Self {
        Self { store, namespace, at, asked: RefCell::default(), fault: RefCell::default() }
    }

    /// What is stored under a name now.
    pub(super) fn derived(&self, name: &Name) -> Option<Derived> {
        self.stored(name, |persona| persona.map(|persona| persona.derived.clone())).flatten()
    }

    /// Tells whether all could be read.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.fault.into_inner().map_or(Ok(()), Err)
    }

    fn kept<T>(&self, read: Result<T, StoreError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// Tells of what is stored under a name now; nothing where that cannot be read.
    fn stored<T>(&self, name: &Name, tell: impl FnOnce(Option<&Persona>) -> T) -> Option<T> {
        let mut asked = self.asked.borrow_mut();
        if asked.as_ref().is_none_or(|(last, _)| last != name) {
            *asked = Some((name.clone(), self.kept(self.live(name))?));
        }
        asked.as_ref().map(|(_, persona)| tell(persona.as_ref()))
    }

    fn live(&self, name: &Name) -> Result<Option<Persona>, StoreError> {
        match self.store.shown_row(self.namespace, name, None, self.at)? {
            Some(made) => self.store.row(self.namespace, name, made, View::Basic),
            None => Ok(None),
        }
    }

    /// The first persona that a term leads to and that holds.
    fn first(&self, term: Term, holds: impl Fn(&Persona) -> bool) -> Option<Persona> {
        let search = || {
            let mut names =
                self.store.candidates(Some(&Plan::Term(term)), None, Some(self.namespace), None)?;
            for _ in 0..LOOKED_AT {
                let Some((_, name)) = names.next_name()? else { break };
                if let Some(persona) = self.live(&name)?.filter(|persona| holds(persona)) {
                    return Ok(Some(persona));
                }
            }
            Ok(None)
        };
        self.kept(search()).flatten()
    }

    fn names(&self, most: usize) -> Vec<Name> {
        let walk = || {
            let mut names = self.store.candidates(None, None, Some(self.namespace), None)?;
            let mut found = Vec::new();
            while found.len() < most
                && let Some((_, name)) = names.next_name()?
            {
                found.push(name);
            }
            Ok(found)
        };
        self.kept(walk()).unwrap_or_default()
    }
}

fn other(persona: &Persona) -> Other {
    Other { name: persona.name.clone(), place: format!("{}/{}", persona.namespace, persona.name) }
}

impl Beside for Stored<'_> {
    /// A name that is stored is an update, and no second one.
    fn same_name(&self, _name: &Name, _path: Option<&str>) -> Option<String> {
        None
    }

    /// Whoever was there first keeps the name: it is told when one is made.
    fn lookalike(&self, name: &Name, _path: Option<&str>) -> Option<Other> {
        if self.stored(name, |persona| persona.is_some())? {
            return None;
        }
        self.first(Term::looks(name), |persona| persona.name != *name).as_ref().map(other)
    }

    fn same_body(&self, name: &Name, mark: BodyMark) -> Option<Other> {
        let holds = |persona: &Persona| persona.name != *name && persona.derived.body_mark == Some(mark);
        self.first(Term::body(mark), holds).as_ref().map(other)
    }

    fn has(&self, name: &Name) -> bool {
        self.stored(name, |persona| persona.is_some()).unwrap_or_default()
    }

    fn knows_skills(&self) -> bool {
        let skill = Dialect::Skill.as_str().as_bytes();
        self.first(Term::new(Column::Dialect, skill), |persona| persona.derived.dialect == Dialect::Skill)
            .is_some()
    }

    fn knows_personas(&self) -> bool {
        self.names(2).len() > 1
    }

    fn names(&self) -> Vec<String> {
        self.names(NAMES).iter().map(ToString::to_string).collect()
    }
}
