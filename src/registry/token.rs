//! Page and resume tokens: places in a listing or a stream, as text. They are checksummed and grant nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Error;
use crate::domain::{Digest, Name, Namespace, Revision, StoreId};

const FORMAT: u8 = 1;
const PAGE: u8 = b'p';
const FILE: u8 = b'f';
const PLACE: u8 = b'o';
const RESUME: u8 = b'r';
const BINDING_BYTES: usize = 16;

/// A hash of the request fields that a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binding([u8; BINDING_BYTES]);

impl Binding {
    /// The binding of these fields, in this order.
    #[must_use]
    pub fn of(fields: &[&[u8]]) -> Self {
        let mut binding = [0; BINDING_BYTES];
        binding.iter_mut().zip(Digest::of_parts(fields).0).for_each(|(to, from)| *to = from);
        Self(binding)
    }
}

/// Where the next page of a listing begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    /// The revision that the listing shows.
    pub revision: Revision,
    /// The last persona of the page before.
    pub after: (Namespace, Name),
}

impl PageToken {
    /// The token as text.
    #[must_use]
    pub fn print(&self, store_id: StoreId, binding: Binding) -> String {
        let (namespace, name) = &self.after;
        print(PAGE, store_id, binding, self.revision, &format!("{namespace}\0{name}"))
    }

    /// Reads a token of this store and this listing.
    pub fn parse(text: &str, store_id: StoreId, binding: Binding) -> Result<Self, Error> {
        let token = parse_page(text, PAGE, store_id, binding)?;
        let after = token
            .rest
            .split_once('\0')
            .and_then(|(namespace, name)| Some((namespace.parse().ok()?, name.parse().ok()?)));
        let after = after.ok_or(Error::PageTokenInvalid(DAMAGED))?;
        Ok(Self { revision: token.revision, after })
    }
}

/// Where the next page of a listing of files begins: behind this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileToken {
    pub namespace: String,
    pub folder: String,
    pub path: String,
}

impl FileToken {
    pub(super) fn print(&self, store_id: StoreId, binding: Binding) -> String {
        let Self { namespace, folder, path } = self;
        print(FILE, store_id, binding, Revision(0), &format!("{namespace}\0{folder}\0{path}"))
    }

    pub(super) fn parse(text: &str, store_id: StoreId, binding: Binding) -> Result<Self, Error> {
        let token = parse_page(text, FILE, store_id, binding)?;
        let mut parts = token.rest.splitn(3, '\0').map(ToOwned::to_owned);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(namespace), Some(folder), Some(path)) => Ok(Self { namespace, folder, path }),
            _ => Err(Error::PageTokenInvalid(DAMAGED)),
        }
    }
}

/// Where the next page of another listing begins: behind this place, in words of the listing's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlaceToken {
    /// The revision that the listing shows.
    pub revision: Revision,
    pub place: String,
}

impl PlaceToken {
    pub(super) fn print(&self, store_id: StoreId, binding: Binding) -> String {
        print(PLACE, store_id, binding, self.revision, &self.place)
    }

    /// Reads a token of this store and this listing; none where there is none.
    pub(super) fn parse(text: &str, store_id: StoreId, binding: Binding) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let Token { revision, rest, .. } = parse_page(text, PLACE, store_id, binding)?;
        Ok(Some(Self { revision, place: rest }))
    }
}

fn parse_page(text: &str, kind: u8, store_id: StoreId, binding: Binding) -> Result<Token, Error> {
    let token = parse(text, kind).map_err(Error::PageTokenInvalid)?;
    if token.store_id != store_id {
        return Err(Error::StoreMismatch { store_id });
    }
    if token.binding != binding {
        return Err(Error::PageTokenInvalid("belongs to another listing: only page_size may change"));
    }
    Ok(token)
}

/// A place of a stream: everything up to this revision was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeToken {
    /// The cursor.
    pub revision: Revision,
}

impl ResumeToken {
    /// The token as text.
    #[must_use]
    pub fn print(self, store_id: StoreId, binding: Binding) -> String {
        print(RESUME, store_id, binding, self.revision, "")
    }

