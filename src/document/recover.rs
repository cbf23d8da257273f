//! Front matter that strict YAML refuses, read key by key: what parses alone is kept, the rest is plain text.

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Severity, Span};
use crate::domain::Field;
use crate::domain::limits::FRONT_MATTER_KEYS;

use super::entries::{Entry, Segment, key_text, split, trim};
use super::front::{self, Failure};
use super::offence::{offence, quoted_end};
use super::source::replace;
use super::yaml::quote;

/// What could be read, and whether every line of it belongs to a key.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) entries: Vec<Entry>,
    /// One SYN008 for each value that was taken as text.
    pub(super) found: Vec<Diagnostic>,
    /// Refusals inside single values.
    pub(super) refused: Vec<Diagnostic>,
    /// Lines before the first key.
    pub(super) stray: Option<Span>,
}

/// Reads what strict YAML refuses. The parser's own complaint gives the place where nothing better is known.
pub(super) fn recover(text: &str, yaml: Span) -> Recovered {
    let mut result = key_by_key(text, yaml);
    // Of more keys than are read nothing is kept, so there is nothing to mend.
    if result.entries.len() <= FRONT_MATTER_KEYS {
        settle_fixes(text, yaml, &mut result);
    }
    result
}

fn key_by_key(text: &str, yaml: Span) -> Recovered {
    let segments = join_quoted(text, join_prose(text, split(text, yaml)));
    let mut result = Recovered::default();
    let first = segments.first().map_or(yaml.end, |segment| segment.key.start);
    result.stray = stray(text, Span { start: yaml.start, end: first });
    for segment in segments {
        let whole = segment.whole();
        match front::strict(text, whole) {
            Ok(Field::Map(map)) if !map.is_empty() => {
                result.entries.extend(super::entries::locate(text, whole, map));
            }
            Err(Failure::Refused(diagnostic)) => result.refused.push(diagnostic),
            Ok(_) => take_as_text(text, segment, None, &mut result),
            Err(Failure::Syntax(refusal)) => {
                let at = refusal.at.map(|at| whole.start + at);
                take_as_text(text, segment, at, &mut result);
            }
        }
    }
    result
}

/// Lets fixes keep what was read. A quote or bracket that is never closed hides what follows from parsers: where mending
/// one value would turn others into something else, all are mended together; where even that would, none is.
fn settle_fixes(text: &str, yaml: Span, result: &mut Recovered) {
    /// Each try reads all of it again; documents of people have a few such values. The rest gets its turn after these.
    const TRIED: usize = 16;
    let Recovered { entries, found, refused, .. } = result;
    let keeps = |edits: &[Edit]| {
        let read = read_with(text, yaml, edits);
        read.is_some_and(|read| {
            let same =
                |(now, before): (&(String, Field), &Entry)| now.0 == before.key && now.1 == before.value;
            read.len() == entries.len() && read.iter().zip(entries.iter()).all(same)
        })
    };
    let edits = found.iter().flat_map(|one| &one.fixes).flat_map(|fix| &fix.edits);
    let all: Vec<Edit> = edits.cloned().collect();
    let safe = found.iter().flat_map(|one| &one.fixes).all(|fix| fix.applicability == Applicability::Safe);
    let mut together = None;
    for (at, one) in found.iter_mut().enumerate() {
        one.fixes.retain_mut(|fix| {
            if at >= TRIED || !refused.is_empty() {
                return false;
            }
            if keeps(&fix.edits) {
                return true;
            }
            let possible = all.len() > 1 && *together.get_or_insert_with(|| keeps(&all));
            if possible {
                fix.title = "quote this value and the others that need it".into();
                fix.applicability = if safe { Applicability::Safe } else { Applicability::Unsafe };
                fix.edits.clone_from(&all);
            }
            possible
        });
    }
}

