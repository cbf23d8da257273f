//! SCH107, SCH108, SCH109 and SCH111: keys that the dialect does not read, and those it reads no more.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span, slips};
use crate::document::Entry;
use crate::domain::Dialect;

use super::keys::{SAME, TELLING, known};
use crate::validate::subject::{Found, Subject, field_of, quoted, replace};

/// Unknown keys that one finding names.
const NAMED: usize = 8;

/// Keys that a product has renamed: the old one, the new one.
const RENAMED: [(Dialect, &str, &str); 3] = [
    (Dialect::OpenCode, "maxSteps", "steps"),
    (Dialect::Copilot, "mode", "agent"),
    (Dialect::Copilot, "user-invokable", "user-invocable"),
];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let dialect = subject.dialect();
    if dialect == Dialect::Markdown {
        return;
    }
    let known: Vec<&str> = known(subject).into_iter().map(|(key, _)| key).collect();
    let mut unknown: Vec<&Entry> = Vec::new();
    for entry in &subject.document.entries {
        let key = entry.key.as_str();
        if known.contains(&key) {
            deprecated(subject, entry, found);
        } else if !entry.is_placed() || key.is_empty() || key.starts_with("x-") {
            // No place of its own, or a key that says of itself that it is nobody's.
        } else if let Some(home) = foreign(subject, key) {
            found.push(foreign_key(subject, entry, home, &known));
        } else if let Some(near) = near(key, &known) {
            found.push(misspelled(subject, entry, near));
        } else {
            unknown.push(entry);
        }
    }
    // What one product does not know goes to the provider of the model.
    if let Some(first) = unknown.first().filter(|_| dialect != Dialect::OpenCode) {
        found.push(unknown_keys(dialect, first, &unknown));
    }
}

/// The product that this key belongs to, when it is another one.
fn foreign(subject: &Subject<'_>, key: &str) -> Option<&'static [Dialect]> {
    if subject.dialect() == Dialect::Persona {
        return None;
    }
    TELLING.iter().find(|(telling, _)| *telling == key).map(|(_, home)| *home)
}

fn foreign_key(subject: &Subject<'_>, entry: &Entry, home: &[Dialect], known: &[&str]) -> Diagnostic {
    let dialect = subject.dialect();
    let key = &entry.key;
    let same = SAME.iter().find(|same| same.contains(&key.as_str()));
    let own = same.and_then(|same| same.iter().find(|other| known.contains(*other)).copied());
    let homes: Vec<_> = home.iter().filter(|home| **home != dialect).map(|home| home.as_str()).collect();
    let homes = if homes.is_empty() { "other files of the product".to_owned() } else { homes.join(" and ") };
    let (help, fix) = match own {
        Some(own) if subject.document.entry(own).is_none() => (
            format!("write `{own}`, which says the same here"),
            replace(format!("rename to `{own}`"), Applicability::Unsafe, entry.key_span, own),
        ),
        _ => (
            "take it out, or move it to where it is read".to_owned(),
            replace("remove it", Applicability::Unsafe, lines_of(subject, entry), ""),
        ),
    };
    Diagnostic {
        help: Some(help),
        fixes: vec![fix],
        field: field_of(entry),
        ..Diagnostic::new(
            Code::SCH109,
            Severity::Warning,
            entry.key_span,
            format!("`{key}` is read by {homes}, and ignored here ({dialect})"),
        )
    }
}

/// All lines of an entry.
fn lines_of(subject: &Subject<'_>, entry: &Entry) -> Span {
    let before = subject.text.get(..entry.key_span.start).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let next = subject.document.entries.iter().find(|other| other.key_span.start >= entry.value_span.end);
    let next = next.filter(|next| next.key_span.start > entry.key_span.start);
    let end = match next {
        Some(next) => {
            let before = subject.text.get(..next.key_span.start).unwrap_or_default();
            before.rfind('\n').map_or(start, |newline| newline + 1)
        }
        None => {
            let from = entry.value_span.end.max(entry.key_span.end);
            let rest = subject.text.get(from..).unwrap_or_default();
            from + rest.find('\n').map_or(rest.len(), |newline| newline + 1)
        }
    };
    Span { start, end: end.max(start) }
}

fn misspelled(subject: &Subject<'_>, entry: &Entry, near: &str) -> Diagnostic {
    let fixes = if subject.document.entry(near).is_none() {
        vec![replace(format!("rename to `{near}`"), Applicability::Unsafe, entry.key_span, near)]
    } else {
        Vec::new()
    };
    Diagnostic {
        help: Some(format!("did you mean `{near}`?")),
        fixes,
        field: field_of(entry),
        ..Diagnostic::new(
            Code::SCH107,
            Severity::Warning,
            entry.key_span,
            format!("`{}` is no key of the dialect {}", quoted(&entry.key), subject.dialect()),
        )
    }
}

/// The known key that was probably meant.
fn near<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    const LONGEST: usize = 40;
    if key.len() > LONGEST {
        return None;
    }
    let bare = |key: &str| key.to_lowercase().replace(['-', '_', ' '], "");
    let own = bare(key);
    if let Some(same) = known.iter().find(|other| bare(other) == own) {
        return Some(same);
    }
    let far = if own.chars().count() > 5 { 2 } else { 1 };
    let distance = |other: &str| slips(&own, &bare(other));
    let nearest = known.iter().map(|other| (distance(other), *other)).min()?;
    // Another first letter makes another word (`same`, `name`); one that is missing, doubled or swapped is a slip.
    let letters = |key: &str| {
        let mut letters: Vec<char> = bare(key).chars().collect();
        letters.sort_unstable();
        letters
    };
    let (ours, theirs) = (letters(&own), letters(nearest.1));
    let alike = nearest.1.starts_with(own.chars().next()?)
        || (nearest.0 == 1 && (ours.len() != theirs.len() || ours == theirs));
    (nearest.0 <= far && nearest.1.len() > 3 && alike).then_some(nearest.1)
}

