//! Names and section addresses made from text.

use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::limits::{NAME_BYTES, SECTION_SLUG_BYTES};
use crate::domain::{InvalidName, Name};

/// The name that a text stands for: NFKC, lower case, every run of other characters than `a-z0-9` becomes one `-`
/// (a single `.`, `_` or `-` stays as it is), trimmed, cut at 64 bytes. None when nothing is left.
#[must_use]
pub fn slug(text: &str) -> Option<Name> {
    let mut slug = String::new();
    let mut gap: Option<char> = None;
    // Four bytes a letter of the result is plenty; a name of 16 KiB costs no more than one of 256 bytes.
    for letter in text.nfkc().flat_map(char::to_lowercase).take(NAME_BYTES * 64) {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            if let Some(mark) = gap.take().filter(|_| !slug.is_empty()) {
                slug.push(mark);
            }
            slug.push(letter);
            if slug.len() >= NAME_BYTES {
                break;
            }
        } else {
            let single = gap.is_none() && matches!(letter, '.' | '_' | '-');
            gap = Some(if single { letter } else { '-' });
        }
    }
    slug.truncate(NAME_BYTES);
    slug.trim_end_matches(['.', '_', '-']).parse().ok()
}

/// A name as a person wrote it. One that is none is answered with the name that it stands for.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn named<T: FromStr<Err = InvalidName>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: InvalidName| {
        let near = slug(text).map(|name| format!("; did you mean `{name}`?"));
        format!("{error}{}", near.unwrap_or_default())
    })
}

/// The address of a heading whose title is already free of markup, numbering and emoji: lower case, blanks and
/// dashes become one `-`, other punctuation goes, letters of every script stay; at most 64 bytes.
pub(super) fn section_slug(title: &str) -> String {
    let mut slug = String::new();
    let mut gap = false;
    for letter in title.nfkc().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() || letter == '_' || is_combining_mark(letter) {
            let room = letter.len_utf8() + usize::from(gap);
            if slug.len() + room > SECTION_SLUG_BYTES {
                break;
            }
            if std::mem::take(&mut gap) && !slug.is_empty() {
                slug.push('-');
            }
            slug.push(letter);
        } else if letter.is_whitespace() || matches!(letter, '-' | '/' | '\u{2013}' | '\u{2014}') {
            gap = true;
        }
    }
    if slug.is_empty() { "section".into() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_what_the_grammar_allows() {
        for (text, expected) in [
            ("backend_developer", "backend_developer"),
            ("Backend Developer", "backend-developer"),
            ("  C++ / Qt -- Expert! ", "c-qt-expert"),
            ("v1.2", "v1.2"),
            ("a..b", "a-b"),
            ("Ａｇｅｎｔ", "agent"),
            ("1-Agent_", "1-agent"),
        ] {
            assert_eq!(slug(text).map(|name| name.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "  ", "専門家", "---"] {
            assert_eq!(slug(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_cut_at_the_limit() {
        assert_eq!(slug(&"a".repeat(65)).unwrap().as_str().len(), 64);
        let cut = slug(&format!("{} b", "a".repeat(63))).unwrap();
        assert_eq!(cut.as_str().len(), 63);
    }

    #[test]
    fn sections_keep_letters_of_every_script() {
        assert_eq!(section_slug("API Design"), "api-design");
        assert_eq!(section_slug("Rust (High Performance & Safety)"), "rust-high-performance-safety");
        assert_eq!(section_slug("Input/Output"), "input-output");
        assert_eq!(section_slug("設計 方針"), "設計-方針");
        assert_eq!(section_slug("!!!"), "section");
        assert!(section_slug(&"é".repeat(100)).len() <= SECTION_SLUG_BYTES);
    }
}
