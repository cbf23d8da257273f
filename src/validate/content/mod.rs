//! CNT: the body, its headings, its fences and the house format.

mod fences;
mod house;
mod placeholder;
mod sections;

use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::document::Document;
use crate::domain::limits::{OUTLINE_ENTRIES, OUTLINE_LEVELS};
use crate::domain::{Dialect, Profile};

use super::subject::{Found, Subject};

/// Lines of a skill's body and of a rule, by the advice of their makers (agentskills.io, cursor.com).
const ADVISED_LINES: usize = 500;
/// Characters of a Copilot agent (docs.github.com).
const COPILOT_CHARACTERS: usize = 30_000;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let document = subject.document;
    let blank = subject.content.get(document.body.start..).is_none_or(|body| body.trim_ascii().is_empty());
    if blank && document.unclosed {
        // Whatever follows the missing fence may be the body; one finding about the fence is enough.
    } else if blank {
        empty_body(document, found);
    } else if document.profile != Profile::Plain && document.too_deep.is_none() {
        house::check(subject, found);
    }
    unaddressed(document, found);
    fences::check(subject, found);
    sections::check(subject, found);
    placeholder::check(subject, found);
    size(subject, found);
}

fn empty_body(document: &Document, found: &mut Found) {
    // A rule may live from its description alone.
    let severity =
        if document.derived.dialect == Dialect::Cursor { Severity::Warning } else { Severity::Error };
    found.push(Diagnostic {
        help: Some("write the persona's instructions below the front matter".into()),
        field: Some("body".into()),
        ..Diagnostic::new(Code::CNT201, severity, document.body, "the document has no body")
    });
}

fn unaddressed(document: &Document, found: &mut Found) {
    if let Some((count, span)) = document.unaddressed {
        let plural = if count == 1 { "" } else { "s" };
        let message = format!(
            "{count} heading{plural} cannot be addressed: an outline has {OUTLINE_ENTRIES} entries and {OUTLINE_LEVELS} levels"
        );
        found.push(Diagnostic {
            help: Some("they stay part of the section around them; `sections` cannot ask for them".into()),
            ..Diagnostic::new(Code::CNT209, Severity::Warning, span, message)
        });
    }
    if let Some(span) = document.too_deep {
        let message = "quotes and lists nest too deep; no section of the body can be addressed";
        found.push(Diagnostic::new(Code::CNT209, Severity::Warning, span, message));
    }
}

/// CNT203: points at the first line that is too much.
fn size(subject: &Subject<'_>, found: &mut Found) {
    let mut over = |span: Option<Span>, message: String| {
        found.extend(span.map(|span| Diagnostic {
            help: Some("move reference material into files of its own and link to them".into()),
            field: Some("body".into()),
            ..Diagnostic::new(Code::CNT203, Severity::Warning, span, message)
        }));
    };
    match subject.dialect() {
        Dialect::Skill | Dialect::Cursor => {
            let lines = subject.body().trim_end().lines().count();
            if lines > ADVISED_LINES {
                let first = subject.body_lines().nth(ADVISED_LINES).map(|(span, _)| span);
                let message = format!("the body has {lines} lines, advised are at most {ADVISED_LINES}");
                over(first, message);
            }
        }
        Dialect::Copilot => {
            let characters = subject.body().chars().count();
            if characters > COPILOT_CHARACTERS {
                let limit = subject.body().char_indices().nth(COPILOT_CHARACTERS).map_or(0, |(at, _)| at);
                let limit = subject.body_start() + limit;
                let first = subject.body_lines().map(|(span, _)| span).find(|span| span.end > limit);
                let message = format!(
                    "the body has {characters} characters, the dialect takes at most {COPILOT_CHARACTERS}"
                );
                over(first, message);
            }
        }
        _ => {}
    }
}
