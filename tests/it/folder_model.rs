//! What a followed folder must bring into a registry: maps and the three-way rule, written from what is promised and not
//! from the code that keeps it; and, where several hands touch one name, every state that some order of them allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use persona_registry::domain::Digest;

/// What a file holds. Two texts are one when their bytes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    pub digest: String,
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {}", self.kind, self.digest)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A persona of this name.
    Persona(String),
    /// Nothing that can be stored; the name is what it says of itself.
    Broken(Option<String>),
}

impl Text {
    pub fn persona(name: &str, bytes: Vec<u8>) -> Arc<Self> {
        Self::new(Kind::Persona(name.to_owned()), bytes)
    }

    pub fn new(kind: Kind, bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { digest: digest(&bytes), kind, bytes })
    }

    /// The name that it claims.
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Persona(name) | Kind::Broken(Some(name)) => Some(name),
            Kind::Broken(None) => None,
        }
    }
}

/// A digest, short enough to be read.
pub fn digest(bytes: &[u8]) -> String {
    short(Digest::of(bytes))
}

pub fn short(digest: Digest) -> String {
    digest.to_string().trim_start_matches("sha256:").chars().take(12).collect()
}

/// Paths, `/`-separated, and what is there.
pub type Disk = BTreeMap<String, Arc<Text>>;

/// A persona that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Live {
    pub digest: String,
    /// The version came from the folder, not from a client.
    pub by_folder: bool,
}

/// What the folder last brought for a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Base {
    pub digest: String,
    pub path: String,
    /// The folder created the persona.
    pub created: bool,
}

/// What the registry holds, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    pub live: BTreeMap<String, Live>,
    pub bases: BTreeMap<String, Base>,
}

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    Invalid,
    Duplicate,
    Conflict,
    Unreadable,
}

/// Refused files: why, and the name that each would have.
pub type Refused = BTreeMap<String, (Why, Option<String>)>;

/// What holds for a folder.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub file_wins: bool,
    /// Personas may go whose file is gone: it was asked for, and nothing forbids it.
    pub prunes: bool,
}

/// A disk as one reading sees it: which file stands for which name, and which are refused as they are.
#[derive(Default)]
struct Sifted {
    /// Name, path and digest, in the order of paths.
    taken: Vec<(String, String, String)>,
    names: BTreeSet<String>,
    refused: Refused,
}

fn sift(disk: &Disk, bases: &BTreeMap<String, Base>) -> Sifted {
    let mut paths: Vec<&String> = disk.keys().collect();
    // Folder by folder: `a/z` comes before `a-b/c`.
    paths.sort_by_cached_key(|path| path.split('/').collect::<Vec<_>>());
    let claims = |path: &String, name: &String| {
        disk.get(path).is_some_and(|text| matches!(&text.kind, Kind::Persona(own) if own == name))
    };
    let mut sifted = Sifted::default();
    for path in paths {
        let text = &disk[path];
        match &text.kind {
            Kind::Broken(name) => {
                // What says no name is called like its file.
                let stem = path.split('/').next_back().map(|file| file.trim_end_matches(".md").to_owned());
                sifted.refused.insert(path.clone(), (Why::Invalid, name.clone().or(stem)));
            }
            // The file that brought the persona before has the name, where it still says so; else the first.
            Kind::Persona(name)
                if bases.get(name).is_none_or(|base| base.path == *path || !claims(&base.path, name))
                    && sifted.names.insert(name.clone()) =>
            {
                sifted.taken.push((name.clone(), path.clone(), text.digest.clone()));
            }
            Kind::Persona(name) => {
                sifted.refused.insert(path.clone(), (Why::Duplicate, Some(name.clone())));
            }
        }
    }
    sifted
}

impl World {
    /// The rule for a file that is there. Answers whether it is in conflict.
    fn take(&mut self, name: &str, path: &str, file: &str, rule: Rule) -> bool {
        let base = self.bases.get(name).cloned();
        let live = self.live.get(name).map(|live| live.digest.clone());
        let mut created = base.as_ref().is_some_and(|base| base.created);
        let base = base.map(|base| base.digest);
        if base.as_deref() != Some(file) && live.as_deref() != Some(file) {
            if live != base && !rule.file_wins {
                return true;
            }
            created |= live.is_none();
            self.live.insert(name.to_owned(), Live { digest: file.to_owned(), by_folder: true });
        }
        let brought = Base { digest: file.to_owned(), path: path.to_owned(), created };
        self.bases.insert(name.to_owned(), brought);
        false
    }

