//! SEC: what a reader does not see, what should be in no file, and what gives more than it should. Linear scans; patterns
//! are compiled when a document first calls for them.

mod bidi;
mod confusable;
mod directives;
mod exfiltration;
mod grants;
mod hidden;
mod invisible;
mod payload;
mod phrases;
mod secrets;

use super::subject::{Found, Subject};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    // Most documents are plain ASCII, and those cannot hide anything in characters.
    if !subject.text.is_ascii() {
        invisible::check(subject, found);
        bidi::check(subject, found);
        confusable::check(subject, found);
    }
    secrets::check(subject, found);
    hidden::check(subject, found);
    phrases::check(subject, found);
    payload::check(subject, found);
    grants::check(subject, found);
    exfiltration::check(subject, found);
}
