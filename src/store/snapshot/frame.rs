//! The bytes of a snapshot: a header, frames with checksums, and a last frame that proves the whole.

use super::{End, Header, SnapshotError};
use crate::domain::{Revision, Sequence, StoreId, Timestamp};

const MAGIC: [u8; 8] = *b"PERSSNAP";
const FORMAT: u32 = 1;
/// Bytes of the header.
pub(super) const HEADER: usize = 72;
/// Bytes before a frame's payload: checksum and length.
pub(super) const HEAD: usize = 8;
/// What a frame holds before it is packed, in bytes, unless one entry is longer.
pub(super) const FRAME_BYTES: usize = 256 * 1024;
/// No frame is longer, packed or not: it bounds what a damaged length can make a reader allocate.
pub(super) const FRAME_MAX: usize = 20 << 20;

/// A frame of entries of one table; its name comes first.
pub(super) const ENTRIES: u8 = 1;
/// A frame of commits.
pub(super) const COMMITS: u8 = 2;
/// The last frame.
pub(super) const END: u8 = 3;

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.schema.to_le_bytes());
        bytes.extend_from_slice(&self.store_id.0);
        bytes.extend_from_slice(&self.sequence.0.to_le_bytes());
        bytes.extend_from_slice(&self.revision.0.to_le_bytes());
        bytes.extend_from_slice(&self.floor.0.to_le_bytes());
        bytes.extend_from_slice(&self.time.0.to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.unpurged).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Mark, format and checksum keep their places in every later format, so that a newer one is told from damage.
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Result<Self, SnapshotError> {
        let damaged = |problem: &str| SnapshotError::Damaged { offset: 0, problem: problem.to_owned() };
        let (covered, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("too short"))?;
        let Some(mut rest) = covered.strip_prefix(&MAGIC) else {
            return Err(damaged("it does not begin with the mark of a snapshot"));
        };
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return Err(damaged("the header does not match its checksum"));
        }
        let short = || damaged("the header is short");
        let format = u32::from_le_bytes(take(&mut rest).ok_or_else(short)?);
        if format != FORMAT {
            return Err(SnapshotError::Newer(format));
        }
        Ok(Self {
            schema: u32::from_le_bytes(take(&mut rest).ok_or_else(short)?),
            store_id: StoreId(take(&mut rest).ok_or_else(short)?),
            sequence: Sequence(u64::from_le_bytes(take(&mut rest).ok_or_else(short)?)),
            revision: Revision(u64::from_le_bytes(take(&mut rest).ok_or_else(short)?)),
            floor: Revision(u64::from_le_bytes(take(&mut rest).ok_or_else(short)?)),
            time: Timestamp(i64::from_le_bytes(take(&mut rest).ok_or_else(short)?)),
            unpurged: u32::from_le_bytes(take(&mut rest).ok_or_else(short)?) != 0,
        })
    }
}

impl End {
    /// The payload of the last frame.
    pub(super) fn encode(&self, digest: [u8; 32]) -> Vec<u8> {
        let mut payload = vec![END];
        for number in [self.sequence.0, self.revision.0, self.entries, self.commits] {
            payload.extend_from_slice(&number.to_le_bytes());
        }
        payload.extend_from_slice(&digest);
        payload
    }

    pub(super) fn decode(mut payload: &[u8]) -> Option<(Self, [u8; 32])> {
        let mut number = || take(&mut payload).map(u64::from_le_bytes);
        let (sequence, revision) = (Sequence(number()?), Revision(number()?));
        let (entries, commits) = (number()?, number()?);
        let digest = take(&mut payload)?;
        payload.is_empty().then_some((Self { sequence, revision, entries, commits, bytes: 0 }, digest))
    }
}

/// A frame's bytes.
pub(super) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length), payload).to_le_bytes();
    [&crc[..], &length, payload].concat()
}

/// Puts a part behind its length.
pub(super) fn put(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(part);
}

/// Takes a part that stands behind its length.
pub(super) fn part<'p>(rest: &mut &'p [u8]) -> Option<&'p [u8]> {
    let length = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    let (part, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*taken)
}
