//! Fields of the front matter in their normal form: tools, model, labels.

use std::collections::BTreeMap;

use crate::domain::Field;
use crate::domain::limits::{LABEL_KEY_BYTES, LABEL_VALUE_BYTES, LABELS};

use super::yaml::scalar_text;

/// The tools granted, in order, each once: from a comma list, a list, or a map of switches.
/// Commas inside parentheses belong to the tool, as in `Bash(git add:*, git commit:*)`.
pub(super) fn tools(field: &Field, blanks_separate: bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut add = |name: &str| {
        let name = name.trim();
        if !name.is_empty() && seen.insert(name.to_owned()) {
            names.push(name.to_owned());
        }
    };
    match field {
        Field::Text(text) => split_outside_parentheses(text, blanks_separate).into_iter().for_each(add),
        Field::List(list) => list.iter().filter_map(Field::as_text).for_each(add),
        Field::Map(map) => {
            let granted = |value: &Field| match value {
                Field::Bool(on) => *on,
                Field::Text(word) => matches!(word.as_str(), "allow" | "ask" | "on" | "yes"),
                _ => false,
            };
            map.iter().filter(|(_, value)| granted(value)).for_each(|(name, _)| add(name));
        }
        _ => {}
    }
    names
}

fn split_outside_parentheses(text: &str, blanks_separate: bool) -> Vec<&str> {
    let commas = text.contains(',');
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' | b'\n' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            b' ' if depth == 0 && blanks_separate && !commas => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Labels: scalar values of a mapping, as text. What is over a limit is left out; a rule says so.
pub(super) fn labels(field: &Field) -> BTreeMap<String, String> {
    let Field::Map(map) = field else { return BTreeMap::new() };
    map.iter()
        .filter_map(|(key, value)| Some((key.clone(), scalar_text(value)?)))
        .filter(|(key, value)| key.len() <= LABEL_KEY_BYTES && value.len() <= LABEL_VALUE_BYTES)
        .take(LABELS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_have_one_form() {
        let text = |text: &str| Field::Text(text.into());
        assert_eq!(tools(&text("Read, Bash(a:*, b:*), Read ,"), false), ["Read", "Bash(a:*, b:*)"]);
        assert_eq!(tools(&text("Read Bash(git *)"), true), ["Read", "Bash(git *)"]);
        assert_eq!(tools(&Field::List(vec![text("a"), Field::Int(1), text("b")]), false), ["a", "b"]);
        let map = vec![
            ("w".into(), Field::Bool(true)),
            ("e".into(), Field::Bool(false)),
            ("b".into(), text("ask")),
        ];
        assert_eq!(tools(&Field::Map(map), false), ["w", "b"]);
    }
}
