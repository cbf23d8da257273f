//! Front matter text to entries: guarded strict YAML first, then key by key, always with exact places.

use std::collections::HashMap;

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Label, Severity, Span};
use crate::domain::Field;
use crate::domain::limits::{FRONT_MATTER_BYTES, FRONT_MATTER_DEPTH, FRONT_MATTER_KEYS};

use super::entries::{Entry, locate, trim};
use super::fence::{Fault, Fences};
use super::guard::{self, Verdict};
use super::recover::{Recovered, recover};
use super::source::replace;
use super::yaml;

/// How the front matter could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// There is none.
    Absent,
    /// Strict YAML.
    Strict,
    /// Strict YAML refuses it; read key by key.
    Recovered,
    /// Not read, wholly or in part: no mapping, over a limit, or with features that expand. Nothing can be said
    /// about absent keys.
    Refused,
}

/// Why a text could not be read strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A limit or a refused feature: no fallback either.
    Refused(Diagnostic),
    /// Not YAML.
    Syntax(yaml::Refusal),
}

/// Guard, parser, limits: the only way that text reaches the parser.
pub(super) fn strict(text: &str, span: Span) -> Result<Field, Failure> {
    let source = text.get(span.start..span.end).unwrap_or_default();
    let moved = |inner: Span| Span { start: span.start + inner.start, end: span.start + inner.end };
    match guard::inspect(source) {
        Ok(()) => {}
        Err(Verdict::Feature(at, what)) => return Err(Failure::Refused(feature(text, moved(at), what))),
        Err(Verdict::Depth(at)) => return Err(Failure::Refused(too_deep(moved(at)))),
        Err(Verdict::NotOne) => {
            let message = "a document marker or directive inside the front matter".into();
            return Err(Failure::Syntax(yaml::Refusal { at: None, message }));
        }
    }
    let field = yaml::parse(source).map_err(Failure::Syntax)?;
    let (depth, keys) = measure(&field);
    if depth > FRONT_MATTER_DEPTH {
        return Err(Failure::Refused(too_deep(trim(text, span))));
    }
    if keys > FRONT_MATTER_KEYS {
        let message = format!("the front matter has {keys} keys, at most {FRONT_MATTER_KEYS} are read");
        return Err(Failure::Refused(Diagnostic::new(
            Code::SYN011,
            Severity::Error,
            trim(text, span),
            message,
        )));
    }
    Ok(field)
}

/// Reads what stands between the fences, and complains about the fences themselves.
pub(super) fn read(text: &str, fences: &Fences, found: &mut Vec<Diagnostic>) -> (Vec<Entry>, Reading) {
    fence_fault(text, fences, found);
    if fences.body > FRONT_MATTER_BYTES {
        let message =
            format!("the front matter has {} bytes, at most {FRONT_MATTER_BYTES} are read", fences.body);
        found.push(Diagnostic {
            help: Some("move long text into the body".into()),
            ..Diagnostic::new(Code::SYN011, Severity::Error, fences.opener, message)
        });
        return (Vec::new(), Reading::Refused);
    }
    let (entries, reading) = match strict(text, fences.yaml) {
        Ok(Field::Map(map)) => (locate(text, fences.yaml, map), Reading::Strict),
        Ok(field) => {
            found.push(not_a_mapping(text, fences, &field));
            (Vec::new(), Reading::Refused)
        }
        Err(Failure::Refused(diagnostic)) => {
            found.push(diagnostic);
            (Vec::new(), Reading::Refused)
        }
        Err(Failure::Syntax(refusal)) => recovered(text, fences, &refusal, found),
    };
    repeated_keys(text, &entries, found);
    (entries, reading)
}

