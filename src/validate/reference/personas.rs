//! REF305: personas and skills that a document names and that are not beside it.

use crate::diagnostic::{Code, Diagnostic, Severity, Span, did_you_mean};
use crate::document::{Entry, slug};
use crate::domain::{Dialect, Field};

use super::tools::tools_of;
use crate::validate::subject::{Found, Subject, inside, quoted};

/// So many missing ones are told of.
const MOST: usize = 16;
/// Agents that products bring along.
const BUILT_IN: [&str; 15] = [
    "claude",
    "agent",
    "ask",
    "edit",
    "plan",
    "explore",
    "general",
    "general-purpose",
    "build",
    "statusline-setup",
    "output-style-setup",
    "claude-code-guide",
    "fork",
    "inherit",
    "none",
];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    if subject.neighbours.others.is_none() {
        return;
    }
    let keys: &[&str] = match subject.dialect() {
        Dialect::ClaudeCode => &["skills", "agent"],
        Dialect::Skill | Dialect::OpenCode => &["agent"],
        Dialect::Copilot => &["agents"],
        _ => &[],
    };
    for entry in keys.iter().filter_map(|key| subject.document.entry(key)) {
        for tool in tools_of(subject, entry) {
            named(subject, entry, tool.name, tool.span, found);
        }
    }
    for entry in ["tools", "allowed-tools"].iter().filter_map(|key| subject.document.entry(key)) {
        for tool in tools_of(subject, entry).iter().filter(|tool| matches!(tool.base(), "Task" | "Agent")) {
            let Some(open) = tool.name.find('(').filter(|_| tool.name.ends_with(')')) else { continue };
            let inner = tool.name.get(open + 1..tool.name.len() - 1).unwrap_or_default();
            let mut at = open + 1;
            for name in inner.split(',') {
                let start = at + name.len() - name.trim_start().len();
                let span = inside(tool.span, start, start + name.trim().len());
                named(subject, entry, name.trim(), span, found);
                at += name.len() + 1;
            }
        }
    }
    handoffs(subject, found);
}

/// `handoffs` of Copilot: each names the agent that goes on.
fn handoffs(subject: &Subject<'_>, found: &mut Found) {
    let Some(entry) = subject.document.entry("handoffs").filter(|_| subject.dialect() == Dialect::Copilot)
    else {
        return;
    };
    let Field::List(list) = &entry.value else { return };
    let written = subject.slice(entry.value_span);
    let mut from = 0;
    for handoff in list {
        let Field::Map(map) = handoff else { continue };
        let agent = map.iter().find(|(key, _)| key == "agent").and_then(|(_, value)| value.as_text());
        let Some(agent) = agent else { continue };
        let place = written.get(from..).and_then(|rest| rest.find(agent));
        let span = match place {
            Some(at) => inside(entry.value_span, from + at, from + at + agent.len()),
            None => entry.value_span,
        };
        from = place.map_or(from, |at| from + at + agent.len());
        named(subject, entry, agent, span, found);
    }
}

fn named(subject: &Subject<'_>, entry: &Entry, name: &str, span: Span, found: &mut Found) {
    let Some(others) = subject.neighbours.others else { return };
    // A plugin's are named with it; what is to be filled in names nobody yet.
    if name.is_empty() || name.contains([':', '/', '{', '$', '*', '<', ' ']) {
        return;
    }
    let Some(slug) = slug(name) else { return };
    let own = subject.document.name.as_ref() == Some(&slug);
    if found.iter().filter(|one| one.code == Code::REF305).count() >= MOST {
        return;
    }
    let judged = if entry.key == "skills" { others.knows_skills() } else { others.knows_personas() };
    if own || !judged || BUILT_IN.contains(&slug.as_str()) || others.has(&slug) {
        return;
    }
    found.push(Diagnostic {
        help: did_you_mean(name, others.names().iter().map(String::as_str))
            .or_else(|| Some("none of this name lies beside the document".into())),
        field: Some(format!("frontmatter.{}", entry.key)),
        ..Diagnostic::new(
            Code::REF305,
            Severity::Warning,
            span,
            format!("\"{}\" is no persona or skill that is known here", quoted(name)),
        )
    });
}
