//! Opening a journal: every file is judged before any byte is changed; then a torn tail is cut, and what a
//! crash may have left unsynced is written and synced again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::{Corruption, OpenError, Problem};
use super::file::{File, Storage};
use super::judge::{Extent, Found};
use super::local::{LocalJournal, Sealed, random_salt};
use super::scan::Behind;
use super::segment::{self, HEADER, Header, Room, Segment};
use super::{Options, Position};
use crate::domain::{Sequence, StoreId};

/// What the view knows of the journal that it was replayed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// The history that it belongs to. A new journal takes this identity, or a random one.
    pub store_id: Option<StoreId>,
    /// The highest sequence that it has applied or saved. Files of which it has applied every record are not
    /// read through. With strict durability a journal that ends before it is an error; with relaxed durability
    /// it opens, and the view holds commits that are gone: it must be made anew.
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

/// Begins a journal whose first record follows a place; there must be none.
pub(super) fn begin_at(
    storage: Arc<dyn Storage>,
    store_id: StoreId,
    place: Position,
    options: Options,
) -> Result<LocalJournal, OpenError> {
    let known = Known { store_id: Some(store_id), sequence: place.sequence };
    let opening = Opening { storage, known, options };
    if !opening.list()?.is_empty() {
        return Err(opening.dir_io(io::ErrorKind::AlreadyExists.into()));
    }
    opening.first_segment(store_id, place)
}

/// What an opening is about.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) known: Known,
    pub(super) options: Options,
}

impl Opening {
    /// A journal without a record.
    fn begin(&mut self, unfinished: Option<PathBuf>) -> Result<Opened, OpenError> {
        if self.known.sequence.0 > 0 {
            let problem = Problem::Behind(self.known.sequence);
            let path = self.storage.path("");
            return Err(Corruption { path, offset: 0, sequence: Sequence(1), problem }.into());
        }
        let store_id = self.known.store_id.unwrap_or_else(|| StoreId(uuid::Uuid::new_v4().into_bytes()));
        let journal = self.first_segment(store_id, Position::default())?;
        Ok(Opened { journal, repaired: None, removed: unfinished })
    }

    fn first_segment(&self, store_id: StoreId, place: Position) -> Result<LocalJournal, OpenError> {
        let header = Header {
            store_id,
            salt: random_salt(),
            first: place.sequence.next(),
            revision: place.revision,
            previous: Sequence(0),
        };
        let ahead = self.options.reserve_bytes.min(self.options.segment_bytes);
        let room = Segment::create(&*self.storage, header, HEADER, ahead).map_err(self.io(header.first))?;
        let Room::Made(active) = room else {
            return Err(self.io(header.first)(io::ErrorKind::StorageFull.into()));
        };
        Ok(self.journal(Vec::new(), active, place))
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
        let sealed = |found: &Found| {
            let (first, bytes) = (found.header.first, found.file.size());
            Ok(Sealed { first, bytes: bytes.map_err(self.io(first))? })
        };
        let sealed = segments.iter().map(sealed).collect::<Result<_, OpenError>>()?;
        self.mend(sealed, active, &extent, &behind, unfinished)
    }

    /// The first step that writes. All of it may be repeated after a crash in the midst of it.
    fn mend(
        &self,
        sealed: Vec<Sealed>,
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

    fn journal(&self, sealed: Vec<Sealed>, active: Segment, last: Position) -> LocalJournal {
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
