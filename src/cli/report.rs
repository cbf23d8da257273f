//! Findings about a document on the person's screen.

use super::Output;
use crate::wire::pb;

pub(super) fn from_wire(diagnostics: &[pb::Diagnostic]) -> Vec<pb::Diagnostic> {
    diagnostics.to_vec()
}

pub(super) fn words(path: &str, _content: &[u8], findings: &[pb::Diagnostic], out: &mut Output) {
    for finding in findings {
        out.say(&format!("{path}: {}: {}", finding.code, finding.message));
    }
}
