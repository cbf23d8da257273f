//! Opening a log: the newest file is read and judged. An unfinished end is cut, and damage is left as it is, with a new
//! file behind it.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::chain::{self, Link};
use super::files;
use super::record::{Action, Place, Record};
use super::writer::{Log, Tip};
use super::{AppendError, OpenError, Options};
use crate::disk;
use crate::domain::{StoreId, Timestamp};

/// Commits of which the log has nothing, and should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The first record that is missing.
    pub from: Place,
    /// The first one behind it that is there.
    pub to: Place,
}

/// A log, and what opening it found.
#[derive(Debug)]
pub struct Opened {
    /// Ready for more.
    pub log: Log,
    /// What the damage took, where there is any.
    pub holes: Vec<Hole>,
    /// What there is to tell: that an end was cut, or that a file is damaged. It is in the log already.
    pub told: Vec<Record>,
}

impl Log {
    /// Opens the log in this directory; none: there is no log yet.
    ///
    /// # Errors
    /// The directory or a file of it cannot be read or written.
    pub fn open(dir: &Path, store_id: StoreId, options: Options) -> Result<Option<Opened>, OpenError> {
        let mut listed = files::list(dir).map_err(files::at(dir.to_owned()))?;
        let mut told = Vec::new();
        while let Some((first, _)) = listed.pop() {
            let at = || files::at(dir.join(files::name(first)));
            let bytes = fs::read(dir.join(files::name(first))).map_err(at())?;
            let scan = Scan::of(&bytes);
            let torn = bytes.get(scan.kept..).unwrap_or_default();
            if !torn.is_empty() {
                told.push(cut(first, scan.kept, torn));
            }
            if scan.kept == 0 {
                // A file that was begun, and never had a whole record.
                files::remove(dir, first).map_err(at())?;
                continue;
            }
            let file = files::open(dir, first).map_err(at())?;
            if scan.broken.is_none() {
                // The page cache may hold what a sync failed to bring to the disk, marked as clean: it is written once more.
                files::write_all_at(&file, bytes.get(..scan.kept).unwrap_or_default(), 0)
                    .and_then(|()| file.set_len(scan.kept as u64))
                    .and_then(|()| file.sync_all())
                    .map_err(at())?;
            }
            let before = Before::of(dir, &listed, &scan).map_err(files::at(dir.to_owned()))?;
            let tip = Tip {
                seq: first.saturating_sub(1).saturating_add(scan.lines),
                link: before.link.unwrap_or_else(|| Link::first(store_id)),
                time: before.time.unwrap_or(Timestamp(i64::MIN)),
                next: before.next.unwrap_or(Place::behind(0)),
            };
            let active = match scan.broken {
                None => (first, file, scan.kept as u64),
                Some((line, problem)) => {
                    told.push(broken(first, &bytes, line, problem));
                    listed.push((first, bytes.len() as u64));
                    let next = tip.seq.saturating_add(1);
                    (next, files::create(dir, next).map_err(files::at(dir.to_owned()))?, 0)
                }
            };
            let log = Self::at(dir, options, listed, active, tip);
            return Ok(Some(Opened { log, holes: scan.holes, told }));
        }
        Ok(None)
    }

    /// Begins a log, durable with its first record.
    ///
    /// # Errors
    /// The directory cannot be written, or there is a log in it.
    pub fn begin(dir: &Path, store_id: StoreId, options: Options, first: Record) -> Result<Self, OpenError> {
        let io = || files::at(dir.to_owned());
        disk::create_private_dir(dir).map_err(io())?;
        let file = files::create(dir, 1).map_err(io())?;
        let next = Place::behind(first.through.unwrap_or(0));
        let tip = Tip { seq: 0, link: Link::first(store_id), time: Timestamp(i64::MIN), next };
        let mut log = Self::at(dir, options, Vec::new(), (1, file, 0), tip);
        let begun = log.append(vec![first]).and_then(|()| log.sync());
        match begun {
            Ok(()) => Ok(log),
            Err(error) => {
                // Half a beginning is none.
                drop(files::remove(dir, 1));
                let source = match error {
                    AppendError::Full => io::ErrorKind::StorageFull.into(),
                    AppendError::Failed(source) => source,
                };
                Err(io()(source))
            }
        }
    }
}

