//! Top-level keys of the front matter and where they stand in the text.

use crate::diagnostic::Span;
use crate::domain::Field;

use super::fence::{key_length, lines};
use super::offence::quoted_end;

/// One top-level key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// The key in the document, without its colon.
    pub key_span: Span,
    /// The value.
    pub value: Field,
    /// The value in the document: from its first byte to its last, blanks around it left out.
    pub value_span: Span,
    /// Strict YAML refuses the value; it was taken as plain text.
    pub recovered: bool,
}

/// A stretch of lines that begins with a key at the outermost indentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where the key's line begins.
    pub(super) start: usize,
    pub(super) key: Span,
    /// Behind the key's colon, to the end of the last line.
    pub(super) value: Span,
}

impl Entry {
    /// Whether key and value have places of their own: an exotic key and its value have only the front matter's.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        self.key_span != self.value_span
    }

    /// The value, when it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.value.as_text()
    }
}

impl Segment {
    pub(super) fn whole(&self) -> Span {
        Span { start: self.start, end: self.value.end }
    }
}

/// Splits the text between the fences at its outermost `key:` lines. What stands before the first is no segment.
pub(super) fn split(text: &str, yaml: Span) -> Vec<Segment> {
    let source = text.get(..yaml.end).unwrap_or(text);
    let base = base_indent(source, yaml.start);
    let mut segments: Vec<Segment> = Vec::new();
    for line in lines(source, yaml.start) {
        let content = source.get(line.start..line.end).unwrap_or_default();
        let inner = content.trim_start_matches(' ');
        if content.len() - inner.len() != base {
            continue;
        }
        if let Some(length) = key_length(inner).or_else(|| quoted_key_length(inner)) {
            if let Some(last) = segments.last_mut() {
                last.value.end = line.start;
            }
            let start = line.start + base;
            let colon = source.get(start + length..).and_then(|rest| rest.find(':')).unwrap_or(0);
            let key = Span { start, end: start + length };
            segments.push(Segment {
                start: line.start,
                key,
                value: Span { start: key.end + colon + 1, end: yaml.end },
            });
        }
    }
    segments
}

/// Nearly always 0; YAML allows a mapping that is indented as a whole.
fn base_indent(source: &str, from: usize) -> usize {
    let mut indents = lines(source, from).filter_map(|line| {
        let content = source.get(line.start..line.end)?;
        let inner = content.trim_start_matches(' ');
        (key_length(inner).is_some()).then(|| content.len() - inner.len())
    });
    let first = indents.next().unwrap_or(0);
    indents.fold(first, usize::min)
}

fn quoted_key_length(line: &str) -> Option<usize> {
    let quote = line.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let end = line.get(1..)?.find(quote)? + 2;
    let rest = line.get(end..)?.trim_start_matches([' ', '\t']).strip_prefix(':')?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(end)
}

/// A key as written, without quotes.
pub(super) fn key_text(written: &str) -> &str {
    let inner = |quote| written.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(written)
}

/// The span without blanks on either side; a plain one-line value also loses its trailing comment.
pub(super) fn trim(text: &str, span: Span) -> Span {
    let written = text.get(span.start..span.end).unwrap_or_default();
    let inner = written.trim_start_matches([' ', '\t', '\r', '\n']);
    if inner.is_empty() {
        return Span { start: span.start, end: span.start };
    }
    let start = span.start + (written.len() - inner.len());
    let mut value = inner.trim_end_matches([' ', '\t', '\r', '\n']);
    let plain = !value.starts_with(['"', '\'', '[', '{', '|', '>', '#', '-']) && !value.contains('\n');
    if let Some(comment) = value.find(" #").filter(|_| plain) {
        value = value.get(..comment).unwrap_or_default().trim_end_matches([' ', '\t']);
    }
    Span { start, end: start + value.len() }
}

/// One past the quotes that a value stands in; the value's start where it stands in none.
fn end_of_quotes(text: &str, value: Span) -> usize {
    let start = trim(text, value).start;
    let rest = text.get(start..).unwrap_or_default();
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
    quote.and_then(|quote| quoted_end(rest, quote)).map_or(value.start, |length| start + length)
}

/// Places of strictly parsed keys. A key-like line inside a quoted value is no key, so segments are walked in step
/// with the parser's keys and those that it does not know are passed over.
pub(super) fn locate(text: &str, yaml: Span, map: Vec<(String, Field)>) -> Vec<Entry> {
    let mut segments = split(text, yaml).into_iter().peekable();
    let written = |segment: &Segment| {
        key_text(text.get(segment.key.start..segment.key.end).unwrap_or_default()).to_owned()
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(map.len());
    // Lines up to here belong to a quoted value, whatever they look like.
    let mut inside = 0;
    for (key, value) in map {
        let mut found = None;
        let mut ahead = segments.clone();
        while let Some(segment) = ahead.next() {
            if segment.start >= inside && written(&segment) == key {
                segments = ahead;
                found = Some(segment);
                inside = end_of_quotes(text, segment.value);
                break;
            }
        }
        let (key_span, value_span) = match found {
            Some(segment) => (segment.key, segment.value),
            // A flow mapping as a whole, or an exotic key: the front matter is the best place there is.
            None => (trim(text, yaml), trim(text, yaml)),
        };
        entries.push(Entry { key, key_span, value, value_span, recovered: false });
    }
    // A value goes on to the next key that has a place; an exotic one between them is taken for a part of it.
    let mut next = yaml.end;
    for entry in entries.iter_mut().rev().filter(|entry| entry.is_placed()) {
        let span = Span { start: entry.value_span.start, end: next.max(entry.value_span.start) };
        entry.value_span = trim(text, span);
        next = entry.key_span.start;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Span {
        Span { start: 0, end: text.len() }
    }

    #[test]
    fn keys_split_at_the_outermost_indent() {
        let text = "a: 1\nb:\n  c: 2\n\"d e\": x # y\n- no\nf:\n";
        let keys: Vec<_> =
            split(text, whole(text)).iter().map(|found| &text[found.key.start..found.key.end]).collect();
        assert_eq!(keys, ["a", "b", "\"d e\"", "f"]);
    }

    #[test]
    fn places_follow_the_parser() {
        let text = "a: \"x\nb: y\"\nc: z\n";
        let map = vec![("a".to_owned(), Field::Null), ("c".to_owned(), Field::Null)];
        let entries = locate(text, whole(text), map);
        assert_eq!(&text[entries[0].value_span.start..entries[0].value_span.end], "\"x\nb: y\"");
        assert_eq!(&text[entries[1].value_span.start..entries[1].value_span.end], "z");
        let text = "a: 'x\nc: '\n? [d]\nc: z\n";
        let map = ["a", "[d]", "c"].map(|key| (key.to_owned(), Field::Null));
        let entries = locate(text, whole(text), map.to_vec());
        let places: Vec<_> = entries.iter().map(|it| &text[it.value_span.start..it.value_span.end]).collect();
        assert_eq!(places, ["'x\nc: '\n? [d]", text.trim_end(), "z"]);
        assert_eq!(entries.iter().map(Entry::is_placed).collect::<Vec<_>>(), [true, false, true]);
    }
}
