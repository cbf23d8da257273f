//! Findings as editors show them.

use gen_lsp_types as lsp;
use gen_lsp_types::{DiagnosticSeverity, DiagnosticTag};

use super::client::Client;
use super::pages::Pages;
use super::position::Lines;
use crate::diagnostic::{Code, Diagnostic, Severity};

/// Who says so.
const SOURCE: &str = "persona";

/// The findings of a document.
pub(super) fn shown(
    uri: &str,
    found: &[Diagnostic],
    lines: &Lines<'_>,
    client: &Client,
    pages: &mut Pages,
) -> Vec<lsp::Diagnostic> {
    let mut shown = |one: &Diagnostic| {
        let page = client.opens_pages.then(|| pages.uri(one.code)).flatten();
        lsp::Diagnostic {
            range: lines.range(one.span),
            severity: Some(severity(one)),
            code: Some(lsp::Code::String(one.code.as_str().to_owned())),
            code_description: page.map(|page| lsp::CodeDescription { href: page.into() }),
            source: Some(SOURCE.to_owned()),
            message: message(one).into(),
            tags: tag(one.code).filter(|_| client.tags).map(|tag| vec![tag]),
            related_information: client
                .related
                .then(|| related(uri, one, lines))
                .filter(|all| !all.is_empty()),
            data: None,
        }
    };
    found.iter().map(&mut shown).collect()
}

fn severity(one: &Diagnostic) -> DiagnosticSeverity {
    match one.severity {
        _ if one.waived.is_some() => DiagnosticSeverity::Information,
        Severity::Error => DiagnosticSeverity::Error,
        Severity::Warning => DiagnosticSeverity::Warning,
        Severity::Info => DiagnosticSeverity::Information,
    }
}

/// The sentence, and below it what to do, or why nothing is to be done.
fn message(one: &Diagnostic) -> String {
    match (&one.waived, &one.help) {
        (Some(reason), _) => format!("{}\nwaived: {reason}", one.message),
        (None, Some(help)) => format!("{}\nhelp: {help}", one.message),
        (None, None) => one.message.clone(),
    }
}

/// How the text that a rule finds may be drawn.
fn tag(code: Code) -> Option<DiagnosticTag> {
    match code {
        Code::SCH111 => Some(DiagnosticTag::Deprecated),
        // Nobody reads them.
        Code::SCH109 => Some(DiagnosticTag::Unnecessary),
        _ => None,
    }
}

fn related(uri: &str, one: &Diagnostic, lines: &Lines<'_>) -> Vec<lsp::DiagnosticRelatedInformation> {
    let place = |label: &crate::diagnostic::Label| lsp::DiagnosticRelatedInformation {
        location: lsp::Location { uri: uri.into(), range: lines.range(label.span) },
        message: label.message.clone(),
    };
    one.labels.iter().map(place).collect()
}