fn recovered(
    text: &str,
    fences: &Fences,
    refusal: &yaml::Refusal,
    found: &mut Vec<Diagnostic>,
) -> (Vec<Entry>, Reading) {
    let Recovered { entries, found: recovered, refused, stray } = recover(text, fences.yaml);
    let keys = entries.iter().map(|entry| 1 + measure(&entry.value).1).sum::<usize>();
    if keys > FRONT_MATTER_KEYS {
        let message = format!("the front matter has {keys} keys, at most {FRONT_MATTER_KEYS} are read");
        found.push(Diagnostic::new(Code::SYN011, Severity::Error, fences.opener, message));
        return (Vec::new(), Reading::Refused);
    }
    let unexplained = recovered.is_empty() && refused.is_empty();
    if stray.is_some() || unexplained {
        let place = refusal.at.map(|at| fences.yaml.start + at);
        let span = stray.or_else(|| place.and_then(|at| line_around(text, at))).unwrap_or(fences.opener);
        let message = match stray {
            Some(span) => format!("{} is no `key: value` line", shown(text, span)),
            None => format!("the front matter is not YAML: {}", refusal.message),
        };
        found.push(Diagnostic {
            help: Some("front matter is a list of `key: value` lines between two lines `---`".into()),
            ..Diagnostic::new(Code::SYN007, Severity::Error, span, message)
        });
    }
    let usable = refused.is_empty() && !entries.is_empty();
    found.extend(recovered);
    found.extend(refused);
    if usable { (entries, Reading::Recovered) } else { (Vec::new(), Reading::Refused) }
}

fn fence_fault(text: &str, fences: &Fences, found: &mut Vec<Diagnostic>) {
    let before = Span { start: 0, end: fences.opener.start };
    let new = |span, message: &str| Diagnostic::new(Code::SYN006, Severity::Error, span, message);
    match fences.fault {
        None => {}
        Some(Fault::BlankBefore) => found.push(Diagnostic {
            help: Some("the first line of the document must be `---`".into()),
            fixes: vec![replace("remove the blanks before it", Applicability::Safe, before, "")],
            ..new(fences.opener, "the front matter opens below the first line")
        }),
        Some(Fault::TextBefore) => {
            let moved = text.get(before.start..before.end).unwrap_or_default();
            let ended = text.get(..fences.body).is_some_and(|before| before.ends_with('\n'));
            let gap = if ended { "" } else { "\n" };
            let mut fix = replace("move the text below the front matter", Applicability::Unsafe, before, "");
            let at = Span { start: fences.body, end: fences.body };
            fix.edits.push(Edit { span: at, text: format!("{gap}{moved}") });
            found.push(Diagnostic {
                labels: vec![Label { span: first_line(text), message: "text stands before it".into() }],
                help: Some("the first line of the document must be `---`".into()),
                fixes: vec![fix],
                ..new(fences.opener, "the front matter opens below other text")
            });
        }
        Some(Fault::Unclosed) => {
            let at = Span { start: fences.body, end: fences.body };
            let ended = text.get(..fences.body).is_some_and(|before| before.ends_with('\n'));
            // Without a body one error would take the place of the other.
            let rest = text.get(fences.body..).unwrap_or_default();
            let body = if rest.trim().is_empty() { "TODO: write the instructions.\n" } else { "" };
            let closer = format!("{}---\n{body}", if ended { "" } else { "\n" });
            found.push(Diagnostic {
                labels: vec![Label { span: at, message: "a closing `---` was expected here".into() }],
                help: Some("close the front matter with a line `---`".into()),
                fixes: vec![replace("close the front matter", Applicability::Unsafe, at, &closer)],
                ..new(fences.opener, "the front matter is never closed")
            });
        }
    }
}

fn feature(text: &str, span: Span, what: &str) -> Diagnostic {
    let message = format!("YAML {what} {} is refused", shown(text, span));
    Diagnostic {
        help: Some("write the value out; quote it if it is meant as text".into()),
        ..Diagnostic::new(Code::SYN010, Severity::Error, span, message)
    }
}

fn too_deep(span: Span) -> Diagnostic {
    let message = format!("the front matter nests deeper than {FRONT_MATTER_DEPTH} levels");
    Diagnostic::new(Code::SYN011, Severity::Error, span, message)
}

fn not_a_mapping(text: &str, fences: &Fences, field: &Field) -> Diagnostic {
    let span = Some(trim(text, fences.yaml)).filter(|span| span.start < span.end).unwrap_or(fences.opener);
    let message = match field {
        Field::Null => "the front matter is empty".to_owned(),
        other => format!("the front matter is {}, not a mapping", other.kind()),
    };
    let at = Span { start: fences.yaml.end, end: fences.yaml.end };
    let lines = replace(
        "write the keys",
        Applicability::Unsafe,
        at,
        "name: name-of-the-persona\ndescription: TODO\n",
    );
    Diagnostic {
        help: Some("write `key: value` lines, at least `name` and `description`".into()),
        fixes: if *field == Field::Null { vec![lines] } else { Vec::new() },
        ..Diagnostic::new(Code::SYN007, Severity::Error, span, message)
    }
}

