//! What is known beside the document that is judged: the other files of a run, the personas of a store. Rules that
//! ask for something unknown stay silent.

use std::collections::HashMap;

use crate::domain::{Derived, Digest, Name};

/// What a judge may look up.
#[derive(Clone, Copy, Default)]
pub struct Neighbours<'a> {
    /// The other personas, when they are known.
    pub others: Option<&'a Others>,
    /// Whether there is a file at this path, which is written as the document's own is; none: files are unknown.
    pub files: Option<&'a dyn Fn(&str) -> bool>,
    /// What the store has under this name now.
    pub stored: Option<&'a Derived>,
}

/// Other personas by name, by looks and by text. Grows with the number of personas told to it, by a few hundred bytes
/// each.
#[derive(Debug, Clone, Default)]
pub struct Others {
    names: HashMap<Name, String>,
    looks: HashMap<String, (Name, String)>,
    bodies: HashMap<Digest, (Name, String)>,
    skills: usize,
    personas: usize,
}

impl Others {
    /// Tells of a persona and where it is: its path, or what a store calls it. The first of a name wins.
    pub fn add(&mut self, name: &Name, place: &str) {
        self.names.entry(name.clone()).or_insert_with(|| place.to_owned());
        let skill =
            place.rsplit(['/', '\\']).next().is_some_and(|file| file.eq_ignore_ascii_case("SKILL.md"));
        *(if skill { &mut self.skills } else { &mut self.personas }) += 1;
        let looks = looks(name.as_str());
        self.looks.entry(looks).or_insert_with(|| (name.clone(), place.to_owned()));
    }

    /// Tells of a persona's body. The first of a text wins.
    pub fn add_body(&mut self, name: &Name, place: &str, body: &[u8]) {
        self.add_digest(name, place, Self::digest(body));
    }

    /// The same, of a body that is no longer at hand.
    pub fn add_digest(&mut self, name: &Name, place: &str, digest: Digest) {
        self.bodies.entry(digest).or_insert_with(|| (name.clone(), place.to_owned()));
    }

    /// What a body is known again by: blanks around it do not count.
    #[must_use]
    pub fn digest(body: &[u8]) -> Digest {
        Digest::of(body.trim_ascii())
    }

    /// Whether there is a persona of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        name.parse::<Name>().is_ok_and(|name| self.names.contains_key(&name))
    }

    /// Whether enough is known to say that a skill is not there.
    pub(super) fn knows_skills(&self) -> bool {
        self.skills > 0
    }

    /// Whether enough is known to say that a persona is not there: others than the one that asks.
    pub(super) fn knows_personas(&self) -> bool {
        self.personas > 1
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(Name::as_str)
    }

    /// The place of the persona that has this name, when that is another place.
    pub(super) fn same_name(&self, name: &Name, place: &str) -> Option<&str> {
        self.names.get(name).map(String::as_str).filter(|other| *other != place)
    }

    /// The persona of another name that looks like this one.
    pub(super) fn lookalike(&self, name: &Name) -> Option<(&Name, &str)> {
        let (other, place) = self.looks.get(&looks(name.as_str()))?;
        (other != name).then_some((other, place.as_str()))
    }

    /// The persona of another name that has this body.
    pub(super) fn same_body(&self, name: &Name, body: &[u8]) -> Option<(&Name, &str)> {
        let (other, place) = self.bodies.get(&Self::digest(body))?;
        (other != name).then_some((other, place.as_str()))
    }
}

/// What a hurried reader sees of a name: marks left out, digits as the letters they resemble.
fn looks(name: &str) -> String {
    let letters = name.chars().filter(|letter| !matches!(letter, '-' | '_' | '.'));
    letters
        .map(|letter| match letter {
            '0' => 'o',
            '1' | 'i' => 'l',
            other => other,
        })
        .collect::<String>()
        .replace("rn", "m")
        .replace("vv", "w")
}
