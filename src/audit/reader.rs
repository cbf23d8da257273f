//! Reading the log, newest first, in pages: every line is held against its hash, and how far one page looks is bounded.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::chain;
use super::files;
use super::record::{Action, Record};
use super::writer::Visible;
use crate::domain::Timestamp;

/// Bytes that are read at once. Longer than any line.
const BLOCK: u64 = 256 * 1024;
/// Bytes that one page looks at.
const LOOKED_AT: u64 = 4 * 1024 * 1024;
/// Bytes of the lines on one page.
const PAGE: usize = 1024 * 1024;

/// Which records are wanted. What is none, all have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this principal.
    pub principal: Option<String>,
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of this persona.
    pub name: Option<String>,
    /// Of this kind.
    pub action: Option<Action>,
    /// At this moment or later.
    pub start: Option<Timestamp>,
    /// Before this moment.
    pub end: Option<Timestamp>,
}

impl Filter {
    /// Whether it wants this record.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        is(&self.principal, &record.principal)
            && is(&self.namespace, &record.namespace)
            && is(&self.name, &record.name)
            && self.action.is_none_or(|action| action == record.action)
            && self.start.is_none_or(|start| record.time >= start)
            && self.end.is_none_or(|end| record.time < end)
    }
}

/// A place between two lines, to go on from towards older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The number of the file's first record.
    pub file: u64,
    /// A byte of the file.
    pub offset: u64,
}

/// Records, newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// The records. One that cannot be read stands there as [`Action::LogBroken`] with the number 0.
    pub records: Vec<Record>,
    /// Where to go on; none: there is nothing older.
    pub next: Option<Mark>,
}

/// Reads a log that is being written.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: PathBuf,
    visible: Arc<RwLock<Visible>>,
}

impl Reader {
    pub(super) fn new(dir: PathBuf, visible: Arc<RwLock<Visible>>) -> Self {
        Self { dir, visible }
    }

    /// A page of at most `most` records older than a place, or of the newest. It may be shorter, or empty, and yet not
    /// be the last.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&self, filter: &Filter, from: Option<Mark>, most: usize) -> io::Result<Page> {
        let files: Vec<(u64, u64)> = {
            let visible = self.visible.read().unwrap_or_else(PoisonError::into_inner);
            visible.sealed.iter().copied().chain([visible.active]).collect()
        };
        let mut reading = Reading { filter, most, left: LOOKED_AT, bytes: 0, page: Page::default() };
        for (file, length) in files.into_iter().rev() {
            let end = match from {
                Some(from) if file > from.file => continue,
                Some(from) if file == from.file => from.offset.min(length),
                _ => length,
            };
            if !reading.file(&self.dir, file, end)? {
                break;
            }
        }
        Ok(reading.page)
    }
}

struct Reading<'a> {
    filter: &'a Filter,
    most: usize,
    left: u64,
    bytes: usize,
    page: Page,
}

impl Reading<'_> {
    /// Reads a file backwards from here; whether to go on with the one before.
    fn file(&mut self, dir: &std::path::Path, first: u64, mut end: u64) -> io::Result<bool> {
        let file = match files::open_to_read(dir, first) {
            // It was let go of in this moment, and all older ones before it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        while end > 0 {
            let start = end.saturating_sub(BLOCK);
            let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
            files::read_exact_at(&file, &mut block, start)?;
            // The first line of a block is likely to begin before it.
            let skipped = match block.iter().position(|byte| *byte == b'\n') {
                Some(newline) if start > 0 && newline + 1 < block.len() => newline + 1,
                _ => 0,
            };
            let lines = block.get(skipped..).unwrap_or_default();
            for line in lines.split_inclusive(|byte| *byte == b'\n').rev() {
                if self.page.records.len() >= self.most || self.left == 0 || self.bytes > PAGE {
                    self.page.next = Some(Mark { file: first, offset: end });
                    return Ok(false);
                }
                end = end.saturating_sub(line.len() as u64);
                self.left = self.left.saturating_sub(line.len() as u64);
                if !self.line(line, first, end) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Takes a line, where it is wanted; whether older ones may be.
    fn line(&mut self, line: &[u8], first: u64, offset: u64) -> bool {
        let record = match chain::read(line.strip_suffix(b"\n").unwrap_or(line)) {
            Ok(read) => read.record,
            Err(problem) => {
                let detail =
                    format!("the line at byte {offset} {problem}; persona check looks through the log");
                self.page.records.push(Record {
                    what: files::name(first),
                    detail,
                    ..Record::of(Action::LogBroken)
                });
                return true;
            }
        };
        // Times never fall along the log.
        if self.filter.start.is_some_and(|start| record.time < start) {
            return false;
        }
        if self.filter.wants(&record) {
            self.bytes += line.len();
            self.page.records.push(record);
        }
        true
    }
}
