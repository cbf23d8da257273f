//! The document under judgement, with what every rule asks of it.

use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix, Span};
use crate::document::{Document, Entry};
use crate::domain::{Dialect, Name};

use super::Neighbours;

/// Longest quote in a message, in characters.
const QUOTED: usize = 60;

/// What is judged, and what is known about it.
pub(super) struct Subject<'a> {
    pub(super) document: &'a Document,
    /// The submitted bytes.
    pub(super) content: &'a [u8],
    /// The same as text: offsets are the same.
    pub(super) text: &'a str,
    /// Where it comes from.
    pub(super) path: Option<&'a str>,
    pub(super) neighbours: Neighbours<'a>,
}

impl<'a> Subject<'a> {
    /// The name that it would have.
    pub(super) fn name(&self) -> Option<&'a Name> {
        self.neighbours.name.or(self.document.name.as_ref())
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.document.derived.dialect
    }

    /// The text of a place; empty where there is none.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end.min(self.text.len())).unwrap_or_default()
    }

    /// The place of a value that is to be quoted: with the blanks behind it where a tab is among them, which parsers take
    /// behind plain values only.
    pub(super) fn to_quote(&self, value: Span) -> Span {
        let rest = self.text.get(value.end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let lines = rest.get(..blanks).unwrap_or_default();
        let lines = lines.rfind('\n').and_then(|last| lines.get(..last)).unwrap_or_default();
        let lines = lines.strip_suffix('\r').unwrap_or(lines);
        if lines.contains('\t') { Span { end: value.end + lines.len(), ..value } } else { value }
    }

    /// The body as text.
    pub(super) fn body(&self) -> &'a str {
        self.text.get(self.document.body.start..).unwrap_or_default()
    }

    /// Where the body begins.
    pub(super) fn body_start(&self) -> usize {
        self.document.body.start
    }

    /// Whether a place of the body is neither code nor quoted by `>`.
    pub(super) fn is_prose(&self, at: usize) -> bool {
        !self.document.markup.is_code(at) && !self.document.markup.is_quote(at)
    }

    /// Lines of the body with their places, line endings left out.
    pub(super) fn body_lines(&self) -> impl Iterator<Item = (Span, &'a str)> {
        let (mut at, mut rest) = (self.body_start(), self.body());
        std::iter::from_fn(move || {
            let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |end| end + 1);
            let (line, behind) = rest.split_at_checked(length).filter(|(line, _)| !line.is_empty())?;
            let start = at;
            (at, rest) = (at + length, behind);
            let text = line.trim_end_matches(['\n', '\r']);
            Some((Span { start, end: start + text.len() }, text))
        })
    }

    /// The text of a place as a message quotes it.
    pub(super) fn quoted(&self, span: Span) -> String {
        quoted(self.slice(span))
    }
}

/// Text as a message quotes it: escaped, and not too long.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(QUOTED).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", cut.escape_debug())
}

/// The path of a field of the front matter.
pub(super) fn field_of(entry: &Entry) -> Option<String> {
    Some(format!("frontmatter.{}", entry.key))
}

/// A fix of one edit.
pub(super) fn replace(title: impl Into<String>, applicability: Applicability, span: Span, text: &str) -> Fix {
    Fix { title: title.into(), applicability, edits: vec![Edit { span, text: text.into() }] }
}

/// One place inside another, by offsets into it.
pub(super) fn inside(span: Span, start: usize, end: usize) -> Span {
    Span { start: span.start + start, end: span.start + end }
}

/// All that was found so far.
pub(super) type Found = Vec<Diagnostic>;
