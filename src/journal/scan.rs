//! Reading a segment's records in order, and judging what stands where they stop.

use std::io;

use super::frame::{self, ALIGN, Found, Frame, HEAD, Head, Window};
use super::segment::{HEADER, Header};
use crate::domain::Sequence;

/// A place in a segment and the record that belongs there.
#[derive(Debug)]
pub(super) struct Cursor<'f> {
    window: Window<'f>,
    salt: u32,
    pub(super) offset: u64,
    pub(super) expected: Sequence,
}

/// What a cursor came upon.
#[derive(Debug)]
pub(super) enum Step<'w> {
    /// The record that was expected.
    Record(Frame<'w>),
    /// No such record.
    Stop(Stop),
}

/// Why there is no further record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// Nothing was written there.
    Blank,
    /// Something that is no record.
    Damaged(&'static str),
    /// A sound record of another place.
    OutOfPlace(Sequence),
}

impl Stop {
    /// Words that continue "the record …".
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Blank => "is blank",
            Self::Damaged(words) => words,
            Self::OutOfPlace(_) => "is another one",
        }
    }
}

impl<'f> Cursor<'f> {
    pub(super) fn new(window: Window<'f>, header: &Header) -> Self {
        Self { window, salt: header.salt, offset: HEADER, expected: header.first }
    }

    /// The record at the cursor, which moves past it; it stays where there is none.
    pub(super) fn step(&mut self) -> io::Result<Step<'_>> {
        let frame = match frame::read(&mut self.window, self.offset, self.salt)? {
            Found::Frame(frame) => frame,
            Found::Blank => return Ok(Step::Stop(Stop::Blank)),
            Found::Damaged(words) => return Ok(Step::Stop(Stop::Damaged(words))),
        };
        if frame.head.sequence != self.expected {
            return Ok(Step::Stop(Stop::OutOfPlace(frame.head.sequence)));
        }
        self.offset = self.offset.saturating_add(frame::space(frame.payload.len()) as u64);
        self.expected = self.expected.next();
        Ok(Step::Record(frame))
    }

    /// Looks at everything from the cursor to the end of the file.
    pub(super) fn behind(mut self) -> io::Result<Behind> {
        const PIECE: usize = 64 * 1024;
        let mut behind = Behind { written_to: None, later: None };
        let mut piece = self.offset;
        while piece < self.window.size() {
            let bytes = self.window.bytes(piece, PIECE)?;
            let next = piece.saturating_add(PIECE as u64);
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                behind.written_to = Some(piece.saturating_add(last as u64).saturating_add(1));
                let mut at = piece;
                while behind.later.is_none() && at < next {
                    behind.later = self.later_group_at(at)?;
                    at = at.saturating_add(ALIGN as u64);
                }
            }
            piece = next;
        }
        Ok(behind)
    }

    /// The sequence of the record at `at`, when there is one that was written only after the expected one had
    /// been synced. The plain comparisons go first: checksums are taken where all of them hold.
    fn later_group_at(&mut self, at: u64) -> io::Result<Option<Sequence>> {
        let Some(head) = Head::parse(self.window.bytes(at, HEAD)?) else {
            return Ok(None);
        };
        // No more records than the file has room for can lie between.
        let furthest = self.expected.0.saturating_add(self.window.size());
        let plausible = head.length_is_legal()
            && head.group > self.expected
            && head.group <= head.sequence
            && head.sequence.0 <= furthest;
        if !plausible {
            return Ok(None);
        }
        Ok(match frame::read(&mut self.window, at, self.salt)? {
            Found::Frame(frame) => Some(frame.head.sequence),
            Found::Blank | Found::Damaged(_) => None,
        })
    }
}

/// What stands behind the last record.
#[derive(Debug)]
pub(super) struct Behind {
    /// One past the last byte that is not zero.
    pub(super) written_to: Option<u64>,
    /// A record that proves that what belongs at the cursor had been synced.
    pub(super) later: Option<Sequence>,
}