/// What would be read with these edits; none where it would be refused.
fn read_with(text: &str, yaml: Span, edits: &[Edit]) -> Option<Vec<(String, Field)>> {
    let inner = edits.iter().map(|edit| {
        let span = Span { start: edit.span.start - yaml.start, end: edit.span.end - yaml.start };
        Edit { span, text: edit.text.clone() }
    });
    let fix = Fix { title: String::new(), applicability: Applicability::Safe, edits: inner.collect() };
    let mended = fix.apply(text.get(yaml.start..yaml.end)?.as_bytes())?;
    let mended = String::from_utf8(mended).ok()?;
    let whole = Span { start: 0, end: mended.len() };
    match front::strict(&mended, whole) {
        Ok(Field::Map(map)) => Some(map),
        Ok(_) | Err(Failure::Refused(_)) => None,
        Err(Failure::Syntax(_)) => {
            let read = key_by_key(&mended, whole);
            let entries = read.entries.into_iter().map(|entry| (entry.key, entry.value));
            read.refused.is_empty().then(|| entries.collect())
        }
    }
}

/// Key-like lines inside a quoted value belong to it, when the value parses with them.
fn join_quoted(text: &str, segments: Vec<Segment>) -> Vec<Segment> {
    /// Each try looks through the rest of the text; honest documents have no more than a few such values.
    const TRIES: usize = 8;
    let end = segments.last().map_or(0, |segment| segment.value.end);
    let mut tries = 0;
    let mut joined: Vec<Segment> = Vec::with_capacity(segments.len());
    for mut segment in segments {
        if joined.last().is_some_and(|last| last.value.end > segment.start) {
            continue;
        }
        let start = trim(text, segment.value).start;
        let quote = text
            .get(start..)
            .and_then(|rest| rest.chars().next())
            .filter(|first| matches!(first, '"' | '\''));
        let open = |quote: &char| {
            quoted_end(text.get(start..segment.value.end).unwrap_or_default(), *quote).is_none()
        };
        if let Some(quote) = quote.filter(open).filter(|_| tries < TRIES) {
            tries += 1;
            let close =
                quoted_end(text.get(start..end).unwrap_or_default(), quote).map(|length| start + length);
            if let Some(close) = close {
                let rest = text.get(close..end).unwrap_or_default();
                let line = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
                let whole = Span { start: segment.start, end: close + line };
                if matches!(front::strict(text, whole), Ok(Field::Map(map)) if map.len() == 1) {
                    segment.value.end = whole.end;
                }
            }
        }
        joined.push(segment);
    }
    // A joined value ends with its closing line; lines up to the next key still belong to it.
    let starts: Vec<usize> = joined.iter().skip(1).map(|segment| segment.start).chain([end]).collect();
    for (segment, next) in joined.iter_mut().zip(starts) {
        segment.value.end = next;
    }
    joined
}

/// Unindented prose and dialogue inside a description looks like keys (`Context: …`, `user: …`). Keys of front
/// matter start in lower case; what starts otherwise belongs to the value above it.
fn join_prose(text: &str, segments: Vec<Segment>) -> Vec<Segment> {
    let mut joined: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        let key = text.get(segment.key.start..segment.key.end).unwrap_or_default();
        let prose =
            key.starts_with(|first: char| first.is_ascii_uppercase()) || matches!(key, "user" | "assistant");
        match joined.last_mut() {
            Some(last) if prose => last.value.end = segment.value.end,
            _ => joined.push(segment),
        }
    }
    joined
}

fn stray(text: &str, span: Span) -> Option<Span> {
    let written = text.get(span.start..span.end)?;
    let mut at = span.start;
    for line in written.split_inclusive('\n') {
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') {
            let start = at + line.find(content).unwrap_or(0);
            return Some(Span { start, end: start + content.len() });
        }
        // Strict parsers mind a tab even on a line of blanks.
        if content.is_empty() && line.contains('\t') {
            return Some(Span { start: at, end: at + line.trim_end_matches(['\r', '\n']).len() });
        }
        at += line.len();
    }
    None
}

fn take_as_text(text: &str, segment: Segment, at: Option<usize>, result: &mut Recovered) {
    let key = key_text(text.get(segment.key.start..segment.key.end).unwrap_or_default()).to_owned();
    let value_span = trim_whole(text, segment.value);
    let written = text.get(value_span.start..value_span.end).unwrap_or_default();
    let plain = plain_text(written);
    let (span, what) = offence(text, value_span, at);
    // From the colon on, so that a value that began on a later line comes to stand behind its key.
    let from = Span { start: segment.value.start, end: end_of_repair(text, segment, value_span) };
    let mended = replace("quote the value", applicability(written), from, &format!(" {}", quote(&plain)));
    result.found.push(Diagnostic {
        help: Some("put the value in quotes; until then it is read as plain text".into()),
        fixes: vec![mended],
        field: Some(format!("frontmatter.{key}")),
        ..Diagnostic::new(Code::SYN008, Severity::Warning, span, format!("{what} in the value of `{key}`"))
    });
    result.entries.push(Entry {
        key,
        key_span: segment.key,
        value: Field::Text(plain),
        value_span,
        recovered: true,
    });
}

