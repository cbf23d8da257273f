//! A line of the log: its hash, the hash of the line before it, and the record.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::record::Record;
use crate::domain::StoreId;

/// `{"hash":"`, 64 hex digits and `",`: what a line's hash does not cover.
pub(super) const COVERED: usize = 75;
const OPENING: &[u8] = b"{\"hash\":\"";
const PREVIOUS: &[u8] = b"\"prev\":\"";
const DIGITS: usize = 64;

/// The hash of a line, which the next one names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// What the first line of a store's log names: SHA-256 of the store id's 32 hex digits.
    #[must_use]
    pub fn first(store_id: StoreId) -> Self {
        Self(Sha256::digest(store_id.to_string().as_bytes()).into())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of 64 lower-case hex digits.
pub(super) fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let half = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if text.len() != DIGITS {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = half(*high)? << 4 | half(*low)?;
    }
    Some(bytes)
}

/// Writes the line of a record behind another line, newline included; tells its hash.
pub(super) fn write(
    buffer: &mut Vec<u8>,
    previous: Link,
    record: &Record,
) -> Result<Link, serde_json::Error> {
    let start = buffer.len();
    buffer.extend_from_slice(OPENING);
    buffer.extend_from_slice(&[b'0'; DIGITS]);
    buffer.extend_from_slice(b"\",");
    buffer.extend_from_slice(PREVIOUS);
    buffer.extend_from_slice(hex(&previous.0).as_bytes());
    buffer.extend_from_slice(b"\",");
    let object = buffer.len();
    serde_json::to_writer(&mut *buffer, record)?;
    // The record's own opening brace: the object is open already.
    buffer.remove(object);
    let link = Link(Sha256::digest(buffer.get(start + COVERED..).unwrap_or_default()).into());
    let place = start + OPENING.len();
    if let Some(place) = buffer.get_mut(place..place + DIGITS) {
        place.copy_from_slice(hex(&link.0).as_bytes());
    }
    buffer.push(b'\n');
    Ok(link)
}

/// A line whose hash is right.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) link: Link,
    pub(super) previous: Link,
    pub(super) record: Record,
}

/// Reads a line without its newline; says what is wrong with it.
pub(super) fn read(line: &[u8]) -> Result<Line, &'static str> {
    const SHAPE: &str = "does not begin as a record does";
    let (head, covered) = line.split_at_checked(COVERED).ok_or("is cut short")?;
    let digits = head.strip_prefix(OPENING).and_then(|rest| rest.strip_suffix(b"\",")).ok_or(SHAPE)?;
    let link = Link(unhex(digits).ok_or(SHAPE)?);
    if Sha256::digest(covered).as_slice() != link.0 {
        return Err("does not match its hash");
    }
    let digits = covered.strip_prefix(PREVIOUS).and_then(|rest| rest.get(..DIGITS));
    let previous = Link(digits.and_then(unhex).ok_or(SHAPE)?);
    let record = serde_json::from_slice(line).map_err(|_| "has its hash, and is no record")?;
    Ok(Line { link, previous, record })
}

#[cfg(test)]
mod tests {
    use super::super::record::Action;
    use super::*;

    #[test]
    fn a_line_reads_back_and_no_changed_byte_goes_unseen() {
        let record = Record { seq: 7, message: "a \"quoted\"\nline".to_owned(), ..Record::of(Action::Put) };
        let (mut line, first) = (Vec::new(), Link::first(StoreId([3; 16])));
        let link = write(&mut line, first, &record).unwrap();
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(!line.contains(&b'\n'));
        let read_back = read(&line).unwrap();
        assert_eq!((read_back.link, read_back.previous, read_back.record), (link, first, record));
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[at] ^= 1 << bit;
                assert!(read(&changed).is_err(), "bit {bit} of byte {at}");
            }
            assert!(read(&line[..at]).is_err(), "cut at {at}");
        }
    }
}
