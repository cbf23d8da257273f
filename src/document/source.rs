//! Bytes to text of the very same length, and the findings that concern bytes rather than structure.

use std::borrow::Cow;

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Label, Severity, Span};
use crate::domain::limits::DOCUMENT_BYTES;

/// Findings of one rule that a document reports one by one; the last says how many more there are.
const REPEATS: usize = 16;

/// The part of the content that is read, as text. Offsets into it are offsets into the content: a byte that is
/// no UTF-8 is read as one `?`. What lies beyond [`DOCUMENT_BYTES`] is not read, so reading has a ceiling.
pub(super) fn read<'a>(content: &'a [u8], found: &mut Vec<Diagnostic>) -> Cow<'a, str> {
    let text = text(content, found);
    if content.len() > DOCUMENT_BYTES {
        let span = Span { start: text.len(), end: content.len() };
        let message =
            format!("the document has {} bytes, at most {DOCUMENT_BYTES} can be stored", content.len());
        found.push(Diagnostic {
            help: Some("move reference material into files of its own".into()),
            ..Diagnostic::new(Code::SYN011, Severity::Error, span, message)
        });
    }
    byte_order_mark(&text, found);
    control_characters(&text, found);
    text
}

/// The part that is read, and a finding for each place that is no UTF-8.
pub(super) fn text<'a>(content: &'a [u8], found: &mut Vec<Diagnostic>) -> Cow<'a, str> {
    let text = match std::str::from_utf8(content) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(replace_invalid(content, found)),
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(cut(text, DOCUMENT_BYTES)),
        Cow::Owned(mut text) => {
            text.truncate(cut(&text, DOCUMENT_BYTES).len());
            Cow::Owned(text)
        }
    }
}

/// The longest start of the text that fits into so many bytes.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn replace_invalid(content: &[u8], found: &mut Vec<Diagnostic>) -> String {
    let mut text = String::with_capacity(content.len());
    let mut bad = Vec::new();
    for chunk in content.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            let span = Span { start: text.len(), end: text.len() + chunk.invalid().len() };
            match bad.last_mut() {
                Some(Span { end, .. }) if *end == span.start => *end = span.end,
                _ => bad.push(span),
            }
            text.extend(chunk.invalid().iter().map(|_| '?'));
        }
    }
    repeated(&bad, found, |span, more| {
        let bytes: String = content
            .get(span.start..span.end)
            .unwrap_or_default()
            .iter()
            .take(8)
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        let message = format!("\"{bytes}\" at byte {} is not UTF-8{more}", span.start);
        Diagnostic {
            help: Some("save the file as UTF-8".into()),
            ..Diagnostic::new(Code::SYN001, Severity::Error, span, message)
        }
    });
    text
}

fn byte_order_mark(text: &str, found: &mut Vec<Diagnostic>) {
    if text.starts_with('\u{feff}') {
        let span = Span { start: 0, end: '\u{feff}'.len_utf8() };
        let message = "the document starts with a byte order mark, \"\\u{feff}\"";
        found.push(Diagnostic {
            help: Some("many tools find no front matter behind one; save as UTF-8 without BOM".into()),
            fixes: vec![replace("remove the mark", Applicability::Safe, span, "")],
            ..Diagnostic::new(Code::SYN003, Severity::Warning, span, message)
        });
    }
}

