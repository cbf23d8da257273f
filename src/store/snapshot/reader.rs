//! Reading a snapshot frame by frame; its end is given out only when all before it was what had been written.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::frame::{self, COMMITS, END, ENTRIES, FRAME_MAX, HEAD, HEADER};
use super::{End, Header, SnapshotError};
use crate::domain::{Commit, StoreId};
use crate::record;

/// A snapshot that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    header: Header,
    digest: Sha256,
    read: End,
}

/// A frame of a snapshot.
pub(super) enum Frame {
    Entries { table: String, entries: Vec<(Vec<u8>, Vec<u8>)> },
    Commits(Vec<Commit>),
    End(End),
}

/// Reads a snapshot to its end and answers what is at both ends of it.
pub fn check(input: impl Read) -> Result<(Header, End), SnapshotError> {
    let mut reader = Reader::begin(input)?;
    loop {
        if let Frame::End(end) = reader.next()? {
            return Ok((reader.header, end));
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn begin(mut input: R) -> Result<Self, SnapshotError> {
        let mut head = [0; HEADER];
        input.read_exact(&mut head).map_err(|error| short(error, 0))?;
        let header = Header::decode(&head)?;
        let mut digest = Sha256::new();
        digest.update(head);
        let (sequence, revision) = (header.sequence, header.revision);
        let read = End { sequence, revision, bytes: HEADER as u64, ..End::default() };
        Ok(Self { input, header, digest, read })
    }

    /// What the first bytes say.
    #[must_use]
    pub fn header(&self) -> Header {
        self.header
    }

    /// The same snapshot as the beginning of another history.
    pub fn copy(mut self, store_id: StoreId, mut out: impl Write) -> Result<End, SnapshotError> {
        let mut digest = Sha256::new();
        let mut write = |bytes: &[u8], digest: &mut Sha256| {
            digest.update(bytes);
            out.write_all(bytes)
        };
        write(&Header { store_id, ..self.header }.encode(), &mut digest)?;
        loop {
            let payload = self.frame()?;
            if let Frame::End(end) = self.decode(&payload)? {
                let last = frame::frame(&end.encode(digest.clone().finalize().into()));
                write(&last, &mut digest)?;
                out.flush()?;
                return Ok(end);
            }
            write(&frame::frame(&payload), &mut digest)?;
        }
    }

    /// The next frame; behind [`Frame::End`] there is none.
    pub(super) fn next(&mut self) -> Result<Frame, SnapshotError> {
        let payload = self.frame()?;
        self.decode(&payload)
    }

    fn damaged(&self, problem: impl Into<String>) -> SnapshotError {
        SnapshotError::Damaged { offset: self.read.bytes, problem: problem.into() }
    }

    /// The payload of the next frame, as its checksum proves it.
    fn frame(&mut self) -> Result<Vec<u8>, SnapshotError> {
        let offset = self.read.bytes;
        let mut head = [0; HEAD];
        self.input.read_exact(&mut head).map_err(|error| short(error, offset))?;
        let mut rest = &head[..];
        let crc = frame::take(&mut rest).map(u32::from_le_bytes);
        let length = frame::take(&mut rest).map_or(0, u32::from_le_bytes) as usize;
        if !(1..=FRAME_MAX).contains(&length) {
            return Err(self.damaged("the length of a part is none"));
        }
        let mut payload = vec![0; length];
        self.input.read_exact(&mut payload).map_err(|error| short(error, offset))?;
        let whole = frame::frame(&payload);
        if whole.first_chunk().copied().map(u32::from_le_bytes) != crc {
            return Err(self.damaged("a part does not match its checksum"));
        }
        if payload.first() != Some(&END) {
            self.digest.update(&whole);
            self.read.bytes += whole.len() as u64;
        }
        Ok(payload)
    }

    fn decode(&mut self, payload: &[u8]) -> Result<Frame, SnapshotError> {
        match payload.split_first() {
            Some((&END, rest)) => self.end(rest),
            Some((kind @ &(ENTRIES | COMMITS), rest)) => {
                let odd = || self.damaged("a part cannot be unpacked");
                let (table, unpacked) = unpack(rest).ok_or_else(odd)?;
                if *kind == COMMITS { self.commits(&unpacked) } else { self.entries(table, &unpacked) }
            }
            _ => Err(self.damaged("a part of no known kind")),
        }
    }

    fn entries(&mut self, table: String, mut rest: &[u8]) -> Result<Frame, SnapshotError> {
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let entry = frame::part(&mut rest).zip(frame::part(&mut rest));
            let (key, value) = entry.ok_or_else(|| self.damaged("an entry is cut off"))?;
            entries.push((key.to_vec(), value.to_vec()));
        }
        self.read.entries += entries.len() as u64;
        Ok(Frame::Entries { table, entries })
    }

    fn commits(&mut self, mut rest: &[u8]) -> Result<Frame, SnapshotError> {
        let mut commits = Vec::new();
        while !rest.is_empty() {
            let record = frame::part(&mut rest).ok_or_else(|| self.damaged("a commit is cut off"))?;
            let commit = record::decode_commit(record).map_err(|error| self.damaged(error.to_string()))?;
            if commit.sequence != self.read.sequence.next() || commit.revision < self.read.revision {
                return Err(self.damaged(format!("commit {} is out of order", commit.sequence)));
            }
            (self.read.sequence, self.read.revision) = (commit.sequence, commit.revision);
            commits.push(commit);
        }
        self.read.commits += commits.len() as u64;
        Ok(Frame::Commits(commits))
    }

    fn end(&mut self, payload: &[u8]) -> Result<Frame, SnapshotError> {
        let (end, digest) = End::decode(payload).ok_or_else(|| self.damaged("the last part is odd"))?;
        let told = End { bytes: self.read.bytes, ..end };
        if told != self.read || digest != <[u8; 32]>::from(self.digest.clone().finalize()) {
            return Err(self.damaged("parts of it are missing, or of another snapshot"));
        }
        self.read.bytes += (HEAD + 1 + payload.len()) as u64;
        if self.input.read(&mut [0])? != 0 {
            return Err(self.damaged("something stands behind its end"));
        }
        Ok(Frame::End(self.read))
    }
}

/// The table's name, and what was packed.
fn unpack(mut rest: &[u8]) -> Option<(String, Vec<u8>)> {
    let table = String::from_utf8(frame::part(&mut rest)?.to_vec()).ok()?;
    let length = usize::try_from(u32::from_le_bytes(frame::take(&mut rest)?)).ok()?;
    let unpacked = zstd::bulk::decompress(rest, length.min(FRAME_MAX)).ok()?;
    (unpacked.len() == length).then_some((table, unpacked))
}

fn short(error: io::Error, offset: u64) -> SnapshotError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            SnapshotError::Damaged { offset, problem: "it ends there, before its end".to_owned() }
        }
        _ => error.into(),
    }
}
