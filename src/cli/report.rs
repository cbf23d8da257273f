//! Findings that the registry sent, drawn for the person; rules newer than this client are told in plain words.

use super::Output;
use crate::client::{finding_from_wire, severity};
use crate::diagnostic::render;
use crate::wire::pb;

/// How a document is called: its path, or that it came from stdin.
pub(super) fn shown(path: &str) -> &str {
    if path.is_empty() { "<stdin>" } else { path }
}

/// Draws the findings on stderr.
pub(super) fn show(path: &str, content: &[u8], findings: &[pb::Diagnostic], out: &mut Output) {
    let known: Vec<_> = findings.iter().filter_map(finding_from_wire).collect();
    let drawn = render::text(path, content, &known, out.colours_words());
    if !drawn.is_empty() {
        out.say(drawn.trim_end_matches('\n'));
        out.say("");
    }
    for finding in findings.iter().filter(|finding| finding_from_wire(finding).is_none()) {
        let place = finding.span.unwrap_or_default();
        let (line, column) = (place.start_line, place.start_column);
        out.say(&format!(
            "{path}:{line}:{column}: {}[{}] {}",
            severity(finding),
            finding.code,
            finding.message
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_drawn_with_their_line() {
        let finding = |code: &str| pb::Diagnostic {
            code: code.to_owned(),
            severity: pb::Severity::Warning.into(),
            message: "something about the name".to_owned(),
            span: Some(pb::Span { start: 4, end: 8, start_line: 2, start_column: 1, ..Default::default() }),
            ..Default::default()
        };
        let mut out = Output::captured();
        show("a.md", b"---\nname: A\n---\n", &[finding("SCH103"), finding("NEW999")], &mut out);
        let words = out.words();
        assert!(words.contains("warning[SCH103]: something about the name"), "{words}");
        assert!(words.contains("2 | name: A"), "{words}");
        assert!(words.ends_with("a.md:2:1: warning[NEW999] something about the name\n"), "{words}");
    }
}
