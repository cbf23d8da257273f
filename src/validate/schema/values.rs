//! SCH102 and SCH110: values of known keys against the kind that the dialect takes.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, did_you_mean};
use crate::document::Entry;
use crate::domain::{Dialect, Field};

use super::TRUTH_WORDS;
use super::keys::{Kind, known};
use crate::validate::subject::{Found, Subject, field_of, quoted, replace};

/// Short names of models in Claude Code: those of code.claude.com, page model-config, and `inherit` of its pages
/// sub-agents and skills. Checked in November 2026 against copies of August 2026.
const CLAUDE_MODELS: [&str; 8] =
    ["sonnet", "opus", "haiku", "inherit", "default", "best", "opusplan", "fable"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let known = known(subject);
    for entry in &subject.document.entries {
        let Some((_, kind)) = known.iter().find(|(key, _)| *key == entry.key) else { continue };
        // Both have been looked at; a template says nothing yet.
        let written = subject.slice(entry.value_span);
        let template = written.contains("{{") || written.contains("${");
        if matches!(entry.key.as_str(), "name" | "description") || entry.value == Field::Null || template {
            continue;
        }
        if let Some(wanted) = wrong_kind(*kind, entry, written) {
            found.push(of_wrong_kind(subject, entry, *kind, wanted));
        } else if let Some((what, help)) = wrong_value(subject.dialect(), *kind, entry) {
            found.push(Diagnostic {
                help,
                field: field_of(entry),
                ..Diagnostic::new(
                    Code::SCH110,
                    Severity::Warning,
                    entry.value_span,
                    format!("`{}` is \"{}\", {what}", entry.key, quoted(written)),
                )
            });
        }
    }
    own_kinds(subject, found);
}

/// What the key takes, when the value is nothing of the kind.
fn wrong_kind(kind: Kind, entry: &Entry, written: &str) -> Option<&'static str> {
    let value = &entry.value;
    let number = matches!(value, Field::Int(_) | Field::UInt(_) | Field::Float(_));
    match kind {
        Kind::Bool => {
            // Bare `yes` is true to half of the parsers.
            let word = TRUTH_WORDS.iter().any(|word| word.eq_ignore_ascii_case(written));
            (!matches!(value, Field::Bool(_)) && !word).then_some("true or false")
        }
        Kind::Count(_) => (!matches!(value, Field::Int(_) | Field::UInt(_))).then_some("a whole number"),
        Kind::Number(_) => (!number).then_some("a number"),
        Kind::Text | Kind::Words(_) => {
            matches!(value, Field::List(_) | Field::Map(_) | Field::Bool(_)).then_some("text")
        }
        Kind::Model => (!matches!(value, Field::Text(_) | Field::List(_))).then_some("text"),
        Kind::List => matches!(value, Field::Map(_) | Field::Bool(_)).then_some("text or a list"),
        Kind::Map => (!matches!(value, Field::Map(_))).then_some("a mapping"),
        Kind::Any => None,
    }
}

fn of_wrong_kind(subject: &Subject<'_>, entry: &Entry, kind: Kind, wanted: &str) -> Diagnostic {
    let word = entry.text().map(|text| text.trim().to_lowercase()).unwrap_or_default();
    let meant = match kind {
        Kind::Bool if matches!(word.as_str(), "true" | "yes" | "on") => Some("true".to_owned()),
        Kind::Bool if matches!(word.as_str(), "false" | "no" | "off") => Some("false".to_owned()),
        Kind::Count(_) => word.parse::<u32>().ok().map(|number| number.to_string()),
        Kind::Number(_) => word.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| word.clone()),
        _ => None,
    };
    // What stands on more lines may hold more than the value.
    let meant = meant.filter(|_| !subject.slice(entry.value_span).contains('\n'));
    let fixes =
        meant.map(|meant| replace(format!("write `{meant}`"), Applicability::Safe, entry.value_span, &meant));
    Diagnostic {
        help: Some(format!("write {wanted}")),
        fixes: fixes.into_iter().collect(),
        field: field_of(entry),
        ..Diagnostic::new(
            Code::SCH102,
            Severity::Warning,
            entry.value_span,
            format!(
                "`{}` must be {wanted}, but \"{}\" is {}",
                entry.key,
                subject.quoted(entry.value_span),
                entry.value.kind()
            ),
        )
    }
}

