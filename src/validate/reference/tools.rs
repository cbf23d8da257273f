//! REF303 and REF304: tools that the dialect does not know, and grants that contradict each other.

use std::collections::HashMap;

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Label, Severity, Span, slips};
use crate::document::Entry;
use crate::domain::{Dialect, Field};

use super::known_tools;
use crate::validate::FINDINGS;
use crate::validate::subject::{Found, Subject, inside, quoted, replace};

/// A tool that the front matter names.
#[derive(Debug, Clone)]
pub(in crate::validate) struct Tool<'a> {
    /// As written, with what is in parentheses.
    pub(in crate::validate) name: &'a str,
    /// Where.
    pub(in crate::validate) span: Span,
    /// Its place in the list.
    pub(in crate::validate) index: usize,
    /// The switch behind it, in a mapping.
    pub(in crate::validate) switch: Option<&'a Field>,
}

impl Tool<'_> {
    /// The name without what is in parentheses.
    pub(in crate::validate) fn base(&self) -> &str {
        self.name.split('(').next().unwrap_or_default().trim()
    }
}

/// The keys that grant tools and those that deny them.
const GRANTS: [&str; 2] = ["tools", "allowed-tools"];
const DENIALS: [&str; 2] = ["disallowedTools", "disallowed-tools"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let mut denied: HashMap<&str, Span> = HashMap::new();
    for key in DENIALS {
        if let Some(entry) = subject.document.entry(key) {
            let tools = tools_of(subject, entry);
            unknown(subject, entry, &tools, found);
            for tool in tools {
                denied.insert(tool.name, tool.span);
            }
        }
    }
    for key in GRANTS {
        if let Some(entry) = subject.document.entry(key) {
            let tools = tools_of(subject, entry);
            unknown(subject, entry, &tools, found);
            conflicts(subject, entry, &tools, &denied, found);
        }
    }
}

/// The tools that an entry names, each with its place.
pub(in crate::validate) fn tools_of<'a>(subject: &Subject<'a>, entry: &'a Entry) -> Vec<Tool<'a>> {
    let written = subject.slice(entry.value_span);
    let mut from = 0;
    let mut place = |name: &str| -> Span {
        match written.get(from..).and_then(|rest| rest.find(name)) {
            Some(at) if !name.is_empty() => {
                let start = from + at;
                from = start + name.len();
                inside(entry.value_span, start, from)
            }
            // Escapes: the name is not there as it reads.
            _ => entry.value_span,
        }
    };
    let mut tools = Vec::new();
    match &entry.value {
        Field::Text(text) => {
            let blanks = entry.key.contains('-') && !text.contains(',');
            for name in split(text, blanks) {
                tools.push((name, place(name), None));
            }
        }
        Field::List(list) => {
            for name in list.iter().filter_map(Field::as_text).map(str::trim) {
                tools.push((name, place(name), None));
            }
        }
        Field::Map(map) => {
            for (name, switch) in map {
                tools.push((name.as_str(), place(name), Some(switch)));
            }
        }
        _ => {}
    }
    let numbered = tools.into_iter().enumerate();
    numbered.map(|(index, (name, span, switch))| Tool { name, span, index, switch }).collect()
}

/// Names between commas outside parentheses, or between blanks.
fn split(text: &str, blanks: bool) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    let ends = text.bytes().chain([b',']).enumerate();
    for (at, byte) in ends {
        let end =
            at == text.len() || (depth == 0 && (matches!(byte, b',' | b'\n') || (blanks && byte == b' ')));
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if end {
            names.extend(text.get(start..at).map(str::trim).filter(|name| !name.is_empty()));
            start = at + 1;
        }
    }
    names
}

fn unknown(subject: &Subject<'_>, entry: &Entry, tools: &[Tool<'_>], found: &mut Found) {
    let Some(known) = known_tools::of(subject.dialect()) else { return };
    let before = found.len();
    for tool in tools {
        // To look for a near name costs more than the rest, so it has an end.
        if found.len() >= before + FINDINGS {
            return;
        }
        let base = tool.base();
        // Servers bring tools of their own, patterns name several.
        if base.is_empty()
            || base.contains(['*', ':', '/', '{', '$', '.', ' ', '<', '['])
            || known.contains(&base)
        {
            continue;
        }
        let brought = base.starts_with("mcp_") || base.starts_with("discovered_tool_");
        if brought || (subject.dialect() == Dialect::OpenCode && base.contains('_')) {
            continue;
        }
        let near = near(base, known);
        let severity = if near.is_some() { Severity::Warning } else { Severity::Info };
        let span = Span { start: tool.span.start, end: tool.span.start + base.len() };
        let span = if subject.slice(span) == base { span } else { tool.span };
        let fixes = near.map(|near| replace(format!("write `{near}`"), Applicability::Unsafe, span, near));
        found.push(Diagnostic {
            help: near.map(|near| format!("did you mean `{near}`?")),
            fixes: fixes.into_iter().filter(|_| span != entry.value_span || tools.len() == 1).collect(),
            field: Some(format!("frontmatter.{}[{}]", entry.key, tool.index)),
            ..Diagnostic::new(
                Code::REF303,
                severity,
                span,
                format!("\"{}\" is no tool of the dialect {}", quoted(base), subject.dialect()),
            )
        });
    }
}