/// What a file of the log holds.
#[derive(Default)]
struct Scan {
    /// Up to here it stays as it is.
    kept: usize,
    /// Lines in it, the damaged ones included.
    lines: u64,
    /// The first line that is damaged, from 1, and how.
    broken: Option<(u64, &'static str)>,
    holes: Vec<Hole>,
    /// Of its last sound record.
    link: Option<Link>,
    time: Option<Timestamp>,
    /// Where the next commit belongs, by what is in this file.
    next: Option<Place>,
}

impl Scan {
    fn of(bytes: &[u8]) -> Self {
        let mut scan = Self::default();
        // The damaged lines behind the last sound one: the first of them, and whether it holds zeros.
        let (mut at, mut damage) = (0, None);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            let Some(line) = line.strip_suffix(b"\n") else { break };
            scan.lines += 1;
            match chain::read(line) {
                Ok(read) => {
                    let goes_on = scan.link.is_none_or(|link| link == read.previous);
                    scan.broken = scan.broken.or(damage.take().map(|(found, _)| found));
                    if !goes_on && scan.broken.is_none() {
                        scan.broken = Some((scan.lines, "does not go on from the line before it"));
                    }
                    scan.take(&read.record);
                    (scan.link, scan.time) = (Some(read.link), Some(read.record.time));
                    scan.kept = at;
                }
                Err(problem) => damage = damage.or(Some(((scan.lines, problem), line.contains(&0)))),
            }
        }
        match damage {
            // Zeros are what a power cut leaves of lines that never reached the disk.
            Some(((line, _), true)) if scan.broken.is_none() => scan.lines = line - 1,
            Some((found, _)) => scan.broken = scan.broken.or(Some(found)),
            None => {}
        }
        if scan.broken.is_some() {
            // Nothing of a damaged file is changed: it is evidence.
            scan.kept = bytes.len();
        }
        scan
    }

    fn take(&mut self, record: &Record) {
        if let Some(through) = record.through {
            self.next = Some(Place::behind(through));
        }
        let (Some(place), Some(next)) = (record.place(), record.next_place()) else { return };
        if let Some(expected) = self.next.filter(|expected| self.broken.is_some() && place > *expected) {
            self.holes.push(Hole { from: expected, to: place });
        }
        // Records that fill a hole lie behind newer ones.
        self.next = self.next.max(Some(next));
    }
}

/// What a log goes on from: of the newest file, or of those before it where that one does not say.
struct Before {
    link: Option<Link>,
    time: Option<Timestamp>,
    next: Option<Place>,
}

impl Before {
    fn of(dir: &Path, older: &[(u64, u64)], newest: &Scan) -> io::Result<Self> {
        let mut before = Self { link: newest.link, time: newest.time, next: newest.next };
        for (first, _) in older.iter().rev() {
            if before.link.is_some() && before.next.is_some() {
                break;
            }
            let scan = Scan::of(&fs::read(dir.join(files::name(*first)))?);
            before.link = before.link.or(scan.link);
            before.time = before.time.or(scan.time);
            before.next = before.next.or(scan.next);
        }
        Ok(before)
    }
}

fn cut(first: u64, offset: usize, torn: &[u8]) -> Record {
    let (bytes, digest) = (torn.len(), chain::hex(&Sha256::digest(torn).into()));
    let detail =
        format!("{bytes} bytes from byte {offset} on were no whole record; their SHA-256 is {digest}");
    Record { what: files::name(first), detail, ..Record::of(Action::LogCut) }
}

fn broken(first: u64, bytes: &[u8], line: u64, problem: &str) -> Record {
    let digest = chain::hex(&Sha256::digest(bytes).into());
    let detail = format!("line {line} {problem}; the file stays as it is, and its SHA-256 is {digest}");
    Record { what: files::name(first), detail, ..Record::of(Action::LogBroken) }
}