    /// The rule for names that have no file any more. A file that is refused has not vanished: neither the name that it
    /// claims, nor the one that was brought from its path.
    fn prune(&mut self, taken: &BTreeSet<String>, refused: &Refused) {
        let claimed: BTreeSet<&String> = refused.values().filter_map(|(_, name)| name.as_ref()).collect();
        let is_here = |name: &String, base: &Base| {
            taken.contains(name) || claimed.contains(name) || refused.contains_key(&base.path)
        };
        let (live, mut dead) = (&mut self.live, Vec::new());
        self.bases.retain(|name, base| {
            if is_here(name, base) {
                return true;
            }
            let kept = live
                .get(name)
                .is_some_and(|live| !(live.by_folder && live.digest == base.digest && base.created));
            if !kept {
                dead.push(name.clone());
            }
            kept
        });
        for name in dead {
            live.remove(&name);
        }
    }

    /// Readings until nothing changes any more; the refused files.
    pub fn settle(&mut self, disk: &Disk, rule: Rule) -> Refused {
        let Sifted { taken, names, refused: unfit } = sift(disk, &self.bases);
        loop {
            let (before, mut refused) = (self.clone(), unfit.clone());
            for (name, path, file) in &taken {
                if self.take(name, path, file, rule) {
                    refused.insert(path.clone(), (Why::Conflict, Some(name.clone())));
                }
            }
            if rule.prunes {
                self.prune(&names, &refused);
            }
            if *self == before {
                return refused;
            }
        }
    }

    /// What a client's call does. Answers whether it may have been answered so.
    fn call(&mut self, call: &Call) -> bool {
        let is_live = self.live.contains_key(&call.name);
        match (&call.put, call.answer) {
            (_, Answer::Lost) => unreachable!("a lost call is tried both ways"),
            (None, Answer::Missing) => return !is_live,
            (Some(_), Answer::Missing) => return false,
            (None, Answer::Done) => {
                self.live.remove(&call.name);
                return is_live;
            }
            (Some(text), Answer::Done) => {
                if self.live.get(&call.name).is_none_or(|live| live.digest != text.digest) {
                    let live = Live { digest: text.digest.clone(), by_folder: false };
                    self.live.insert(call.name.clone(), live);
                }
            }
        }
        true
    }

    /// The part that has these names.
    pub fn of(&self, names: &BTreeSet<String>) -> Self {
        fn part<T: Clone>(map: &BTreeMap<String, T>, names: &BTreeSet<String>) -> BTreeMap<String, T> {
            names.iter().filter_map(|name| Some((name.clone(), map.get(name)?.clone()))).collect()
        }
        Self { live: part(&self.live, names), bases: part(&self.bases, names) }
    }

    /// Puts a part in the place of what these names had.
    pub fn replace(&mut self, names: &BTreeSet<String>, part: &Self) {
        for name in names {
            self.live.remove(name);
            self.bases.remove(name);
        }
        self.live.extend(part.live.clone());
        self.bases.extend(part.bases.clone());
    }
}

/// A client's put or deletion, with what came of it.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: String,
    /// None: it is deleted.
    pub put: Option<Arc<Text>>,
    pub answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// There was nothing to delete.
    Missing,
    /// The server stopped: it may have happened or not.
    Lost,
}

/// What becomes of paths at one moment; none: nothing is there.
pub type Step = Vec<(String, Option<Arc<Text>>)>;

pub fn apply(disk: &mut Disk, step: &Step) {
    for (path, text) in step {
        match text {
            Some(text) => drop(disk.insert(path.clone(), Arc::clone(text))),
            None => drop(disk.remove(path)),
        }
    }
}

/// What happened to names and files that have to do with one another, each hand in its own order.
#[derive(Debug, Clone)]
pub struct Story {
    pub world: World,
    pub disk: Disk,
    pub steps: Vec<Step>,
    pub calls: Vec<Call>,
    pub rule: Rule,
    /// A server began in the meantime: it takes the folder as it stands, and gives what is gone no time to come back.
    pub restarted: bool,
}

