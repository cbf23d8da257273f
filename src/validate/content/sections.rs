//! CNT206 and CNT207: sections that repeat, and levels that are skipped.

use std::collections::HashMap;

use crate::diagnostic::{Applicability, Code, Diagnostic, Label, Severity, Span};
use crate::document::Heading;

use crate::validate::subject::{Found, Subject, quoted, replace};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    repeated(subject, found);
    let mut before: Option<&Heading> = None;
    for heading in &subject.document.headings {
        if let Some(above) = before.filter(|above| heading.level > above.level + 1) {
            found.push(skipped(subject, above, heading));
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
    let written = subject.slice(heading.span);
    let blanks = written.len() - written.trim_start().len();
    let marks = written.trim_start().chars().take_while(|mark| *mark == '#').count();
    let fix = (marks > 0).then(|| {
        let start = heading.span.start + blanks;
        let right = "#".repeat(usize::from(above.level) + 1);
        let span = Span { start, end: start + marks };
        replace(format!("make it level {}", above.level + 1), Applicability::Unsafe, span, &right)
    });
    Diagnostic {
        labels: vec![Label { span: above.span, message: format!("level {}", above.level) }],
        help: Some(format!("use level {}", above.level + 1)),
        fixes: fix.into_iter().collect(),
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
