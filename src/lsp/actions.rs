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
use crate::diagnostic::{Applicability, Diagnostic, Edit, Span, Trust};
use crate::validate::{Fixed, Judged, Options, fix};

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

    /// All safe fixes of the rules that are told, as `persona validate --fix` makes them; none where there is none.
    pub(super) fn fix_all(
        &self,
        options: &Options,
        judge: impl FnMut(&[u8]) -> Judged,
    ) -> Option<CodeAction> {
        self.found.iter().find(|one| one.fix(Trust::Safe).is_some())?;
        let Fixed { content, .. } = fix(self.text.as_bytes(), options, Trust::Safe, judge);
        let mended = String::from_utf8(content).ok().filter(|mended| mended != self.text)?;
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
    use crate::diagnostic::Fix;

    #[test]
    fn a_kind_is_wanted_by_any_of_those_above_it() {
        let only = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
        assert!(wants(None, "quickfix") && wants(Some(&only(&["", "x"])), "quickfix"));
        assert!(wants(Some(&only(&["source"])), "source.fixAll"));
        assert!(!wants(Some(&only(&["source.fix"])), "source.fixAll"));
        assert!(!wants(Some(&only(&[])), "source.fixAll"));
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_one_of_the_other(
            old in "([ab]{0,2}(\r\n|\n|\r)){0,8}[ab]{0,2}", new in "([ab]{0,2}(\r\n|\n|\r)){0,8}[ab]{0,2}"
        ) {
            let edits = difference(&old, &new);
            let fix = Fix { title: String::new(), applicability: Applicability::Safe, edits };
            prop_assert_eq!(fix.apply(old.as_bytes()), Some(new.into_bytes()));
        }
    }
}
