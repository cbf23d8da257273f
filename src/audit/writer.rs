//! Appending: lines in one write a group, files that follow one another, and the oldest of them that go.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::chain::{self, Link};
use super::files;
use super::reader::Reader;
use super::record::{Action, Place, Record};
use super::{AppendError, Options};
use crate::domain::Timestamp;

/// What a log goes on from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tip {
    /// The last record's number.
    pub(super) seq: u64,
    pub(super) link: Link,
    pub(super) time: Timestamp,
    /// Where the next record of a commit belongs.
    pub(super) next: Place,
}

/// What readers may look at: whole lines that stay.
#[derive(Debug, Default)]
pub(super) struct Visible {
    /// The files that are written no more, oldest first, with their lengths.
    pub(super) sealed: VecDeque<(u64, u64)>,
    /// The newest file, and its whole lines.
    pub(super) active: (u64, u64),
}

/// The log, for its one writer.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    options: Options,
    visible: Arc<RwLock<Visible>>,
    file: File,
    length: u64,
    tip: Tip,
    dirty: bool,
    rotated: bool,
    failed: Option<(io::ErrorKind, String)>,
    /// The bytes of a group, kept between appends.
    buffer: Vec<u8>,
}

/// What the buffer keeps of its room between appends, in bytes.
const BUFFER_KEPT: usize = 1 << 20;

impl Log {
    pub(super) fn at(
        dir: &Path,
        options: Options,
        sealed: Vec<(u64, u64)>,
        (first, file, length): (u64, File, u64),
        tip: Tip,
    ) -> Self {
        let visible = Visible { sealed: sealed.into(), active: (first, length) };
        Self {
            dir: dir.to_owned(),
            options,
            visible: Arc::new(RwLock::new(visible)),
            file,
            length,
            tip,
            dirty: false,
            // The bound may be a smaller one than last time.
            rotated: true,
            failed: None,
            buffer: Vec::new(),
        }
    }

    /// Where the next record of a commit belongs: everything before is in the log.
    #[must_use]
    pub fn next_place(&self) -> Place {
        self.tip.next
    }

