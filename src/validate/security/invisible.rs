//! SEC401 and SEC403: characters that take no space.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span};

use crate::validate::subject::{Found, Subject, quoted, replace};

/// So many invisible characters in a row are no accident: they carry something.
const SMUGGLED: usize = 6;

/// The character that country subdivisions' flags begin with, as in 🏴󠁧󠁢󠁳󠁣󠁴󠁿.
const BLACK_FLAG: char = '\u{1f3f4}';
const CANCEL_TAG: char = '\u{e007f}';

/// A run of invisible characters.
struct Run {
    span: Span,
    count: usize,
    tags: bool,
}

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    for run in runs(subject.text) {
        if run.tags {
            found.push(tag_characters(subject, &run));
        } else {
            found.push(invisible(subject, &run));
        }
    }
}

/// Runs of characters that are not needed where they stand.
fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before: Option<char> = None;
    let mut in_flag = false;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let tag = is_tag(letter);
        in_flag = match letter {
            BLACK_FLAG => next.is_some_and(is_tag) && is_flag(text.get(at..).unwrap_or_default()),
            CANCEL_TAG if in_flag => {
                before = Some(letter);
                in_flag = false;
                continue;
            }
            _ => in_flag && tag,
        };
        let wrong =
            if tag { !in_flag } else { is_invisible(letter) && at > 0 && !is_needed(letter, before, next) };
        if wrong {
            let end = at + letter.len_utf8();
            match runs.last_mut() {
                Some(run) if run.span.end == at && run.tags == tag => {
                    run.span.end = end;
                    run.count += 1;
                }
                _ => runs.push(Run { span: Span { start: at, end }, count: 1, tags: tag }),
            }
        }
        // Marks between a letter and a joiner do not come between the two.
        if !matches!(letter, '\u{fe00}'..='\u{fe0f}') || before.is_none() {
            before = Some(letter);
        }
    }
    runs
}

fn is_tag(letter: char) -> bool {
    ('\u{e0000}'..=CANCEL_TAG).contains(&letter)
}

/// Whether a flag's tags end as they should: at most six letters or digits, then the end mark.
fn is_flag(text: &str) -> bool {
    let mut tags = text.chars().skip(1);
    for count in 0..7 {
        match tags.next() {
            Some(CANCEL_TAG) => return count > 0,
            Some('\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}') => {}
            _ => return false,
        }
    }
    false
}

fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// Whether writing needs the character where it stands.
fn is_needed(letter: char, before: Option<char>, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match letter {
        // Joiners shape letters of many scripts, and join emoji.
        '\u{200c}' | '\u{200d}' => {
            !before.is_ascii()
                && !is_invisible(before)
                && next.is_some_and(|next| !is_invisible(next) || !next.is_ascii())
        }
        // Selectors choose between two looks of the character before them.
        '\u{fe00}'..='\u{fe0f}' => {
            (!before.is_ascii() && !is_invisible(before))
                || before.is_ascii_digit()
                || matches!(before, '#' | '*')
        }
        '\u{e0100}'..='\u{e01ef}' => {
            matches!(u32::from(before), 0x3400..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
        }
        // Scripts without blanks between words.
        '\u{200b}' => matches!(u32::from(before), 0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff),
        '\u{180b}'..='\u{180f}' => matches!(u32::from(before), 0x1800..=0x18af),
        _ => false,
    }
}

fn tag_characters(subject: &Subject<'_>, run: &Run) -> Diagnostic {
    let decoded: String = subject
        .slice(run.span)
        .chars()
        .filter_map(|letter| char::from_u32(u32::from(letter).checked_sub(0xe0000)?))
        .filter(|letter| (' '..='~').contains(letter))
        .collect();
    let message = format!("{} tag characters that nobody sees say \"{}\"", run.count, quoted(&decoded));
    Diagnostic {
        help: Some("remove them; a model reads what they spell".into()),
        fixes: vec![replace("remove the characters", Applicability::Unsafe, run.span, "")],
        ..Diagnostic::new(Code::SEC401, Severity::Error, run.span, message)
    }
}

fn invisible(subject: &Subject<'_>, run: &Run) -> Diagnostic {
    let document = subject.document;
    let within = |span: Span| span.start <= run.span.start && run.span.end <= span.end;
    let telling = document.entries.iter().any(|entry| {
        within(entry.key_span)
            || (matches!(entry.key.as_str(), "name" | "tools" | "allowed-tools") && within(entry.value_span))
    });
    let severity = if telling || run.count >= SMUGGLED { Severity::Error } else { Severity::Warning };
    let first = subject.slice(run.span).chars().next().unwrap_or_default();
    let what = match first {
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{2060}' => "word joiner",
        '\u{feff}' => "byte order mark",
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => "variation selector",
        _ => "invisible character",
    };
    let written = first.escape_unicode();
    let message = if run.count == 1 {
        format!("{what} \"{written}\" where nothing needs it")
    } else {
        format!("{} invisible characters in a row, \"{written}\" first", run.count)
    };
    Diagnostic {
        help: Some("remove it: nobody sees it, and searches and comparisons fail on it".into()),
        fixes: vec![replace("remove the characters", Applicability::Safe, run.span, "")],
        ..Diagnostic::new(Code::SEC403, severity, run.span, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        runs(text).iter().map(|run| &text[run.span.start..run.span.end]).collect()
    }

    #[test]
    fn what_writing_needs_is_let_be() {
        for text in [
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} flag",
            "👩🏽\u{200d}💻 ❤\u{fe0f} 1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3} ❤\u{fe0f}\u{200d}🔥",
            "می\u{200c}سازید क्\u{200d}ष",
            "ไทย\u{200b}ไทย",
            "葛\u{e0100}",
            "\u{feff}start",
        ] {
            assert_eq!(found(text), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn what_hides_is_found() {
        for (text, run) in [
            ("a\u{e0041}\u{e0042}b", "\u{e0041}\u{e0042}"),
            ("🏴\u{e0067}\u{e0062}\u{e0020}\u{e0073}", "\u{e0067}\u{e0062}\u{e0020}\u{e0073}"),
            ("a\u{200b}b", "\u{200b}"),
            ("a\u{200d}b", "\u{200d}"),
            ("a\u{ad}b", "\u{ad}"),
            ("x\u{feff}y", "\u{feff}"),
            ("a\u{e0100}\u{e0101}", "\u{e0100}\u{e0101}"),
        ] {
            assert_eq!(found(text), [run], "{text:?}");
        }
    }
}
