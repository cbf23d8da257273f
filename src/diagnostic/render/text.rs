//! Findings for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::excerpt;
use crate::diagnostic::{Applicability, Code, Diagnostic, LineIndex, Severity, Span};

/// A label so many lines away is drawn in the same excerpt; one further off gets its own.
const NEAR: usize = 6;

/// Columns below which cutting leaves nothing to read.
const NARROWEST: usize = 40;

/// Draws findings as rustc does: code, place, the line, what to do. `color` adds terminal colours.
#[must_use]
pub fn text(path: &str, content: &[u8], diagnostics: &[Diagnostic], color: bool) -> String {
    text_within(path, content, diagnostics, color, None)
}

/// The same on a terminal of so many columns: lines of the document are cut around what is pointed at.
#[must_use]
pub fn text_within(
    path: &str,
    content: &[u8],
    diagnostics: &[Diagnostic],
    color: bool,
    width: Option<usize>,
) -> String {
    let content = &without_secrets(content, diagnostics);
    let index = LineIndex::new(content);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer =
        width.map_or_else(|| renderer.clone(), |width| renderer.clone().term_width(width.max(NARROWEST)));
    let path = escaped(path);
    let mut drawn = String::new();
    for diagnostic in diagnostics {
        let page = Page { path: &path, content, index: &index };
        let (group, columns) = page.group(diagnostic);
        let mut picture = renderer.render(&[group]);
        // The drawing counts columns in the line as shown, where escapes and clipping move them.
        for (shown, real) in columns.into_iter().filter(|(shown, real)| shown != real) {
            picture = picture.replacen(&shown, &real, 1);
        }
        drawn.push_str(&picture);
        drawn.push_str("\n\n");
    }
    drawn
}

/// The content with all but four and two characters of each secret starred out: drawings end up in logs.
fn without_secrets<'a>(content: &'a [u8], diagnostics: &[Diagnostic]) -> Cow<'a, [u8]> {
    let mut content = Cow::Borrowed(content);
    for span in diagnostics.iter().filter(|one| one.code == Code::SEC405).map(|one| one.span) {
        // Of a key in PEM the first line says what it is, and the rest is the secret.
        let written = content.get(span.start..span.end).unwrap_or_default();
        let shown = match written.starts_with(b"-----BEGIN") {
            true => written.iter().position(|byte| *byte == b'\n').unwrap_or(4),
            false => 4,
        };
        let hidden = span.start + shown..span.end.saturating_sub(2);
        if let Some(bytes) = content.to_mut().get_mut(hidden) {
            bytes.iter_mut().filter(|byte| byte.is_ascii_graphic()).for_each(|byte| *byte = b'*');
        }
    }
    content
}

/// One line a finding: `path:line:col: error[SYN008] message`.
#[must_use]
pub fn concise(path: &str, content: &[u8], diagnostics: &[Diagnostic]) -> String {
    let index = LineIndex::new(content);
    let path = escaped(path);
    let mut lines = String::new();
    for diagnostic in diagnostics {
        let place = index.position(diagnostic.span.start);
        let Diagnostic { code, severity, message, .. } = diagnostic;
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "{path}:{}:{}: {severity}[{code}] {}",
            place.line,
            place.column,
            escaped(message)
        );
    }
    lines
}

struct Page<'a> {
    path: &'a str,
    content: &'a [u8],
    index: &'a LineIndex<'a>,
}

/// A place on the shown line, or on one of several shown lines.
struct Mark {
    line: usize,
    shown: String,
    range: Range<usize>,
    kind: AnnotationKind,
    label: String,
}

impl<'a> Page<'a> {
    /// The picture of one finding, and every place in it: as the drawing counts and as it is.
    fn group(&self, diagnostic: &'a Diagnostic) -> (Group<'a>, Vec<(String, String)>) {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Info => Level::INFO,
        };
        let mut columns = Vec::new();
        let title = level.primary_title(escaped(&diagnostic.message)).id(diagnostic.code.as_str());
        let primary = self.mark(diagnostic.span, AnnotationKind::Primary, "");
        columns.push(self.columns(diagnostic.span, &primary));
        let (mut near, mut far) = (vec![], vec![]);
        for label in &diagnostic.labels {
            let mark = self.mark(label.span, AnnotationKind::Context, &label.message);
            if mark.line.abs_diff(primary.line) <= NEAR {
                near.push(mark);
            } else {
                columns.push(self.columns(label.span, &mark));
                far.push(mark);
            }
        }
        near.push(primary);
        let mut group = Group::with_title(title).element(self.snippet(near));
        for mark in far {
            group = group.element(self.snippet(vec![mark]));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(escaped(help)));
        }
        if let Some(reason) = &diagnostic.waived {
            group = group.element(Level::NOTE.with_name("waived").message(escaped(reason)));
        }
        if diagnostic.blocks_storing() && diagnostic.severity != Severity::Error {
            group = group.element(Level::NOTE.message("a registry refuses it all the same"));
        }
        for fix in &diagnostic.fixes {
            let trust = match fix.applicability {
                Applicability::Safe => "safe",
                Applicability::Unsafe => "may change the meaning",
                Applicability::DisplayOnly => "by hand",
            };
            let words = format!("{} ({trust})", escaped(&fix.title));
            group = group.element(Level::NOTE.with_name("fix").message(words));
        }
        (group, columns)
    }

    fn mark(&self, span: Span, kind: AnnotationKind, label: &str) -> Mark {
        let (shown, range) = excerpt::line(self.content, span);
        let line = self.index.position(span.start).line as usize;
        Mark { line, shown, range, kind, label: escaped(label) }
    }

    fn columns(&self, span: Span, mark: &Mark) -> (String, String) {
        let shown = mark.shown.get(..mark.range.start).unwrap_or_default().chars().count() + 1;
        let real = self.index.position(span.start).column;
        let path = self.path;
        (format!("{path}:{}:{shown}", mark.line), format!("{path}:{}:{real}", mark.line))
    }

    /// All lines from the first mark to the last, as one excerpt.
    fn snippet(&self, marks: Vec<Mark>) -> Snippet<'a, Annotation<'a>> {
        let first = marks.iter().map(|mark| mark.line).min().unwrap_or(1);
        let last = marks.iter().map(|mark| mark.line).max().unwrap_or(1);
        let mut source = String::new();
        let mut annotations = Vec::new();
        for line in first..=last {
            let offset = source.len();
            let on_line = marks.iter().filter(|mark| mark.line == line);
            // Marks far apart on one long line: the last one, the finding itself, says what is shown.
            match on_line.clone().next_back() {
                Some(shown) => source.push_str(&shown.shown),
                None => source.push_str(&excerpt::line(self.content, self.start_of(line)).0),
            }
            for mark in on_line.filter(|mark| source.get(offset..) == Some(&mark.shown)) {
                let range = offset + mark.range.start..offset + mark.range.end;
                let annotation = mark.kind.span(range);
                annotations.push(if mark.label.is_empty() {
                    annotation
                } else {
                    annotation.label(mark.label.clone())
                });
            }
            source.push('\n');
        }
        Snippet::source(source).line_start(first).path(self.path).annotations(annotations)
    }

    fn start_of(&self, line: usize) -> Span {
        let start = self.index.line_start(line);
        Span { start, end: start }
    }
}

fn escaped(text: &str) -> String {
    text.chars().map(excerpt::escape).collect()
}
