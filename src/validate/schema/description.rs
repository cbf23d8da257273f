//! SCH105 and SCH106: how long a description is, and what it is made of.

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Severity, Span};
use crate::document::Entry;
use crate::domain::Dialect;
use crate::domain::limits::DESCRIPTION_BYTES;

use crate::validate::subject::{Found, Subject};

/// Characters of a skill's description, by its specification (agentskills.io).
const SKILL_DESCRIPTION: usize = 1024;
/// Characters of what a skill says about compatibility.
const SKILL_COMPATIBILITY: usize = 500;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    if let Some(entry) = subject.document.entry("description") {
        length(subject, entry, found);
        if subject.dialect() == Dialect::Skill {
            markup(subject, entry, found);
        }
    }
    let compatibility =
        subject.document.entry("compatibility").filter(|_| subject.dialect() == Dialect::Skill);
    if let Some((entry, text)) = compatibility.and_then(|entry| Some((entry, entry.text()?))) {
        let count = text.chars().count();
        if count > SKILL_COMPATIBILITY {
            let message =
                format!("`compatibility` has {count} characters, a skill at most {SKILL_COMPATIBILITY}");
            found.push(long(entry, Severity::Warning, message));
        }
    }
}

fn length(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let description = &subject.document.derived.description;
    let bytes = description.len();
    if bytes > DESCRIPTION_BYTES {
        let message = format!("the description has {bytes} bytes, at most {DESCRIPTION_BYTES} can be stored");
        found.push(long(entry, Severity::Error, message));
    } else if subject.dialect() == Dialect::Skill {
        let count = description.chars().count();
        if count > SKILL_DESCRIPTION {
            let message =
                format!("the description has {count} characters, a skill at most {SKILL_DESCRIPTION}");
            found.push(long(entry, Severity::Warning, message));
        }
    }
}

fn long(entry: &Entry, severity: Severity, message: String) -> Diagnostic {
    Diagnostic {
        help: Some("keep what says when to use it; move the rest into the body".into()),
        field: Some(format!("frontmatter.{}", entry.key)),
        ..Diagnostic::new(Code::SCH105, severity, entry.value_span, message)
    }
}

/// Tags such as `<b>`: a skill's description is put between tags itself.
fn markup(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let written = subject.slice(entry.value_span);
    let tags: Vec<Span> = tags(written)
        .map(|(start, end)| Span { start: entry.value_span.start + start, end: entry.value_span.start + end })
        .collect();
    let Some(first) = tags.first().copied() else { return };
    let edits = tags.iter().map(|span| Edit { span: *span, text: String::new() }).collect();
    found.push(Diagnostic {
        help: Some("say it in plain text; tags can be taken for those around the description".into()),
        fixes: vec![Fix { title: "remove the tags".into(), applicability: Applicability::Unsafe, edits }],
        field: Some("frontmatter.description".into()),
        ..Diagnostic::new(
            Code::SCH106,
            Severity::Warning,
            first,
            format!("tag \"{}\" in the description of a skill", subject.quoted(first)),
        )
    });
}

fn tags(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    text.match_indices('<').filter_map(|(start, _)| {
        let rest = text.get(start + 1..)?;
        let name = rest.strip_prefix('/').unwrap_or(rest);
        if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            return None;
        }
        // A tag is short, and a `<` that is never closed must not make the rest be looked through again and again.
        let window = rest.as_bytes().iter().take(200);
        let close = window.clone().position(|byte| *byte == b'>')?;
        let inner = rest.get(..close)?;
        (!inner.contains(['<', '\n'])).then_some((start, start + 1 + close + 1))
    })
}
