//! SEC409: rights to do everything, or to do things unasked.

use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::document::Entry;
use crate::domain::{Dialect, Field};

use crate::validate::reference::tools_of;
use crate::validate::subject::{Found, Subject, inside, quoted};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    for entry in &subject.document.entries {
        match entry.key.as_str() {
            "tools" | "allowed-tools" => tools(subject, entry, found),
            "permissionMode" if entry.text() == Some("bypassPermissions") => found.push(finding(
                entry,
                entry.value_span,
                "lets it do everything without being asked",
                subject,
                "use `default` or `acceptEdits`, and grant what is needed by `tools`",
            )),
            "permission" if subject.dialect() == Dialect::OpenCode => permission(subject, entry, found),
            _ => {}
        }
    }
}

fn finding(entry: &Entry, span: Span, what: &str, subject: &Subject<'_>, help: &str) -> Diagnostic {
    Diagnostic {
        help: Some(help.into()),
        field: Some(format!("frontmatter.{}", entry.key)),
        ..Diagnostic::new(
            Code::SEC409,
            Severity::Warning,
            span,
            format!("\"{}\" {what}", quoted(subject.slice(span))),
        )
    }
}

fn tools(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    // Where every tool is what is given by default, saying so widens nothing.
    let star_widens = matches!(subject.dialect(), Dialect::ClaudeCode | Dialect::Skill | Dialect::Persona);
    for tool in tools_of(subject, entry) {
        let pattern: String =
            tool.name.chars().filter(|letter| !matches!(letter, ' ' | '"' | '\'')).collect();
        let everything = star_widens && matches!(pattern.as_str(), "*" | "all" | "ALL");
        let commands =
            matches!(pattern.as_str(), "Bash(*)" | "Bash(*:*)" | "Bash(:*)" | "Bash(**)" | "shell(*)");
        if everything || commands {
            let what = if everything { "grants every tool" } else { "grants every command" };
            let help = if everything {
                "name the tools that it needs"
            } else {
                "name the commands that it needs, as in `Bash(git diff:*)`"
            };
            found.push(finding(entry, tool.span, what, subject, help));
        }
    }
}

/// `permission: allow`, or `"*": allow` for everything or for all commands.
fn permission(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let help = "ask or deny by default, and allow what it needs";
    let allow = |field: &Field| field.as_text() == Some("allow");
    let star = |field: &Field| match field {
        Field::Map(map) => map.iter().any(|(key, value)| key == "*" && allow(value)),
        _ => false,
    };
    let commands = match &entry.value {
        Field::Map(map) => map.iter().any(|(key, value)| key == "bash" && star(value)),
        _ => false,
    };
    if allow(&entry.value) {
        found.push(finding(
            entry,
            entry.value_span,
            "lets it do everything without being asked",
            subject,
            help,
        ));
    } else if star(&entry.value) || commands {
        let written = subject.slice(entry.value_span);
        let from = if star(&entry.value) { 0 } else { written.find("bash").unwrap_or(0) };
        let place = written.get(from..).and_then(|rest| rest.find('*')).map(|at| from + at);
        let span = place.map_or(entry.value_span, |at| inside(entry.value_span, at, at + 1));
        found.push(finding(entry, span, "is allowed: everything, without being asked", subject, help));
    }
}
