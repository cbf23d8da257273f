//! REG505: what a new version may that the stored one may not, and what it no longer says.

use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic, Severity, Span};

use crate::validate::reference::tools_of;
use crate::validate::subject::{Found, Subject, quoted};

/// Sections that one finding names.
const NAMED: usize = 8;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let (Some(name), Some(stored)) = (subject.name(), subject.neighbours.stored) else { return };
    let Some(stored) = stored(name) else { return };
    let document = subject.document;
    let before: HashSet<&str> = stored.tools.iter().map(String::as_str).collect();
    let new = |span: Span, message: String| Diagnostic::new(Code::REG505, Severity::Warning, span, message);
    let entry = document.entry("tools").or_else(|| document.entry("allowed-tools"));
    let all = Span { start: 0, end: 0 };
    match entry {
        Some(entry) if !before.is_empty() => {
            let granted = &document.derived.tools;
            let tools = tools_of(subject, entry);
            for tool in tools.iter().filter(|tool| granted.iter().any(|own| own == tool.name)) {
                if !before.contains(tool.name) {
                    found.push(Diagnostic {
                        help: Some("make sure that it is wanted".into()),
                        field: Some(format!("frontmatter.{}[{}]", entry.key, tool.index)),
                        ..new(
                            tool.span,
                            format!(
                                "`{}` is granted, which the stored version does not have",
                                quoted(tool.name)
                            ),
                        )
                    });
                }
            }
        }
        None if !before.is_empty() => found.push(Diagnostic {
            help: Some("without a list of tools, most products grant them all".into()),
            field: Some("frontmatter.tools".into()),
            ..new(
                document.opener.unwrap_or(all),
                "the stored version names its tools, and this one grants whatever there is".to_owned(),
            )
        }),
        _ => {}
    }
    let now: HashSet<&str> = document.derived.outline.iter().map(|section| section.path.as_str()).collect();
    let gone: Vec<&str> = stored
        .outline
        .iter()
        .filter(|section| section.level == 2 && !now.contains(section.path.as_str()))
        .map(|section| section.path.as_str())
        .collect();
    if !gone.is_empty() {
        let names: Vec<_> = gone.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
        let more = gone.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let span = document.headings.first().map_or(document.opener.unwrap_or(all), |heading| heading.span);
        found.push(Diagnostic {
            help: Some("clients that ask for them will be refused".into()),
            field: Some("body".into()),
            ..new(span, format!("sections of the stored version are gone: {}{more}", names.join(", ")))
        });
    }
}
