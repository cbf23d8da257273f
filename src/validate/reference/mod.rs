//! REF: what a document names besides itself: headings, files, tools, other personas.

mod known_tools;
mod links;
mod machine;
mod personas;
mod tools;

pub(super) use tools::tools_of;

use super::subject::{Found, Subject};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    links::check(subject, found);
    machine::check(subject, found);
    tools::check(subject, found);
    personas::check(subject, found);
}
