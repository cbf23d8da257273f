//! Opening a journal: every file is judged before any byte is changed; then a torn tail is cut, and what a
//! crash may have left unsynced is written and synced again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::{Corruption, OpenError, Problem};
use super::file::{File, Storage};
use super::frame::Window;
use super::local::{LocalJournal, random_salt};
use super::scan::{Behind, Cursor, Step, Stop};
use super::segment::{self, HEADER, Header, Room, Segment};
use super::{Durability, Options, Position};
use crate::domain::{Revision, Sequence, StoreId};
use crate::record;

/// What the view knows of the journal that it was replayed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// The history that it belongs to. A new journal takes this identity, or a random one.
    pub store_id: Option<StoreId>,
    /// The highest sequence that it has applied: with [`Durability::Strict`] the journal must reach it, and
    /// files of which it has applied every record are not read through.
    pub sequence: Sequence,
}

/// A journal, and what opening it took.
#[derive(Debug)]
pub struct Opened {
    /// Ready for appends.
    pub journal: LocalJournal,
    /// The unfinished write at the end that was cut, if there was one. Nothing of it had been acknowledged.
    pub repaired: Option<TornTail>,
    /// The file of an unfinished rotation that was removed, if there was one. It held no record.
    pub removed: Option<PathBuf>,
}

/// An unfinished write at the end of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub path: PathBuf,
    /// Where the first record that is not whole begins.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
}

/// Opens the journal of this storage, or begins one when there is none.
pub(super) fn open(storage: Arc<dyn Storage>, known: Known, options: Options) -> Result<Opened, OpenError> {
    let mut opening = Opening { storage, known, options };
    let listed = opening.list()?;
    let Some((newest, older)) = listed.split_last() else {
        return opening.begin(None);
    };
    let mut segments = Vec::with_capacity(listed.len());
    for first in older {
        segments.push(opening.read_header(*first)??);
    }
    match opening.read_header(*newest)? {
        Ok(found) => {
            segments.push(found);
            opening.continue_at(segments, None)
        }
        Err(damage) if !opening.is_unfinished(*newest)? => Err(damage.into()),
        Err(damage) => {
            let path = opening.path(*newest);
            if segments.is_empty() {
                // The first segment of a journal has no predecessor that shows that nothing is missing.
                let fresh = newest.0 == 1 && opening.known.sequence.0 == 0;
                return if fresh { opening.begin(Some(path)) } else { Err(damage.into()) };
            }
            opening.continue_at(segments, Some((*newest, path)))
        }
    }
}

/// A segment whose header is sound.
#[derive(Debug)]
struct Found {
    header: Header,
    file: Box<dyn File>,
}

/// Where the records of a segment end.
#[derive(Debug)]
struct Extent {
    end: u64,
    next: Sequence,
    stop: Stop,
    /// Where the newest group begins: what lies before had been synced when it was written.
    group: u64,
    revision: Revision,
}

#[derive(Debug)]
struct Opening {
    storage: Arc<dyn Storage>,
    known: Known,
    options: Options,
}

impl Opening {
    fn path(&self, first: Sequence) -> PathBuf {
        self.storage.path(&segment::name(first))
    }

    fn io(&self, first: Sequence) -> impl FnOnce(io::Error) -> OpenError {
        let path = self.path(first);
        move |source| OpenError::Io { path, source }
    }

    fn dir_io(&self, source: io::Error) -> OpenError {
        OpenError::Io { path: self.storage.path(""), source }
    }

    /// The first sequences of all segments, ascending.
    fn list(&self) -> Result<Vec<Sequence>, OpenError> {
        let names = self.storage.list().map_err(|source| self.dir_io(source))?;
        let mut firsts: Vec<_> = names.iter().filter_map(|name| segment::parse_name(name)).collect();
        firsts.sort_unstable();
        Ok(firsts)
    }

