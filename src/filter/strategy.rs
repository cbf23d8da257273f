//! Random filters with what they mean, told a second time as plainly as can be, and personas that they may match.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;

use crate::domain::{
    Derived, Dialect, Digest, Name, Namespace, Origin, Persona, Principal, Revision, Timestamp, Version,
};

/// Texts that are equal, hold each other, differ by case only, or want quoting.
const TEXTS: [&str; 9] = ["a", "A", "ab", "b", "Ä b", "ä", "x\"y\\", "*", ""];
const KEYS: [&str; 3] = ["team", "tier", "a.b/c \"d\""];
const NAMES: [&str; 5] = ["a", "ab", "b", "b-a", "persona-0"];
const TIMES: [(&str, i64); 5] = [
    ("1970-01-01T00:00:00.000020Z", 20),
    ("2026-01-31", 1_769_817_600_000_000),
    ("2026-01-31T00:00:00.000001Z", 1_769_817_600_000_001),
    ("2026-01-31T02:00:00+02:00", 1_769_817_600_000_000),
    ("2026-02-01T00:00:00Z", 1_769_904_000_000_000),
];
const COMPARISONS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

/// A filter as somebody means it.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    All(Vec<Said>),
    Any(Vec<Said>),
    Not(Box<Said>),
    /// Field, key of a label, operator, value, and whether the value stands in quotes where it need not.
    One(&'static str, Option<&'static str>, &'static str, &'static str, bool),
}

impl Said {
    /// As a text; the number chooses among ways to write the same.
    pub(crate) fn write(&self, way: usize) -> String {
        let blank = [" ", "  ", "\t\n "][way % 3];
        let nested = |part: &Self| match part {
            Self::All(_) | Self::Any(_) if way.is_multiple_of(2) => format!("({})", part.write(way + 1)),
            Self::All(_) | Self::Any(_) => format!("( {blank}{} )", part.write(way + 1)),
            Self::Not(_) | Self::One(..) => part.write(way + 1),
        };
        match self {
            Self::All(parts) => {
                // OR binds tighter, so a disjunction needs no parentheses here.
                let bare = |part: &Self| match part {
                    Self::Any(_) if way % 5 < 2 => part.write(way + 1),
                    other => nested(other),
                };
                parts.iter().map(bare).collect::<Vec<_>>().join(&format!("{blank}AND{blank}"))
            }
            Self::Any(parts) => {
                parts.iter().map(nested).collect::<Vec<_>>().join(&format!("{blank}OR{blank}"))
            }
            Self::Not(inner) if way.is_multiple_of(2) => format!("-{}", nested(inner)),
            Self::Not(inner) => format!("NOT{blank}{}", nested(inner)),
            Self::One(field, key, operator, value, quoted) => {
                let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == ':');
                let in_quotes =
                    |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
                let key = key.map_or(String::new(), |key| match plain(key) {
                    true => format!(".{key}"),
                    false => format!(".{}", in_quotes(key)),
                });
                let is_presence = *value == PRESENT;
                let value = match value {
                    _ if is_presence => "*".to_owned(),
                    value if plain(value) && !value.is_empty() && !quoted => (*value).to_owned(),
                    value => in_quotes(value),
                };
                let space = if way.is_multiple_of(2) { "" } else { blank };
                format!("{field}{key}{space}{operator}{space}{value}")
            }
        }
    }

    /// Whether it is so, by the words of the manual.
    pub(crate) fn holds(&self, persona: &Persona) -> bool {
        match self {
            Self::All(parts) => !parts.iter().any(|part| !part.holds(persona)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(persona)),
            Self::Not(inner) => !inner.holds(persona),
            Self::One("create_time", _, operator, value, _) => {
                let at = TIMES.iter().find(|(text, _)| text == value).map(|(_, at)| *at);
                compared(persona.create_time.0, operator, at.unwrap_or_default()) || *value == PRESENT
            }
            Self::One(field, key, operator, value, _) => {
                let derived = &persona.derived;
                let one = |text: &str| Vec::from([text.to_owned()]);
                let mut values = match *field {
                    "name" => one(persona.name.as_str()),
                    "display_name" => one(&derived.display_name),
                    "description" => one(&derived.description),
                    "tag" => derived.tag.iter().cloned().collect(),
                    "model" => derived.model.iter().cloned().collect(),
                    "dialect" => one(derived.dialect.as_str()),
                    "tools" => derived.tools.clone(),
                    _ => derived.labels.keys().cloned().collect(),
                };
                if matches!(*field, "display_name" | "description" | "tag" | "model") {
                    values.retain(|value| !value.is_empty());
                }
                if let Some(key) = key {
                    values = derived.labels.get(*key).cloned().into_iter().collect();
                }
                let is_whole = key.is_none() && matches!(*field, "tools" | "labels" | "dialect");
                values.iter().any(|is| match *operator {
                    ":" if *value == PRESENT => true,
                    ":" if is_whole => is == value,
                    ":" => is.to_lowercase().contains(&value.to_lowercase()),
                    operator => compared(is.as_str(), operator, value),
                })
            }
        }
    }
}

