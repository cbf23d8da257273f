//! SCH101 and SCH102 for the fields that a dialect requires: they are there, say something, and are text.

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Severity, Span};
use crate::document::Entry;
use crate::domain::{Dialect, Field, Name};

use super::TRUTH_WORDS;
use crate::validate::subject::{Found, Subject, quoted};

pub(super) fn is_empty(entry: &Entry) -> bool {
    match &entry.value {
        Field::Null => true,
        Field::Text(text) => text.trim().is_empty(),
        _ => false,
    }
}

pub(super) fn required(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Persona | Dialect::ClaudeCode | Dialect::Skill | Dialect::Gemini => &["name", "description"],
        Dialect::Copilot | Dialect::OpenCode => &["description"],
        Dialect::Cursor | Dialect::Markdown => &[],
    }
}

pub(super) fn missing(subject: &Subject<'_>, key: &str, entry: Option<&Entry>, found: &mut Found) {
    let (document, content) = (subject.document, subject.content);
    let dialect = subject.dialect();
    if !required(dialect).contains(&key) {
        return;
    }
    let name = document.name.as_ref().map_or("name-of-the-persona", Name::as_str);
    let value = if key == "name" { name } else { "TODO" };
    let (span, message, edit) = match entry {
        Some(entry) => {
            let gap = if entry.value_span.start == entry.key_span.end + 1
                && entry.value_span.start == entry.value_span.end
            {
                " "
            } else {
                ""
            };
            let edit = Edit { span: entry.value_span, text: format!("{gap}{value}") };
            (entry.key_span, format!("`{key}` is empty"), edit)
        }
        None => {
            let opener = document.opener.unwrap_or(document.body);
            let at = document.entries.first().map_or(opener.end, |entry| entry.key_span.start);
            // Front matter may be indented as a whole; the key that is pushed down keeps its place.
            let before = content.get(..at).unwrap_or_default();
            let indent = " ".repeat(before.iter().rev().take_while(|byte| **byte == b' ').count());
            let edit = Edit { span: Span { start: at, end: at }, text: format!("{key}: {value}\n{indent}") };
            (opener, format!("`{key}` is missing; the dialect {dialect} requires it"), edit)
        }
    };
    let help = match key {
        "name" => "give the name that clients ask for, such as `backend_developer`",
        _ => "say in a sentence or two what it does and when to use it",
    };
    // Where the keys do not stand on lines of their own, there is no place to write one.
    let placed = entry.is_some() || document.entries.first().is_some_and(Entry::is_placed);
    let fix =
        Fix { title: format!("write `{key}`"), applicability: Applicability::Unsafe, edits: vec![edit] };
    found.push(Diagnostic {
        help: Some(help.into()),
        fixes: if placed { vec![fix] } else { Vec::new() },
        field: Some(format!("frontmatter.{key}")),
        ..Diagnostic::new(Code::SCH101, Severity::Error, span, message)
    });
}

/// The field must be text. `on` and `no` are text for some parsers and truth values for others, so they are refused
/// unquoted; a template that YAML takes for a mapping likewise.
pub(super) fn text_wanted(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let written = subject.slice(entry.value_span);
    let kind = match &entry.value {
        Field::Text(_) if TRUTH_WORDS.iter().any(|word| word.eq_ignore_ascii_case(written)) => {
            "a boolean to many YAML parsers"
        }
        Field::Text(_) if entry.key == "name" && entry.recovered && written.starts_with("{{") => {
            "a template, a mapping in YAML"
        }
        Field::Text(_) => return,
        other => other.kind(),
    };
    let scalar =
        !matches!(entry.value, Field::List(_) | Field::Map(_)) && !written.contains(['\n', '"', '\\']);
    let fix = Fix {
        title: "quote the value".into(),
        applicability: Applicability::Safe,
        edits: vec![Edit { span: subject.to_quote(entry.value_span), text: format!("\"{written}\"") }],
    };
    found.push(Diagnostic {
        help: Some(if scalar {
            "put the value in quotes".into()
        } else {
            format!("write `{}` as text", entry.key)
        }),
        fixes: if scalar { vec![fix] } else { Vec::new() },
        field: Some(format!("frontmatter.{}", entry.key)),
        ..Diagnostic::new(
            Code::SCH102,
            Severity::Error,
            entry.value_span,
            format!("`{}` must be text, but \"{}\" is {kind}", entry.key, quoted(written)),
        )
    });
}
