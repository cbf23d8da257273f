//! SEC406: orders in HTML comments, in labels that lead nowhere, and in elements that are not displayed.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span};

use super::directives::is_order;
use crate::validate::subject::{Found, Subject, inside, quoted, replace};

/// Longer hidden texts are looked through no further.
const LONGEST: usize = 16 * 1024;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    comments(subject, found);
    labels(subject, found);
    elements(subject, found);
}

fn report(subject: &Subject<'_>, span: Span, text: &str, place: &str, found: &mut Found) {
    let text = text.get(..text.len().min(LONGEST)).unwrap_or(text);
    if subject.document.markup.is_code(span.start) || !is_order(text) {
        return;
    }
    found.push(Diagnostic {
        help: Some("say it where everybody reads it, or take it out".into()),
        fixes: vec![replace("remove it", Applicability::Unsafe, span, "")],
        ..Diagnostic::new(
            Code::SEC406,
            Severity::Error,
            span,
            format!("{place} gives orders that no reader sees: \"{}\"", quoted(text.trim())),
        )
    });
}

fn comments(subject: &Subject<'_>, found: &mut Found) {
    let body = subject.body();
    let mut at = 0;
    while let Some(start) = body.get(at..).and_then(|rest| rest.find("<!--")).map(|length| at + length) {
        let inner = start + 4;
        let Some(length) = body.get(inner..).and_then(|rest| rest.find("-->")) else { return };
        let end = inner + length + 3;
        let text = body.get(inner..inner + length).unwrap_or_default();
        report(subject, inside(subject.document.body, start, end), text, "a comment", found);
        at = end;
    }
}

/// `[//]: # (text)`: a reference that nothing uses is a comment of Markdown.
fn labels(subject: &Subject<'_>, found: &mut Found) {
    for (span, line) in subject.body_lines() {
        let indent = line.len() - line.trim_start().len();
        let label = line.trim();
        let Some((_, rest)) = label.strip_prefix('[').and_then(|rest| rest.split_once("]:")) else {
            continue;
        };
        let rest = rest.trim();
        let title = rest.split_once([' ', '\t']).map_or("", |(_, title)| title.trim());
        let text = title.trim_matches(['(', ')', '"', '\'']);
        if text.len() > 8 {
            let place = inside(span, indent, indent + label.len());
            report(subject, place, text, "a link label", found);
        }
    }
}

/// What makes an element unseen.
const UNSEEN: [&str; 8] = [
    "display:none",
    "visibility:hidden",
    "font-size:0",
    "opacity:0",
    "color:white",
    "color:#fff",
    "color:transparent",
    " hidden",
];

fn elements(subject: &Subject<'_>, found: &mut Found) {
    /// A tag is no longer than this.
    const TAG: usize = 200;
    /// So many unseen elements are looked into.
    const ELEMENTS: usize = 256;
    let mut elements = 0;
    let mut lower: Option<String> = None;
    let body = subject.body();
    for html in &subject.document.markup.html {
        let text = subject.slice(*html);
        for (at, _) in text.match_indices('<') {
            let start = html.start - subject.body_start() + at;
            let window = body.get(start..).unwrap_or_default();
            if !window.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) {
                continue;
            }
            let Some(close) = window.bytes().take(TAG).position(|byte| byte == b'>') else { continue };
            let tag = window.get(1..close).unwrap_or_default().to_lowercase();
            let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
            let bare: String = tag.chars().filter(|letter| *letter != ' ').collect();
            let unseen = UNSEEN
                .iter()
                .any(|style| if style.starts_with(' ') { tag.contains(style) } else { bare.contains(style) });
            if name.is_empty() || !unseen {
                continue;
            }
            elements += 1;
            if elements > ELEMENTS {
                return;
            }
            let rest = window.get(close + 1..).unwrap_or_default();
            let mut limit = rest.len().min(LONGEST);
            while !rest.is_char_boundary(limit) {
                limit -= 1;
            }
            let closing = format!("</{name}");
            // Once for all elements: offsets stay what they are.
            let lower = lower.get_or_insert_with(|| body.to_ascii_lowercase());
            let inside_of = start + close + 1;
            let Some(length) = lower.get(inside_of..inside_of + limit).and_then(|rest| rest.find(&closing))
            else {
                continue;
            };
            let inner = rest.get(..length).unwrap_or_default();
            let tail = rest.get(length..).and_then(|tail| tail.find('>')).map_or(0, |end| end + 1);
            let span = inside(subject.document.body, start, start + close + 1 + length + tail);
            report(subject, span, inner, "an element that is not displayed", found);
        }
    }
}
