//! Writing a snapshot: entries, then commits, each gathered into packed frames.

use std::io::Write;

use sha2::{Digest as _, Sha256};

use super::frame::{self, COMMITS, ENTRIES, FRAME_BYTES};
use super::{End, Header, SnapshotError};
use crate::domain::Commit;
use crate::record;

/// The level that is fast enough beside writers.
const LEVEL: i32 = 1;

/// A snapshot that is being written.
pub struct Writer<W> {
    out: W,
    digest: Sha256,
    /// What the next frame is of.
    kind: Vec<u8>,
    gathered: Vec<u8>,
    end: End,
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Writer").field("end", &self.end).finish_non_exhaustive()
    }
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub fn begin(out: W, header: &Header) -> Result<Self, SnapshotError> {
        let (sequence, revision) = (header.sequence, header.revision);
        let end = End { sequence, revision, ..End::default() };
        let mut writer = Self { out, digest: Sha256::new(), kind: Vec::new(), gathered: Vec::new(), end };
        writer.write(&header.encode())?;
        Ok(writer)
    }

    /// Adds an entry of a table.
    pub(super) fn entry(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
        self.gather(&[&[ENTRIES], table.as_bytes()].concat())?;
        frame::put(&mut self.gathered, key);
        frame::put(&mut self.gathered, value);
        self.end.entries += 1;
        Ok(())
    }

    /// Adds a commit, which follows the one before or the header's place.
    pub fn commit(&mut self, commit: &Commit) -> Result<(), SnapshotError> {
        self.gather(&[COMMITS])?;
        frame::put(&mut self.gathered, &record::encode_commit(commit));
        self.end.commits += 1;
        (self.end.sequence, self.end.revision) = (commit.sequence, commit.revision);
        Ok(())
    }

    /// Writes the end. What is written is complete only now.
    pub fn finish(mut self) -> Result<(W, End), SnapshotError> {
        self.send()?;
        let digest = self.digest.clone().finalize().into();
        let last = frame::frame(&self.end.encode(digest));
        self.write(&last)?;
        self.out.flush()?;
        Ok((self.out, self.end))
    }

    /// Makes room in a frame of this kind.
    fn gather(&mut self, kind: &[u8]) -> Result<(), SnapshotError> {
        if self.kind != kind || self.gathered.len() >= FRAME_BYTES {
            self.send()?;
            kind.clone_into(&mut self.kind);
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), SnapshotError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut payload = Vec::new();
        let (kind, table) = self.kind.split_first().unwrap_or((&COMMITS, &[]));
        payload.push(*kind);
        frame::put(&mut payload, table);
        let length = u32::try_from(self.gathered.len()).unwrap_or(u32::MAX);
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(&zstd::bulk::compress(&self.gathered, LEVEL)?);
        self.gathered.clear();
        self.write(&frame::frame(&payload))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.digest.update(bytes);
        self.out.write_all(bytes)?;
        self.end.bytes += bytes.len() as u64;
        Ok(())
    }
}
