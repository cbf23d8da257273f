//! Bytes in several pieces that are one: what is kept encoded travels in messages without being copied into them.

use std::io::IoSlice;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};

/// Pieces one behind the other.
#[derive(Debug, Clone, Default)]
pub struct Rope {
    /// Empty only where there is nothing more.
    front: Bytes,
    rest: std::vec::IntoIter<Bytes>,
    remaining: usize,
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Self {
        Self { remaining: bytes.len(), front: bytes, rest: Vec::new().into_iter() }
    }
}

impl From<Vec<Bytes>> for Rope {
    fn from(pieces: Vec<Bytes>) -> Self {
        let remaining = pieces.iter().map(Bytes::len).sum();
        let mut rope = Self { front: Bytes::new(), rest: pieces.into_iter(), remaining };
        rope.fill();
        rope
    }
}

impl Rope {
    /// Takes the first `count` bytes, or all where there are fewer.
    pub(super) fn split_to(&mut self, count: usize) -> Self {
        let mut missing = count.min(self.remaining);
        self.remaining -= missing;
        let mut pieces = Vec::new();
        while missing > 0 {
            let piece = self.front.split_to(missing.min(self.front.len()));
            missing -= piece.len();
            pieces.push(piece);
            self.fill();
        }
        pieces.into()
    }

    /// Takes the next piece that has anything, once the front has nothing more.
    fn fill(&mut self) {
        while self.front.is_empty()
            && let Some(next) = self.rest.next()
        {
            self.front = next;
        }
    }
}

impl Buf for Rope {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        &self.front
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = std::iter::once(&self.front).chain(self.rest.as_slice());
        let pieces = pieces.filter(|piece| !piece.is_empty());
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "{count} bytes of {}", self.remaining);
        self.remaining -= count;
        while count > 0 {
            let part = count.min(self.front.len());
            self.front.advance(part);
            count -= part;
            self.fill();
        }
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        if count == self.front.len() {
            self.remaining -= count;
            let front = std::mem::take(&mut self.front);
            self.fill();
            return front;
        }
        let mut copy = BytesMut::with_capacity(count);
        copy.put(self.take(count));
        copy.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_read_as_its_pieces_are_one_behind_the_other(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..8),
            steps in prop::collection::vec((0..6usize, 0..3u8), 0..12),
        ) {
            let mut plain = Bytes::from(pieces.concat());
            let mut rope = Rope::from(pieces.into_iter().map(Bytes::from).collect::<Vec<_>>());
            for (count, step) in steps {
                let count = count.min(plain.len());
                match step {
                    0 => prop_assert_eq!(rope.copy_to_bytes(count), plain.copy_to_bytes(count)),
                    1 => {
                        let mut front = rope.split_to(count);
                        prop_assert_eq!(front.copy_to_bytes(front.remaining()), plain.split_to(count));
                    }
                    _ => {
                        rope.advance(count);
                        plain.advance(count);
                    }
                }
                prop_assert_eq!(rope.remaining(), plain.len());
                prop_assert_eq!(rope.has_remaining(), !rope.chunk().is_empty());
                let mut slices = [IoSlice::new(&[]); 9];
                let filled = rope.chunks_vectored(&mut slices);
                let seen: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                prop_assert_eq!(&seen[..], &plain[..]);
                let mut few = [IoSlice::new(&[]); 1];
                prop_assert_eq!(rope.chunks_vectored(&mut few), usize::from(rope.has_remaining()));
            }
        }
    }
}
