//! What is known beside the document that is judged: the other files of a run, the personas of a store. Rules that
//! ask for something unknown stay silent.

use std::collections::HashMap;

use crate::domain::{BodyMark, Derived, Name};

/// Answers what is stored under a name.
pub type Stored<'a> = dyn Fn(&Name) -> Option<Derived> + 'a;

/// What a judge may look up.
#[derive(Clone, Copy, Default)]
pub struct Neighbours<'a> {
    /// The name that the document would have; none: its own.
    pub name: Option<&'a Name>,
    /// The other personas, when they are known.
    pub others: Option<&'a dyn Beside>,
    /// Whether there is a file at this path, which is written as the document's own is; none: files are unknown.
    pub files: Option<&'a dyn Fn(&str) -> bool>,
    /// What is stored under a name now; none: there is no store.
    pub stored: Option<&'a Stored<'a>>,
}

/// Personas beside one that is judged, wherever they are.
pub trait Beside {
    /// Where else the name was met first.
    fn same_name(&self, name: &Name, path: Option<&str>) -> Option<String>;
    /// A persona of another name that looks like this one, and was there first.
    fn lookalike(&self, name: &Name, path: Option<&str>) -> Option<Other>;
    /// A persona of another name with the body of this mark.
    fn same_body(&self, name: &Name, mark: BodyMark) -> Option<Other>;
    /// Whether there is a persona of this name.
    fn has(&self, name: &Name) -> bool;
    /// Whether enough is known to say that a skill is not there.
    fn knows_skills(&self) -> bool;
    /// Whether enough is known to say that a persona is not there.
    fn knows_personas(&self) -> bool;
    /// Names that a misspelt one may be meant for; need not be all.
    fn names(&self) -> Vec<String>;
}

/// A persona beside the one that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub name: Name,
    /// Its path, or what a store calls it.
    pub place: String,
}

/// The other files of a run, by name, by looks and by text. Grows with the number of personas told to it, by a few
/// hundred bytes each.
#[derive(Debug, Clone, Default)]
pub struct Others {
    names: HashMap<Name, String>,
    looks: HashMap<String, Other>,
    bodies: HashMap<BodyMark, Other>,
    skills: usize,
    personas: usize,
}

impl Others {
    /// Tells of a persona and where it is. The first of a name wins.
    pub fn add(&mut self, name: &Name, place: &str) {
        self.names.entry(name.clone()).or_insert_with(|| place.to_owned());
        let skill =
            place.rsplit(['/', '\\']).next().is_some_and(|file| file.eq_ignore_ascii_case("SKILL.md"));
        *(if skill { &mut self.skills } else { &mut self.personas }) += 1;
        self.looks
            .entry(name.looks())
            .or_insert_with(|| Other { name: name.clone(), place: place.to_owned() });
    }

    /// Tells of a persona's body. The first of a text wins.
    pub fn add_body(&mut self, name: &Name, place: &str, body: &[u8]) {
        self.add_mark(name, place, BodyMark::of(body));
    }

    /// The same by the body's mark, for whoever does not keep the body.
    pub fn add_mark(&mut self, name: &Name, place: &str, mark: Option<BodyMark>) {
        let Some(mark) = mark else { return };
        self.bodies.entry(mark).or_insert_with(|| Other { name: name.clone(), place: place.to_owned() });
    }
}

impl Beside for Others {
    fn same_name(&self, name: &Name, path: Option<&str>) -> Option<String> {
        self.names.get(name).filter(|first| path.is_some_and(|path| first.as_str() < path)).cloned()
    }

    fn lookalike(&self, name: &Name, path: Option<&str>) -> Option<Other> {
        let other = self.looks.get(&name.looks())?;
        let is_first = path.is_some_and(|path| other.place.as_str() < path);
        (other.name != *name && is_first).then(|| other.clone())
    }

    fn same_body(&self, name: &Name, mark: BodyMark) -> Option<Other> {
        let other = self.bodies.get(&mark)?;
        (other.name != *name).then(|| other.clone())
    }

    fn has(&self, name: &Name) -> bool {
        self.names.contains_key(name)
    }

    fn knows_skills(&self) -> bool {
        self.skills > 0
    }

    /// Others than the one that asks.
    fn knows_personas(&self) -> bool {
        self.personas > 1
    }

    fn names(&self) -> Vec<String> {
        self.names.keys().map(ToString::to_string).collect()
    }
}
