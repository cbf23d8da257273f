//! Finding candidates by their terms: names in order, each once, behind a place.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included, Unbounded};

use super::sled::Table;
use super::{Store, StoreError, keys};
use crate::domain::{Alias, Name, Namespace, Timestamp};
use crate::filter::{Plan, Term};

/// Names taken from a table at once.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 64 };
/// Entries above which a span of time is not followed: its names are sorted in memory.
const SPAN_ENTRIES: usize = if cfg!(test) { 12 } else { 4096 };
/// Entries up to which the ways of a conjunction are counted, round by round: a way that is short is found without
/// counting the long ones.
const ROUNDS: [usize; 3] = if cfg!(test) { [2, 5, SPAN_ENTRIES] } else { [64, 512, SPAN_ENTRIES] };
/// Ways of a conjunction that are compared.
const COMPARED: usize = 16;

type Place = (Namespace, Name);

/// Names in order of (namespace, name), each once, found a few at a time: what one costs does not grow with how many
/// there are.
#[derive(Debug)]
pub struct Candidates<'a> {
    scope: Scope<'a>,
    after: Option<Place>,
    way: Way,
}

/// Where names are looked for.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    store: &'a Store,
    /// None: everywhere.
    namespace: Option<&'a Namespace>,
}

/// How the next name is found.
#[derive(Debug)]
enum Way {
    /// In the index, under a term; without one, among all names there are.
    Run(Option<Term>, VecDeque<Place>),
    /// In each namespace, whether there is a persona of this name.
    Name(Name),
    /// In memory.
    Places(BTreeSet<Place>),
    /// On the branch where it comes first.
    Any(Vec<Branch>),
}

/// A way and what was found next on it; nothing at its end.
#[derive(Debug)]
struct Branch {
    way: Way,
    next: Option<Place>,
    at_end: bool,
}

impl Store {
    /// The names behind `after` that lead to every persona which a plan leads to at any revision, and that had an alias at
    /// any.
    pub fn candidates<'a>(
        &'a self,
        plan: Option<&Plan>,
        alias: Option<&Alias>,
        namespace: Option<&'a Namespace>,
        after: Option<Place>,
    ) -> Result<Candidates<'a>, StoreError> {
        let alias = alias.map(|alias| Plan::Term(Term::alias(alias)));
        let plan = Plan::every(alias.into_iter().chain(plan.cloned()));
        let scope = Scope { store: self, namespace };
        let way = scope.way(&plan, after.as_ref())?.unwrap_or_else(|| Way::Run(None, VecDeque::new()));
        Ok(Candidates { scope, after, way })
    }
}

impl Candidates<'_> {
    /// The next name.
    pub fn next_name(&mut self) -> Result<Option<Place>, StoreError> {
        let next = self.way.next(self.scope, self.after.as_ref())?;
        if next.is_some() {
            self.after.clone_from(&next);
        }
        Ok(next)
    }
}

