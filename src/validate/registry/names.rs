//! REG501 to REG504: names and texts that others have too, and names that are not those of their files.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span};
use crate::document::{NameSource, slug};
use crate::domain::{Dialect, Name};

use crate::validate::schema::in_dialect;
use crate::validate::subject::{Found, Subject, quoted, replace};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    file_name(subject, found);
    let (Some(name), Some(others)) = (subject.name(), subject.neighbours.others) else { return };
    let span = place_of_name(subject);
    let new = |code, severity, message: String| Diagnostic {
        field: Some("frontmatter.name".into()),
        ..Diagnostic::new(code, severity, span, message)
    };
    if let Some(first) = others.same_name(name, subject.path) {
        found.push(Diagnostic {
            help: Some("rename one of the two: a registry keeps one persona of a name".into()),
            ..new(
                Code::REG501,
                Severity::Error,
                format!("\"{name}\" is the name of \"{}\" already", quoted(&first)),
            )
        });
    } else if let Some(other) = others.lookalike(name, subject.path) {
        found.push(Diagnostic {
            help: Some("choose a name that nobody mistakes for the other".into()),
            ..new(
                Code::REG503,
                Severity::Warning,
                format!("\"{name}\" is hard to tell from \"{}\" of \"{}\"", other.name, quoted(&other.place)),
            )
        });
    }
    if let Some(mark) = subject.document.derived.body_mark
        && let Some(other) = others.same_body(name, mark)
    {
        found.push(Diagnostic {
            help: Some("keep one, and give it an alias if both names are wanted".into()),
            ..new(
                Code::REG504,
                Severity::Info,
                format!(
                    "the body is that of \"{}\" in \"{}\", word for word",
                    other.name,
                    quoted(&other.place)
                ),
            )
        });
    }
}

fn place_of_name(subject: &Subject<'_>) -> Span {
    let document = subject.document;
    let start = Span { start: 0, end: 0 };
    match document.entry("name").filter(|_| document.name_source == NameSource::FrontMatter) {
        Some(entry) => entry.value_span,
        None => document.opener.unwrap_or(start),
    }
}

/// A skill is found by its directory, and a persona by its file.
fn file_name(subject: &Subject<'_>, found: &mut Found) {
    let Some(entry) = subject.document.entry("name") else { return };
    let (Some(name), Some(path)) = (entry.text().map(str::trim), subject.path) else { return };
    let path = path.replace('\\', "/");
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty() && *part != ".");
    let file = parts.next().unwrap_or_default();
    let skill = subject.dialect() == Dialect::Skill;
    let (wanted, what) = if skill && file.eq_ignore_ascii_case("SKILL.md") {
        let Some(folder) = parts.next().filter(|folder| *folder != "..") else { return };
        (folder, "directory")
    } else {
        return;
    };
    let same = name == wanted || slug(name).is_some() && slug(name) == slug(wanted);
    if same || name.is_empty() {
        return;
    }
    // A directory that is no name itself is the one to be renamed.
    let own = in_dialect(Dialect::Skill, wanted).filter(|own| own == wanted);
    let own = own.filter(|own| slug(own).is_some_and(|slug: Name| slug.as_str() == own));
    let fixes =
        own.map(|own| replace(format!("rename to `{own}`"), Applicability::Unsafe, entry.value_span, &own));
    found.push(Diagnostic {
        help: Some(format!("a skill has the name of its {what}; rename one of the two")),
        fixes: fixes.into_iter().collect(),
        field: Some("frontmatter.name".into()),
        ..Diagnostic::new(
            Code::REG502,
            Severity::Warning,
            entry.value_span,
            format!("the name is \"{}\", and the {what} is called \"{}\"", quoted(name), quoted(wanted)),
        )
    });
}