/// A moment of a story.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    world: World,
    steps: usize,
    calls: usize,
    /// Steps that were done when the last reading ended.
    read: usize,
    reading: Option<Reading>,
}

/// A reading under way: what it saw, how many of its files have been taken, and which were refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    seen: Disk,
    taken: usize,
    refused: Refused,
    prunes: bool,
}

impl Story {
    /// Every state that some order of files, calls and readings ends in, once all is read.
    pub fn ends(&self) -> BTreeSet<World> {
        let mut disks = vec![self.disk.clone()];
        for step in &self.steps {
            let mut disk = disks[disks.len() - 1].clone();
            apply(&mut disk, step);
            disks.push(disk);
        }
        let begin = Moment { world: self.world.clone(), steps: 0, calls: 0, read: 0, reading: None };
        let (mut met, mut open, mut ends) = (BTreeSet::new(), vec![begin], BTreeSet::new());
        while let Some(moment) = open.pop() {
            if !met.insert(moment.clone()) {
                continue;
            }
            if moment.steps == self.steps.len() && moment.calls == self.calls.len() {
                // A reading that is under way is followed by others, as all readings are.
                let mut world = moment.world.clone();
                world.settle(&disks[disks.len() - 1], self.rule);
                ends.insert(world);
            }
            self.go_on(&moment, &disks, &mut open);
        }
        ends
    }

    fn go_on(&self, moment: &Moment, disks: &[Disk], open: &mut Vec<Moment>) {
        if moment.steps < self.steps.len() {
            open.push(Moment { steps: moment.steps + 1, ..moment.clone() });
        }
        if let Some(call) = self.calls.get(moment.calls) {
            let answers: &[Answer] = match call.answer {
                Answer::Lost => &[Answer::Done, Answer::Missing],
                _ => std::slice::from_ref(&call.answer),
            };
            for answer in answers {
                let mut next = Moment { calls: moment.calls + 1, ..moment.clone() };
                let undone = call.answer == Answer::Lost && *answer == Answer::Missing;
                if undone || next.world.call(&Call { answer: *answer, ..call.clone() }) {
                    open.push(next);
                }
            }
        }
        let Some(reading) = &moment.reading else {
            let here = &disks[moment.read..=moment.steps];
            for seen in views(here) {
                // One walk may miss a file that is being moved; a server that runs waits and looks again.
                let prunes = self.rule.prunes && (self.restarted || here.contains(&seen));
                let refused = sift(&seen, &moment.world.bases).refused;
                let reading = Some(Reading { seen, taken: 0, refused, prunes });
                open.push(Moment { read: moment.steps, reading, ..moment.clone() });
            }
            return;
        };
        // A server that stops leaves a reading where it is.
        if self.restarted {
            open.push(Moment { reading: None, ..moment.clone() });
        }
        let (mut next, mut reading) = (moment.clone(), reading.clone());
        let Sifted { taken, names, .. } = sift(&reading.seen, &moment.world.bases);
        match taken.get(reading.taken) {
            Some((name, path, file)) => {
                if next.world.take(name, path, file, self.rule) {
                    reading.refused.insert(path.clone(), (Why::Conflict, Some(name.clone())));
                }
                reading.taken += 1;
                next.reading = Some(reading);
            }
            None => {
                if reading.prunes {
                    next.world.prune(&names, &reading.refused);
                }
                next.reading = None;
            }
        }
        open.push(next);
    }
}

/// What a reading may see that looks at one file after the other while these disks follow one another.
fn views(disks: &[Disk]) -> BTreeSet<Disk> {
    let paths: BTreeSet<&String> = disks.iter().flat_map(|disk| disk.keys()).collect();
    let mut views = BTreeSet::from([Disk::new()]);
    for path in paths {
        let choices: BTreeSet<Option<&Arc<Text>>> = disks.iter().map(|disk| disk.get(path)).collect();
        let mut wider = BTreeSet::new();
        for view in &views {
            for choice in &choices {
                let mut view = view.clone();
                view.extend(choice.map(|text| (path.clone(), Arc::clone(text))));
                wider.insert(view);
            }
        }
        views = wider;
    }
    views
}
