//! CNT202: code fences that swallow the rest of the document.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span};

use crate::validate::subject::{Found, Subject, replace};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let before = subject.document.opener.and_then(|opener| subject.text.get(..opener.start));
    let wrapped = before.is_some_and(|before| before.contains("```"));
    for block in &subject.document.markup.blocks {
        let Some(opener) = block.opener.filter(|_| !block.closed) else { continue };
        // A fence in a list or quote ends with it; that is allowed, and often meant.
        let end = subject.text.len();
        let rest = subject.text.get(block.span.end..).unwrap_or_default();
        if !rest.trim_start().is_empty() {
            continue;
        }
        let written = subject.slice(opener);
        // The end of a fence around all of it, which is told of as such.
        if wrapped {
            continue;
        }
        let mark: String = {
            let first = written.chars().next().unwrap_or('`');
            written.chars().take_while(|letter| *letter == first).collect()
        };
        let ended = subject.text.ends_with('\n');
        let closer = if ended { format!("{mark}\n") } else { format!("\n{mark}\n") };
        let at = Span { start: end, end };
        // In a container the closer would need its marks.
        let line_start = subject.text.get(..opener.start).is_some_and(|before| {
            before.rsplit('\n').next().unwrap_or_default().len() < 4
                && before.rsplit('\n').next().unwrap_or_default().trim().is_empty()
        });
        let fix = replace("close the fence at the end", Applicability::Unsafe, at, &closer);
        found.push(Diagnostic {
            help: Some(
                "close it with a line of the same marks; a fence around fences needs more marks than they have"
                    .into(),
            ),
            fixes: if line_start { vec![fix] } else { Vec::new() },
            ..Diagnostic::new(
                Code::CNT202,
                Severity::Warning,
                opener,
                format!("the code fence \"{}\" is never closed", subject.quoted(opener)),
            )
        });
    }
}
