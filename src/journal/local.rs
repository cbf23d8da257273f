//! The journal on local files: one positioned write and one data sync a group.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::error::{AppendError, BoxError, OpenError, ReplayError};
use super::file::Storage;
use super::frame::{self, MAX_PAYLOAD};
use super::open::{self, Known, Opened};
use super::records::Records;
use super::segment::{self, HEADER, Header, Room, Segment};
use super::{Durability, Journal, Options, Position};
use crate::domain::{Commit, Sequence, StoreId};
use crate::record;

/// A journal in the files of one directory. Nobody else may write there: the store holds a lock on it.
#[derive(Debug)]
pub struct LocalJournal {
    storage: Arc<dyn Storage>,
    options: Options,
    /// The segments before the active one, ascending.
    sealed: VecDeque<Sealed>,
    active: Segment,
    last: Position,
    /// Up to here everything is durable.
    synced: Sequence,
    /// The failure after which nothing is known of the files any more.
    failed: Option<(io::ErrorKind, String)>,
    /// The bytes of a group, kept between appends.
    buffer: Vec<u8>,
}

/// A segment that is written no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed {
    pub(super) first: Sequence,
    pub(super) bytes: u64,
}

/// What the buffer keeps of its room between appends, in bytes.
const BUFFER_KEPT: usize = 1 << 20;

/// A seed for checksums that no writer of documents can know.
pub(super) fn random_salt() -> u32 {
    uuid::Uuid::new_v4().as_fields().0
}

impl LocalJournal {
    /// Opens the journal of this storage, or begins one when there is none. Acknowledged records that are
    /// damaged or missing are an error that changes nothing on disk.
    pub fn open(storage: Arc<dyn Storage>, known: Known, options: Options) -> Result<Opened, OpenError> {
        open::open(storage, known, options)
    }

    /// Begins a journal behind a place that another store had reached, where there is none yet.
    pub fn begin(
        storage: Arc<dyn Storage>,
        store_id: StoreId,
        place: Position,
        options: Options,
    ) -> Result<Self, OpenError> {
        open::begin_at(storage, store_id, place, options)
    }

