//! The rules, one family a file. Pure: a [`Document`] in, findings out; nothing is looked up anywhere.

mod content;
mod schema;

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Document, Input, parse};

/// Which findings are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these rules; all when empty.
    pub select: Vec<Code>,
    /// Not these rules.
    pub ignore: Vec<Code>,
}

impl Options {
    fn wants(&self, code: Code) -> bool {
        (self.select.is_empty() || self.select.contains(&code)) && !self.ignore.contains(&code)
    }
}

/// A document and everything that was found, sorted by place and then by code.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The document as read.
    pub document: Document,
    /// What was found, reading and judging together.
    pub diagnostics: Vec<Diagnostic>,
}

impl Judged {
    /// Whether the document may be stored.
    #[must_use]
    pub fn is_storable(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::blocks_storing)
    }
}

/// Reads and judges by every rule, as a put does.
#[must_use]
pub fn judge(input: &Input<'_>) -> Judged {
    judge_with(input, &Options::default())
}

/// Reads and judges by the rules that are wanted.
#[must_use]
pub fn judge_with(input: &Input<'_>, options: &Options) -> Judged {
    let (document, mut diagnostics) = parse(input);
    diagnostics.retain(|found| options.wants(found.code));
    diagnostics.extend(check(&document, input.content, options));
    sort(&mut diagnostics);
    Judged { document, diagnostics }
}

/// Judges what was read. Findings of reading itself come from [`parse`] and are not repeated.
#[must_use]
pub fn check(document: &Document, content: &[u8], options: &Options) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    schema::check(document, content, &mut found);
    content::check(document, content, &mut found);
    found.retain(|found| options.wants(found.code));
    sort(&mut found);
    found
}

fn sort(found: &mut [Diagnostic]) {
    found.sort_by_key(|found| (found.span, found.code));
}