fn unknown_keys(dialect: Dialect, first: &Entry, unknown: &[&Entry]) -> Diagnostic {
    let names: Vec<_> = unknown.iter().take(NAMED).map(|entry| format!("`{}`", quoted(&entry.key))).collect();
    let more = unknown.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let strict = dialect == Dialect::Gemini;
    let (severity, what) = if strict {
        (Severity::Warning, "refused by the product")
    } else {
        (Severity::Info, "kept, and read by nobody")
    };
    let verb = if unknown.len() == 1 { "is a key" } else { "are keys" };
    Diagnostic {
        help: Some("nothing to do if that is meant".into()).filter(|_| !strict),
        field: field_of(first),
        ..Diagnostic::new(
            Code::SCH108,
            severity,
            first.key_span,
            format!("{}{more} {verb} that the dialect {dialect} does not know: {what}", names.join(", ")),
        )
    }
}

fn deprecated(subject: &Subject<'_>, entry: &Entry, found: &mut Found) {
    let dialect = subject.dialect();
    let renamed = RENAMED.iter().find(|(of, old, _)| *of == dialect && *old == entry.key);
    let new = |message: String| Diagnostic {
        field: field_of(entry),
        ..Diagnostic::new(Code::SCH111, Severity::Info, entry.key_span, message)
    };
    if let Some((_, old, current)) = renamed {
        let free = subject.document.entry(current).is_none();
        let fix = replace(format!("rename to `{current}`"), Applicability::Safe, entry.key_span, current);
        found.push(Diagnostic {
            help: Some(format!("write `{current}`")),
            fixes: if free { vec![fix] } else { Vec::new() },
            ..new(format!("`{old}` is now called `{current}`"))
        });
    } else if (dialect, entry.key.as_str()) == (Dialect::Copilot, "infer") {
        found.push(Diagnostic {
            help: Some("write `user-invocable` and `disable-model-invocation`".into()),
            ..new("`infer` is replaced by two keys".to_owned())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn slips_are_told_from_other_words() {
        let known = ["name", "description", "tools", "model", "skills", "allowed-tools", "maxTurns"];
        for (key, expected) in [
            ("descripton", Some("description")),
            ("tool", Some("tools")),
            ("Tools", Some("tools")),
            ("allowed_tools", Some("allowed-tools")),
            ("max-turns", Some("maxTurns")),
            ("skill", Some("skills")),
            ("role", None),
            ("title", None),
            ("notes", None),
            ("same", None),
            ("ame", Some("name")),
            ("version", None),
        ] {
            assert_eq!(near(key, &known), expected, "{key}");
        }
    }
}
