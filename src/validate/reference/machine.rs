//! REF302 of text: paths that exist on one machine only.

use std::sync::LazyLock;

use crate::diagnostic::{Code, Diagnostic, Severity};

use super::links::covers;
use crate::validate::FINDINGS;
use crate::validate::subject::{Found, Subject, inside, quoted};
use crate::validate::words::Words;

/// Where homes begin.
const HOMES: [&str; 4] = ["/Users/", "/home/", "C:\\Users\\", "file:///"];
static HOME: LazyLock<Words> = LazyLock::new(|| Words::new(HOMES));
/// Names that stand for anybody's.
const ANYBODY: [&str; 26] = [
    "user",
    "username",
    "user_name",
    "youruser",
    "yourusername",
    "your-user",
    "your-username",
    "yourname",
    "your-name",
    "you",
    "me",
    "name",
    "myuser",
    "runner",
    "ubuntu",
    "vscode",
    "node",
    "shared",
    "public",
    "default",
    "alice",
    "bob",
    "john",
    "jane",
    "example",
    "path",
];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let body = subject.body();
    // One finding a path, so a script full of them does not fill the screen.
    let mut seen = std::collections::HashSet::new();
    for hit in HOME.all_in(body) {
        let (at, home) = (hit.range.start, body.get(hit.range).unwrap_or_default());
        let before = body.get(..at).and_then(|before| before.chars().next_back());
        // In the middle of a path; looked at first, so that no path is read again for each home in it.
        if before.is_some_and(|letter| is_path(letter) || letter == '~') {
            continue;
        }
        let rest = body.get(at + home.len()..).unwrap_or_default();
        let end = rest.find(|letter: char| !is_path(letter)).unwrap_or(rest.len());
        let path = rest.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ':', ';']);
        let owner = path.split(['/', '\\']).next().unwrap_or_default();
        if seen.len() >= FINDINGS {
            return;
        }
        if !is_somebody(owner, home) || !seen.insert(path) {
            continue;
        }
        let span = inside(subject.document.body, at, at + home.len() + path.len());
        let linked = subject.document.markup.links.iter().any(|link| covers(link.span, span));
        let severity = if linked { Severity::Warning } else { Severity::Info };
        found.push(Diagnostic {
            help: Some("name it by a path that exists elsewhere too: relative, or below `~`".into()),
            ..Diagnostic::new(
                Code::REF302,
                severity,
                span,
                format!("\"{}\" is a path of one machine", quoted(subject.slice(span))),
            )
        });
    }
}

fn is_path(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '/' | '\\' | '.' | '_' | '-' | '+' | '@')
}

fn is_somebody(owner: &str, home: &str) -> bool {
    let name = owner.to_lowercase();
    let letters = name.chars().filter(|letter| letter.is_alphanumeric()).count();
    let anybody = home != "file:///" && ANYBODY.contains(&name.as_str());
    let stand_in = ["your", "user", "."].iter().any(|part| name.contains(part));
    letters >= 2 && !anybody && !stand_in
}