fn repeated_keys(text: &str, entries: &[Entry], found: &mut Vec<Diagnostic>) {
    let mut first: HashMap<&str, Span> = HashMap::new();
    for entry in entries {
        if let Some(span) = first.get(entry.key.as_str()) {
            found.push(repeated(&entry.key, *span, entry.key_span, format!("frontmatter.{}", entry.key)));
        } else {
            first.insert(&entry.key, entry.key_span);
        }
        if let Some(key) = repeated_inside(&entry.value) {
            let (first, second) = two_places(text, entry.value_span, key);
            found.push(repeated(key, first, second, format!("frontmatter.{}", entry.key)));
        }
    }
}

fn repeated(key: &str, first: Span, second: Span, field: String) -> Diagnostic {
    Diagnostic {
        labels: vec![Label { span: first, message: "first defined here".into() }],
        help: Some("parsers disagree about which one counts; keep one".into()),
        field: Some(field),
        ..Diagnostic::new(
            Code::SYN009,
            Severity::Error,
            second,
            format!("key `{}` is defined twice", key.escape_debug()),
        )
    }
}

fn repeated_inside(field: &Field) -> Option<&str> {
    match field {
        Field::List(list) => list.iter().find_map(repeated_inside),
        Field::Map(map) => {
            let mut seen = std::collections::HashSet::new();
            let twice = map.iter().find(|(key, _)| !seen.insert(key.as_str())).map(|(key, _)| key.as_str());
            twice.or_else(|| map.iter().find_map(|(_, value)| repeated_inside(value)))
        }
        _ => None,
    }
}

/// The first two places of a nested key. A look at the text, since the parser tells none.
fn two_places(text: &str, within: Span, key: &str) -> (Span, Span) {
    let source = text.get(within.start..within.end).unwrap_or_default();
    let mut places = source.match_indices(key).filter_map(|(at, _)| {
        let rest = source.get(at + key.len()..)?.trim_start_matches(['"', '\'', ' ']);
        let before = source.get(..at)?.chars().next_back();
        let apart =
            before.is_none_or(|letter| letter.is_whitespace() || matches!(letter, '{' | ',' | '"' | '\''));
        let start = within.start + at;
        (apart && rest.starts_with(':')).then_some(Span { start, end: start + key.len() })
    });
    let first = places.next().unwrap_or(within);
    (first, places.next().unwrap_or(within))
}

/// Nesting and number of keys. Recursion ends at the guard's depth.
fn measure(field: &Field) -> (usize, usize) {
    let inner = |all: &mut dyn Iterator<Item = &Field>| {
        all.map(measure).fold((0, 0), |(depth, keys), (d, k)| (depth.max(d), keys + k))
    };
    match field {
        Field::List(list) => {
            let (depth, keys) = inner(&mut list.iter());
            (depth + 1, keys)
        }
        Field::Map(map) => {
            let (depth, keys) = inner(&mut map.iter().map(|(_, value)| value));
            (depth + 1, keys + map.len())
        }
        _ => (0, 0),
    }
}

fn first_line(text: &str) -> Span {
    line_around(text, 0).unwrap_or(Span { start: 0, end: 0 })
}

fn line_around(text: &str, at: usize) -> Option<Span> {
    let at = at.min(text.len());
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next()?;
    (!line.is_empty()).then_some(Span { start, end: start + line.len() })
}

/// Text of the document as a message quotes it: escaped, and not too long.
pub(super) fn shown(text: &str, span: Span) -> String {
    const LONGEST: usize = 60;
    let written = text.get(span.start..span.end).unwrap_or_default();
    let short: String = written.chars().take(LONGEST).collect();
    let dots = if short.len() < written.len() { "…" } else { "" };
    format!("\"{}{dots}\"", short.escape_debug())
}