    /// The segment, or what is wrong with its header.
    fn read_header(&self, first: Sequence) -> Result<Result<Found, Corruption>, OpenError> {
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
    fn is_unfinished(&self, first: Sequence) -> Result<bool, OpenError> {
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

    fn corruption(&self, first: Sequence, offset: u64, sequence: Sequence, problem: Problem) -> Corruption {
        Corruption { path: self.path(first), offset, sequence, problem }
    }

    /// A journal without a record.
    fn begin(&mut self, unfinished: Option<PathBuf>) -> Result<Opened, OpenError> {
        if self.known.sequence.0 > 0 {
            let problem = Problem::Behind(self.known.sequence);
            let path = self.storage.path("");
            return Err(Corruption { path, offset: 0, sequence: Sequence(1), problem }.into());
        }
        let header = Header {
            store_id: self.known.store_id.unwrap_or_else(|| StoreId(uuid::Uuid::new_v4().into_bytes())),
            salt: random_salt(),
            first: Sequence(1),
            revision: Revision(0),
            previous: Sequence(0),
        };
        let ahead = self.options.reserve_bytes.min(self.options.segment_bytes);
        let room = Segment::create(&*self.storage, header, HEADER, ahead).map_err(self.io(header.first))?;
        let Room::Made(active) = room else {
            return Err(self.io(header.first)(io::ErrorKind::StorageFull.into()));
        };
        let journal = self.journal(Vec::new(), active, Position::default());
        Ok(Opened { journal, repaired: None, removed: unfinished })
    }

    /// Judges all segments, then makes the newest ready for appends. `unfinished` is a rotation to undo.
    fn continue_at(
        &mut self,
        mut segments: Vec<Found>,
        unfinished: Option<(Sequence, PathBuf)>,
    ) -> Result<Opened, OpenError> {
        self.check_chain(&segments)?;
        let Some(active) = segments.pop() else {
            return self.begin(None);
        };
        let followers: Vec<_> =
            segments.iter().skip(1).chain([&active]).map(|found| found.header.first).collect();
        for (found, next) in segments.iter().zip(followers) {
            // What the view has applied was read then; replay checks it again when it is read anew.
            if next > self.known.sequence.next() {
                self.check_sealed(found, next)?;
            }
        }
        let extent = self.extent(&active)?;
        let behind = self.check_end(&active, &extent, unfinished.as_ref().map(|(first, _)| *first))?;
        let sealed = segments.iter().map(|found| found.header.first).collect();
        self.mend(sealed, active, &extent, &behind, unfinished)
    }

    /// One history, and no file missing between two.
    fn check_chain(&self, segments: &[Found]) -> Result<(), OpenError> {
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
    fn check_sealed(&self, found: &Found, next: Sequence) -> Result<(), OpenError> {
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

    fn extent(&self, found: &Found) -> Result<Extent, OpenError> {
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
    fn check_end(
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

    /// The first step that writes. All of it may be repeated after a crash in the midst of it.
    fn mend(
        &self,
        sealed: Vec<Sequence>,
        active: Found,
        extent: &Extent,
        behind: &Behind,
        unfinished: Option<(Sequence, PathBuf)>,
    ) -> Result<Opened, OpenError> {
        let first = active.header.first;
        let Found { header, file } = active;
        // The page cache may hold a header or a group whose sync failed or never came, marked as clean: it is about to be
        // replayed and served, so it is written again, and synced with the blanked tail.
        let torn = behind.written_to.map(|to| (extent.end, to));
        rewrite(&*file, 0, HEADER)
            .and_then(|()| rewrite(&*file, extent.group, extent.end))
            .and_then(|()| torn.map_or(Ok(()), |(from, to)| file.zero(from, to)))
            .and_then(|()| file.sync_data())
            .map_err(self.io(first))?;
        if let Some((first, _)) = &unfinished {
            self.storage.remove(&segment::name(*first)).map_err(self.io(*first))?;
        }
        self.storage.sync_dir().map_err(|source| self.dir_io(source))?;
        let active = Segment {
            header,
            file,
            end: extent.end,
            // The file may have holes where zeros were never synced: room is taken anew.
            reserved: extent.end,
        };
        let last =
            Position { sequence: Sequence(extent.next.0.saturating_sub(1)), revision: extent.revision };
        Ok(Opened {
            journal: self.journal(sealed, active, last),
            repaired: torn.map(|(from, to)| TornTail {
                path: self.path(first),
                offset: from,
                bytes: to.saturating_sub(from),
            }),
            removed: unfinished.map(|(_, path)| path),
        })
    }

    fn journal(&self, sealed: Vec<Sequence>, active: Segment, last: Position) -> LocalJournal {
        LocalJournal::new(Arc::clone(&self.storage), self.options.clone(), sealed, active, last)
    }
}

fn rewrite(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut at = from;
    while at < to {
        let length = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..length).unwrap_or_default();
        if file.fill_at(piece, at)? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all_at(piece, at)?;
        at = at.saturating_add(length as u64);
    }
    Ok(())
}
