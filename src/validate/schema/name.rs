//! SCH103 and SCH104: the name against the grammar of its dialect and what others keep for themselves.

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Severity, Span};
use crate::document::{Document, Entry, slug};
use crate::domain::limits::NAME_BYTES;
use crate::domain::{Dialect, Name};

use super::TRUTH_WORDS;
use super::field::required;
use crate::validate::subject::{Found, Subject, quoted};

/// Names of built-in agents, checked in November 2026: code.claude.com (sub-agents), docs.github.com (CLI command
/// reference), opencode.ai (agents), geminicli.com (subagents) and the source of the last. Of Copilot those of its
/// editors: its CLI brings more, such as `code-review`, which people call their own agents; and four participants of
/// its chat, for which no page was looked up.
const BUILT_IN: [(Dialect, &[&str]); 4] = [
    (
        Dialect::ClaudeCode,
        &[
            "claude",
            "general-purpose",
            "explore",
            "plan",
            "statusline-setup",
            "output-style-setup",
            "claude-code-guide",
        ],
    ),
    (Dialect::Copilot, &["agent", "ask", "edit", "plan", "workspace", "vscode", "terminal", "github"]),
    (Dialect::OpenCode, &["build", "plan", "general", "explore", "compaction", "title", "summary"]),
    (Dialect::Gemini, &["codebase_investigator", "cli_help", "generalist", "browser_agent"]),
];
/// Words that the vendor of skills keeps for its own.
const VENDOR_WORDS: [&str; 2] = ["anthropic", "claude"];
/// Names that Windows gives to devices: no file can be called so.
const DEVICES: [&str; 10] = ["con", "prn", "aux", "nul", "com1", "com2", "com3", "lpt1", "lpt2", "lpt3"];

/// The name outside the grammar of its dialect. Where it is for display only, whatever makes a slug will do.
pub(super) fn format(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let dialect = subject.dialect();
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
                format!("no name can be made of \"{}\"", quoted(name)),
            )
        },
        (Some(_), Some(wanted)) if wanted != name && !display_only => Diagnostic {
            help: Some(format!("it is stored as `{}`", slug.as_ref().map_or("", Name::as_str))),
            fixes: rename(subject, entry, name, &wanted).into_iter().collect(),
            ..Diagnostic::new(
                Code::SCH103,
                Severity::Warning,
                entry.value_span,
                format!("\"{}\" is no name in the dialect {dialect}: {}", quoted(name), grammar(dialect)),
            )
        },
        _ => return,
    };
    found.push(Diagnostic { field: Some("frontmatter.name".into()), ..diagnostic });
}

/// Writes the name anew, when it stands alone where it is: behind odd keys its place reaches too far.
fn rename(subject: &Subject<'_>, entry: &Entry, name: &str, wanted: &str) -> Option<Fix> {
    let written = subject.slice(entry.value_span);
    let alone = written.trim_matches(['"', '\'']).trim() == name || !written.contains('\n');
    alone.then(|| Fix {
        title: format!("rename to `{wanted}`"),
        applicability: Applicability::Unsafe,
        edits: vec![Edit { span: subject.to_quote(entry.value_span), text: plain_or_quoted(wanted) }],
    })
}

/// The name as the dialect would write it.
pub(in crate::validate) fn in_dialect(dialect: Dialect, slug: &str) -> Option<String> {
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

pub(super) fn unusable_path(document: &Document, found: &mut Found) {
    if required(document.derived.dialect).contains(&"name") {
        return;
    }
    let span = document.opener.unwrap_or(Span { start: 0, end: 0 });
    let message =
        format!("no name can be made of the file name \"{}\"", quoted(&document.derived.display_name));
    found.push(Diagnostic {
        help: Some("rename the file, or write `name:`".into()),
        field: Some("frontmatter.name".into()),
        ..Diagnostic::new(Code::SCH103, Severity::Error, span, message)
    });
}

/// A name that something else has already.
pub(super) fn reserved(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let Some(name) = subject.document.name.as_ref().map(Name::as_str) else { return };
    let dialect = subject.dialect();
    let built_in = BUILT_IN.iter().any(|(of, names)| *of == dialect && names.contains(&name));
    let vendor =
        dialect == Dialect::Skill && name.split(['-', '_', '.']).any(|word| VENDOR_WORDS.contains(&word));
    let what = if built_in {
        format!("is a built-in of the dialect {dialect}, which one of the two hides")
    } else if vendor {
        "has a word that its vendor keeps for its own skills".to_owned()
    } else if DEVICES.contains(&name) {
        "is a device on Windows, where no file can be called so".to_owned()
    } else {
        return;
    };
    found.push(Diagnostic {
        help: Some("choose another name".into()),
        field: Some("frontmatter.name".into()),
        ..Diagnostic::new(
            Code::SCH104,
            Severity::Warning,
            entry.value_span,
            format!("\"{}\" {what}", quoted(name)),
        )
    });
}