fn control_characters(text: &str, found: &mut Vec<Diagnostic>) {
    // Tab, line feed and carriage return are layout; all else that `is_control` knows is C0, DEL or C1.
    let runs = |wanted: fn(char) -> bool| {
        let mut spans: Vec<Span> = Vec::new();
        for (start, letter) in text.char_indices().filter(|(_, letter)| wanted(*letter)) {
            let end = start + letter.len_utf8();
            match spans.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => spans.push(Span { start, end }),
            }
        }
        spans
    };
    let report = |severity, spans: Vec<Span>, found: &mut Vec<Diagnostic>| {
        repeated(&spans, found, |span, more| {
            let quoted: String =
                text.get(span.start..span.end).unwrap_or_default().chars().take(8).map(escape).collect();
            let message = format!("control character \"{quoted}\"{more}");
            Diagnostic {
                help: Some("nothing shows such a character, yet a model reads it; remove it".into()),
                fixes: vec![replace("remove the characters", Applicability::Unsafe, span, "")],
                ..Diagnostic::new(Code::SYN002, severity, span, message)
            }
        });
    };
    let may_be_one = |byte: u8| {
        let layout = (byte == b'\t') | (byte == b'\n') | (byte == b'\r');
        ((byte < 0x20) & !layout) | (byte == 0x7f) | (byte == 0xc2)
    };
    // Mostly there is none: to the end in any case, many bytes at once.
    if text.bytes().fold(false, |any, byte| any | may_be_one(byte)) {
        report(Severity::Error, runs(|letter| letter == '\0'), found);
        report(
            Severity::Warning,
            runs(|letter| letter.is_control() && !matches!(letter, '\0' | '\t' | '\n' | '\r')),
            found,
        );
    }
}

/// LF and CRLF in one document. A warning where YAML was recovered too: then a CR may sit inside a value.
pub(super) fn line_endings(text: &str, recovered: bool, found: &mut Vec<Diagnostic>) {
    // Nearly always there is no other.
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return;
    }
    let (mut crlf, mut lf) = (Vec::new(), Vec::new());
    for (at, _) in text.match_indices('\n') {
        if text.as_bytes().get(..at).is_some_and(|before| before.ends_with(b"\r")) {
            crlf.push(Span { start: at - 1, end: at + 1 });
        } else {
            lf.push(Span { start: at, end: at + 1 });
        }
    }
    let (few, many, ending, word) =
        if crlf.len() > lf.len() { (&lf, &crlf, "\r\n", "LF") } else { (&crlf, &lf, "\n", "CRLF") };
    let (Some(first), Some(other)) = (few.first(), many.first()) else { return };
    let severity = if recovered { Severity::Warning } else { Severity::Info };
    let message =
        format!("{} of {} lines end in {word}, unlike the others", few.len(), few.len() + many.len());
    let edits = few.iter().map(|span| Edit { span: *span, text: ending.into() }).collect();
    found.push(Diagnostic {
        labels: vec![Label { span: *other, message: "the other line ending".into() }],
        help: Some("use one line ending throughout".into()),
        fixes: vec![Fix { title: "use one line ending".into(), applicability: Applicability::Safe, edits }],
        ..Diagnostic::new(Code::SYN004, severity, *first, message)
    });
}

/// A character as a diagnostic shows it: controls and invisible ones escaped.
fn escape(letter: char) -> String {
    letter.escape_default().collect()
}

/// A fix of one edit.
pub(super) fn replace(title: &str, applicability: Applicability, span: Span, text: &str) -> Fix {
    Fix { title: title.into(), applicability, edits: vec![Edit { span, text: text.into() }] }
}

fn repeated(spans: &[Span], found: &mut Vec<Diagnostic>, make: impl Fn(Span, &str) -> Diagnostic) {
    for (at, span) in spans.iter().take(REPEATS).enumerate() {
        let rest = spans.len().saturating_sub(REPEATS);
        let more =
            if at + 1 == REPEATS && rest > 0 { format!(", and {rest} more places") } else { String::new() };
        found.push(make(*span, &more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_begins_with_a_whole_character() {
        let content = "é".repeat(DOCUMENT_BYTES / 2 + 1);
        for (skipped, start) in [(0, DOCUMENT_BYTES), (1, DOCUMENT_BYTES - 1)] {
            let content = format!("{}{content}", "a".repeat(skipped));
            let mut found = Vec::new();
            assert_eq!(read(content.as_bytes(), &mut found).len(), start);
            assert_eq!(
                found.iter().map(|one| one.span).collect::<Vec<_>>(),
                [Span { start, end: content.len() }]
            );
        }
    }
}