    /// Reads a token of this store and this selection.
    pub fn parse(text: &str, store_id: StoreId, binding: Binding) -> Result<Self, Error> {
        let token = parse(text, RESUME).map_err(Error::ResumeTokenInvalid)?;
        if token.store_id != store_id {
            return Err(Error::StoreMismatch { store_id });
        }
        if token.binding != binding {
            return Err(Error::ResumeTokenInvalid(
                "belongs to another selection: namespace, names, filter and alias must be as they were",
            ));
        }
        Ok(Self { revision: token.revision })
    }
}

const DAMAGED: &str = "is damaged";

struct Token {
    store_id: StoreId,
    binding: Binding,
    revision: Revision,
    rest: String,
}

/// `kind(1) format(1) store(16) binding(16) revision(8) rest crc32c(4)`, in URL-safe base64.
fn print(kind: u8, store_id: StoreId, binding: Binding, revision: Revision, rest: &str) -> String {
    let mut bytes = vec![kind, FORMAT];
    bytes.extend_from_slice(&store_id.0);
    bytes.extend_from_slice(&binding.0);
    bytes.extend_from_slice(&revision.0.to_be_bytes());
    bytes.extend_from_slice(rest.as_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn parse(text: &str, kind: u8) -> Result<Token, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DAMAGED)?;
    let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(DAMAGED)?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*checksum) {
        return Err(DAMAGED);
    }
    let ([found, format], body) = body.split_first_chunk::<2>().ok_or(DAMAGED)?;
    if *found != kind {
        return Err("is a token of another kind");
    }
    if *format != FORMAT {
        return Err("was made by another version");
    }
    let (store_id, body) = body.split_first_chunk::<16>().ok_or(DAMAGED)?;
    let (binding, body) = body.split_first_chunk::<BINDING_BYTES>().ok_or(DAMAGED)?;
    let (revision, rest) = body.split_first_chunk::<8>().ok_or(DAMAGED)?;
    Ok(Token {
        store_id: StoreId(*store_id),
        binding: Binding(*binding),
        revision: Revision(u64::from_be_bytes(*revision)),
        rest: String::from_utf8(rest.to_vec()).map_err(|_| DAMAGED)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_read_back_and_no_damaged_one_does(
            revision in any::<u64>(), name in "[a-z]{1,20}", at in any::<prop::sample::Index>(), flip in 1u8..=255
        ) {
            let (store_id, binding) = (StoreId([9; 16]), Binding::of(&[b"default"]));
            let after = ("default".parse().unwrap(), name.parse().unwrap());
            let token = PageToken { revision: Revision(revision), after };
            let text = token.print(store_id, binding);
            prop_assert_eq!(PageToken::parse(&text, store_id, binding).unwrap(), token);
            prop_assert!(ResumeToken::parse(&text, store_id, binding).is_err());
            let mut damaged = text.into_bytes();
            let at = at.index(damaged.len());
            damaged[at] ^= flip;
            if let Ok(damaged) = String::from_utf8(damaged) {
                prop_assert!(PageToken::parse(&damaged, store_id, binding).is_err());
            }
        }

        #[test]
        fn arbitrary_text_is_refused_and_never_panics(text in "\\PC*") {
            let (store_id, binding) = (StoreId([9; 16]), Binding::of(&[]));
            prop_assert!(ResumeToken::parse(&text, store_id, binding).is_err());
        }
    }

    #[test]
    fn a_token_of_another_store_or_request_says_so() {
        let (store_id, binding) = (StoreId([9; 16]), Binding::of(&[b"default"]));
        let text = ResumeToken { revision: Revision(7) }.print(store_id, binding);
        let other = ResumeToken::parse(&text, StoreId([8; 16]), binding);
        assert!(matches!(other, Err(Error::StoreMismatch { .. })));
        let other = ResumeToken::parse(&text, store_id, Binding::of(&[b"other"]));
        assert!(matches!(other, Err(Error::ResumeTokenInvalid(_))));
    }
}
