//! What an editor can do about findings: each fix by itself, and all of the safe ones together.

use std::time::Duration;

use gen_lsp_types as lsp;
use gen_lsp_types::{CodeAction, CodeActionKind};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::client::Client;
use super::findings::shown;
use super::pages::Pages;
use super::position::Lines;
use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix, Span};

/// Rounds of mending. What one round brings to light the next one mends.
const ROUNDS: usize = 16;

/// How long lines are compared before the rest is taken as changed.
const COMPARING: Duration = Duration::from_millis(200);

/// A document and what is to be done with it.
pub(super) struct Subject<'a> {
    pub(super) uri: &'a str,
    pub(super) version: i32,
    pub(super) text: &'a str,
    pub(super) lines: &'a Lines<'a>,
    pub(super) found: &'a [Diagnostic],
    pub(super) client: &'a Client,
}

/// Which kinds are wanted: all, or those below one of these.
pub(super) fn wants(only: Option<&[String]>, kind: &str) -> bool {
    let below = |wanted: &String| {
        kind.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    only.is_none_or(|only| only.iter().any(|wanted| wanted.is_empty() || below(wanted)))
}

impl Subject<'_> {
    /// The fixes of all findings that touch a place.
    pub(super) fn quick_fixes(&self, place: Span, pages: &mut Pages) -> Vec<CodeAction> {
        let touches = |one: &&Diagnostic| one.span.start <= place.end && place.start <= one.span.end;
        let mut actions = Vec::new();
        for one in self.found.iter().filter(touches) {
            let mut has_preferred = false;
            for fix in one.fixes.iter().filter(|fix| fix.applicability != Applicability::DisplayOnly) {
                let is_safe = fix.applicability == Applicability::Safe;
                let title = match is_safe {
                    true => fix.title.clone(),
                    false => format!("{} (may change the meaning)", fix.title),
                };
                actions.push(CodeAction {
                    kind: Some(CodeActionKind::QuickFix),
                    diagnostics: Some(shown(
                        self.uri,
                        std::slice::from_ref(one),
                        self.lines,
                        self.client,
                        pages,
                    )),
                    is_preferred: (is_safe && !has_preferred).then_some(true),
                    edit: self.edit(&fix.edits),
                    ..action(&title)
                });
                has_preferred |= is_safe;
            }
        }
        actions
    }

    /// All safe fixes, made until there is none left; none where there is none to begin with.
    pub(super) fn fix_all(&self, judge: impl FnMut(&str) -> Vec<Diagnostic>) -> Option<CodeAction> {
        let mended = mend(self.text, self.found, judge)?;
        Some(CodeAction {
            kind: Some(CodeActionKind::SourceFixAll),
            edit: self.edit(&difference(self.text, &mended)),
            ..action("fix all that is safe to fix")
        })
    }

    /// Edits of the document as it is now; an editor that can tells versions apart and makes them of no other.
    fn edit(&self, edits: &[Edit]) -> Option<lsp::WorkspaceEdit> {
        let edits = self.lines.edits(edits);
        let edit: Value = if self.client.versions_edits {
            let document = json!({ "uri": self.uri, "version": self.version });
            json!({ "documentChanges": [{ "textDocument": document, "edits": edits }] })
        } else {
            json!({ "changes": { self.uri: edits } })
        };
        serde_json::from_value(edit).ok()
    }
}

/// An action, called as menus call theirs: with a capital letter first.
fn action(title: &str) -> CodeAction {
    let mut letters = title.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    CodeAction {
        title: first + letters.as_str(),
        kind: None,
        diagnostics: None,
        is_preferred: None,
        disabled: None,
        edit: None,
        command: None,
        data: None,
        tags: None,
    }
}

/// The text with all safe fixes made; none where there are none.
fn mend(text: &str, found: &[Diagnostic], mut judge: impl FnMut(&str) -> Vec<Diagnostic>) -> Option<String> {
    let mut mended = apply(text, &together(found))?;
    for _ in 1..ROUNDS {
        let Some(next) = apply(&mended, &together(&judge(&mended))) else { break };
        mended = next;
    }
    Some(mended)
}

/// The edits of the first safe fix of each finding that touches none of those before it.
fn together(found: &[Diagnostic]) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let safe = |fix: &&Fix| fix.applicability == Applicability::Safe;
    for fix in found.iter().filter_map(|one| one.fixes.iter().find(safe)) {
        let is_apart = |edit: &Edit| {
            edits.iter().all(|other| edit.span.end < other.span.start || other.span.end < edit.span.start)
        };
        if fix.edits.iter().all(is_apart) {
            edits.extend(fix.edits.iter().cloned());
        }
    }
    edits.sort_by_key(|edit| edit.span);
    edits
}

/// The text with the edits made; none where that changes nothing.
fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut edited = text.to_owned();
    for edit in edits.iter().rev() {
        // What is out of place would spoil the document.
        text.get(edit.span.start..edit.span.end)?;
        edited.replace_range(edit.span.start..edit.span.end, &edit.text);
    }
    (edited != text).then_some(edited)
}

/// The lines that differ, as edits: the rest of the document, and the cursor in it, stays where it is.
fn difference(old: &str, new: &str) -> Vec<Edit> {
    let diff = TextDiff::configure().timeout(COMPARING).diff_lines(old, new);
    let mut edits: Vec<Edit> = Vec::new();
    let mut at = 0;
    for change in diff.iter_all_changes() {
        let line = change.value();
        if change.tag() == ChangeTag::Equal {
            at += line.len();
            continue;
        }
        // Lines that stand together are one edit.
        if edits.last().is_none_or(|last| last.span.end != at) {
            edits.push(Edit { span: Span { start: at, end: at }, text: String::new() });
        }
        if let Some(last) = edits.last_mut() {
            if change.tag() == ChangeTag::Insert {
                last.text.push_str(line);
            } else {
                at += line.len();
                last.span.end = at;
            }
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::Input;
    use crate::validate::judge;

    fn found(text: &str) -> Vec<Diagnostic> {
        judge(&Input { content: text.as_bytes(), ..Input::default() }).diagnostics
    }

    #[test]
    fn a_kind_is_wanted_by_any_of_those_above_it() {
        let only = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
        assert!(wants(None, "quickfix") && wants(Some(&only(&["", "x"])), "quickfix"));
        assert!(wants(Some(&only(&["source"])), "source.fixAll"));
        assert!(!wants(Some(&only(&["source.fix"])), "source.fixAll"));
        assert!(!wants(Some(&only(&[])), "source.fixAll"));
    }

    #[test]
    fn all_that_is_safe_is_mended_at_once() {
        let text = "\u{feff}---\nname: a\ndescription: use: this\n---\n# A\u{200b}\n\nLine\n";
        let mended = mend(text, &found(text), found).unwrap();
        assert_eq!(mended, "---\nname: a\ndescription: \"use: this\"\n---\n# A\n\nLine\n");
        assert_eq!(mend(&mended, &found(&mended), found), None);
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_one_of_the_other(
            old in "([ab]{0,2}(\r\n|\n|\r)){0,8}[ab]{0,2}", new in "([ab]{0,2}(\r\n|\n|\r)){0,8}[ab]{0,2}"
        ) {
            let edited = apply(&old, &difference(&old, &new));
            prop_assert_eq!(edited.as_deref(), Some(new.as_str()).filter(|new| *new != old));
        }
    }
}
