//! What it is in a value that strict YAML stumbles over, and exactly where.

use crate::diagnostic::Span;

/// The exact place that strict YAML stumbles over, and a name for it.
pub(super) fn offence(text: &str, value: Span, at: Option<usize>) -> (Span, String) {
    let written = text.get(value.start..value.end).unwrap_or_default();
    let here =
        |start: usize, length: usize| Span { start: value.start + start, end: value.start + start + length };
    let first = written.chars().next();
    match first {
        Some('{') if written.starts_with("{{") => {
            let length = written.find("}}").map_or(2, |end| end + 2);
            return (here(0, length), "unquoted template".into());
        }
        Some(mark @ ('*' | '&' | '@' | '`' | '%')) => return (here(0, 1), format!("unquoted `{mark}`")),
        Some(quote @ ('"' | '\'')) => {
            return match quoted_end(written, quote) {
                Some(end) => trailing(written, end, &here, "text behind the closing quote"),
                None => (here(0, 1), format!("`{quote}` that is never closed")),
            };
        }
        Some(open @ ('[' | '{')) => {
            if let Some(end) = closing(written, open).filter(|end| *end < written.len()) {
                return trailing(written, end, &here, "text behind the closing bracket");
            }
        }
        Some(_) => {
            if let Some(colon) = colon(written) {
                return match written.get(colon..colon + 2) {
                    Some(": ") => (here(colon, 2), "unquoted `: `".into()),
                    _ => (here(colon, 1), "unquoted `:`".into()),
                };
            }
            if let Some(line) = unindented(written) {
                return (here(line.start, line.end - line.start), "unindented line".into());
            }
        }
        None => {}
    }
    if let Some(at) = at.filter(|at| (value.start..value.end).contains(at) && text.is_char_boundary(*at)) {
        let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        return (Span { start: at, end: at + length }, "YAML that strict parsers refuse".into());
    }
    (value, "YAML that strict parsers refuse".into())
}

fn trailing(written: &str, end: usize, here: &dyn Fn(usize, usize) -> Span, what: &str) -> (Span, String) {
    let rest = written.get(end..).unwrap_or_default();
    let line = rest.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let start = end + rest.find(line.trim()).unwrap_or(0);
    (here(start, line.trim().len()), what.into())
}

/// One past the closing quote of a text that begins with that quote.
pub(super) fn quoted_end(written: &str, quote: char) -> Option<usize> {
    let mut letters = written.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            if quote == '\'' && letters.peek().is_some_and(|(_, next)| *next == quote) {
                letters.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

fn closing(written: &str, open: char) -> Option<usize> {
    let close = if open == '[' { ']' } else { '}' };
    let mut depth = 0_usize;
    for (at, letter) in written.char_indices() {
        if letter == open {
            depth += 1;
        } else if letter == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

fn colon(written: &str) -> Option<usize> {
    let bytes = written.as_bytes();
    written
        .match_indices(':')
        .map(|(at, _)| at)
        .find(|at| bytes.get(at + 1).is_none_or(|next| matches!(next, b' ' | b'\t' | b'\n' | b'\r')))
}

fn unindented(written: &str) -> Option<Span> {
    let first = written.find('\n')? + 1;
    let mut at = first;
    for line in written.get(first..)?.split_inclusive('\n') {
        let content = line.trim_end();
        if !content.is_empty() && !content.starts_with([' ', '\t']) {
            return Some(Span { start: at, end: at + content.len() });
        }
        at += line.len();
    }
    None
}
