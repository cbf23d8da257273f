//! One record as it stands in a segment: checksum, length, sequence, group start, payload, zeros up to the next
//! multiple of eight.

use std::io;

use crc32c::crc32c_append;

use super::file::File;
use crate::domain::Sequence;

/// A record's payload, in bytes, at most: far above the largest legal commit, and it bounds what a damaged
/// length can make a reader allocate.
pub const MAX_PAYLOAD: usize = 16 << 20;
/// Bytes before the payload.
pub(super) const HEAD: usize = 24;
/// Records begin at multiples of this.
pub(super) const ALIGN: usize = 8;

/// What a record with this payload takes in the file.
pub(super) fn space(payload: usize) -> usize {
    HEAD.saturating_add(payload).next_multiple_of(ALIGN)
}

/// Appends the record's bytes to `out`. The checksum covers everything behind itself and is seeded with the
/// segment's salt, so that document text cannot imitate a record.
pub(super) fn write(out: &mut Vec<u8>, salt: u32, sequence: Sequence, group: Sequence, payload: &[u8]) {
    // The caller has refused what exceeds MAX_PAYLOAD.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let (sequence, group) = (sequence.0.to_le_bytes(), group.0.to_le_bytes());
    let covered = [&length[..], &sequence, &group, payload];
    let crc = covered.iter().fold(salt, |crc, part| crc32c_append(crc, part));
    let end = out.len().saturating_add(space(payload.len()));
    out.extend_from_slice(&crc.to_le_bytes());
    covered.iter().for_each(|part| out.extend_from_slice(part));
    out.resize(end, 0);
}

/// The fields before the payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) crc: u32,
    pub(super) length: u32,
    pub(super) sequence: Sequence,
    /// The first record that was not known to be synced when this one was written: with one sync a group, the
    /// group's first.
    pub(super) group: Sequence,
}

impl Head {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (crc, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (group, _) = rest.split_first_chunk()?;
        Some(Self {
            crc: u32::from_le_bytes(*crc),
            length: u32::from_le_bytes(*length),
            sequence: Sequence(u64::from_le_bytes(*sequence)),
            group: Sequence(u64::from_le_bytes(*group)),
        })
    }

    /// Whether nothing was ever written here.
    fn is_blank(&self) -> bool {
        (self.crc, self.length, self.sequence.0, self.group.0) == (0, 0, 0, 0)
    }

    pub(super) fn length_is_legal(&self) -> bool {
        (1..=MAX_PAYLOAD).contains(&(self.length as usize))
    }
}

/// A record that its checksum proves.
#[derive(Debug)]
pub(super) struct Frame<'w> {
    pub(super) head: Head,
    pub(super) payload: &'w [u8],
}

/// What stands at a place.
#[derive(Debug)]
pub(super) enum Found<'w> {
    /// A record.
    Frame(Frame<'w>),
    /// Zeros, or the end of the file: nothing was written.
    Blank,
    /// Something that is no record; the words continue "the record …".
    Damaged(&'static str),
}

/// What stands at `offset`.
pub(super) fn read<'w>(window: &'w mut Window<'_>, offset: u64, salt: u32) -> io::Result<Found<'w>> {
    let bytes = window.bytes(offset, HEAD)?;
    if bytes.is_empty() {
        return Ok(Found::Blank);
    }
    let Some(head) = Head::parse(bytes) else {
        return Ok(Found::Damaged("is cut off by the end of the file"));
    };
    if head.is_blank() {
        return Ok(Found::Blank);
    }
    if !head.length_is_legal() {
        return Ok(Found::Damaged("has an impossible length"));
    }
    let total = HEAD.saturating_add(head.length as usize);
    let bytes = window.bytes(offset, total)?;
    if bytes.len() < total {
        return Ok(Found::Damaged("is cut off by the end of the file"));
    }
    let Some((_, covered)) = bytes.split_at_checked(4) else {
        return Ok(Found::Damaged("is cut off by the end of the file"));
    };
    if crc32c_append(salt, covered) != head.crc {
        return Ok(Found::Damaged("does not match its checksum"));
    }
    let payload = bytes.get(HEAD..).unwrap_or_default();
    Ok(Found::Frame(Frame { head, payload }))
}

/// A moving view of a file, so that a segment is read in large pieces and never held whole.
#[derive(Debug)]
pub(super) struct Window<'f> {
    file: &'f dyn File,
    size: u64,
    base: u64,
    buffer: Vec<u8>,
}

impl<'f> Window<'f> {
    const PIECE: usize = 256 * 1024;

    pub(super) fn new(file: &'f dyn File) -> io::Result<Self> {
        Ok(Self { file, size: file.size()?, base: 0, buffer: Vec::new() })
    }

    /// The file's length when the window was made.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// `wanted` bytes from `offset`, fewer where the file ends.
    pub(super) fn bytes(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        if !self.holds(offset, wanted) {
            self.buffer = vec![0; wanted.max(Self::PIECE.min(left))];
            let read = self.file.fill_at(&mut self.buffer, offset)?;
            self.buffer.truncate(read);
            self.base = offset;
        }
        let from = usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let rest = self.buffer.get(from..).unwrap_or_default();
        Ok(rest.get(..wanted).unwrap_or(rest))
    }

    fn holds(&self, offset: u64, wanted: usize) -> bool {
        offset >= self.base
            && offset.saturating_add(wanted as u64) <= self.base.saturating_add(self.buffer.len() as u64)
    }
}
