//! Names of namespaces and personas: the one grammar, checked at the only door.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::limits;

/// Why a text is no name. The message says what is wrong and what a name looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The text is empty.
    #[error("a name may not be empty")]
    Empty,
    /// The text is longer than [`limits::NAME_BYTES`].
    #[error("{0:?} has {1} bytes; a name has at most {max}", max = limits::NAME_BYTES)]
    TooLong(String, usize),
    /// A character at this byte offset breaks the grammar.
    #[error(
        "{text:?} is not a name: {problem} at byte {at}; a name is lower-case letters and digits, \
         joined by single '.', '_' or '-', such as \"backend_developer\""
    )]
    Grammar {
        /// The text, cut to a printable length.
        text: String,
        /// What is wrong there.
        problem: &'static str,
        /// Byte offset of the problem.
        at: usize,
    },
}

fn check(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    if text.len() > limits::NAME_BYTES {
        let shown: String = text.chars().take(limits::NAME_BYTES).collect();
        return Err(InvalidName::TooLong(shown, text.len()));
    }
    let grammar = |problem, at| InvalidName::Grammar { text: text.to_owned(), problem, at };
    let mut after_mark = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => after_mark = false,
            b'.' | b'_' | b'-' if after_mark => {
                return Err(grammar("a separator without a letter or digit before it", at));
            }
            b'.' | b'_' | b'-' => after_mark = true,
            b'A'..=b'Z' => return Err(grammar("an upper-case letter", at)),
            _ => return Err(grammar("a character outside a-z, 0-9, '.', '_' and '-'", at)),
        }
    }
    if after_mark {
        return Err(grammar("a separator at the end", text.len() - 1));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, out)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// A persona's identity inside a namespace: `[a-z0-9]+([._-][a-z0-9]+)*`, 1 to 64 bytes.
    /// `backend_developer` and `backend-developer` are both legal, and different.
    Name
}

name_type! {
    /// A set of personas with names of its own, made by the first put. Same grammar as [`Name`].
    Namespace
}

name_type! {
    /// A movable pointer to one version of one persona, such as `production`. Same grammar as [`Name`].
    Alias
}

impl Name {
    /// A name that none stands behind, in the order of bytes.
    #[must_use]
    pub fn greatest() -> Self {
        Self("z".repeat(limits::NAME_BYTES).into())
    }

    /// What a hurried reader sees of it: marks left out, digits and pairs as the letters that they resemble.
    #[must_use]
    pub fn looks(&self) -> String {
        let letters = self.0.chars().filter(|letter| !matches!(letter, '-' | '_' | '.'));
        let seen = letters.map(|letter| match letter {
            '0' => 'o',
            '1' | 'i' => 'l',
            other => other,
        });
        seen.collect::<String>().replace("rn", "m").replace("vv", "w")
    }
}

impl Alias {
    /// The word for the newest version: automatic, and nobody's to set.
    pub const LATEST: &'static str = "latest";
}

impl Default for Namespace {
    /// `default`, which an empty namespace in a request means.
    fn default() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_takes_words_joined_by_single_marks() {
        for good in ["a", "backend_developer", "backend-developer", "v1.2", "0", "a-b_c.d"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a b", "a/b", "ä", "a\0b", "."] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_limit_is_64_bytes() {
        assert!("a".repeat(64).parse::<Name>().is_ok());
        assert!("a".repeat(65).parse::<Name>().is_err());
    }
}
