//! REG: the document among others: names, texts, and what was stored before.

mod names;
mod stored;

use super::subject::{Found, Subject};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    names::check(subject, found);
    stored::check(subject, found);
}
