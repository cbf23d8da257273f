//! The records of a journal as it stood at a moment: to be read on any thread, while the journal is appended to.

use std::sync::Arc;

use super::Position;
use super::error::{BoxError, Corruption, Problem, ReplayError};
use super::file::Storage;
use super::frame::Window;
use super::scan::{Cursor, Step, Stop};
use super::segment::{self, HEADER, Header};
use crate::domain::{Commit, Sequence};
use crate::record;

/// Where the records are. They stay readable for as long as nobody trims the journal.
#[derive(Debug, Clone)]
pub struct Records {
    pub(super) storage: Arc<dyn Storage>,
    /// First sequences of all segments, ascending.
    pub(super) firsts: Vec<Sequence>,
    pub(super) last: Position,
}

impl Records {
    /// The newest of them.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last
    }

    /// Calls `each` with every commit after `after`, in order, checking each record on the way.
    pub fn replay(
        &self,
        after: Sequence,
        each: &mut dyn FnMut(Commit) -> Result<(), BoxError>,
    ) -> Result<(), ReplayError> {
        if let Some(oldest) = self.firsts.first().copied().filter(|oldest| after.next() < *oldest) {
            return Err(ReplayError::Trimmed { oldest, after });
        }
        let ends = self.firsts.iter().skip(1).map(|next| Sequence(next.0.saturating_sub(1)));
        for (first, until) in self.firsts.iter().zip(ends.chain([self.last.sequence])) {
            if until > after {
                self.replay_segment(*first, until, after, each)?;
            }
        }
        Ok(())
    }

    fn replay_segment(
        &self,
        first: Sequence,
        until: Sequence,
        after: Sequence,
        each: &mut dyn FnMut(Commit) -> Result<(), BoxError>,
    ) -> Result<(), ReplayError> {
        let name = segment::name(first);
        let path = || self.storage.path(&name);
        let io = |source| ReplayError::Io { path: path(), source };
        let corrupt = |offset, sequence, problem| Corruption { path: path(), offset, sequence, problem };
        let file = self.storage.open(&name).map_err(io)?;
        let mut bytes = [0; HEADER as usize];
        let read = file.fill_at(&mut bytes, 0).map_err(io)?;
        let header = Header::decode(bytes.get(..read).unwrap_or_default())
            .map_err(|problem| corrupt(0, first, problem))?;
        let mut cursor = Cursor::new(Window::new(&*file).map_err(io)?, &header);
        while cursor.expected <= until {
            let (offset, sequence) = (cursor.offset, cursor.expected);
            let frame = match cursor.step().map_err(io)? {
                Step::Record(frame) => frame,
                Step::Stop(Stop::OutOfPlace(found)) => {
                    return Err(corrupt(offset, sequence, Problem::OutOfPlace(found)).into());
                }
                Step::Stop(stop) => {
                    return Err(corrupt(offset, sequence, Problem::Record(stop.words(), until)).into());
                }
            };
            if sequence <= after {
                continue;
            }
            let commit = record::decode_commit(frame.payload)
                .map_err(|error| corrupt(offset, sequence, error.into()))?;
            if commit.sequence != sequence {
                return Err(corrupt(offset, sequence, Problem::OutOfPlace(commit.sequence)).into());
            }
            each(commit).map_err(|source| ReplayError::Receiver { sequence, source })?;
        }
        Ok(())
    }
}
