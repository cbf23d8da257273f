//! SEC404: names, keys and tools in letters of another script that look like Latin ones (Unicode TR39).

use unicode_security::skeleton;

use crate::diagnostic::{Code, Diagnostic, Severity, Span};

use crate::validate::reference::tools_of;
use crate::validate::subject::{Found, Subject, quoted};

/// A word of fewer letters may be one of another language by chance.
const WORD: usize = 4;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    for entry in &subject.document.entries {
        report(subject, entry.key_span, &entry.key, "key", found);
        match entry.key.as_str() {
            "name" => {
                if let Some(name) = entry.text() {
                    report(subject, entry.value_span, name, "name", found);
                }
            }
            "tools" | "allowed-tools" | "disallowedTools" => {
                for tool in tools_of(subject, entry) {
                    report(subject, tool.span, tool.base(), "tool", found);
                }
            }
            _ => {}
        }
    }
}

fn report(subject: &Subject<'_>, span: Span, text: &str, what: &str, found: &mut Found) {
    if text.is_ascii() {
        return;
    }
    let Some(letter) = text.split(|letter: char| !letter.is_alphanumeric()).find_map(odd_letter) else {
        return;
    };
    let looks: String = skeleton(&letter.to_string()).collect();
    let latin: String = text.chars().map(|own| latin_of(own).unwrap_or(own)).collect();
    found.push(Diagnostic {
        help: Some(format!(
            "write `{}` in Latin letters, or choose a name that is no disguise",
            quoted(&latin)
        )),
        ..Diagnostic::new(
            Code::SEC404,
            Severity::Error,
            span,
            format!(
                "the {what} \"{}\" only looks like Latin: its \"{letter}\" is {}, not \"{looks}\"",
                quoted(text),
                letter.escape_unicode(),
            ),
        )
    });
    // One finding a place is enough, and the place must be there.
    debug_assert!(span.end <= subject.text.len());
}

/// The first letter of another script in a word that could pass for Latin.
fn odd_letter(word: &str) -> Option<char> {
    let odd = word.chars().find(|letter| latin_of(*letter).is_some())?;
    let letters = word.chars().filter(|letter| letter.is_alphabetic());
    let mixed = word.chars().any(|letter| letter.is_ascii_alphabetic());
    let disguised = letters.clone().all(|letter| letter.is_ascii() || latin_of(letter).is_some());
    (mixed || (disguised && letters.count() >= WORD)).then_some(odd)
}

/// The Latin letter that a letter of another script is taken for.
fn latin_of(letter: char) -> Option<char> {
    let latin = matches!(u32::from(letter),
        0..=0x24f | 0x1e00..=0x1eff | 0x2c60..=0x2c7f | 0xa720..=0xa7ff | 0xab30..=0xab6f | 0xff00..=0xffef);
    if latin || !letter.is_alphabetic() {
        return None;
    }
    let mut buffer = [0; 4];
    let mut looks = skeleton(letter.encode_utf8(&mut buffer));
    let first = looks.next()?;
    (first.is_ascii_alphanumeric() && looks.next().is_none()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_told_from_other_languages() {
        for (word, expected) in [
            ("c\u{43e}de", true),
            ("\u{440}\u{430}\u{443}\u{440}\u{430}l", true),
            ("\u{440}\u{430}\u{443}\u{440}", true),
            ("рецензент", false),
            ("сор", false),
            ("kodlayıcı", false),
            ("café", false),
            ("設計", false),
            ("μservice", false),
        ] {
            assert_eq!(odd_letter(word).is_some(), expected, "{word}");
        }
    }
}
