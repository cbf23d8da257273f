//! Domain values as bytes and back: the one versioned codec that journal and store share; no I/O.
//!
//! Each record is one byte, the format version, and a protobuf message whose fields are numbered in the
//! private structs of this module. A field that is added gets a new number and reads as absent from older
//! records; anything that older readers would misread gets a new format version.

mod change;
mod commit;
mod persona;
#[cfg(test)]
mod strategy;

use bytes::Bytes;
use prost::Message;

use crate::domain::{AliasMove, Change, Commit, Persona, RequestRecord, SourceBase, Tombstone};

/// The format version that this program writes wherever it says everything.
pub const FORMAT: u8 = 1;

/// The format version of commits in which a base is forgotten: programs that know only [`FORMAT`] must not read past
/// them. Otherwise the same.
pub const FORMAT_FORGETTING: u8 = 2;

/// The format version of commits that older programs would read as less than they are: aliases, several outcomes, purges,
/// a floor. Otherwise the same.
pub const FORMAT_HISTORY: u8 = 3;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is not even a format version.
    #[error("the record is empty")]
    Empty,
    /// Another format version.
    #[error(
        "the record has format version {0}; this program reads up to {FORMAT_HISTORY}, a newer one may read it"
    )]
    Version(u8),
    /// The bytes behind the version are no protobuf message of that kind.
    #[error("the record is malformed: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// A field that is never absent is.
    #[error("the record has no {0}")]
    Missing(&'static str),
    /// A field holds what that field cannot hold.
    #[error("the record's {field} is invalid: {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// The commit with everything it changed, documents included.
#[must_use]
pub fn encode_commit(commit: &Commit) -> Vec<u8> {
    let plain = |change: &Change| match change {
        Change::Put { .. } => true,
        Change::Delete(tombstone) => tombstone.aliases.is_empty(),
        Change::Alias(_) | Change::Purge(_) => false,
    };
    let history = commit.floor.is_some()
        || !commit.changes.iter().all(plain)
        || commit.requests.iter().any(|request| request.outcomes.len() != 1);
    let forgets = commit.bases.iter().any(|base| base.brought.is_none());
    let format = match (history, forgets) {
        (true, _) => FORMAT_HISTORY,
        (false, true) => FORMAT_FORGETTING,
        (false, false) => FORMAT,
    };
    seal_as(format, &commit::CommitRecord::from(commit))
}

/// The commit that [`encode_commit`] made these bytes of.
pub fn decode_commit(bytes: &[u8]) -> Result<Commit, DecodeError> {
    open::<commit::CommitRecord>(bytes)?.try_into()
}

/// Everything of the persona but its content.
#[must_use]
pub fn encode_persona_meta(persona: &Persona) -> Vec<u8> {
    seal(&persona::PersonaRecord::from(persona))
}

/// The persona that [`encode_persona_meta`] made these bytes of, with its content given back.
pub fn decode_persona_meta(bytes: &[u8], content: Bytes) -> Result<Persona, DecodeError> {
    open::<persona::PersonaRecord>(bytes)?.with_content(content)
}

/// The tombstone.
#[must_use]
pub fn encode_tombstone(tombstone: &Tombstone) -> Vec<u8> {
    seal(&change::TombstoneRecord::from(tombstone))
}

/// The tombstone that [`encode_tombstone`] made these bytes of.
pub fn decode_tombstone(bytes: &[u8]) -> Result<Tombstone, DecodeError> {
    open::<change::TombstoneRecord>(bytes)?.try_into()
}

/// The move of an alias.
#[must_use]
pub fn encode_alias(moved: &AliasMove) -> Vec<u8> {
    seal(&change::AliasRecord::from(moved))
}

/// The move that [`encode_alias`] made these bytes of.
pub fn decode_alias(bytes: &[u8]) -> Result<AliasMove, DecodeError> {
    open::<change::AliasRecord>(bytes)?.try_into()
}

/// The recorded outcome of an idempotent request.
#[must_use]
pub fn encode_request(request: &RequestRecord) -> Vec<u8> {
    seal(&commit::RequestMessage::from(request))
}

/// The outcome that [`encode_request`] made these bytes of.
pub fn decode_request(bytes: &[u8]) -> Result<RequestRecord, DecodeError> {
    open::<commit::RequestMessage>(bytes)?.try_into()
}

/// What seeding last took from a file.
#[must_use]
pub fn encode_base(base: &SourceBase) -> Vec<u8> {
    seal(&commit::BaseRecord::from(base))
}

/// The base that [`encode_base`] made these bytes of.
pub fn decode_base(bytes: &[u8]) -> Result<SourceBase, DecodeError> {
    open::<commit::BaseRecord>(bytes)?.try_into()
}

fn seal(message: &impl Message) -> Vec<u8> {
    seal_as(FORMAT, message)
}

fn seal_as(format: u8, message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.encoded_len().saturating_add(1));
    bytes.push(format);
    message.encode_raw(&mut bytes);
    bytes
}

