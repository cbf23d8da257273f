//! The one door to the YAML parser: text in, a [`Field`] with every key in order out. Callers guard it first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::Field;

/// Why the parser refused a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Byte offset in the text, where the parser knows one.
    pub(super) at: Option<usize>,
    /// Its reason, without the place.
    pub(super) message: String,
}

/// Parses one YAML document. Repeated keys are kept, one after the other.
pub(super) fn parse(text: &str) -> Result<Field, Refusal> {
    serde_yaml::from_str::<Value>(text).map(|value| value.0).map_err(|error| {
        let full = error.to_string();
        let message = full.split(" at line ").next().unwrap_or_default().to_owned();
        Refusal { at: error.location().map(|place| place.index()), message }
    })
}

/// The same of JSON, for those who write YAML.
pub(super) fn from_json(text: &str) -> Result<Field, serde_json::Error> {
    serde_json::from_str::<Value>(text).map(|value| value.0)
}

struct Value(Field);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build).map(Self)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Field;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Field, E> {
        Ok(Field::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Field, E> {
        Ok(Field::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Field, E> {
        Ok(i64::try_from(value).map_or(Field::UInt(value), Field::Int))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Field, E> {
        Ok(Field::Text(value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Field, E> {
        Ok(Field::Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Field, E> {
        Ok(Field::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Field, E> {
        Ok(Field::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Field, A::Error> {
        let mut list = Vec::new();
        while let Some(Value(field)) = access.next_element()? {
            list.push(field);
        }
        Ok(Field::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Field, A::Error> {
        let mut map = Vec::new();
        while let Some(Value(key)) = access.next_key()? {
            let Some(key) = key_text(&key) else {
                // `{{name}}` lands here: a template, never meant as a mapping whose key is a mapping.
                let IgnoredAny = access.next_value()?;
                return Err(A::Error::custom("a key that is no scalar"));
            };
            let Value(field) = access.next_value()?;
            map.push((key, field));
        }
        Ok(Field::Map(map))
    }
}

/// A scalar key as text; None for collections.
fn key_text(key: &Field) -> Option<String> {
    scalar_text(key)
}

/// A scalar as YAML would write it; None for collections.
pub(super) fn scalar_text(field: &Field) -> Option<String> {
    match field {
        Field::Null => Some("null".into()),
        Field::Bool(value) => Some(value.to_string()),
        Field::Int(value) => Some(value.to_string()),
        Field::UInt(value) => Some(value.to_string()),
        Field::Float(value) => Some(value.to_string()),
        Field::Text(text) => Some(text.clone()),
        Field::List(_) | Field::Map(_) => None,
    }
}

/// The text as a double-quoted YAML scalar that every YAML 1.1 and 1.2 parser reads back to the same text.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_kind_are_kept() {
        let field = parse("b: 1\na: [x, 2.5, true, ~]\n1: -3\nb: on\n").unwrap();
        let Field::Map(map) = field else { panic!("{field:?}") };
        let keys: Vec<_> = map.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "1", "b"]);
        assert_eq!(map[3].1, Field::Text("on".into()));
        assert_eq!(map[1].1.kind(), "a list");
    }

    #[test]
    fn templates_are_refused() {
        assert!(parse("name: {{X}}").is_err());
        assert!(parse("a: b: c").unwrap_err().at.is_some());
    }

    #[test]
    fn quoting_reads_back() {
        let text = "a: \"b\" \\ \n\t\u{7f}\u{85}\u{2028}\u{feff}é 🦀 # {{x}}";
        assert_eq!(parse(&quote(text)), Ok(Field::Text(text.into())));
    }
}