/// The tool that was probably meant: another case, or a slip.
fn near(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const LONGEST: usize = 32;
    if name.len() > LONGEST {
        return None;
    }
    if let Some(same) = known.iter().find(|tool| tool.eq_ignore_ascii_case(name)) {
        return Some(same);
    }
    let far = if name.chars().count() > 7 { 2 } else { 1 };
    let own = name.to_lowercase();
    let distance = |tool: &str| slips(&own, &tool.to_lowercase());
    let (least, nearest) = known.iter().map(|tool| (distance(tool), *tool)).min()?;
    (least <= far && nearest.len() > 2).then_some(nearest)
}

fn conflicts(
    subject: &Subject<'_>,
    entry: &Entry,
    tools: &[Tool<'_>],
    denied: &HashMap<&str, Span>,
    found: &mut Found,
) {
    let mut first: HashMap<&str, Span> = HashMap::new();
    let permission = subject.document.entry("permission").and_then(|entry| match &entry.value {
        Field::Map(map) if subject.dialect() == Dialect::OpenCode => Some((entry, map)),
        _ => None,
    });
    for tool in tools {
        let new = |message: String, label: Label, help: &str| Diagnostic {
            labels: vec![label],
            help: Some(help.into()),
            field: Some(format!("frontmatter.{}[{}]", entry.key, tool.index)),
            ..Diagnostic::new(Code::REF304, Severity::Warning, tool.span, message)
        };
        if tool.span == entry.value_span && tools.len() > 1 {
            continue;
        }
        if let Some(span) = denied.get(tool.name) {
            let label = Label { span: *span, message: "denied here".into() };
            let message = format!("`{}` is granted and denied; denying wins", quoted(tool.name));
            found.push(Diagnostic {
                fixes: removal(subject, entry, tools, tool).into_iter().collect(),
                ..new(message, label, "take it out of one of the two")
            });
        } else if let Some(span) = first.get(tool.name) {
            let label = Label { span: *span, message: "first here".into() };
            let message = format!("`{}` is granted twice", quoted(tool.name));
            found.push(Diagnostic {
                fixes: removal(subject, entry, tools, tool).into_iter().collect(),
                ..new(message, label, "once is enough")
            });
        } else if let Some((permission, map)) = permission
            && tool.switch == Some(&Field::Bool(true))
            && map.iter().any(|(name, value)| name == tool.name && value.as_text() == Some("deny"))
        {
            let label = Label { span: permission.key_span, message: "denied here".into() };
            let message = format!("`{}` is switched on and denied by `permission`", quoted(tool.name));
            found.push(new(message, label, "decide on one of the two"));
        } else {
            first.insert(tool.name, tool.span);
        }
    }
}

/// Takes one name out of a comma list; of other forms it is left to people.
fn removal(subject: &Subject<'_>, entry: &Entry, tools: &[Tool<'_>], tool: &Tool<'_>) -> Option<Fix> {
    let before = tools.get(tool.index.checked_sub(1)?);
    let span = match (before, tools.get(tool.index + 1)) {
        (Some(before), _) => Span { start: before.span.end, end: tool.span.end },
        (None, Some(after)) => Span { start: tool.span.start, end: after.span.start },
        (None, None) => return None,
    };
    let between = subject.slice(Span { start: span.start, end: tool.span.start });
    let plain = !matches!(entry.value, Field::Map(_))
        && between.bytes().all(|byte| matches!(byte, b',' | b' '))
        && between.contains(',');
    plain.then(|| Fix {
        title: format!("remove `{}`", tool.name),
        applicability: Applicability::Safe,
        edits: vec![Edit { span, text: String::new() }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split() {
        assert_eq!(split("Read, Bash(a:*, b:*) ,, Grep", false), ["Read", "Bash(a:*, b:*)", "Grep"]);
        assert_eq!(split("Read Bash(git *)", true), ["Read", "Bash(git *)"]);
        assert_eq!(split("", false), [""; 0]);
    }

    #[test]
    fn slips_are_near() {
        let known = known_tools::of(Dialect::ClaudeCode).unwrap();
        for (name, expected) in [
            ("read", Some("Read")),
            ("Gerp", Some("Grep")),
            ("WebSerch", Some("WebSearch")),
            ("Browser", None),
            ("Search", None),
        ] {
            assert_eq!(near(name, known), expected, "{name}");
        }
    }
}