fn open<M: Message + Default>(bytes: &[u8]) -> Result<M, DecodeError> {
    match bytes.split_first() {
        None => Err(DecodeError::Empty),
        Some((&(FORMAT | FORMAT_FORGETTING | FORMAT_HISTORY), message)) => Ok(M::decode(message)?),
        Some((&version, _)) => Err(DecodeError::Version(version)),
    }
}

fn present<T>(value: Option<T>, field: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::Missing(field))
}

/// Text through the type's only door.
fn parsed<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, DecodeError>
where
    T::Err: ToString,
{
    text.parse().map_err(|problem: T::Err| DecodeError::Invalid { field, problem: problem.to_string() })
}

/// Bytes of a fixed length.
fn array<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::Invalid {
        field,
        problem: format!("{} bytes where {N} belong", bytes.len()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Field;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_commit_comes_back_equal(commit in strategy::commit()) {
            prop_assert_eq!(decode_commit(&encode_commit(&commit)), Ok(commit.clone()));
            for change in &commit.changes {
                match change {
                    Change::Put { persona, .. } => {
                        let back = decode_persona_meta(&encode_persona_meta(persona), persona.content.clone());
                        prop_assert_eq!(back.as_ref(), Ok(&**persona));
                    }
                    Change::Delete(gone) => {
                        prop_assert_eq!(decode_tombstone(&encode_tombstone(gone)), Ok(gone.clone()));
                    }
                    Change::Alias(moved) => {
                        prop_assert_eq!(decode_alias(&encode_alias(moved)), Ok(moved.clone()));
                    }
                    Change::Purge(_) => {}
                }
            }
            for request in &commit.requests {
                prop_assert_eq!(decode_request(&encode_request(request)), Ok(request.clone()));
            }
            for base in &commit.bases {
                prop_assert_eq!(decode_base(&encode_base(base)), Ok(base.clone()));
            }
        }

        #[test]
        fn damaged_records_never_panic(
            commit in strategy::commit(),
            at in any::<prop::sample::Index>(),
            byte: u8,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encode_commit(&commit);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode_commit(&bytes);
            let _ = decode_commit(&bytes[..cut.index(bytes.len())]);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            for first in [&[][..], &[FORMAT]] {
                let bytes = [first, &bytes].concat();
                let _ = decode_commit(&bytes);
                let _ = decode_persona_meta(&bytes, Bytes::new());
                let _ = decode_tombstone(&bytes);
                let _ = decode_request(&bytes);
                let _ = decode_base(&bytes);
            }
        }
    }

    #[test]
    fn another_format_version_is_told_from_damage() {
        assert_eq!(decode_commit(&[]), Err(DecodeError::Empty));
        assert_eq!(decode_commit(&[4, 8, 1]), Err(DecodeError::Version(4)));
        assert!(matches!(decode_commit(&[FORMAT, 0xff]), Err(DecodeError::Malformed(_))));
    }

    #[test]
    fn a_name_that_breaks_the_grammar_is_refused() {
        let bad =
            change::TombstoneRecord { namespace: "default".into(), name: "No".into(), ..Default::default() };
        let error = decode_tombstone(&seal(&bad));
        assert!(matches!(error, Err(DecodeError::Invalid { field: "name", .. })), "{error:?}");
    }

    #[test]
    fn front_matter_may_nest_as_deep_as_the_limit() {
        let mut persona = strategy::plain_persona();
        let mut field = Field::Null;
        for level in 0..crate::domain::limits::FRONT_MATTER_DEPTH {
            field = if level % 2 == 0 {
                Field::Map(vec![("key".to_owned(), field)])
            } else {
                Field::List(vec![field])
            };
        }
        persona.derived.front_matter = vec![("deep".to_owned(), field)];
        let back = decode_persona_meta(&encode_persona_meta(&persona), persona.content.clone());
        assert_eq!(back, Ok(persona));
    }
}
