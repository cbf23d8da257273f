//! Details of a status: reason, metadata, violations, kept within what trailers carry.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::diagnostic::LineIndex;
use crate::domain::limits;
use crate::registry::{Rejected, Violation};
use crate::wire::{ERROR_DOMAIN, pb::ErrorReason};

/// How long to wait before asking a full or busy registry again.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes of a status message; more belongs into details. It travels once more in a trailer of its own, where a byte
/// may take three, and many clients take 8 KiB of trailers at most.
const MESSAGE_BYTES: usize = 600;
/// Characters of one violation's description.
pub(super) const DESCRIPTION_CHARS: usize = 160;

pub(super) fn again<'a>(
    reason: ErrorReason,
    text: &str,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
) -> Status {
    let mut details = info(reason, metadata);
    details.set_retry_info(Some(RETRY));
    finish(Code::ResourceExhausted, text, details)
}

pub(super) fn invalid(reason: ErrorReason, text: &str, violations: &[Violation]) -> Status {
    let first = violations.first().map(|violation| ("field", violation.field.clone()));
    let described = violations.iter().map(|one| (one.field.clone(), one.description.clone())).collect();
    bounded(reason, text, first.into_iter().collect(), described)
}

pub(super) fn persona_invalid(text: &str, rejected: &Rejected) -> Status {
    let lines = LineIndex::new(&rejected.content);
    let blocking: Vec<_> = rejected.diagnostics.iter().filter(|found| found.blocks_storing()).collect();
    let described = blocking.iter().take(limits::STATUS_DIAGNOSTICS).map(|found| {
        let at = lines.position(found.span.start);
        let field = found.field.clone().unwrap_or_else(|| "content".to_owned());
        let text = format!("{}:{}: {} {}", at.line, at.column, found.code, found.message);
        (field, text)
    });
    let count = vec![("errors", blocking.len().to_string())];
    bounded(ErrorReason::PersonaInvalid, text, count, described.collect())
}

/// An INVALID_ARGUMENT with as many violations as fit: the encoded status travels in trailers.
pub(super) fn bounded(
    reason: ErrorReason,
    text: &str,
    metadata: Vec<(&str, String)>,
    mut violations: Vec<(String, String)>,
) -> Status {
    loop {
        let mut details = info(reason, metadata.clone());
        for (field, description) in &violations {
            details.add_bad_request_violation(
                cut(field, DESCRIPTION_CHARS),
                cut(description, DESCRIPTION_CHARS),
            );
        }
        let status = finish(Code::InvalidArgument, text, details);
        if status.details().len() <= limits::STATUS_BYTES || violations.pop().is_none() {
            return status;
        }
    }
}

pub(super) fn make<'a>(
    code: Code,
    reason: ErrorReason,
    text: &str,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
) -> Status {
    finish(code, text, info(reason, metadata))
}

pub(super) fn info<'a>(
    reason: ErrorReason,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
) -> ErrorDetails {
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    ErrorDetails::with_error_info(word(reason), ERROR_DOMAIN, metadata)
}

/// The reason as `ErrorInfo.reason` has it: the enum value's name without its prefix.
#[must_use]
pub fn word(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

pub(super) fn finish(code: Code, text: &str, details: ErrorDetails) -> Status {
    Status::with_error_details(code, cut_bytes(text, MESSAGE_BYTES), details)
}

pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(chars.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The text, cut at the last whole character so that it has at most this many bytes.
fn cut_bytes(text: &str, bytes: usize) -> String {
    const DOTS: char = '…';
    if text.len() <= bytes {
        return text.to_owned();
    }
    let fits = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = fits.take_while(|end| end + DOTS.len_utf8() <= bytes).last().unwrap_or_default();
    let mut cut = text.get(..end).unwrap_or_default().to_owned();
    cut.push(DOTS);
    cut
}
