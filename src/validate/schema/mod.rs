//! SCH: fields of the front matter against what the dialect asks.

mod description;
mod field;
mod keys;
mod labels;
mod name;
mod unknown;
mod values;

use crate::document::{NameSource, Reading};

use super::subject::{Found, Subject};
pub(super) use name::in_dialect;

/// Words that YAML 1.1 reads as truth values, and many parsers still do.
const TRUTH_WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let document = subject.document;
    // Nothing is known about keys that could not be read; their absence would be a false alarm.
    if matches!(document.reading, Reading::Absent | Reading::Refused) {
        return;
    }
    for key in ["name", "description"] {
        match document.entry(key) {
            Some(entry) if field::is_empty(entry) => field::missing(subject, key, Some(entry), found),
            Some(entry) => field::text_wanted(subject, entry, found),
            None => field::missing(subject, key, None, found),
        }
    }
    if let Some(entry) = document.entry("name") {
        name::format(subject, entry, found);
        name::reserved(subject, entry, found);
    } else if document.name.is_none() && document.name_source == NameSource::Path {
        name::unusable_path(document, found);
    }
    description::check(subject, found);
    unknown::check(subject, found);
    values::check(subject, found);
    labels::check(document, found);
}