/// What is wrong with a value of the right kind, and what would be right.
fn wrong_value(dialect: Dialect, kind: Kind, entry: &Entry) -> Option<(String, Option<String>)> {
    match kind {
        Kind::Words(words) => {
            let text = entry.text()?.trim();
            let hint = || did_you_mean(text, words.iter().copied());
            (!words.contains(&text)).then(|| (format!("which is none of {}", words.join(", ")), hint()))
        }
        Kind::Count(least) => {
            let small = matches!(entry.value, Field::Int(value) if value < least);
            small.then(|| (format!("which is below {least}"), None))
        }
        Kind::Number(most) => {
            let value = match entry.value {
                Field::Int(value) => value as f64,
                Field::UInt(value) => value as f64,
                Field::Float(value) => value,
                _ => return None,
            };
            (!(0.0..=most).contains(&value)).then(|| (format!("which is not between 0 and {most}"), None))
        }
        Kind::Model => model(dialect, entry.text()?.trim()),
        _ => None,
    }
}

fn model(dialect: Dialect, text: &str) -> Option<(String, Option<String>)> {
    let name = text.to_lowercase();
    match dialect {
        Dialect::ClaudeCode | Dialect::Skill => {
            let alias = name.split('[').next().unwrap_or_default();
            let whole = name.contains("claude") || name.contains('/') || name.starts_with("arn:");
            (!whole && !CLAUDE_MODELS.contains(&alias)).then(|| {
                let near = did_you_mean(&name, CLAUDE_MODELS);
                let help = near.or_else(|| {
                    Some("use sonnet, opus, haiku, fable, inherit or a model's full name".into())
                });
                ("which is no model of Claude Code".to_owned(), help)
            })
        }
        Dialect::OpenCode => (!name.contains('/'))
            .then(|| ("which names no provider".to_owned(), Some("write `provider/model`".into()))),
        Dialect::Gemini => {
            // Aliases and families of the product's source, August 2026. Settings can add names of their own.
            let known = ["gemini", "gemma", "auto", "inherit", "pro", "flash", "models/"];
            (!known.iter().any(|start| name.starts_with(start)))
                .then(|| ("which is no model of Gemini".to_owned(), None))
        }
        _ => None,
    }
}

/// Fields that the registry reads itself when they fit, and ignores when they do not.
fn own_kinds(subject: &Subject<'_>, found: &mut Found) {
    let document = subject.document;
    let mut wrong = |entry: &Entry, wanted: &str| {
        let message = format!("`{}` is {}, not {wanted}, and is ignored", entry.key, entry.value.kind());
        found.push(Diagnostic {
            field: field_of(entry),
            ..Diagnostic::new(Code::SCH102, Severity::Warning, entry.value_span, message)
        });
    };
    if let Some(entry) = document.entry("tools")
        && matches!(entry.value, Field::Bool(_) | Field::Int(_) | Field::UInt(_) | Field::Float(_))
    {
        wrong(entry, "a comma list, a list or a mapping");
    }
    let judged = matches!(
        subject.dialect(),
        Dialect::ClaudeCode | Dialect::Skill | Dialect::OpenCode | Dialect::Gemini
    );
    // Some products take a list of models, in order of preference.
    if let Some(entry) = document.entry("model").filter(|_| !judged)
        && !matches!(entry.value, Field::Null | Field::Text(_) | Field::List(_))
    {
        wrong(entry, "text");
    }
    if let Some(entry) = document.entry("labels")
        && subject.dialect() == Dialect::Persona
        && !matches!(entry.value, Field::Null | Field::Map(_))
    {
        wrong(entry, "a mapping");
    }
}
