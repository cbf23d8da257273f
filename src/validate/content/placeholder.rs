//! CNT208: lines that only say that something is still to be written.

use crate::diagnostic::{Code, Diagnostic, Severity, Span};

use crate::validate::subject::{Found, Subject, field_of, inside, quoted};

/// Marks of unfinished work, alone on a line or before what is to be done.
const MARKS: [&str; 5] = ["TODO", "TBD", "FIXME", "XXX", "TBA"];
/// What such a line tells its author to do. `TODO: without an owner …` is prose about marks.
const DEEDS: [&str; 22] = [
    "add",
    "write",
    "fill",
    "describe",
    "document",
    "complete",
    "say",
    "define",
    "insert",
    "update",
    "explain",
    "finish",
    "list",
    "replace",
    "expand",
    "decide",
    "title",
    "more",
    "content",
    "description",
    "text",
    "example",
];
/// Beginnings of lines in brackets that wait to be filled in.
const BLANKS: [&str; 6] = ["insert ", "your ", "add your ", "describe ", "fill in", "placeholder"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    if let Some(entry) = subject.document.entry("description")
        && let Some(text) = entry.text()
        && is_placeholder(text.trim())
    {
        let text = text.trim();
        // Without its quotes.
        let start = subject.slice(entry.value_span).find(text);
        let span =
            start.map_or(entry.value_span, |start| inside(entry.value_span, start, start + text.len()));
        found.push(Diagnostic { field: field_of(entry), ..finding(span, text) });
    }
    for (span, line) in subject.body_lines() {
        let (start, text) = content_of(line);
        if text.len() <= LONGEST && is_placeholder(text) && subject.is_prose(span.start + start) {
            found.push(finding(inside(span, start, start + text.len()), text));
        }
    }
}

/// Longer lines say something.
const LONGEST: usize = 160;

fn finding(span: Span, text: &str) -> Diagnostic {
    Diagnostic {
        help: Some("write it, or take the line out: a model reads it as an instruction".into()),
        ..Diagnostic::new(
            Code::CNT208,
            Severity::Warning,
            span,
            format!("\"{}\" stands for text that is still to be written", quoted(text)),
        )
    }
}

/// A line without list marks, numbers and stars around it, and where that begins.
fn content_of(line: &str) -> (usize, &str) {
    let mut text = line.trim_start();
    for mark in ["- ", "* ", "+ "] {
        text = text.strip_prefix(mark).unwrap_or(text).trim_start();
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && text.get(digits..).is_some_and(|rest| rest.starts_with(". ") || rest.starts_with(") ")) {
        text = text.get(digits + 2..).unwrap_or(text).trim_start();
    }
    let start = line.len() - text.len();
    (start, text.trim_end())
}

fn is_placeholder(text: &str) -> bool {
    let bare = text.trim_matches(['*', '_', '[', ']', '(', ')', '<', '>', '{', '}']).trim();
    for mark in MARKS {
        if let Some(rest) = bare.strip_prefix(mark) {
            let rest = rest.trim_start_matches([':', '-', ' ', '*']).trim();
            if rest.trim_end_matches(['.', '…', '!']).is_empty() {
                return true;
            }
            let separated =
                bare.get(mark.len()..).is_some_and(|after| after.starts_with([':', ' ', '-', '*']));
            let first = rest.split([' ', '.', ',']).next().unwrap_or_default().to_lowercase();
            return separated && DEEDS.contains(&first.as_str());
        }
    }
    let begins =
        |start: &str| bare.get(..start.len()).is_some_and(|written| written.eq_ignore_ascii_case(start));
    if begins("lorem ipsum") {
        return true;
    }
    let bracketed =
        (text.starts_with('[') && text.ends_with(']')) || (text.starts_with('<') && text.ends_with('>'));
    bracketed && text.len() <= 80 && BLANKS.iter().any(|start| begins(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_something_are_no_placeholders() {
        for (line, expected) in [
            ("TODO", true),
            ("- TBD.", true),
            ("* **Input:** TODO: say what it is given.", false),
            ("TODO: describe the process", true),
            ("**TODO**", true),
            ("1. FIXME", true),
            ("[Insert your rules here]", true),
            // A letter of two bytes where such a beginning might be cut off.
            ("[describe aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaü]", true),
            ("Lorem ipsum dolor sit amet", true),
            ("TODO: without an owner is a finding", false),
            ("TODO comments are findings", false),
            ("Look for TODO", false),
            ("[your name](#x)", false),
            ("TODOs", false),
            ("", false),
        ] {
            assert_eq!(is_placeholder(content_of(line).1), expected, "{line}");
        }
    }
}
