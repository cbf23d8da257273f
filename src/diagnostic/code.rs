//! The rules' codes and names, and how bad a finding is.

use std::fmt;
use std::str::FromStr;

/// How bad a finding is. Errors block storing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending.
    Warning,
    /// Blocks storing.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal),+ $(,)?) => {
        /// A rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// Every rule that is built, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code, such as `SYN005`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// The rule's name, such as `missing-frontmatter`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

codes! {
    /// A byte sequence that is not UTF-8.
    SYN001 "invalid-utf8",
    /// NUL (error) or another control character.
    SYN002 "control-character",
    /// The document starts with U+FEFF.
    SYN003 "byte-order-mark",
    /// LF and CRLF in one document.
    SYN004 "mixed-line-endings",
    /// No front matter where the dialect needs it.
    SYN005 "missing-frontmatter",
    /// A fence that does not open on the first line or never closes.
    SYN006 "misplaced-or-unclosed-frontmatter",
    /// Front matter that is not a YAML mapping.
    SYN007 "yaml-syntax",
    /// YAML that strict parsers refuse, recovered key by key.
    SYN008 "unquoted-colon",
    /// One key twice.
    SYN009 "duplicate-key",
    /// YAML features that expand, refused before parsing.
    SYN010 "yaml-anchor-alias-tag-merge",
    /// Over a limit of size, depth or number.
    SYN011 "document-too-large",
    /// A required field is absent or empty.
    SCH101 "missing-or-empty-field",
    /// A field of another kind than the dialect asks.
    SCH102 "wrong-type",
    /// A name outside the dialect's grammar.
    SCH103 "name-format",
    /// Nothing after the front matter.
    CNT201 "empty-body",
    /// A section that the profile asks for is absent or empty.
    CNT204 "missing-or-empty-section",
    /// More headings or levels than can be addressed.
    CNT209 "outline-too-large",
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text || code.name() == text)
            .ok_or_else(|| format!("{text:?} is no rule; a rule is a code such as SYN008 or its name"))
    }
}
