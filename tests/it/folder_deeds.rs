//! What people and programs do to a folder of Markdown, by chance: each deed on the disk, and the same for the model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::folder_model::{Disk, Kind, Step, Text, World};
use crate::harness::document;
use crate::journal_commits::Dice;

/// How a text gets into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Cut to nothing and written.
    InPlace,
    /// The same, in two writes with a pause between them.
    Halves,
    /// Written beside it and renamed, as most editors do.
    Rename,
}

#[derive(Debug, Clone)]
pub enum Deed {
    Write(String, Arc<Text>, Way),
    Move(String, String),
    Remove(String),
    /// A folder with all that is in it leaves, or returns.
    Away(String),
    Back(String),
}

impl Deed {
    /// Does it, in the folder; what is away lies in `aside`.
    pub fn happen(&self, root: &Path, aside: &Path, dice: &mut Dice) {
        match self {
            Self::Write(path, text, way) => {
                let path = root.join(path);
                let beside = path.with_extension("md~");
                let target = if *way == Way::Rename { &beside } else { &path };
                let mut options = OpenOptions::new();
                let mut file = options.write(true).create(true).truncate(true).open(target).unwrap();
                let cut = if *way == Way::Halves { half(&text.bytes) } else { 0 };
                file.write_all(&text.bytes[..cut]).unwrap();
                if *way == Way::Halves {
                    pause(dice);
                }
                file.write_all(&text.bytes[cut..]).unwrap();
                drop(file);
                if *way == Way::Rename {
                    fs::rename(beside, path).unwrap();
                }
            }
            Self::Move(from, to) => fs::rename(root.join(from), root.join(to)).unwrap(),
            Self::Remove(path) => fs::remove_file(root.join(path)).unwrap(),
            Self::Away(dir) => fs::rename(root.join(dir), aside_of(aside, dir)).unwrap(),
            Self::Back(dir) => fs::rename(aside_of(aside, dir), root.join(dir)).unwrap(),
        }
    }

    /// What whoever reads the folder may see of it, moment by moment. `away` holds what the folders that are away have in
    /// them; `torn`: also what is seen by one who takes everything as it stands.
    pub fn steps(&self, disk: &Disk, away: &mut BTreeMap<String, Disk>, torn: bool) -> Vec<Step> {
        match self {
            Self::Write(path, text, way) => {
                let cut = half(&text.bytes);
                let begun = match way {
                    Way::Halves => Some(Text::new(text.kind.clone(), text.bytes[..cut].to_vec())),
                    _ => None,
                };
                let empty = (torn && *way != Way::Rename).then(|| Text::new(Kind::Broken(None), Vec::new()));
                let moments = [empty, begun, Some(Arc::clone(text))].into_iter().flatten();
                moments.map(|text| vec![(path.clone(), Some(text))]).collect()
            }
            Self::Move(from, to) => {
                vec![vec![(from.clone(), None), (to.clone(), Some(Arc::clone(&disk[from])))]]
            }
            Self::Remove(path) => vec![vec![(path.clone(), None)]],
            Self::Away(dir) => {
                let inside = inside(disk, dir);
                let step = inside.keys().map(|path| (path.clone(), None)).collect();
                away.insert(dir.clone(), inside);
                vec![step]
            }
            Self::Back(dir) => {
                let inside = away.remove(dir).unwrap();
                vec![inside.into_iter().map(|(path, text)| (path, Some(text))).collect()]
            }
        }
    }
}

/// The files below a folder.
pub fn inside(disk: &Disk, dir: &str) -> Disk {
    let within = disk.iter().filter(|(path, _)| path.starts_with(&format!("{dir}/")));
    within.map(|(path, text)| (path.clone(), Arc::clone(text))).collect()
}

fn aside_of(aside: &Path, dir: &str) -> PathBuf {
    aside.join(dir.replace('/', "+"))
}

/// Where a text is cut that is written in two: behind its front matter, so that the first half is a persona too.
fn half(bytes: &[u8]) -> usize {
    bytes.len() - bytes.len() / 4
}

/// Now and then a moment, so that others come between.
pub fn pause(dice: &mut Dice) {
    if dice.below(3) == 0 {
        std::thread::sleep(Duration::from_micros(dice.roll() % 40_000));
    }
}