/// Stands for a `*` without quotes.
const PRESENT: &str = "is there";

fn compared<T: PartialOrd>(is: T, operator: &str, value: T) -> bool {
    match operator {
        "=" => is == value,
        "!=" => is != value,
        "<" => is < value,
        "<=" => is <= value,
        ">" => is > value,
        ">=" => is >= value,
        _ => false,
    }
}

fn text() -> impl Strategy<Value = &'static str> {
    select(&TEXTS[..])
}

fn one() -> impl Strategy<Value = Said> {
    let is = |field| move |(operator, value, quoted)| Said::One(field, None, operator, value, quoted);
    let comparison = || select(&COMPARISONS[..]);
    let any_operator = || prop_oneof![3 => comparison(), 2 => Just(":")];
    let texts = select(&["display_name", "description", "tag", "model"][..]);
    let times = select(&TIMES[..]).prop_map(|(text, _)| text);
    let dialects = select(Dialect::ALL).prop_map(Dialect::as_str);
    prop_oneof![
        (any_operator(), select(&NAMES[..]), any::<bool>()).prop_map(is("name")),
        (texts, any_operator(), text(), any::<bool>())
            .prop_map(|(field, operator, value, quoted)| Said::One(field, None, operator, value, quoted)),
        (select(&KEYS[..]), any_operator(), text(), any::<bool>()).prop_map(
            |(key, operator, value, quoted)| Said::One("labels", Some(key), operator, value, quoted)
        ),
        (select(&["=", "!=", ":"][..]), dialects, any::<bool>()).prop_map(is("dialect")),
        (Just(":"), select(&KEYS[..]), any::<bool>()).prop_map(is("labels")),
        (Just(":"), text(), any::<bool>()).prop_map(is("tools")),
        (comparison(), times, any::<bool>()).prop_map(is("create_time")),
        select(&["display_name", "tag", "model", "tools", "labels", "create_time", "dialect", "name"][..])
            .prop_map(|field| Said::One(field, None, ":", PRESENT, false)),
        select(&KEYS[..]).prop_map(|key| Said::One("labels", Some(key), ":", PRESENT, false)),
    ]
}

pub(crate) fn said() -> impl Strategy<Value = Said> {
    one().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Said::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Said::Any),
            inner.prop_map(|inner| Said::Not(Box::new(inner))),
        ]
    })
}

/// What is read from a document.
pub(crate) fn derived() -> impl Strategy<Value = Derived> {
    let owned = || text().prop_map(str::to_owned);
    let labels = prop::collection::btree_map(select(&KEYS[..]).prop_map(str::to_owned), owned(), 0..3);
    let words = (owned(), owned(), prop::option::of(owned()), prop::option::of(owned()));
    let tools = prop::collection::vec(owned(), 0..3);
    (words, labels, tools, select(Dialect::ALL)).prop_map(
        |((display_name, description, tag, model), labels, tools, dialect)| {
            let nothing = Derived::nothing(dialect);
            Derived { display_name, description, tag, model, labels, tools, ..nothing }
        },
    )
}

/// The same, by number.
pub(crate) fn numbered(number: u64) -> Derived {
    let pick = |way: u64| TEXTS.iter().cycle().nth((number / way % 9) as usize).unwrap().to_string();
    let dialect = Dialect::ALL.iter().cycle().nth(number as usize % 8).unwrap();
    let key = KEYS.iter().cycle().nth(number as usize % 3).unwrap();
    Derived {
        display_name: pick(1),
        tag: (!number.is_multiple_of(4)).then(|| pick(2)),
        model: (!number.is_multiple_of(5)).then(|| pick(3)),
        labels: BTreeMap::from([((*key).to_owned(), pick(1))]),
        tools: Vec::from([pick(1), pick(2)]),
        ..Derived::nothing(*dialect)
    }
}

/// The version that a revision made of a persona.
pub(crate) fn version_of(namespace: &Namespace, name: &Name, number: u64, derived: Derived) -> Persona {
    let (namespace, name, actor) = (namespace.clone(), name.clone(), Principal::anonymous());
    Persona {
        namespace,
        name,
        version: Version(1),
        revision: Revision(number),
        digest: Digest([0; 32]),
        create_time: Timestamp(number as i64),
        actor,
        message: String::new(),
        origin: Origin::Api,
        derived,
        size: 0,
        content: Bytes::new(),
        purged: false,
        waivers: Vec::new(),
    }
}

pub(crate) fn persona() -> impl Strategy<Value = Persona> {
    let parts = (select(&NAMES[..]), derived(), select(&TIMES[..]));
    parts.prop_map(|(name, derived, (_, time))| {
        let (namespace, name) = (Namespace::default(), name.parse().unwrap());
        Persona { create_time: Timestamp(time), ..version_of(&namespace, &name, 1, derived) }
    })
}

/// A persona that says nothing but its name.
pub(crate) fn silent() -> Persona {
    let name = "silent".parse().unwrap();
    version_of(&Namespace::default(), &name, 1, Derived::nothing(Dialect::Persona))
}
