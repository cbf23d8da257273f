//! What a filter says, and whether a persona is so.
//!
//! A comparison holds of a value only: where there is none it is false, `!=` too, and NOT turns that around.

use std::cmp::Ordering;
use std::fmt;

use crate::domain::{Persona, Timestamp};

/// A filter as a tree: never a conjunction in a conjunction, nor a disjunction or negation in one of its own kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expr {
    /// All of them hold.
    All(Vec<Expr>),
    /// One of them holds.
    Any(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// One restriction.
    Test(Test),
}

/// One restriction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// There is a value.
    Present(Field),
    /// A text, compared whole.
    Text(Field, Comparison, String),
    /// A text holds this one, which is folded, by any case.
    Contains(Field, String),
    /// There is a label of this key.
    Key(String),
    /// There is this tool.
    Tool(String),
    /// When it was made, against a moment as it was written.
    Time(Comparison, Timestamp, String),
}

/// What can be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    DisplayName,
    Description,
    Tag,
    Dialect,
    Labels,
    Label(String),
    Model,
    Tools,
    CreateTime,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The fields as a message lists them.
pub(super) const FIELDS: &str =
    "name, display_name, description, tag, dialect, labels, labels.KEY, model, tools, create_time";

impl Expr {
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::All(parts) => parts,
            other => vec![other],
        });
        Self::one_or(flat.collect(), Self::All)
    }

    pub(super) fn any(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Any(parts) => parts,
            other => vec![other],
        });
        Self::one_or(flat.collect(), Self::Any)
    }

    fn one_or(mut parts: Vec<Self>, more: fn(Vec<Self>) -> Self) -> Self {
        match (parts.len(), parts.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                parts.extend(last);
                more(parts)
            }
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    pub(super) fn matches(&self, persona: &Persona) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(persona)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(persona)),
            Self::Not(inner) => !inner.matches(persona),
            Self::Test(test) => test.holds(persona),
        }
    }
}

impl Test {
    fn holds(&self, persona: &Persona) -> bool {
        let derived = &persona.derived;
        match self {
            Self::Present(Field::Labels) => !derived.labels.is_empty(),
            Self::Present(Field::Tools) => !derived.tools.is_empty(),
            Self::Present(Field::CreateTime) => true,
            Self::Present(field) => field.text(persona).is_some(),
            Self::Text(field, comparison, value) => {
                field.text(persona).is_some_and(|text| comparison.holds(text.cmp(value)))
            }
            Self::Contains(field, folded) => {
                field.text(persona).is_some_and(|text| fold(text).contains(folded.as_str()))
            }
            Self::Key(key) => derived.labels.contains_key(key),
            Self::Tool(tool) => derived.tools.contains(tool),
            Self::Time(comparison, time, _) => comparison.holds(persona.create_time.cmp(time)),
        }
    }
}

impl Field {
    /// The field of this name; `labels` is the whole of them.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "display_name" => Self::DisplayName,
            "description" => Self::Description,
            "tag" => Self::Tag,
            "dialect" => Self::Dialect,
            "labels" => Self::Labels,
            "model" => Self::Model,
            "tools" => Self::Tools,
            "create_time" => Self::CreateTime,
            _ => return None,
        })
    }

    /// The text that it holds, where it is one and there. A label may be empty; an empty text elsewhere is none.
    fn text<'a>(&self, persona: &'a Persona) -> Option<&'a str> {
        let derived = &persona.derived;
        let text = match self {
            Self::Label(key) => return derived.labels.get(key).map(String::as_str),
            Self::Name => persona.name.as_str(),
            Self::DisplayName => &derived.display_name,
            Self::Description => &derived.description,
            Self::Tag => derived.tag.as_deref()?,
            Self::Dialect => derived.dialect.as_str(),
            Self::Model => derived.model.as_deref()?,
            Self::Labels | Self::Tools | Self::CreateTime => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A text in which case makes no difference: one letter at a time, so that a part of a text folds to a part of what the
/// text folds to.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

impl fmt::Display for Expr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |out: &mut fmt::Formatter<'_>, parts: &[Self], word| {
            for (at, part) in parts.iter().enumerate() {
                out.write_str(if at > 0 { word } else { "" })?;
                part.nested(out)?;
            }
            Ok(())
        };
        match self {
            Self::All(parts) => joined(out, parts, " AND "),
            Self::Any(parts) => joined(out, parts, " OR "),
            Self::Not(inner) => {
                out.write_str("NOT ")?;
                inner.nested(out)
            }
            Self::Test(test) => test.fmt(out),
        }
    }
}

impl Expr {
    fn nested(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(out, "({self})"),
            Self::Not(_) | Self::Test(_) => write!(out, "{self}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(field) => write!(out, "{field}:*"),
            Self::Text(field, comparison, value) => write!(out, "{field} {comparison} {}", Quoted(value)),
            Self::Contains(field, folded) => write!(out, "{field}:{}", Quoted(folded)),
            Self::Key(key) => write!(out, "labels:{}", Quoted(key)),
            Self::Tool(tool) => write!(out, "tools:{}", Quoted(tool)),
            Self::Time(comparison, _, written) => write!(out, "create_time {comparison} {}", Quoted(written)),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Name => "name",
            Self::DisplayName => "display_name",
            Self::Description => "description",
            Self::Tag => "tag",
            Self::Dialect => "dialect",
            Self::Labels => "labels",
            Self::Label(key) => return write!(out, "labels.{}", Quoted(key)),
            Self::Model => "model",
            Self::Tools => "tools",
            Self::CreateTime => "create_time",
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

/// A text in quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