/// Makes texts, names and paths that were never there before, and remembers the texts.
pub struct Maker {
    pub dice: Dice,
    pub dirs: Vec<String>,
    pub texts: BTreeMap<String, Arc<Text>>,
    made: usize,
}

impl Maker {
    /// For a folder of nested folders, enough for this many files.
    pub fn new(dice: Dice, files: usize) -> Self {
        let mut dirs = Vec::new();
        for team in 0..(files / 200).max(3) {
            dirs.push(format!("team-{team}"));
            for area in 0..5 {
                dirs.push(format!("team-{team}/area-{area}"));
                dirs.push(format!("team-{team}/area-{area}/more"));
            }
        }
        Self { dice, dirs, texts: BTreeMap::new(), made: 0 }
    }

    fn number(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    pub fn name(&mut self) -> String {
        format!("persona-{:05}", self.number())
    }

    /// A path in one of the folders that nobody moves.
    pub fn path(&mut self, closed: &BTreeSet<String>) -> String {
        loop {
            let dir = self.dirs[self.dice.below(self.dirs.len())].clone();
            if !closed.iter().any(|closed| dir == *closed || dir.starts_with(&format!("{closed}/"))) {
                // Neither the order of names nor that of files is that in which they were made.
                return format!("{dir}/{:04x}-{}.md", self.dice.below(1 << 16), self.number());
            }
        }
    }

    pub fn persona(&mut self, name: &str) -> Arc<Text> {
        let lines = if self.dice.below(100) == 0 { 1500 } else { 4 + self.dice.below(40) };
        let line = "Say what you know, where it is from, and what you do not know.\n";
        let body = format!("Text {}.\n{}", self.number(), line.repeat(lines));
        let text = Text::persona(name, document(name, &body));
        self.remember(text)
    }

    fn broken(&mut self, name: Option<&str>) -> Arc<Text> {
        let number = self.number();
        let name = name.filter(|_| self.dice.below(2) == 0);
        let text = match name {
            // It lacks a description.
            Some(name) => format!("---\nname: {name}\n---\n# Broken {number}\n"),
            None => format!("# Broken {number}\n\nThere is nothing before this.\n"),
        };
        self.remember(Text::new(Kind::Broken(name.map(ToOwned::to_owned)), text.into_bytes()))
    }

    fn remember(&mut self, text: Arc<Text>) -> Arc<Text> {
        self.texts.insert(text.digest.clone(), Arc::clone(&text));
        text
    }

    /// The next deed among files and names that have to do with one another, and the disk after it.
    pub fn deed(&mut self, knot: &mut Knot, world: &World, closed: &BTreeSet<String>) -> Deed {
        let paths: Vec<String> = knot.disk.keys().cloned().collect();
        let deed = match paths.get(self.dice.below(paths.len().max(1))) {
            Some(path) => self.deed_at(path.clone(), knot, world, closed),
            None => self.creation(knot, world, closed),
        };
        for step in deed.steps(&knot.disk, &mut BTreeMap::new(), false) {
            knot.paths.extend(step.iter().map(|(path, _)| path.clone()));
            knot.names.extend(step.iter().filter_map(|(_, text)| Some(text.as_ref()?.name()?.to_owned())));
            crate::folder_model::apply(&mut knot.disk, &step);
        }
        deed
    }

    fn deed_at(&mut self, path: String, knot: &mut Knot, world: &World, closed: &BTreeSet<String>) -> Deed {
        let way = [Way::InPlace, Way::Halves, Way::Rename][self.dice.below(3)];
        let own = knot.disk[&path].name().map(ToOwned::to_owned);
        match self.dice.below(16) {
            0..5 => {
                let name = own.unwrap_or_else(|| self.some_name(knot));
                Deed::Write(path, self.persona(&name), way)
            }
            5..7 => Deed::Move(path, self.path(closed)),
            7..9 => {
                let name = self.some_name(knot);
                Deed::Write(path, self.persona(&name), way)
            }
            9..12 => Deed::Remove(path),
            12..14 => {
                // The half of a broken text is another kind of broken.
                let way = if way == Way::Halves { Way::InPlace } else { way };
                Deed::Write(path, self.broken(own.as_deref()), way)
            }
            14 => self.creation(knot, world, closed),
            // What is brought back as it was.
            _ => {
                let base = own.and_then(|name| world.bases.get(&name));
                match base.and_then(|base| self.texts.get(&base.digest)) {
                    Some(text) => Deed::Write(path, Arc::clone(text), way),
                    None => Deed::Remove(path),
                }
            }
        }
    }

    fn creation(&mut self, knot: &Knot, world: &World, closed: &BTreeSet<String>) -> Deed {
        let name = self.some_name(knot);
        let base = world.bases.get(&name);
        let text =
            match base.filter(|_| self.dice.below(3) == 0).and_then(|base| self.texts.get(&base.digest)) {
                Some(text) => Arc::clone(text),
                None => self.persona(&name),
            };
        Deed::Write(self.path(closed), text, Way::InPlace)
    }

    /// One of the names at hand, or a new one.
    fn some_name(&mut self, knot: &Knot) -> String {
        let at = self.dice.below(knot.names.len() + 1);
        knot.names.iter().nth(at).cloned().unwrap_or_else(|| self.name())
    }

    /// What clients do with the names at hand: one or two puts and deletions.
    pub fn calls(&mut self, knot: &mut Knot, world: &World) -> Vec<Request> {
        let name = self.some_name(knot);
        let base = world.bases.get(&name).and_then(|base| self.texts.get(&base.digest)).cloned();
        if let (Some(base), 0) = (base, self.dice.below(4)) {
            // What looks as if nothing had happened is a client's own from then on.
            return vec![(name.clone(), None), (name, Some(base))];
        }
        (0..=self.dice.below(2)).map(|_| self.call(knot)).collect()
    }

    /// What a client puts under one of the names at hand; none: it deletes.
    fn call(&mut self, knot: &mut Knot) -> Request {
        let name = self.some_name(knot);
        knot.names.insert(name.clone());
        let same = knot.disk.values().find(|text| text.kind == Kind::Persona(name.clone())).cloned();
        let put = match self.dice.below(8) {
            0..3 => None,
            3..5 => same.or_else(|| Some(self.persona(&name))),
            _ => Some(self.persona(&name)),
        };
        (name, put)
    }
}

/// A name, and what a client puts there; none: it deletes.
pub type Request = (String, Option<Arc<Text>>);

/// Files and names that have to do with one another: by what the files say, and by what was brought from where.
#[derive(Debug, Clone, Default)]
pub struct Knot {
    pub names: BTreeSet<String>,
    pub paths: BTreeSet<String>,
    /// The files among them, as they will be.
    pub disk: Disk,
}

/// Who has to do with whom.
pub struct Ties {
    names: BTreeMap<String, BTreeSet<String>>,
    paths: BTreeMap<String, BTreeSet<String>>,
}

impl Ties {
    pub fn new(disk: &Disk, away: &BTreeMap<String, Disk>, world: &World) -> Self {
        let mut ties = Self { names: BTreeMap::new(), paths: BTreeMap::new() };
        let files = disk.iter().chain(away.values().flatten());
        let claims = files.filter_map(|(path, text)| Some((path.as_str(), text.name()?)));
        let bases = world.bases.iter().map(|(name, base)| (base.path.as_str(), name.as_str()));
        for (path, name) in claims.chain(bases) {
            ties.names.entry(name.to_owned()).or_default().insert(path.to_owned());
            ties.paths.entry(path.to_owned()).or_default().insert(name.to_owned());
        }
        ties
    }

    /// Whether some file claims the name, or did when it was brought.
    pub fn has_file(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// All that has to do with these.
    pub fn knot(&self, disk: &Disk, paths: Vec<String>, names: Vec<String>) -> Knot {
        let mut knot = Knot::default();
        let (mut paths, mut names) = (paths, names);
        while !paths.is_empty() || !names.is_empty() {
            while let Some(path) = paths.pop() {
                if knot.paths.insert(path.clone()) {
                    names.extend(self.paths.get(&path).into_iter().flatten().cloned());
                }
            }
            while let Some(name) = names.pop() {
                if knot.names.insert(name.clone()) {
                    paths.extend(self.names.get(&name).into_iter().flatten().cloned());
                }
            }
        }
        let here = knot.paths.iter().filter_map(|path| Some((path.clone(), Arc::clone(disk.get(path)?))));
        knot.disk = here.collect();
        knot
    }
}
