//! Documents as they are kept: compressed where that saves something. Text shrinks to less than half, and giving it back
//! costs microseconds.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use super::StoreError;
use crate::domain::limits;

/// In front of bytes that stand as they are.
const BARE: u8 = 0;
/// In front of the document's length (4 bytes) and a zstd frame.
const PACKED: u8 = 1;
/// The level that is fast enough for the one writer.
const LEVEL: i32 = 1;
/// Below this nothing is saved, in bytes.
const WORTH_PACKING: usize = 256;

thread_local! {
    /// To make one takes as long as to pack most documents.
    static PACKER: RefCell<io::Result<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL));
    /// To make one takes longer than to unpack most documents.
    static UNPACKER: RefCell<io::Result<Decompressor<'static>>> = RefCell::new(Decompressor::new());
}

/// A document as the view keeps it.
pub(super) fn pack(document: &[u8]) -> Vec<u8> {
    let packed = match document.len() {
        0..WORTH_PACKING => None,
        _ => PACKER.with_borrow_mut(|packer| packer.as_mut().ok()?.compress(document).ok()),
    };
    let length = u32::try_from(document.len()).unwrap_or(u32::MAX).to_be_bytes();
    match packed.filter(|packed| packed.len() < document.len()) {
        Some(packed) => [&[PACKED], &length[..], &packed].concat(),
        None => [&[BARE], document].concat(),
    }
}

/// The document that [`pack`] made this value of.
pub(super) fn unpack(key: &[u8], value: Bytes) -> Result<Bytes, StoreError> {
    match value.first() {
        Some(&BARE) => Ok(value.slice(1..)),
        Some(&PACKED) => {
            let odd = || StoreError::damaged(key, "a document of odd length");
            let (length, packed) = value.get(1..).and_then(<[u8]>::split_first_chunk).ok_or_else(odd)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| odd())?;
            if length > limits::DOCUMENT_BYTES {
                return Err(odd());
            }
            let document = UNPACKER.with_borrow_mut(|unpacker| match unpacker {
                Ok(unpacker) => unpacker.decompress(packed, length).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            });
            document.map(Bytes::from).map_err(|problem| StoreError::damaged(key, problem))
        }
        _ => Err(StoreError::damaged(key, "a document that is packed in no known way")),
    }
}

/// Bytes of the document that [`pack`] made this value of.
pub(super) fn unpacked_len(value: &[u8]) -> u64 {
    match value.split_first() {
        Some((&PACKED, rest)) => {
            rest.first_chunk().map_or(0, |length| u64::from(u32::from_be_bytes(*length)))
        }
        Some((_, rest)) => rest.len() as u64,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_document_comes_back(document in prop::collection::vec(any::<u8>(), 0..2000), times in 1usize..4) {
            let document = document.repeat(times);
            prop_assert_eq!(unpacked_len(&pack(&document)), document.len() as u64);
            prop_assert_eq!(unpack(b"key", pack(&document).into()).unwrap(), document);
        }

        #[test]
        fn what_is_no_packed_document_is_damage_and_no_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(b"key", value.into());
        }
    }

    #[test]
    fn text_takes_less_and_the_largest_document_fits() {
        let text = "# Rules\n\nAnswer briefly and name the source.\n".repeat(200);
        assert!(pack(text.as_bytes()).len() < text.len() / 4);
        let largest = "word ".repeat(limits::DOCUMENT_BYTES)[..limits::DOCUMENT_BYTES].to_owned();
        assert_eq!(unpack(b"key", pack(largest.as_bytes()).into()).unwrap(), largest);
    }
}
