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

/// What the fixes of a rule are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixKind {
    /// It has none.
    None,
    /// Safe ones.
    Safe,
    /// Such as may change the meaning.
    Unsafe,
    /// Some of either kind.
    Both,
}

impl fmt::Display for FixKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::None => "none",
            Self::Safe => "safe",
            Self::Unsafe => "on request",
            Self::Both => "safe or on request",
        })
    }
}

/// What is known of a rule without a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its code.
    pub code: Code,
    /// What it finds, in a sentence.
    pub summary: &'static str,
    /// How bad its findings can be, the usual one first.
    pub severities: &'static [Severity],
    /// What its fixes are like.
    pub fix: FixKind,
    /// Whether a document may carry its findings knowingly.
    pub waivable: bool,
}

macro_rules! codes {
    (@waivable yes) => { true };
    (@waivable no) => { false };
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal [$($severity:ident),+] $fix:ident $waivable:ident),+ $(,)?) => {
        /// A rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])* $variant),+ }

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

            /// What is known of the rule without a document.
            #[must_use]
            pub const fn rule(self) -> Rule {
                match self {
                    $(Self::$variant => Rule {
                        code: self,
                        summary: concat!($($doc),*).trim_ascii(),
                        severities: &[$(Severity::$severity),+],
                        fix: FixKind::$fix,
                        waivable: codes!(@waivable $waivable),
                    }),+
                }
            }

            /// The page that explains the rule, in Markdown: `docs/rules/CODE.md`.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!(
                        "../../docs/rules/", stringify!($variant), ".md"
                    ))),+
                }
            }
        }
    };
}

codes! {
    /// A byte sequence that is not UTF-8.
    SYN001 "invalid-utf8" [Error] None no,
    /// NUL (an error) or another control character.
    SYN002 "control-character" [Error, Warning] Unsafe no,
    /// The document starts with U+FEFF.
    SYN003 "byte-order-mark" [Warning] Safe yes,
    /// LF and CRLF in one document.
    SYN004 "mixed-line-endings" [Info, Warning] Safe yes,
    /// No front matter where the dialect needs it.
    SYN005 "missing-frontmatter" [Error, Warning] Unsafe no,
    /// A fence that does not open on the first line or never closes.
    SYN006 "misplaced-or-unclosed-frontmatter" [Error] Both no,
    /// Front matter that is not a YAML mapping.
    SYN007 "yaml-syntax" [Error] Unsafe no,
    /// YAML that strict parsers refuse, recovered key by key.
    SYN008 "unquoted-colon" [Warning, Error] Both yes,
    /// One key twice.
    SYN009 "duplicate-key" [Error] None no,
    /// YAML features that expand, refused before parsing.
    SYN010 "yaml-anchor-alias-tag-merge" [Error] None no,
    /// Over a limit of size, depth or number.
    SYN011 "document-too-large" [Error] None no,
    /// A required field is absent or empty.
    SCH101 "missing-or-empty-field" [Error] Unsafe no,
    /// A field of another kind than the dialect asks.
    SCH102 "wrong-type" [Error, Warning] Safe no,
    /// A name outside the dialect's grammar.
    SCH103 "name-format" [Warning, Error] Unsafe yes,
    /// A name that the product or a file system keeps for itself.
    SCH104 "reserved-name" [Warning] None yes,
    /// A description longer than the dialect takes.
    SCH105 "description-length" [Warning, Error] None yes,
    /// Markup tags in a skill's description.
    SCH106 "description-markup" [Warning] Unsafe yes,
    /// A key that is nearly one the dialect knows.
    SCH107 "misspelled-key" [Warning] Unsafe yes,
    /// Keys that the dialect does not know, one finding a file.
    SCH108 "unknown-key" [Info, Warning] None yes,
    /// A key that only another product reads.
    SCH109 "foreign-dialect-key" [Warning] Unsafe yes,
    /// A value that the dialect does not take.
    SCH110 "invalid-value" [Warning] None yes,
    /// A key that the product has replaced.
    SCH111 "deprecated-field" [Info] Safe yes,
    /// Nothing after the front matter.
    CNT201 "empty-body" [Error, Warning] None no,
    /// A code fence that is never closed.
    CNT202 "unclosed-fence" [Warning] Unsafe yes,
    /// A body longer than the dialect takes or advises.
    CNT203 "body-too-large" [Warning] None yes,
    /// A section that the profile asks for is absent or empty.
    CNT204 "missing-or-empty-section" [Warning, Error] Unsafe yes,
    /// A heading that is nearly one the profile asks for.
    CNT205 "misspelled-section-heading" [Warning, Error] Safe yes,
    /// Two sections of one title in one place.
    CNT206 "duplicate-section" [Warning] None yes,
    /// A heading more than one level below the one before it.
    CNT207 "heading-level-skip" [Info] Unsafe yes,
    /// Text that stands for text still to be written.
    CNT208 "placeholder-text" [Warning] None yes,
    /// More headings or levels than can be addressed.
    CNT209 "outline-too-large" [Warning] None yes,
    /// A link to a heading or file that is not there.
    REF301 "broken-link" [Warning] Unsafe yes,
    /// A path out of the tree, or of one machine.
    REF302 "path-escapes-root" [Warning, Info] None yes,
    /// A tool that the dialect does not know.
    REF303 "unknown-tool" [Warning, Info] Unsafe yes,
    /// A tool granted and denied at once, or granted twice.
    REF304 "tool-conflict" [Warning] Safe yes,
    /// A reference to a persona or skill that is not there.
    REF305 "unknown-persona" [Warning] None yes,
    /// Unseen characters that spell out text.
    SEC401 "unicode-tag-characters" [Error] Unsafe yes,
    /// Characters that reorder what a reader sees.
    SEC402 "bidi-control" [Error, Info] Unsafe yes,
    /// Characters that take no space and are not needed.
    SEC403 "invisible-character" [Warning, Error] Safe yes,
    /// A name, key or tool in letters of another script that look alike.
    SEC404 "confusable-name" [Error] None yes,
    /// A credential in the shape of a provider's.
    SEC405 "secret-token" [Error] None yes,
    /// Orders to a model where no reader sees them.
    SEC406 "hidden-directive" [Error] Unsafe yes,
    /// Words that override earlier instructions, in visible prose.
    SEC407 "injection-phrase" [Warning] None yes,
    /// Encoded text or a command that runs it.
    SEC408 "encoded-payload" [Warning] None yes,
    /// Rights to do everything, or without being asked.
    SEC409 "over-broad-grant" [Warning] None yes,
    /// A template variable in the query of an image or link.
    SEC410 "exfiltration-url" [Warning] None yes,
    /// Two personas of one name.
    REG501 "duplicate-name" [Error] None no,
    /// A name other than that of its file or directory.
    REG502 "file-name-mismatch" [Warning] Unsafe yes,
    /// A name that is hard to tell from another persona's.
    REG503 "lookalike-name" [Warning] None yes,
    /// Another persona has the same text.
    REG504 "identical-content" [Info] None yes,
    /// More rights or fewer sections than the stored version.
    REG505 "grant-widened" [Warning] None yes,
}

impl Code {
    /// The family that the rule belongs to.
    #[must_use]
    pub fn family(self) -> &'static str {
        match self.as_str().get(..3) {
            Some("SYN") => "Syntax",
            Some("SCH") => "Schema",
            Some("CNT") => "Content",
            Some("REF") => "References",
            Some("SEC") => "Security",
            _ => "Registry",
        }
    }
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
