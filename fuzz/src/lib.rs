//! The judge alone, and what the targets share: how bytes become a question to it, and what must be true of every answer.
//!
//! The pure layers are mounted from the registry's sources: with all of the registry below it, a build takes longer than the
//! run. Their dependencies are as the registry has them.

#![allow(dead_code, unreachable_pub, reason = "layers above use the rest of it")]

#[path = "../../src/domain/mod.rs"]
pub mod domain;
#[path = "../../src/filter/mod.rs"]
pub mod filter;
#[path = "../../src/diagnostic/mod.rs"]
pub mod diagnostic;
#[path = "../../src/document/mod.rs"]
pub mod document;
#[path = "../../src/validate/mod.rs"]
pub mod validate;

use crate::diagnostic::render::{self, sarif};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::Input;
use crate::domain::{Dialect, Profile};

/// Paths of every dialect, and of none.
const PATHS: [Option<&str>; 12] = [
    Some("personas/a.md"),
    None,
    Some(".claude/agents/a.md"),
    Some(".claude/commands/a.md"),
    Some("skills/some-skill/SKILL.md"),
    Some(".github/agents/a.agent.md"),
    Some(".opencode/agent/a.md"),
    Some(".gemini/agents/a.md"),
    Some(".cursor/rules/a.mdc"),
    Some("patterns/a/system.md"),
    Some("/"),
    Some("..\\%é/\u{202e}.md"),
];

/// What the last byte says about a document: the path, then the profile, then whether it is told to be Markdown.
pub fn question(data: &[u8]) -> Input<'_> {
    // Seeds end with a line feed, which asks for a persona by its path.
    let choice = data.last().map_or(0, |last| usize::from(last.wrapping_sub(b'\n')));
    let profiles = [None, Some(Profile::Plain), Some(Profile::Structured), Some(Profile::Strict)];
    let dialects = [None, None, None, Some(Dialect::Markdown)];
    Input {
        content: data.get(..data.len().saturating_sub(1)).unwrap_or_default(),
        path: PATHS.get(choice % PATHS.len()).copied().flatten(),
        profile: profiles.get(choice / PATHS.len() % profiles.len()).copied().flatten(),
        dialect: dialects.get(choice / PATHS.len() / profiles.len() % dialects.len()).copied().flatten(),
    }
}

/// Places are places of the content, whole characters where it is text, and edits are sorted and disjoint.
pub fn places_hold(content: &[u8], found: &[Diagnostic]) {
    let text = std::str::from_utf8(content).ok();
    for one in found {
        let labels = one.labels.iter().map(|label| label.span);
        let edits = one.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| edit.span);
        for Span { start, end } in std::iter::once(one.span).chain(labels).chain(edits) {
            assert!(start <= end && end <= content.len(), "outside of the document: {one:#?}");
            let whole = |text: &str| text.is_char_boundary(start) && text.is_char_boundary(end);
            assert!(text.is_none_or(whole), "inside a character: {one:#?}");
        }
        for fix in &one.fixes {
            let apart = fix.edits.is_sorted_by(|one, next| one.span.end <= next.span.start);
            assert!(apart && fix.apply(content).is_some(), "edits that cannot be made: {one:#?}");
        }
        assert!(!one.message.is_empty());
    }
}

/// Every way to tell findings takes any of them, and those for machines are one line each.
pub fn rendering_holds(path: &str, content: &[u8], found: &[Diagnostic]) {
    let color = content.len().is_multiple_of(2);
    let drawn = render::text_within(path, content, found, color, color.then_some(40));
    assert_eq!(drawn.is_empty(), found.is_empty());
    for told in [render::concise(path, content, found), render::github(path, content, found)] {
        assert_eq!(told.matches('\n').count(), found.len(), "{told}");
        assert!(!told.contains('\r'), "{told:?}");
    }
    let findings = serde_json::to_string(&sarif::Finding::all(path, content, found));
    for told in [render::json(path, content, found), findings.unwrap_or_default()] {
        assert!(!told.is_empty() && !told.contains(['\n', '\r']), "{told}");
    }
}
