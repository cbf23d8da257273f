//! Judging the files of a journal before any byte of them is changed: a torn tail, damage, or sound.

use std::io;
use std::path::PathBuf;

use super::Durability;
use super::error::{Corruption, OpenError, Problem};
use super::file::File;
use super::frame::Window;
use super::open::Opening;
use super::scan::{Behind, Cursor, Step, Stop};
use super::segment::{self, HEADER, Header};
use crate::domain::{Revision, Sequence};
use crate::record;

/// A segment whose header is sound.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) file: Box<dyn File>,
}

/// Where the records of a segment end.
#[derive(Debug)]
pub(super) struct Extent {
    pub(super) end: u64,
    pub(super) next: Sequence,
    pub(super) stop: Stop,
    /// Where the newest group begins: what lies before had been synced when it was written.
    pub(super) group: u64,
    pub(super) revision: Revision,
}

impl Opening {
    pub(super) fn path(&self, first: Sequence) -> PathBuf {
        self.storage.path(&segment::name(first))
    }

    pub(super) fn io(&self, first: Sequence) -> impl FnOnce(io::Error) -> OpenError {
        let path = self.path(first);
        move |source| OpenError::Io { path, source }
    }

    pub(super) fn dir_io(&self, source: io::Error) -> OpenError {
        OpenError::Io { path: self.storage.path(""), source }
    }

    /// The first sequences of all segments, ascending.
    pub(super) fn list(&self) -> Result<Vec<Sequence>, OpenError> {
        let names = self.storage.list().map_err(|source| self.dir_io(source))?;
        let mut firsts: Vec<_> = names.iter().filter_map(|name| segment::parse_name(name)).collect();
        firsts.sort_unstable();
        Ok(firsts)
    }

    /// The segment, or what is wrong with its header.
    pub(super) fn read_header(&self, first: Sequence) -> Result<Result<Found, Corruption>, OpenError> {
        let file = self.storage.open(&segment::name(first)).map_err(self.io(first))?;
        let mut bytes = [0; HEADER as usize];
        let read = file.fill_at(&mut bytes, 0).map_err(self.io(first))?;
        let header = match Header::decode(bytes.get(..read).unwrap_or_default()) {
            Ok(header) if header.first == first => Ok(header),
            Ok(_) => Err(Problem::Header("names another first record than the file name does")),
            Err(problem) => Err(problem),
        };
        Ok(match header {
            Ok(header) => Ok(Found { header, file }),
            Err(problem) => Err(self.corruption(first, 0, first, problem)),
        })
    }

    /// Whether the segment was never finished: its header is written and synced before any record, so one with
    /// a torn header holds nothing but zeros behind it. A sound header of a newer format is not torn.
    pub(super) fn is_unfinished(&self, first: Sequence) -> Result<bool, OpenError> {
        let file = self.storage.open(&segment::name(first)).map_err(self.io(first))?;
        let mut head = [0; HEADER as usize];
        let read = file.fill_at(&mut head, 0).map_err(self.io(first))?;
        if let Ok(_) | Err(Problem::Newer(_)) = Header::decode(head.get(..read).unwrap_or_default()) {
            return Ok(false);
        }
        let mut window = Window::new(&*file).map_err(self.io(first))?;
        let mut at = HEADER;
        while at < window.size() {
            let bytes = window.bytes(at, 64 * 1024).map_err(self.io(first))?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at = at.saturating_add(64 * 1024);
        }
        Ok(true)
    }

    pub(super) fn corruption(
        &self,
        first: Sequence,
        offset: u64,
        sequence: Sequence,
        problem: Problem,
    ) -> Corruption {
        Corruption { path: self.path(first), offset, sequence, problem }
    }

    /// One history, and no file missing between two.
    pub(super) fn check_chain(&self, segments: &[Found]) -> Result<(), OpenError> {
        let mut before: Option<&Header> = None;
        for Found { header, .. } in segments {
            let expected = before.map(|before| before.store_id).or(self.known.store_id);
            if let Some(expected) = expected.filter(|expected| *expected != header.store_id) {
                let problem = Problem::ForeignStore { found: header.store_id, expected };
                return Err(self.corruption(header.first, 0, header.first, problem).into());
            }
            if let Some(before) = before.filter(|before| before.first != header.previous) {
                let problem = Problem::Missing(header.first);
                return Err(self.corruption(header.first, 0, before.first.next(), problem).into());
            }
            before = Some(header);
        }
        Ok(())
    }

    /// A segment that another follows was synced to its end.
    pub(super) fn check_sealed(&self, found: &Found, next: Sequence) -> Result<(), OpenError> {
        let first = found.header.first;
        let extent = self.extent(found)?;
        if extent.next == next {
            return Ok(());
        }
        let problem = match extent.stop {
            Stop::OutOfPlace(sequence) => Problem::OutOfPlace(sequence),
            // More records than the next file's name allows.
            _ if extent.next > next => Problem::OutOfPlace(next),
            stop => Problem::Record(stop.words(), next),
        };
        Err(self.corruption(first, extent.end, extent.next, problem).into())
    }

    pub(super) fn extent(&self, found: &Found) -> Result<Extent, OpenError> {
        let first = found.header.first;
        let window = Window::new(&*found.file).map_err(self.io(first))?;
        let mut cursor = Cursor::new(window, &found.header);
        let mut newest_group = Sequence(0);
        let (mut group, mut last) = (cursor.offset, None);
        let stop = loop {
            let at = cursor.offset;
            match cursor.step().map_err(self.io(first))? {
                Step::Stop(stop) => break stop,
                Step::Record(frame) => {
                    if frame.head.group != newest_group {
                        newest_group = frame.head.group;
                        group = at;
                    }
                    last = Some((at, frame.head.sequence));
                }
            }
        };
        let (end, next) = (cursor.offset, cursor.expected);
        let mut revision = found.header.revision;
        if let Some((at, sequence)) = last {
            cursor.offset = at;
            cursor.expected = sequence;
            if let Step::Record(frame) = cursor.step().map_err(self.io(first))? {
                let commit = record::decode_commit(frame.payload)
                    .map_err(|error| self.corruption(first, at, sequence, error.into()))?;
                revision = commit.revision;
            }
        }
        Ok(Extent { end, next, stop, group, revision })
    }

    /// Tells a torn tail from damage in the middle: a group is written only after the one before was synced,
    /// so a record of a later group proves that what is not there had been safe.
    pub(super) fn check_end(
        &self,
        active: &Found,
        extent: &Extent,
        unfinished: Option<Sequence>,
    ) -> Result<Behind, OpenError> {
        let first = active.header.first;
        let corrupt = |problem| Err(self.corruption(first, extent.end, extent.next, problem).into());
        let window = Window::new(&*active.file).map_err(self.io(first))?;
        let mut cursor = Cursor::new(window, &active.header);
        cursor.offset = extent.end;
        cursor.expected = extent.next;
        let behind = cursor.behind().map_err(self.io(first))?;
        if let Some(later) = behind.later {
            return corrupt(Problem::Record(extent.stop.words(), later));
        }
        if let Stop::OutOfPlace(sequence) = extent.stop {
            return corrupt(Problem::OutOfPlace(sequence));
        }
        // A rotation begins when everything before it is synced.
        if let Some(next) = unfinished.filter(|next| *next != extent.next) {
            return corrupt(Problem::Record(extent.stop.words(), next));
        }
        if self.options.durability == Durability::Strict && self.known.sequence >= extent.next {
            return corrupt(Problem::Behind(self.known.sequence));
        }
        Ok(behind)
    }
}
