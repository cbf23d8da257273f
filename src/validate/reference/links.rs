//! REF301 and REF302 of links: headings that are not there, files that are not there, and ways out of the tree.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span, nearest};
use crate::document::{Heading, Link};
use crate::domain::Dialect;

use crate::validate::FINDINGS;
use crate::validate::subject::{Found, Subject, quoted, replace};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let links = &subject.document.markup.links;
    let mut anchors: Option<HashSet<String>> = None;
    let before = found.len();
    for link in links {
        if found.len() >= before + FINDINGS {
            return;
        }
        let target = link.target.as_str();
        // What is to be filled in says nothing yet.
        if target.contains(['{', '<', '$', '*']) || target.contains("...") {
            continue;
        }
        if let Some(anchor) = target.strip_prefix('#') {
            let anchors = anchors.get_or_insert_with(|| anchors_of(subject));
            let plain = percent_decoded(anchor).to_lowercase();
            if !anchor.is_empty() && !anchors.contains(&plain) {
                found.push(no_heading(link, &plain, anchors));
            }
        } else if is_relative(target) {
            relative(subject, link, found);
        }
    }
}

/// Headings among which a near one is looked for.
const GUESSED: usize = 300;

fn is_relative(target: &str) -> bool {
    let first = target.split(['/', '?', '#']).next().unwrap_or_default();
    !target.is_empty() && !target.starts_with('/') && !target.starts_with('\\') && !first.contains(':')
}

fn no_heading(link: &Link, anchor: &str, anchors: &HashSet<String>) -> Diagnostic {
    // A document of more headings than that is no place to guess in.
    let near = match anchors.len() {
        ..=GUESSED => nearest(anchor, anchors.iter().map(String::as_str), 1),
        _ => Vec::new(),
    };
    let near = near.first().copied();
    let written = link.target_span != link.span;
    let fixes = near.filter(|_| written).map(|near| {
        replace(format!("link to `#{near}`"), Applicability::Unsafe, link.target_span, &format!("#{near}"))
    });
    Diagnostic {
        help: Some(match near {
            Some(near) => format!("did you mean `#{near}`?"),
            None => "no heading has this address; name one that is there".into(),
        }),
        fixes: fixes.into_iter().collect(),
        ..Diagnostic::new(
            Code::REF301,
            Severity::Warning,
            link.target_span,
            format!("\"{}\" leads to no heading of this document", quoted(&link.target)),
        )
    }
}

/// A path beside the document: inside the tree, and there, when files are known.
fn relative(subject: &Subject<'_>, link: &Link, found: &mut Found) {
    let Some(path) = subject.path else { return };
    let target = link.target.split(['#', '?']).next().unwrap_or_default();
    let target = percent_decoded(target);
    match joined(path, &target) {
        None => found.push(Diagnostic {
            help: Some("put the file into the tree, or describe what is in it".into()),
            ..Diagnostic::new(
                Code::REF302,
                Severity::Warning,
                link.target_span,
                format!("\"{}\" leads out of the tree that the document lies in", quoted(&link.target)),
            )
        }),
        Some(place) => {
            let Some(exists) = subject.neighbours.files else { return };
            // Some products read such links from the root, so either will do; a text such as `a/b` may be no path.
            let looks_like_file = target.rsplit('/').next().is_some_and(|last| last.contains('.'));
            if !looks_like_file || exists(&place) || exists(&target) || subject.dialect() == Dialect::Markdown
            {
                return;
            }
            found.push(Diagnostic {
                help: Some("name a file that is there, or take the link out".into()),
                ..Diagnostic::new(
                    Code::REF301,
                    Severity::Warning,
                    link.target_span,
                    format!("\"{}\" leads to no file", quoted(&link.target)),
                )
            });
        }
    }
}

/// The path of a target, without `.` and `..`; none when it climbs above the first folder.
fn joined(path: &str, target: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let absolute = path.starts_with('/');
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    // Where the tree begins is unknown as soon as the path itself climbs.
    let known = !parts.contains(&"..");
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if known => {
                parts.pop()?;
            }
            ".." => parts.push(".."),
            part => parts.push(part),
        }
    }
    Some(format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
}

/// What links may lead to: headings as GitHub addresses them and as we do, and what HTML names.
fn anchors_of(subject: &Subject<'_>) -> HashSet<String> {
    let mut anchors: HashSet<String> = HashSet::new();
    let document = subject.document;
    let mut repeats: HashMap<String, usize> = HashMap::new();
    for heading in &document.headings {
        let base = github_slug(subject, heading);
        let number = repeats.entry(base.clone()).or_default();
        anchors.insert(if *number == 0 { base } else { format!("{base}-{number}") });
        *number += 1;
    }
    for section in &document.derived.outline {
        anchors.extend(section.path.rsplit('/').next().map(str::to_owned));
        anchors.insert(section.path.clone());
    }
    for span in &document.markup.html {
        let html = subject.slice(*span);
        for mark in ["id=", "name="] {
            anchors.extend(html.match_indices(mark).filter_map(|(at, _)| {
                let value = html.get(at + mark.len()..)?.trim_start_matches(['"', '\'']);
                let end = value.find(['"', '\'', '>', ' ']).unwrap_or(value.len());
                value.get(..end).map(str::to_lowercase)
            }));
        }
    }
    anchors.insert("top".to_owned());
    anchors
}

/// The heading's line in lower case, blanks as `-`, punctuation left out. `{#id}` at its end is an address too.
fn github_slug(subject: &Subject<'_>, heading: &Heading) -> String {
    let written = subject.slice(heading.span);
    if let Some((_, id)) = written.trim_end().strip_suffix('}').and_then(|line| line.rsplit_once("{#")) {
        return id.to_lowercase();
    }
    let line = written.trim().trim_start_matches('#').trim_end_matches('#').trim();
    let line = line.lines().next().unwrap_or_default().trim();
    // Of a link the text counts, not where it leads.
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let kept = text.to_lowercase();
    kept.chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter if letter.is_alphanumeric() => Some(letter),
            // Marks that belong to letters of other scripts.
            letter if unicode_normalization::char::is_combining_mark(letter) && letter != '\u{fe0f}' => {
                Some(letter)
            }
            _ => None,
        })
        .collect()
}

fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Whether one span lies in another.
pub(super) fn covers(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join() {
        for (path, target, expected) in [
            ("a/b.md", "c.md", Some("a/c.md")),
            ("a/b.md", "../c.md", Some("c.md")),
            ("a/b.md", "../../c.md", None),
            ("b.md", "./x/../c.md", Some("c.md")),
            ("../x/b.md", "../../../c.md", Some("../x/../../../c.md")),
            ("/r/a/b.md", "../c.md", Some("/r/c.md")),
        ] {
            assert_eq!(joined(path, target).as_deref(), expected, "{path} {target}");
        }
    }

    #[test]
    fn percent_codes_are_read() {
        assert_eq!(percent_decoded("k%C3%BCche%"), "küche%");
    }
}