    /// Reads what is appended, on any thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.dir.clone(), Arc::clone(&self.visible))
    }

    /// Appends records in order, each with the next number and a time that never falls. Nothing is synced. Where it
    /// fails, those before the failure may be in the log: [`Log::next_place`] tells.
    ///
    /// # Errors
    /// There is no room, or the log is of no use any more.
    pub fn append(&mut self, records: Vec<Record>) -> Result<(), AppendError> {
        self.append_all(records)?;
        if self.rotated {
            match self.let_go() {
                Ok(()) => self.rotated = false,
                // What was to be appended is in the log: said otherwise, it would be appended once more.
                Err(AppendError::Full) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn append_all(&mut self, records: Vec<Record>) -> Result<(), AppendError> {
        self.usable()?;
        self.buffer.clear();
        let mut tip = self.tip;
        for mut record in records {
            record.seq = tip.seq.saturating_add(1);
            record.time = record.time.max(tip.time);
            let start = self.buffer.len();
            let link = chain::write(&mut self.buffer, tip.link, &record)
                .map_err(|error| AppendError::Failed(error.into()))?;
            let length = self.length.saturating_add(self.buffer.len() as u64);
            if length > self.options.segment_bytes && self.length.saturating_add(start as u64) > 0 {
                let line = self.buffer.split_off(start);
                self.flush(tip)?;
                self.rotate(record.seq)?;
                self.buffer.extend_from_slice(&line);
            }
            let next = match (record.through, record.next_place()) {
                (Some(through), _) => Place::behind(through),
                // Records that fill a hole lie behind newer ones.
                (None, after) => after.map_or(tip.next, |after| after.max(tip.next)),
            };
            tip = Tip { seq: record.seq, link, time: record.time, next };
        }
        self.flush(tip)
    }

    /// Writes what is in the buffer. Where there is no room the file is what it was.
    fn flush(&mut self, tip: Tip) -> Result<(), AppendError> {
        if !self.buffer.is_empty() {
            self.dirty = true;
            if let Err(error) = files::write_all_at(&self.file, &self.buffer, self.length) {
                let undone = self.file.set_len(self.length);
                return Err(match undone {
                    Ok(()) if files::is_full(&error) => AppendError::Full,
                    _ => self.fail(error),
                });
            }
            self.length = self.length.saturating_add(self.buffer.len() as u64);
            self.look(|visible, length| visible.active.1 = length);
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        self.tip = tip;
        Ok(())
    }

    /// Begins a file with the record of this number.
    fn rotate(&mut self, first: u64) -> Result<(), AppendError> {
        self.sync()?;
        let file = match files::create(&self.dir, first) {
            Ok(file) => file,
            Err(error) if files::is_full(&error) => return Err(AppendError::Full),
            Err(error) => return Err(self.fail(error)),
        };
        (self.file, self.length, self.rotated) = (file, 0, true);
        self.look(|visible, _| {
            visible.sealed.push_back(visible.active);
            visible.active = (first, 0);
        });
        Ok(())
    }

    /// Lets go of the oldest files while there are too many bytes. First a record says which one goes.
    fn let_go(&mut self) -> Result<(), AppendError> {
        let most = self.options.max_bytes;
        if most == 0 {
            return Ok(());
        }
        loop {
            let (total, oldest, next) = {
                let visible = self.visible.read().unwrap_or_else(PoisonError::into_inner);
                let sealed: u64 = visible.sealed.iter().map(|(_, bytes)| *bytes).sum();
                let next = visible.sealed.get(1).map_or(visible.active.0, |(first, _)| *first);
                (sealed.saturating_add(self.length), visible.sealed.front().copied(), next)
            };
            let Some((first, bytes)) = oldest.filter(|_| total > most) else { return Ok(()) };
            let last_hash = match self.previous_of(next) {
                Ok(link) => link,
                Err(error) => {
                    tracing::error!(%error, file = next, "the audit log cannot tell what its oldest file ends with; it stays");
                    return Ok(());
                }
            };
            let detail =
                format!("records {first} to {}, {bytes} bytes: the log had more than {most}", next - 1);
            let what = files::name(first);
            self.append_all(vec![Record { what, last_hash, detail, ..Record::of(Action::LogRemoved) }])?;
            self.sync()?;
            self.look(|visible, _| {
                visible.sealed.pop_front();
            });
            if let Err(error) = files::remove(&self.dir, first) {
                return Err(self.fail(error));
            }
        }
    }

    /// The hash that the first line of a file names.
    fn previous_of(&self, first: u64) -> io::Result<String> {
        let mut start = [0; chain::COVERED + 8 + 64];
        files::read_exact_at(&files::open(&self.dir, first)?, &mut start, 0)?;
        let digits = start.get(chain::COVERED + 8..).and_then(chain::unhex);
        digits.map(|digits| chain::hex(&digits)).ok_or(io::ErrorKind::InvalidData.into())
    }

    /// Makes durable what was appended. Does nothing when all of it is.
    ///
    /// # Errors
    /// A failure is final.
    pub fn sync(&mut self) -> Result<(), AppendError> {
        self.usable()?;
        if self.dirty {
            if let Err(error) = self.file.sync_data() {
                return Err(self.fail(error));
            }
            self.dirty = false;
        }
        Ok(())
    }

    fn look(&self, change: impl FnOnce(&mut Visible, u64)) {
        change(&mut self.visible.write().unwrap_or_else(PoisonError::into_inner), self.length);
    }

    fn usable(&self) -> Result<(), AppendError> {
        match &self.failed {
            None => Ok(()),
            Some((kind, text)) => Err(AppendError::Failed(io::Error::new(*kind, text.clone()))),
        }
    }

    /// A failed write or sync is never tried again: after it the page cache may show what the disk lacks.
    fn fail(&mut self, error: io::Error) -> AppendError {
        self.failed = Some((error.kind(), error.to_string()));
        AppendError::Failed(error)
    }
}
