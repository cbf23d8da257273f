//! Enum values of the wire as the words that the command line, the records and JSON use, both ways.

use crate::domain::{Dialect, Profile};
use crate::wire::pb;

/// The wire's value of a dialect; none: let the registry find it.
#[must_use]
pub fn dialect_to_wire(dialect: Option<Dialect>) -> pb::Dialect {
    match dialect {
        None => pb::Dialect::Unspecified,
        Some(Dialect::Persona) => pb::Dialect::Persona,
        Some(Dialect::ClaudeCode) => pb::Dialect::ClaudeCode,
        Some(Dialect::Skill) => pb::Dialect::Skill,
        Some(Dialect::Copilot) => pb::Dialect::Copilot,
        Some(Dialect::OpenCode) => pb::Dialect::OpenCode,
        Some(Dialect::Gemini) => pb::Dialect::Gemini,
        Some(Dialect::Cursor) => pb::Dialect::Cursor,
        Some(Dialect::Markdown) => pb::Dialect::Markdown,
    }
}

/// The word of a dialect on the wire; `unknown` for one that this client has not heard of.
#[must_use]
pub fn dialect_word(value: i32) -> &'static str {
    let known = Dialect::ALL.iter().find(|dialect| i32::from(dialect_to_wire(Some(**dialect))) == value);
    known.map_or("unknown", |dialect| dialect.as_str())
}

/// The wire's value of a profile; none: let the registry infer it.
#[must_use]
pub fn profile_to_wire(profile: Option<Profile>) -> pb::Profile {
    match profile {
        None => pb::Profile::Unspecified,
        Some(Profile::Plain) => pb::Profile::Plain,
        Some(Profile::Structured) => pb::Profile::Structured,
        Some(Profile::Strict) => pb::Profile::Strict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_reads_back_as_its_word() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect_word(dialect_to_wire(Some(*dialect)).into()), dialect.as_str());
        }
        assert_eq!(dialect_word(99), "unknown");
        assert_eq!(dialect_word(0), "unknown");
    }
}