    pub(super) fn new(
        storage: Arc<dyn Storage>,
        options: Options,
        sealed: Vec<Sealed>,
        active: Segment,
        last: Position,
    ) -> Self {
        Self {
            storage,
            options,
            sealed: sealed.into(),
            active,
            last,
            synced: last.sequence,
            failed: None,
            buffer: Vec::new(),
        }
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

    fn check_order(&self, group: &[Commit]) -> Result<(), AppendError> {
        let mut last = self.last;
        for commit in group {
            let expected = last.sequence.next();
            if commit.sequence != expected || commit.revision < last.revision {
                return Err(AppendError::OutOfOrder { expected, given: commit.sequence });
            }
            last = Position { sequence: commit.sequence, revision: commit.revision };
        }
        Ok(())
    }

    /// Makes sure that the active segment has synced room for this many bytes.
    fn make_room(&mut self, space: u64) -> Result<(), AppendError> {
        let end = self.active.end.saturating_add(space);
        let room = if end > self.options.segment_bytes && self.active.end > HEADER {
            self.sync()?;
            self.rotate(space)
        } else if end <= self.active.reserved {
            return Ok(());
        } else {
            let ahead = self.ahead(end);
            let room = self.active.reserve(end, ahead);
            if let Ok(Room::Made(())) = room {
                self.synced = self.last.sequence;
            }
            room
        };
        match room {
            Ok(Room::Made(())) => Ok(()),
            Ok(Room::Full) => Err(AppendError::Full),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// How far to reserve when `end` is needed: whole steps, not past the segment's size.
    fn ahead(&self, end: u64) -> u64 {
        let step = self.options.reserve_bytes.max(1);
        end.checked_next_multiple_of(step).unwrap_or(end).min(self.options.segment_bytes).max(end)
    }

    fn rotate(&mut self, space: u64) -> io::Result<Room<()>> {
        let header = Header {
            store_id: self.active.header.store_id,
            salt: random_salt(),
            first: self.last.sequence.next(),
            revision: self.last.revision,
            previous: self.active.header.first,
        };
        let end = HEADER.saturating_add(space);
        Ok(match Segment::create(&*self.storage, header, end, self.ahead(end))? {
            Room::Made(segment) => {
                self.sealed.push_back(Sealed { first: self.active.header.first, bytes: self.active.end });
                self.active = segment;
                Room::Made(())
            }
            Room::Full => Room::Full,
        })
    }
}

impl Journal for LocalJournal {
    fn append(&mut self, group: &[Commit]) -> Result<(), AppendError> {
        self.usable()?;
        let Some(newest) = group.last() else { return Ok(()) };
        self.check_order(group)?;
        let mut payloads = Vec::with_capacity(group.len());
        let mut space = 0_u64;
        for commit in group {
            let payload = record::encode_commit(commit);
            if payload.len() > MAX_PAYLOAD {
                return Err(AppendError::TooLarge { sequence: commit.sequence, bytes: payload.len() });
            }
            space = space.saturating_add(frame::space(payload.len()) as u64);
            payloads.push(payload);
        }
        self.make_room(space)?;

        let start = self.synced.next();
        self.buffer.clear();
        for (commit, payload) in group.iter().zip(&payloads) {
            frame::write(&mut self.buffer, self.active.header.salt, commit.sequence, start, payload);
        }
        if let Err(error) = self.active.file.write_all_at(&self.buffer, self.active.end) {
            return Err(self.fail(error));
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        if self.options.durability == Durability::Strict {
            if let Err(error) = self.active.file.sync_data() {
                return Err(self.fail(error));
            }
            self.synced = newest.sequence;
        }
        self.active.end = self.active.end.saturating_add(space);
        self.last = Position { sequence: newest.sequence, revision: newest.revision };
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        self.usable()?;
        if self.synced < self.last.sequence {
            if let Err(error) = self.active.file.sync_data() {
                return Err(self.fail(error));
            }
            self.synced = self.last.sequence;
        }
        Ok(())
    }

    fn last(&self) -> Position {
        self.last
    }

    fn oldest(&self) -> Sequence {
        self.sealed.front().map_or(self.active.header.first, |sealed| sealed.first)
    }

    fn store_id(&self) -> StoreId {
        self.active.header.store_id
    }

    fn sealed_bytes(&self) -> u64 {
        self.sealed.iter().map(|sealed| sealed.bytes).sum()
    }

    fn seal(&mut self) -> Result<(), AppendError> {
        self.sync()?;
        if self.active.end == HEADER {
            return Ok(());
        }
        match self.rotate(0) {
            Ok(Room::Made(())) => Ok(()),
            Ok(Room::Full) => Err(AppendError::Full),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn records(&self) -> Records {
        let firsts = self.sealed.iter().map(|sealed| sealed.first).chain([self.active.header.first]);
        Records { storage: Arc::clone(&self.storage), firsts: firsts.collect(), last: self.last }
    }

    fn replay(
        &self,
        after: Sequence,
        each: &mut dyn FnMut(Commit) -> Result<(), BoxError>,
    ) -> Result<(), ReplayError> {
        self.records().replay(after, each)
    }

    fn trim(&mut self, through: Sequence) -> Result<Sequence, AppendError> {
        self.usable()?;
        let active = self.active.header.first;
        while let Some(first) = self.sealed.front().map(|sealed| sealed.first) {
            let next = self.sealed.get(1).map_or(active, |sealed| sealed.first);
            if next > through.next() {
                break;
            }
            // One at a time, each durable: a crash must not leave an older file without the one after it.
            let removed = self.storage.remove(&segment::name(first)).and_then(|()| self.storage.sync_dir());
            if let Err(error) = removed {
                return Err(self.fail(error));
            }
            self.sealed.pop_front();
        }
        Ok(self.oldest())
    }
}
