//! Diagnostics, from the domain to the wire, with lines and columns counted in the submitted bytes.

use super::pb;
use crate::diagnostic::{Applicability, Diagnostic, LineIndex, Places, Position, Severity, Span};

/// Diagnostics of one document.
#[must_use]
pub fn diagnostics(found: &[Diagnostic], content: &[u8]) -> Vec<pb::Diagnostic> {
    if found.is_empty() {
        return Vec::new();
    }
    let lines = LineIndex::new(content);
    found.iter().map(|one| diagnostic(one, &|offset| lines.position(offset))).collect()
}

/// Diagnostics of a document that is no longer at hand.
#[must_use]
pub fn diagnostics_at(found: &[Diagnostic], places: &Places) -> Vec<pb::Diagnostic> {
    found.iter().map(|one| diagnostic(one, &|offset| places.position(offset))).collect()
}

fn diagnostic(found: &Diagnostic, place: &dyn Fn(usize) -> Position) -> pb::Diagnostic {
    let labels = found.labels.iter().map(|label| pb::diagnostic::Label {
        span: Some(span(label.span, place)),
        message: label.message.clone(),
    });
    let fixes = found.fixes.iter().map(|fix| pb::Fix {
        title: fix.title.clone(),
        applicability: applicability(fix.applicability).into(),
        edits: fix
            .edits
            .iter()
            .map(|edit| pb::fix::Edit { span: Some(span(edit.span, place)), text: edit.text.clone() })
            .collect(),
    });
    pb::Diagnostic {
        code: found.code.as_str().to_owned(),
        name: found.code.name().to_owned(),
        severity: severity(found.severity).into(),
        message: found.message.clone(),
        span: Some(span(found.span, place)),
        labels: labels.collect(),
        help: found.help.clone().unwrap_or_default(),
        fixes: fixes.collect(),
        field: found.field.clone().unwrap_or_default(),
        waivable: found.code.rule().waivable,
        blocks_storing: found.blocks_storing(),
        waiver_reason: found.waived.clone().unwrap_or_default(),
    }
}

fn span(span: Span, place: &dyn Fn(usize) -> Position) -> pb::Span {
    let (start, end) = (place(span.start), place(span.end));
    let int = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    pb::Span {
        start: i32::try_from(span.start).unwrap_or(i32::MAX),
        end: i32::try_from(span.end).unwrap_or(i32::MAX),
        start_line: int(start.line),
        start_column: int(start.column),
        end_line: int(end.line),
        end_column: int(end.column),
    }
}

const fn severity(severity: Severity) -> pb::Severity {
    match severity {
        Severity::Info => pb::Severity::Info,
        Severity::Warning => pb::Severity::Warning,
        Severity::Error => pb::Severity::Error,
    }
}

const fn applicability(applicability: Applicability) -> pb::fix::Applicability {
    match applicability {
        Applicability::Safe => pb::fix::Applicability::Safe,
        Applicability::Unsafe => pb::fix::Applicability::Unsafe,
        Applicability::DisplayOnly => pb::fix::Applicability::DisplayOnly,
    }
}
