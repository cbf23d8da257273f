//! Which kind of persona file a document is, and how strictly it is judged.

use std::fmt;
use std::str::FromStr;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $($(#[$vdoc])* $variant),+ }

        impl $type {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it on the command line and in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!(concat!("{:?} is no ", $what, "; known are {}"), text, known.join(", "))
                })
            }
        }
    };
}

words! {
    /// The kind of persona file, which decides what is required and how the name is found.
    Dialect, "dialect" {
        /// Ours: name and description required.
        Persona = "persona",
        /// A Claude Code agent or command.
        ClaudeCode = "claude-code",
        /// An Agent Skill (`SKILL.md`).
        Skill = "skill",
        /// A GitHub Copilot agent, chat mode, prompt or instructions file.
        Copilot = "copilot",
        /// An OpenCode agent.
        OpenCode = "opencode",
        /// A Gemini CLI agent.
        Gemini = "gemini",
        /// A Cursor rule (`.mdc`).
        Cursor = "cursor",
        /// Plain Markdown: no front matter needed, name from the path.
        Markdown = "markdown",
    }
}

words! {
    /// Why a document was read in its dialect.
    DialectReason, "dialect reason" {
        /// The request named it.
        Explicit = "explicit",
        /// The path is one that only this dialect uses.
        Path = "path",
        /// A front matter key that only this dialect has.
        Keys = "keys",
        /// Nothing said otherwise.
        Default = "default",
    }
}

words! {
    /// How strictly sections are judged.
    Profile, "profile" {
        /// No rules about sections.
        Plain = "plain",
        /// The house format: missing or empty sections are warned about.
        Structured = "structured",
        /// As `structured`, and those findings and recovered YAML block storing.
        Strict = "strict",
    }
}
