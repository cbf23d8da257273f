//! Findings for programs. The shape is a contract: fields may be added, none changes or goes.

use serde::Serialize;

use crate::diagnostic::{Diagnostic, LineIndex, Span};

/// One JSON object on one line: the path and its findings, each with byte offsets and 1-based lines and columns.
#[must_use]
pub fn json(path: &str, content: &[u8], diagnostics: &[Diagnostic]) -> String {
    let report = Report { path, diagnostics: all(content, diagnostics) };
    // Strings and numbers only: serialising them cannot fail.
    serde_json::to_string(&report).unwrap_or_default()
}

/// The findings of a document alone, for what tells more beside them.
#[must_use]
pub fn findings<'a>(content: &[u8], diagnostics: &'a [Diagnostic]) -> impl Serialize + use<'a> {
    all(content, diagnostics)
}

fn all<'a>(content: &[u8], diagnostics: &'a [Diagnostic]) -> Vec<Finding<'a>> {
    let index = LineIndex::new(content);
    diagnostics.iter().map(|one| finding(&index, one)).collect()
}

#[derive(Serialize)]
struct Report<'a> {
    path: &'a str,
    diagnostics: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'static str,
    name: &'static str,
    severity: &'static str,
    message: &'a str,
    span: Range,
    labels: Vec<Label<'a>>,
    help: Option<&'a str>,
    fixes: Vec<Fix<'a>>,
    field: Option<&'a str>,
    blocks_storing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Range {
    start: Place,
    end: Place,
}

#[derive(Serialize)]
struct Place {
    byte: usize,
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct Label<'a> {
    span: Range,
    message: &'a str,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    applicability: &'static str,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    span: Range,
    text: &'a str,
}

fn finding<'a>(index: &LineIndex<'_>, one: &'a Diagnostic) -> Finding<'a> {
    let labels =
        one.labels.iter().map(|label| Label { span: range(index, label.span), message: &label.message });
    let fixes = one.fixes.iter().map(|fix| Fix {
        title: &fix.title,
        applicability: fix.applicability.as_str(),
        edits: fix
            .edits
            .iter()
            .map(|edit| Edit { span: range(index, edit.span), text: &edit.text })
            .collect(),
    });
    Finding {
        code: one.code.as_str(),
        name: one.code.name(),
        severity: one.severity.as_str(),
        message: &one.message,
        span: range(index, one.span),
        labels: labels.collect(),
        help: one.help.as_deref(),
        fixes: fixes.collect(),
        field: one.field.as_deref(),
        blocks_storing: one.blocks_storing(),
        waiver_reason: one.waived.as_deref(),
    }
}

fn range(index: &LineIndex<'_>, span: Span) -> Range {
    let place = |byte| {
        let position = index.position(byte);
        Place { byte, line: position.line, column: position.column }
    };
    Range { start: place(span.start), end: place(span.end) }
}
