//! SEC407: words that override earlier instructions, in prose that speaks for itself. Those who warn of such words quote
//! them, and are let be.

use crate::diagnostic::{Code, Diagnostic, Severity};

use super::directives::overrides;
use crate::validate::subject::{Found, Subject, inside, quoted};

/// Words of those who speak about attacks. One of them near makes the phrase a mention.
const WARY: [&str; 40] = [
    "detect",
    "attempt",
    "attack",
    "inject",
    "jailbreak",
    "such as",
    "e.g",
    "example",
    "like ",
    "never",
    "do not",
    "don't",
    "refuse",
    "reject",
    "resist",
    "flag",
    "block",
    "prevent",
    "guard",
    "treat",
    "pattern",
    "phrase",
    "malicious",
    "suspicious",
    "untrusted",
    "adversar",
    " says",
    "tries to",
    "trying to",
    "asks",
    "asked",
    "claims",
    "cannot",
    "can't",
    "must not",
    "should not",
    "may not",
    "manipulat",
    "threat",
    "override attempts",
];
/// So many phrases are looked at.
const HITS: usize = 512;
/// Bytes of a line that are read on either side of a phrase.
const NEAR: usize = 400;
/// Lines above a list that may introduce it.
const LOOK_BACK: usize = 16;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let hits = overrides(subject.body());
    if hits.is_empty() {
        return;
    }
    for (start, end) in hits.into_iter().take(HITS) {
        let span = inside(subject.document.body, start, end);
        if !subject.is_prose(span.start) || subject.document.markup.is_html(span.start) {
            continue;
        }
        if is_mention(subject.body(), start, end) {
            continue;
        }
        found.push(Diagnostic {
            help: Some("say what to do instead; if it is meant as a quotation, put it in quotes".into()),
            ..Diagnostic::new(
                Code::SEC407,
                Severity::Warning,
                span,
                format!("\"{}\" sets earlier instructions aside", quoted(subject.slice(span))),
            )
        });
    }
}

/// Whether the phrase is quoted, in a table or heading, or spoken of by somebody wary.
fn is_mention(body: &str, start: usize, end: usize) -> bool {
    let line_start = body.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line_end = body.get(end..).and_then(|rest| rest.find('\n')).map_or(body.len(), |length| end + length);
    let (mut from, mut to) = (line_start.max(start.saturating_sub(NEAR)), line_end.min(end + NEAR));
    while !body.is_char_boundary(from) {
        from += 1;
    }
    while !body.is_char_boundary(to) {
        to -= 1;
    }
    let before = body.get(from..start).unwrap_or_default();
    let line = body.get(from..to).unwrap_or_default();
    let marks = line.trim_start();
    if marks.starts_with('|') || marks.starts_with('#') || is_quoted(before) {
        return true;
    }
    let lower = line.to_lowercase();
    if WARY.iter().any(|word| lower.contains(word)) {
        return true;
    }
    let is_item = |line: &str| {
        let line = line.trim_start();
        line.starts_with(['-', '*', '+', '☐', '✗', '✓'])
            || line.starts_with(|first: char| first.is_ascii_digit())
    };
    if !is_item(line) {
        return false;
    }
    // A list of bad examples says so above it.
    let above = body.get(..line_start).unwrap_or_default().lines().rev().take(LOOK_BACK);
    let intro = above.map(str::trim).find(|line| !line.is_empty() && !is_item(line)).unwrap_or_default();
    let intro = intro.to_lowercase();
    WARY.iter().any(|word| intro.contains(word))
}

/// Whether a quotation is open at the end of a text.
fn is_quoted(before: &str) -> bool {
    let count = |mark: char| before.chars().filter(|letter| *letter == mark).count();
    let open = |from: char, to: char| count(from) > count(to);
    let single = before.ends_with(['\'', '‘', '*', '_']) || before.contains(" '") && count('\'') % 2 == 1;
    count('"') % 2 == 1
        || open('“', '”')
        || open('«', '»')
        || open('„', '“')
        || open('「', '」')
        || open('‘', '’')
        || single
}
