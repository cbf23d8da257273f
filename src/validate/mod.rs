//! The rules, one family a folder. Pure: a [`Document`] and what is known beside it in, findings out.

mod content;
mod fix;
mod neighbours;
mod options;
mod reference;
mod registry;
mod schema;
mod security;
mod subject;
mod words;

pub use fix::{Fixed, fix};
pub use neighbours::{Beside, Neighbours, Other, Others, Stored};
pub use options::{Level, Options};

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Document, Input, Reading, parse, text};
use crate::domain::Waiver;
use crate::domain::limits::DOCUMENT_BYTES;

use subject::Subject;

/// Findings of one rule that a document reports one by one.
const FINDINGS: usize = 64;

/// A document and everything that was found, sorted by place and then by code.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The document as read.
    pub document: Document,
    /// What was found, reading and judging together.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and judges by every rule, as a put does.
#[must_use]
pub fn judge(input: &Input<'_>) -> Judged {
    judge_with(input, &Options::default())
}

/// Reads and judges by the rules that are wanted.
#[must_use]
pub fn judge_with(input: &Input<'_>, options: &Options) -> Judged {
    judge_among(input, options, Neighbours::default())
}

/// Reads and judges by the rules that are wanted, with a look at what is beside the document.
#[must_use]
pub fn judge_among(input: &Input<'_>, options: &Options, neighbours: Neighbours<'_>) -> Judged {
    let (document, mut diagnostics) = parse(input);
    let text = text(input.content);
    let subject =
        Subject { document: &document, content: input.content, text: &text, path: input.path, neighbours };
    schema::check(&subject, &mut diagnostics);
    content::check(&subject, &mut diagnostics);
    reference::check(&subject, &mut diagnostics);
    security::check(&subject, &mut diagnostics);
    registry::check(&subject, &mut diagnostics);
    withhold_fixes(&document, input.content, &mut diagnostics);
    options.apply(&mut diagnostics);
    diagnostics.sort_by_key(|found| (found.span, found.code));
    cap(&mut diagnostics);
    Judged { document, diagnostics }
}

/// Marks the findings that a document may carry knowingly, where their rule allows it; tells which waivers that took.
pub fn waive(found: &mut [Diagnostic], waivers: &[Waiver]) -> Vec<Waiver> {
    let mut used = Vec::new();
    for waiver in waivers {
        let is_meant = |one: &&mut Diagnostic| one.code.rule().waivable && one.code.as_str() == waiver.rule;
        let mut marked = 0;
        for one in found.iter_mut().filter(is_meant) {
            one.waived = Some(waiver.reason.clone());
            marked += 1;
        }
        if marked > 0 {
            used.push(waiver.clone());
        }
    }
    used
}

/// Takes back fixes that nobody can vouch for.
fn withhold_fixes(document: &Document, content: &[u8], found: &mut [Diagnostic]) {
    if content.len() > DOCUMENT_BYTES || found.iter().any(|one| one.code == Code::SYN001) {
        // The text that was judged is not the bytes that are there: what is mended by it would be spoilt.
        found.iter_mut().for_each(|one| one.fixes.clear());
    }
    if matches!(document.reading, Reading::Recovered | Reading::Refused) {
        // In front matter that is no YAML an edit may turn the rest into something else. It is quoted first.
        let start = document.opener.map_or(0, |opener| opener.start);
        let inside = start..document.body.start;
        let mends_yaml = |code| matches!(code, Code::SYN004 | Code::SYN006 | Code::SYN007 | Code::SYN008);
        for one in found.iter_mut().filter(|one| !mends_yaml(one.code)) {
            one.fixes.retain(|fix| !fix.edits.iter().any(|edit| inside.contains(&edit.span.start)));
        }
    }
}

/// Keeps the first findings of each rule; the last of them says how many more there are.
fn cap(found: &mut Vec<Diagnostic>) {
    let mut counts: HashMap<Code, usize> = HashMap::new();
    found.iter().for_each(|one| *counts.entry(one.code).or_default() += 1);
    if counts.values().all(|count| *count <= FINDINGS) {
        return;
    }
    let mut kept: HashMap<Code, usize> = HashMap::new();
    found.retain_mut(|one| {
        let seen = kept.entry(one.code).or_default();
        *seen += 1;
        let rest = counts.get(&one.code).map_or(0, |count| count.saturating_sub(FINDINGS));
        if *seen == FINDINGS && rest > 0 {
            one.message.push_str(&format!(", and {rest} more places"));
        }
        *seen <= FINDINGS
    });
}