impl Scope<'_> {
    /// The way that a plan comes to; none where all names there are is the shortest.
    fn way(self, plan: &Plan, after: Option<&Place>) -> Result<Option<Way>, StoreError> {
        Ok(match plan {
            Plan::All => None,
            Plan::Name(name) => Some(Way::Name(name.clone())),
            Plan::Term(term) => Some(Way::Run(Some(term.clone()), VecDeque::new())),
            Plan::Between(from, to) => self.places(*from, *to)?.map(Way::Places),
            Plan::Any(plans) => {
                let mut branches = Vec::new();
                for plan in plans {
                    let Some(way) = self.way(plan, after)? else { return Ok(None) };
                    branches.push(Branch { way, next: None, at_end: false });
                }
                Some(Way::Any(branches))
            }
            Plan::Every(plans) => self.shortest(plans, after)?,
        })
    }

    /// The shortest of these ways, as far as a bounded count tells; each of them will do.
    fn shortest(self, plans: &[Plan], after: Option<&Place>) -> Result<Option<Way>, StoreError> {
        for most in ROUNDS {
            let mut shortest = (most, None);
            for plan in plans.iter().take(COMPARED) {
                let entries = self.count(plan, after, shortest.0)?;
                if entries < shortest.0 {
                    shortest = (entries, Some(plan));
                }
            }
            if let Some(plan) = shortest.1 {
                return self.way(plan, after);
            }
        }
        for plan in plans {
            if let Some(way) = self.way(plan, after)? {
                return Ok(Some(way));
            }
        }
        Ok(None)
    }

    /// Entries on a way behind a place, counted up to `most`.
    fn count(self, plan: &Plan, after: Option<&Place>, most: usize) -> Result<usize, StoreError> {
        if most == 0 {
            return Ok(0);
        }
        let mut count = 0;
        let mut each = |_: &[u8]| {
            count += 1;
            Ok(count < most)
        };
        match plan {
            Plan::All => return Ok(most),
            Plan::Name(_) => return Ok(1.min(most)),
            Plan::Term(term) => self.walk_term(term, after, &mut each)?,
            Plan::Between(from, to) => self.walk_span(*from, *to, &mut each)?,
            Plan::Any(plans) => {
                for plan in plans {
                    count += self.count(plan, after, most - count)?;
                }
            }
            Plan::Every(plans) => {
                count = most;
                for plan in plans {
                    count = self.count(plan, after, count)?;
                }
            }
        }
        Ok(count)
    }

    /// The names with a version made within a span of time, unless it has too many.
    fn places(self, from: Timestamp, to: Timestamp) -> Result<Option<BTreeSet<Place>>, StoreError> {
        let (mut places, mut entries) = (BTreeSet::new(), 0);
        let time = Term::create_time(from);
        self.walk_span(from, to, &mut |key| {
            entries += 1;
            let place = key.get(time.as_bytes().len()..).and_then(keys::parse_numbered);
            let (namespace, name, _) = place.ok_or_else(|| odd(key))?;
            if self.namespace.is_none_or(|wanted| *wanted == namespace) {
                places.insert((namespace, name));
            }
            Ok(entries < SPAN_ENTRIES)
        })?;
        Ok(Some(places).filter(|_| entries < SPAN_ENTRIES))
    }

    /// Walks the keys of a span of time, in all namespaces.
    fn walk_span(self, from: Timestamp, to: Timestamp, each: Each<'_>) -> Result<(), StoreError> {
        let end = keys::successor(Term::create_time(to).as_bytes());
        self.walk(Table::Index, Term::create_time(from).as_bytes(), end.as_deref(), each)
    }

    /// Walks the keys of a term behind a place.
    fn walk_term(self, term: &Term, after: Option<&Place>, each: Each<'_>) -> Result<(), StoreError> {
        let mut prefix = term.as_bytes().to_vec();
        let behind = after.and_then(|(namespace, name)| {
            keys::successor(&[&prefix[..], &keys::of_persona(namespace, name)].concat())
        });
        prefix.extend(self.namespace.map(keys::namespace).unwrap_or_default());
        let end = keys::successor(&prefix);
        self.walk(Table::Index, &behind.unwrap_or(prefix), end.as_deref(), each)
    }

    /// Walks the keys of all names behind a place.
    fn walk_names(self, after: Option<&Place>, each: Each<'_>) -> Result<(), StoreError> {
        let prefix = self.namespace.map(keys::namespace).unwrap_or_default();
        // Names hold no NUL, so this is the first key behind that of the name.
        let behind = after.map(|(namespace, name)| keys::of_persona(namespace, name));
        let end = keys::successor(&prefix);
        self.walk(Table::Heads, &behind.unwrap_or(prefix), end.as_deref(), each)
    }

    fn walk(self, table: Table, from: &[u8], to: Option<&[u8]>, each: Each<'_>) -> Result<(), StoreError> {
        if to.is_some_and(|to| from >= to) {
            return Ok(());
        }
        let tables = &self.store.tables;
        tables.walk(table, Included(from), to.map_or(Unbounded, Excluded), |key, _| each(key))
    }

    /// The next places of a run. Where a name comes more than once, the rest of its entries is skipped.
    fn read_on(self, term: Option<&Term>, after: Option<&Place>) -> Result<VecDeque<Place>, StoreError> {
        let mut found = VecDeque::new();
        let Some(term) = term else {
            self.walk_names(after, &mut |key| {
                found.push_back(keys::parse_persona(key).ok_or_else(|| odd(key))?);
                Ok(found.len() < AT_ONCE)
            })?;
            return Ok(found);
        };
        let mut skip = true;
        while std::mem::take(&mut skip) {
            let behind = found.back().cloned();
            self.walk_term(term, behind.as_ref().or(after), &mut |key| {
                let place = key.get(term.as_bytes().len()..).and_then(keys::parse_numbered);
                let (namespace, name, _) = place.ok_or_else(|| odd(key))?;
                let place = (namespace, name);
                skip = found.back() == Some(&place);
                if !skip {
                    found.push_back(place);
                }
                Ok(!skip && found.len() < AT_ONCE)
            })?;
        }
        Ok(found)
    }

    /// The next namespace's persona of a name.
    fn named(self, name: &Name, after: Option<&Place>) -> Result<Option<Place>, StoreError> {
        let is_behind = |namespace: &Namespace| {
            after.is_none_or(|(last, after)| (namespace, name) > (last, after))
                && self.namespace.is_none_or(|wanted| wanted == namespace)
        };
        let mut from = match (self.namespace, after) {
            (Some(namespace), _) | (None, Some((namespace, _))) => keys::namespace(namespace),
            (None, None) => Vec::new(),
        };
        loop {
            let mut first = None;
            self.walk(Table::Heads, &from, None, &mut |key| {
                first = Some(keys::parse_persona(key).ok_or_else(|| odd(key))?.0);
                Ok(false)
            })?;
            let Some(namespace) = first else { return Ok(None) };
            if is_behind(&namespace) && self.store.head(&namespace, name)?.is_some() {
                return Ok(Some((namespace, name.clone())));
            }
            match keys::successor(&keys::namespace(&namespace)) {
                Some(next) if self.namespace.is_none() => from = next,
                _ => return Ok(None),
            }
        }
    }
}

