//! CNT206 and CNT207: sections that repeat, and levels that are skipped.

use std::collections::HashMap;

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Label, Severity, Span};
use crate::document::Heading;

use crate::validate::FINDINGS;
use crate::validate::subject::{Found, Subject, quoted};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    repeated(subject, found);
    let mut before: Option<&Heading> = None;
    let mut skips = 0;
    for heading in &subject.document.headings {
        if let Some(above) = before.filter(|above| heading.level > above.level + 1) {
            found.push(skipped(subject, above, heading));
            skips += 1;
            if skips >= FINDINGS {
                return;
            }
        }
        before = Some(heading);
    }
}

/// Sections of one title below one parent, of level 2: an address leads to the first, and a reader too.
fn repeated(subject: &Subject<'_>, found: &mut Found) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for heading in &subject.document.headings {
        match heading.level {
            1 => seen.clear(),
            2 => {
                let title = heading.title.to_lowercase();
                let first = *seen.entry(title).or_insert(heading.span);
                if first != heading.span {
                    found.push(Diagnostic {
                        labels: vec![Label { span: first, message: "first here".into() }],
                        help: Some("join them, or give one another title".into()),
                        ..Diagnostic::new(
                            Code::CNT206,
                            Severity::Warning,
                            heading.span,
                            format!("the section \"{}\" is there twice", quoted(&heading.title)),
                        )
                    });
                }
            }
            _ => {}
        }
    }
}

fn skipped(subject: &Subject<'_>, above: &Heading, heading: &Heading) -> Diagnostic {
    Diagnostic {
        labels: vec![Label { span: above.span, message: format!("level {}", above.level) }],
        help: Some(format!("use level {}", above.level + 1)),
        fixes: raise(subject, above, heading).into_iter().collect(),
        ..Diagnostic::new(
            Code::CNT207,
            Severity::Info,
            heading.span,
            format!(
                "\"{}\" is a heading of level {} below one of level {}",
                quoted(&heading.title),
                heading.level,
                above.level
            ),
        )
    }
}

/// Raises the heading and all that follow it below the same one, so that the hole does not move to the next.
fn raise(subject: &Subject<'_>, above: &Heading, heading: &Heading) -> Option<Fix> {
    /// A fix of more edits is work for people.
    const EDITS: usize = 64;
    let too_deep = heading.level - above.level - 1;
    let following =
        subject.document.headings.iter().skip_while(|other| other.span.start < heading.span.start);
    let mut edits = Vec::new();
    for other in following.take_while(|other| other.level > above.level) {
        let written = subject.slice(other.span);
        let marks = written.trim_start();
        let start = other.span.start + written.len() - marks.len();
        let count = marks.bytes().take_while(|mark| *mark == b'#').count();
        if count == 0 || edits.len() == EDITS {
            return None;
        }
        let level = other.level.saturating_sub(too_deep).max(above.level + 1);
        let span = Span { start, end: start + count };
        edits.push(Edit { span, text: "#".repeat(usize::from(level)) });
    }
    Some(Fix {
        title: format!("make it level {}", above.level + 1),
        applicability: Applicability::Unsafe,
        edits,
    })
}
