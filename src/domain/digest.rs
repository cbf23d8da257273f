//! What identifies bytes: the SHA-256 digest, and the etag made of version and digest.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::Version;

/// SHA-256 of a document's bytes as given. Shown as `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of several parts, each preceded by its length, so that no two lists collide.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The digest that a text shows; none where it is no digest.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sha256:")?;
        // Eight bytes at once: it is in every answer.
        let (words, _) = self.0.as_chunks();
        words.iter().try_for_each(|word| write!(out, "{:016x}", u64::from_be_bytes(*word)))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A strong validator of a persona's current document: its version and the first 8 bytes of its
/// digest, as `"3-9f86d081884c7d65"` without the quotes. The same in every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Etag {
    version: Version,
    prefix: [u8; 8],
}

impl Etag {
    /// The etag of a version with this digest.
    #[must_use]
    pub fn new(version: Version, digest: &Digest) -> Self {
        let mut prefix = [0; 8];
        prefix.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
        Self { version, prefix }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{:016x}", self.version, u64::from_be_bytes(self.prefix))
    }
}

/// The text is no etag of this registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an etag; give it back exactly as the registry sent it, such as \"3-9f86d081884c7d65\"")]
pub struct InvalidEtag(pub String);

impl FromStr for Etag {
    type Err = InvalidEtag;
    fn from_str(text: &str) -> Result<Self, InvalidEtag> {
        let invalid = || InvalidEtag(text.chars().take(64).collect());
        let (version, prefix) = text.split_once('-').ok_or_else(invalid)?;
        let version = version.parse().map_err(|_| invalid())?;
        let number = u64::from_str_radix(prefix, 16).map_err(|_| invalid())?;
        let etag = Self { version: Version(version), prefix: number.to_be_bytes() };
        if etag.to_string() == text { Ok(etag) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shown_as_sha256sum_shows_it_and_reads_back() {
        let digest = Digest::of(b"test");
        let shown = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(digest.to_string(), shown);
        assert_eq!(Digest::parse(shown), Some(digest));
    }

    #[test]
    fn an_etag_reads_back_and_takes_no_other_spelling() -> Result<(), InvalidEtag> {
        let etag = Etag::new(Version(3), &Digest::of(b"test"));
        assert_eq!(etag.to_string(), "3-9f86d081884c7d65");
        assert_eq!(etag.to_string().parse::<Etag>()?, etag);
        for bad in ["", "3", "3-", "03-9f86d081884c7d65", "3-9F86d081884c7d65", "x-9f86d081884c7d65"] {
            assert!(bad.parse::<Etag>().is_err(), "{bad}");
        }
        Ok(())
    }
}
