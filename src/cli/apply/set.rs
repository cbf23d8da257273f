//! Sets: which apply brought a version is written behind its message, so that any machine can tell.
//!
//! A mark belongs to one version. Whoever changes the persona makes a version without it, and so takes the persona out of
//! the set: what somebody changed is never the set's to delete.

use crate::domain::{Name, limits};

/// The message with the set's mark.
pub(super) fn mark(message: &str, set: Option<&Name>) -> String {
    match (message, set) {
        (message, None) => message.to_owned(),
        ("", Some(set)) => format!("[set: {set}]"),
        (message, Some(set)) => format!("{message} [set: {set}]"),
    }
}

/// The set that a message names.
pub(super) fn marked(message: &str) -> Option<&str> {
    let (_, mark) = message.rsplit_once("[set: ")?;
    mark.strip_suffix(']')
}

/// Whether a message with its mark is one that the registry takes.
pub(super) fn fits(message: &str) -> bool {
    message.len() <= limits::MESSAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_stands_at_the_end() {
        let set = "team".parse::<Name>().ok();
        for message in ["", "why", "[set: other] copied", "a [set: b]"] {
            assert_eq!(marked(&mark(message, set.as_ref())), Some("team"), "{message:?}");
            assert_eq!(mark(message, None), message);
        }
        for message in ["", "why", "[set: team] copied", "[set: team", "set: team]"] {
            assert_eq!(marked(message), None, "{message:?}");
        }
    }
}
