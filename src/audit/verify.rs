//! Looking through a whole log: every line against its hash, every hash against the line before, every number and every
//! commit against the one before, and what is gone against what says that it went.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use super::chain::{self, Link};
use super::files;
use super::record::{Action, Place, Record};
use crate::domain::{StoreId, Timestamp};

/// Findings that are told of one file.
const TOLD: usize = 20;

/// What was found in a log.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Files.
    pub files: u64,
    /// Sound records.
    pub records: u64,
    /// The first and the last of them.
    pub times: Option<(Timestamp, Timestamp)>,
    /// The number and the hash of the last line, which stands for all before it.
    pub head: Option<(u64, Link)>,
    /// The first commit that the log may be asked for, and the first one behind all that it has.
    pub commits: (u64, u64),
    /// How many records each commit has, from the one asked for on.
    pub of_commits: BTreeMap<u64, u32>,
    /// What is wrong: each with the file that it is about.
    pub findings: Vec<(String, String)>,
}

/// Looks through the log in this directory. `oldest` is the first commit whose records are counted. Nothing is changed.
///
/// # Errors
/// The directory or a file of it cannot be read.
pub fn verify(dir: &Path, store_id: StoreId, oldest: u64) -> io::Result<Option<Verified>> {
    let listed = files::list(dir)?;
    if listed.is_empty() {
        return Ok(None);
    }
    let mut look = Look {
        store_id,
        oldest,
        seq: None,
        link: None,
        next: None,
        since: None,
        refills: false,
        damaged: false,
        told: 0,
        removed: BTreeSet::new(),
        first: None,
        found: Verified {
            files: listed.len() as u64,
            records: 0,
            times: None,
            head: None,
            commits: (0, 0),
            of_commits: BTreeMap::new(),
            findings: Vec::new(),
        },
    };
    for (first, _) in listed {
        look.file(&files::name(first), first, &fs::read(dir.join(files::name(first)))?);
    }
    Ok(Some(look.done()))
}

struct Look {
    store_id: StoreId,
    oldest: u64,
    /// Of the last line, by its record.
    seq: Option<u64>,
    link: Option<Link>,
    next: Option<Place>,
    since: Option<u64>,
    /// Behind damage, commits that it took may come again.
    refills: bool,
    /// The last line was damaged.
    damaged: bool,
    told: usize,
    /// Files that went: the hash that each ended with.
    removed: BTreeSet<String>,
    /// The file and the hash that the first kept line names, where it is not the first there was.
    first: Option<(String, Link)>,
    found: Verified,
}

impl Look {
    fn file(&mut self, name: &str, first: u64, bytes: &[u8]) {
        self.told = 0;
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let (number, seq) = (at as u64 + 1, first.saturating_add(at as u64));
            let read = match line.strip_suffix(b"\n") {
                Some(line) => chain::read(line),
                None => {
                    Err("is not whole: a write that was cut short, which the next start cuts off, or damage")
                }
            };
            match read {
                Ok(line) => self.line(name, number, &line),
                Err(problem) => {
                    self.tell(name, number, seq, problem);
                    self.damaged = true;
                }
            }
        }
    }

    fn line(&mut self, name: &str, number: u64, line: &chain::Line) {
        let record = &line.record;
        let (seq, begins_behind) = (record.seq, record.action == Action::LogBroken);
        match self.link {
            Some(link) if link != line.previous && !self.damaged && !begins_behind => {
                self.tell(name, number, seq, "does not go on from the line before it");
                self.refills = true;
            }
            None if !self.damaged && seq == 1 && line.previous != Link::first(self.store_id) => {
                self.tell(name, number, seq, "begins the log of another store");
            }
            None if seq > 1 => self.first = Some((name.to_owned(), line.previous)),
            _ => {}
        }
        let expected = self.seq.map_or(seq, |last| last.saturating_add(1));
        if seq < expected || (seq > expected && !self.damaged && !begins_behind) {
            self.tell(name, number, seq, &format!("stands where record {expected} belongs"));
        }
        if begins_behind {
            let problem =
                format!("goes on behind damage that a start found in {}: {}", record.what, record.detail);
            self.tell(name, number, seq, &problem);
            self.refills = true;
        }
        self.place(name, number, record);
        if record.action == Action::LogRemoved {
            self.removed.insert(record.last_hash.clone());
        }
        self.found.records += 1;
        self.found.times = Some((self.found.times.map_or(record.time, |(first, _)| first), record.time));
        self.found.head = Some((seq, line.link));
        (self.seq, self.link, self.damaged) = (Some(seq), Some(line.link), false);
    }

    /// Commits follow one another without a gap, and each has all its records.
    fn place(&mut self, name: &str, number: u64, record: &Record) {
        if let Some(through) = record.through {
            if self.next.is_none() {
                self.since = Some(through.saturating_add(1));
            }
            // A power cut may take commits that are recorded; but none goes from the journal before it is.
            if self.next.is_some_and(|next| next.commit <= through) {
                self.tell(name, number, record.seq, &record.detail);
            }
            if record.action == Action::LogLost {
                self.found.of_commits.retain(|commit, _| *commit <= through);
            }
            self.next = Some(Place::behind(through));
        }
        let (Some(place), Some(next)) = (record.place(), record.next_place()) else { return };
        // The first kept file may begin in the midst of a commit.
        let since = if place.part > 1 { place.commit.saturating_add(1) } else { place.commit };
        self.since = self.since.or(Some(since));
        let expected = self.next.unwrap_or(place);
        let excused = self.damaged || (self.refills && place < expected);
        if place != expected && !excused {
            let problem =
                format!("tells of commit {} where commit {} belongs", place.commit, expected.commit);
            self.tell(name, number, record.seq, &problem);
        }
        if place.commit >= self.oldest {
            *self.found.of_commits.entry(place.commit).or_default() += 1;
        }
        self.next = self.next.max(Some(next));
    }

    fn tell(&mut self, name: &str, line: u64, seq: u64, problem: &str) {
        self.told += 1;
        if self.told <= TOLD {
            self.found.findings.push((name.to_owned(), format!("line {line}, record {seq}: {problem}")));
        } else if self.told == TOLD + 1 {
            self.found.findings.push((name.to_owned(), "and more that is not told".to_owned()));
        }
    }

    fn done(mut self) -> Verified {
        if let Some((name, previous)) = &self.first
            && !self.removed.contains(&previous.to_string())
        {
            let problem = "line 1: the records before it are gone, and none says that they were let go of";
            self.found.findings.push((name.clone(), problem.to_owned()));
        }
        let next = self.next.map_or(1, |place| place.commit);
        self.found.commits = (self.since.unwrap_or(next), next);
        self.found
    }
}