/// What is done with a key; tells whether to go on.
type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<bool, StoreError>;

impl Way {
    /// The first name behind a place, which is not before where this way is.
    fn next(&mut self, scope: Scope<'_>, after: Option<&Place>) -> Result<Option<Place>, StoreError> {
        let is_behind = |place: &Place| after.is_none_or(|after| place > after);
        match self {
            Self::Run(term, found) => {
                while let Some(place) = found.pop_front() {
                    if is_behind(&place) {
                        return Ok(Some(place));
                    }
                }
                *found = scope.read_on(term.as_ref(), after)?;
                Ok(found.pop_front())
            }
            Self::Name(name) => scope.named(name, after),
            Self::Places(places) => {
                while let Some(place) = places.pop_first() {
                    if is_behind(&place) {
                        return Ok(Some(place));
                    }
                }
                Ok(None)
            }
            Self::Any(branches) => {
                for branch in &mut *branches {
                    if !branch.at_end && !branch.next.as_ref().is_some_and(is_behind) {
                        branch.next = branch.way.next(scope, after)?;
                        branch.at_end = branch.next.is_none();
                    }
                }
                Ok(branches.iter().filter_map(|branch| branch.next.as_ref()).min().cloned())
            }
        }
    }
}

fn odd(key: &[u8]) -> StoreError {
    StoreError::damaged(key, "a key that leads to no persona")
}

#[cfg(test)]
mod tests;
