//! SCH: fields of the front matter against what the dialect asks.

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Severity, Span};
use crate::document::{Document, Entry, NameSource, Reading, slug};
use crate::domain::limits::{DESCRIPTION_BYTES, LABEL_KEY_BYTES, LABEL_VALUE_BYTES, LABELS, NAME_BYTES};
use crate::domain::{Dialect, Field, Name};

/// Words that YAML 1.1 reads as truth values, and many parsers still do.
const TRUTH_WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];

pub(super) fn check(document: &Document, content: &[u8], found: &mut Vec<Diagnostic>) {
    // Nothing is known about keys that could not be read; their absence would be a false alarm.
    if matches!(document.reading, Reading::Absent | Reading::Refused) {
        return;
    }
    for key in ["name", "description"] {
        match document.entry(key) {
            Some(entry) if is_empty(entry) => missing(document, content, key, Some(entry), found),
            Some(entry) => text_wanted(entry, content, found),
            None => missing(document, content, key, None, found),
        }
    }
    if let Some(entry) = document.entry("name") {
        name_format(document.derived.dialect, entry, found);
    } else if document.name.is_none() && document.name_source == NameSource::Path {
        unusable_path(document, found);
    }
    description_size(document, found);
    kinds(document, found);
    labels(document, found);
}

fn is_empty(entry: &Entry) -> bool {
    match &entry.value {
        Field::Null => true,
        Field::Text(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn required(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Persona | Dialect::ClaudeCode | Dialect::Skill | Dialect::Gemini => &["name", "description"],
        Dialect::Copilot | Dialect::OpenCode => &["description"],
        Dialect::Cursor | Dialect::Markdown => &[],
    }
}

fn missing(
    document: &Document,
    content: &[u8],
    key: &str,
    entry: Option<&Entry>,
    found: &mut Vec<Diagnostic>,
) {
    let dialect = document.derived.dialect;
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
    let placed =
        entry.is_some() || document.entries.first().is_some_and(|first| first.key_span != first.value_span);
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
fn text_wanted(entry: &Entry, content: &[u8], found: &mut Vec<Diagnostic>) {
    let written = written(content, entry.value_span);
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
        edits: vec![Edit { span: entry.value_span, text: format!("\"{written}\"") }],
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
            format!("`{}` must be text, but \"{}\" is {kind}", entry.key, short(written)),
        )
    });
}

/// The name outside the grammar of its dialect. Where it is for display only, whatever makes a slug will do.
fn name_format(dialect: Dialect, entry: &Entry, found: &mut Vec<Diagnostic>) {
    let Some(name) = entry.text().map(str::trim).filter(|name| !name.is_empty()) else { return };
    let slug = slug(name);
    let wanted = slug.as_ref().and_then(|slug| in_dialect(dialect, slug.as_str()));
    let display_only =
        matches!(dialect, Dialect::Copilot | Dialect::OpenCode | Dialect::Cursor | Dialect::Markdown);
    let diagnostic = match (&slug, wanted) {
        (None, _) => Diagnostic {
            help: Some("use letters a-z and digits, joined by single `-`, `_` or `.`".into()),
            ..Diagnostic::new(
                Code::SCH103,
                Severity::Error,
                entry.value_span,
                format!("no name can be made of \"{}\"", short(name)),
            )
        },
        (Some(_), Some(wanted)) if wanted != name && !display_only => Diagnostic {
            help: Some(format!("it is stored as `{}`", slug.as_ref().map_or("", Name::as_str))),
            fixes: vec![Fix {
                title: format!("rename to `{wanted}`"),
                applicability: Applicability::Unsafe,
                edits: vec![Edit { span: entry.value_span, text: plain_or_quoted(&wanted) }],
            }],
            ..Diagnostic::new(
                Code::SCH103,
                Severity::Warning,
                entry.value_span,
                format!("\"{}\" is no name in the dialect {dialect}: {}", short(name), grammar(dialect)),
            )
        },
        _ => return,
    };
    found.push(Diagnostic { field: Some("frontmatter.name".into()), ..diagnostic });
}

/// The name as the dialect would write it.
fn in_dialect(dialect: Dialect, slug: &str) -> Option<String> {
    let joined = |marks: &[char]| {
        let parts: Vec<&str> =
            slug.split(|letter| marks.contains(&letter)).filter(|part| !part.is_empty()).collect();
        Some(parts.join("-")).filter(|name| !name.is_empty())
    };
    match dialect {
        Dialect::ClaudeCode | Dialect::Skill => joined(&['.', '_', '-']),
        Dialect::Gemini => joined(&['.']),
        _ => Some(slug.to_owned()),
    }
}

