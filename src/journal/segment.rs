//! One file of the journal: its name, its header, and the room reserved behind its records.

use std::io;

use crc32c::crc32c;

use super::error::Problem;
use super::file::{File, Storage, is_full};
use crate::domain::{Revision, Sequence, StoreId};

/// Bytes before the first record.
pub(super) const HEADER: u64 = 64;
const MAGIC: [u8; 8] = *b"PERSJRNL";
const FORMAT: u32 = 1;

/// The name of the segment whose first record is `first`.
pub(super) fn name(first: Sequence) -> String {
    format!("journal-{:020}.log", first.0)
}

/// The first record of the segment with this name; none when it is no segment's.
pub(super) fn parse_name(text: &str) -> Option<Sequence> {
    let digits = text.strip_prefix("journal-")?.strip_suffix(".log")?;
    let first = Sequence(digits.parse().ok()?);
    (first.0 > 0 && name(first) == text).then_some(first)
}

/// What the first bytes of a segment say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) store_id: StoreId,
    /// Seed of the records' checksums.
    pub(super) salt: u32,
    /// The first record.
    pub(super) first: Sequence,
    /// The registry's revision before it.
    pub(super) revision: Revision,
    /// The first record of the segment before; 0 when there was none.
    pub(super) previous: Sequence,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.store_id.0);
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.revision.0.to_le_bytes());
        bytes.extend_from_slice(&self.previous.0.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Magic, format and checksum stand in the same place in every format, so that a newer one is told from
    /// damage.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let cut = || Problem::Header("is cut off by the end of the file");
        let (covered, crc) = bytes.split_at_checked(60).ok_or_else(cut)?;
        let crc = crc.first_chunk().ok_or_else(cut)?;
        if !covered.starts_with(&MAGIC) {
            return Err(Problem::Header("does not begin with the mark of a journal file"));
        }
        if crc32c(covered) != u32::from_le_bytes(*crc) {
            return Err(Problem::Header("does not match its checksum"));
        }
        let (_, rest) = covered.split_first_chunk::<8>().ok_or_else(cut)?;
        let (format, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (salt, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (store_id, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (first, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (revision, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (previous, _) = rest.split_first_chunk().ok_or_else(cut)?;
        match u32::from_le_bytes(*format) {
            FORMAT => Ok(Self {
                store_id: StoreId(*store_id),
                salt: u32::from_le_bytes(*salt),
                first: Sequence(u64::from_le_bytes(*first)),
                revision: Revision(u64::from_le_bytes(*revision)),
                previous: Sequence(u64::from_le_bytes(*previous)),
            }),
            newer => Err(Problem::Newer(newer)),
        }
    }
}

/// The segment that records are appended to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) file: Box<dyn File>,
    /// Where the next record goes.
    pub(super) end: u64,
    /// Up to here the file holds synced zeros or records: a write below it needs no room and moves no metadata.
    pub(super) reserved: u64,
}

/// Whether there was room.
#[derive(Debug)]
pub(super) enum Room<T> {
    Made(T),
    Full,
}

impl Segment {
    /// A new segment with room up to `end`, durable with its name. When there is no room, no file stays.
    pub(super) fn create(
        storage: &dyn Storage,
        header: Header,
        end: u64,
        ahead: u64,
    ) -> io::Result<Room<Self>> {
        let name = name(header.first);
        let file = match storage.create(&name) {
            Ok(file) => file,
            Err(error) if is_full(&error) => return Ok(Room::Full),
            Err(error) => return Err(error),
        };
        let mut segment = Self { header, file, end: HEADER, reserved: HEADER };
        let room = match segment.file.write_all_at(&header.encode(), 0) {
            Ok(()) => segment.reserve(end, ahead)?,
            Err(error) if is_full(&error) => Room::Full,
            Err(error) => return Err(error),
        };
        match room {
            Room::Made(()) => {
                storage.sync_dir()?;
                Ok(Room::Made(segment))
            }
            // It must be gone for sure: a smaller group may still fit the segment before, and then two files
            // would claim the same sequence.
            Room::Full => {
                storage.remove(&name)?;
                storage.sync_dir()?;
                Ok(Room::Full)
            }
        }
    }

    /// Writes and syncs zeros up to `end`, and on to `ahead` as far as there is room. A full disk shows here,
    /// before any byte of a record is written; so does `Room::Full`, and nothing is lost by it.
    pub(super) fn reserve(&mut self, end: u64, ahead: u64) -> io::Result<Room<()>> {
        match self.file.zero(self.reserved, end) {
            Ok(()) => {}
            Err(error) if is_full(&error) => return Ok(Room::Full),
            Err(error) => return Err(error),
        }
        let reserved = match self.file.zero(end, ahead) {
            Ok(()) => ahead.max(end),
            Err(error) if is_full(&error) => end,
            Err(error) => return Err(error),
        };
        // A failure here is final even when it says "full": records may be waiting in the same file.
        self.file.sync_data()?;
        self.reserved = reserved;
        Ok(Room::Made(()))
    }
}