/// As [`trim`], but a recovered value keeps what looks like a comment: no parser has said that it is one.
fn trim_whole(text: &str, span: Span) -> Span {
    let start = trim(text, span).start;
    let written = text.get(start..span.end).unwrap_or_default();
    Span { start, end: start + written.trim_end_matches([' ', '\t', '\r', '\n']).len() }
}

/// Blanks after the value stay, unless a tab among them is what the parser minds.
fn end_of_repair(text: &str, segment: Segment, value: Span) -> usize {
    let after = text.get(value.end..segment.value.end).unwrap_or_default();
    let last = after.strip_suffix('\n').unwrap_or(after);
    let last = last.strip_suffix('\r').unwrap_or(last);
    if last.contains('\t') { value.end + last.len() } else { value.end }
}

/// Quoting keeps our reading of the value in any case. Of a list or a mapping it would keep a misreading.
fn applicability(written: &str) -> Applicability {
    let structured = written.contains('\n')
        && written.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("- ") || super::fence::is_key_line(line)
        });
    if structured { Applicability::Unsafe } else { Applicability::Safe }
}

/// The value as YAML's plain scalars fold: lines joined by a blank, empty lines kept as line breaks.
fn plain_text(written: &str) -> String {
    let block = written.lines().next().is_some_and(|header| {
        let rest = header.trim_end().trim_start_matches(['|', '>']);
        rest.len() < header.trim_end().len()
            && rest.chars().all(|letter| matches!(letter, '+' | '-' | '0'..='9'))
    });
    let mut folded = String::with_capacity(written.len());
    let mut empty = 0_usize;
    for line in written.lines().skip(usize::from(block)).map(str::trim) {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !folded.is_empty() {
            if block {
                folded.push('\n');
            } else if empty == 0 {
                folded.push(' ');
            }
            folded.extend(std::iter::repeat_n('\n', empty));
        }
        empty = 0;
        folded.push_str(line);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Recovered {
        recover(text, Span { start: 0, end: text.len() })
    }

    #[test]
    fn the_offender_is_named_exactly() {
        for (text, offender, what) in [
            ("d: use: when", ": ", "unquoted `: `"),
            ("d: when:\n  x", ":", "unquoted `:`"),
            ("g: **/*.js", "*", "unquoted `*`"),
            ("t: {{x}} y", "{{x}}", "unquoted template"),
            ("h: [a] [b]", "[b]", "text behind the closing bracket"),
            ("h: \"a\" b", "b", "text behind the closing quote"),
            ("h: 'a", "'", "`'` that is never closed"),
            ("h: @a", "@", "unquoted `@`"),
        ] {
            let result = read(text);
            let found = &result.found[0];
            assert_eq!(&text[found.span.start..found.span.end], offender, "{text}");
            assert!(found.message.starts_with(what), "{}", found.message);
        }
    }

    #[test]
    fn what_parses_alone_is_kept() {
        let result = read("d: a: b\nt: [x, 'y']\nl:\n  - 1\n");
        let values: Vec<_> = result.entries.iter().map(|entry| entry.value.kind()).collect();
        assert_eq!(values, ["a string", "a list", "a list"]);
        assert_eq!(result.found.len(), 1);
    }

    #[test]
    fn dialogue_is_no_key() {
        let result = read("d: when. Examples:\nContext: a\nuser: b: c\nassistant: d\nContext: e\nm: x\n");
        let keys: Vec<_> = result.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["d", "m"]);
        let text = "when. Examples: Context: a user: b: c assistant: d Context: e";
        assert_eq!(result.entries[0].text(), Some(text));
    }

    #[test]
    fn lines_fold() {
        assert_eq!(plain_text("a: b\n  c\n\n  d"), "a: b c\nd");
        assert_eq!(plain_text("|\na: b\nc"), "a: b\nc");
    }
}