fn grammar(dialect: Dialect) -> String {
    match dialect {
        Dialect::ClaudeCode | Dialect::Skill => {
            format!("a-z, 0-9 and single `-`, at most {NAME_BYTES} bytes")
        }
        Dialect::Gemini => "a-z, 0-9, `-` and `_`".into(),
        _ => format!("a-z and 0-9, joined by single `.`, `_` or `-`, at most {NAME_BYTES} bytes"),
    }
}

/// A name of digits or a truth word is no text without quotes.
fn plain_or_quoted(name: &str) -> String {
    let letters = name.bytes().any(|byte| byte.is_ascii_lowercase());
    let safe = letters
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !TRUTH_WORDS.contains(&name)
        && name != "null";
    if safe { name.to_owned() } else { format!("\"{name}\"") }
}

fn unusable_path(document: &Document, found: &mut Vec<Diagnostic>) {
    if required(document.derived.dialect).contains(&"name") {
        return;
    }
    let span = document.opener.unwrap_or(Span { start: 0, end: 0 });
    let message =
        format!("no name can be made of the file name \"{}\"", short(&document.derived.display_name));
    found.push(Diagnostic {
        help: Some("rename the file, or write `name:`".into()),
        field: Some("frontmatter.name".into()),
        ..Diagnostic::new(Code::SCH103, Severity::Error, span, message)
    });
}

fn description_size(document: &Document, found: &mut Vec<Diagnostic>) {
    let bytes = document.derived.description.len();
    if let Some(entry) = document.entry("description").filter(|_| bytes > DESCRIPTION_BYTES) {
        let message = format!("the description has {bytes} bytes, at most {DESCRIPTION_BYTES} can be stored");
        found.push(Diagnostic {
            help: Some("keep what says when to use it; move the rest into the body".into()),
            field: Some("frontmatter.description".into()),
            ..Diagnostic::new(Code::SYN011, Severity::Error, entry.value_span, message)
        });
    }
}

/// Fields that are read when they fit and ignored when they do not: a warning says which.
fn kinds(document: &Document, found: &mut Vec<Diagnostic>) {
    let mut wrong = |entry: &Entry, wanted: &str| {
        let message = format!("`{}` is {}, not {wanted}, and is ignored", entry.key, entry.value.kind());
        found.push(Diagnostic {
            field: Some(format!("frontmatter.{}", entry.key)),
            ..Diagnostic::new(Code::SCH102, Severity::Warning, entry.value_span, message)
        });
    };
    if let Some(entry) = document.entry("tools")
        && matches!(entry.value, Field::Bool(_) | Field::Int(_) | Field::UInt(_) | Field::Float(_))
    {
        wrong(entry, "a comma list, a list or a mapping");
    }
    // Some products take a list of models, in order of preference.
    if let Some(entry) = document.entry("model")
        && !matches!(entry.value, Field::Null | Field::Text(_) | Field::List(_))
    {
        wrong(entry, "text");
    }
    if let Some(entry) = document.entry("labels")
        && document.derived.dialect == Dialect::Persona
        && !matches!(entry.value, Field::Null | Field::Map(_))
    {
        wrong(entry, "a mapping");
    }
}

fn labels(document: &Document, found: &mut Vec<Diagnostic>) {
    let Some(entry) = document.entry("labels") else { return };
    let Field::Map(map) = &entry.value else { return };
    let mut report = |code, severity, message: String, field: String| {
        let new = Diagnostic::new(code, severity, entry.value_span, message);
        found.push(Diagnostic { field: Some(field), ..new });
    };
    if map.len() > LABELS {
        report(
            Code::SYN011,
            Severity::Error,
            format!("{} labels, at most {LABELS} are kept", map.len()),
            "frontmatter.labels".into(),
        );
    }
    for (key, value) in map {
        let field = format!("frontmatter.labels.{}", short(key));
        if key.len() > LABEL_KEY_BYTES {
            report(
                Code::SYN011,
                Severity::Error,
                format!("a label key of {} bytes, at most {LABEL_KEY_BYTES} are kept", key.len()),
                field,
            );
        } else if value.as_text().is_some_and(|text| text.len() > LABEL_VALUE_BYTES) {
            let bytes = value.as_text().map_or(0, str::len);
            report(
                Code::SYN011,
                Severity::Error,
                format!("a label value of {bytes} bytes, at most {LABEL_VALUE_BYTES} are kept"),
                field,
            );
        } else if matches!(value, Field::List(_) | Field::Map(_)) {
            let message = format!("label `{}` is {}, not a scalar, and is ignored", short(key), value.kind());
            report(Code::SCH102, Severity::Warning, message, field);
        }
    }
}

fn written(content: &[u8], span: Span) -> &str {
    content.get(span.start..span.end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Text as a message quotes it: escaped, and not too long.
fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut: String = text.chars().take(LONGEST).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", cut.escape_debug())
}
