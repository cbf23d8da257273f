//! What a persona is found by without being read: one term for each value of a column that is asked for by equality.

use std::collections::BTreeSet;

use crate::domain::{Alias, BodyMark, Name, Persona, Timestamp};

/// Bytes of a value that a term holds; of longer ones the beginning. A term that matches is only a candidate: what it
/// leads to is compared whole.
const VALUE_BYTES: usize = 256;

/// What a term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Column {
    /// A label's key and value.
    Label = 1,
    /// A label's key.
    LabelKey = 2,
    /// The tag.
    Tag = 3,
    /// The model.
    Model = 4,
    /// A tool.
    Tool = 5,
    /// The dialect's word.
    Dialect = 6,
    /// When the version was made.
    CreateTime = 7,
    /// The name as the author wrote it.
    DisplayName = 8,
    /// An alias that named the version; of the view, not of the document.
    Alias = 9,
    /// What the name looks like to a hurried reader.
    Looks = 10,
    /// The body's text, by its mark.
    Body = 11,
}

/// A column and a value of it, as bytes that sort by column, then length, then value: the beginning of an index key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term(Vec<u8>);

impl Term {
    /// A value of this column.
    #[must_use]
    pub fn new(column: Column, value: &[u8]) -> Self {
        let value = value.get(..VALUE_BYTES).unwrap_or(value);
        let mut bytes = vec![column as u8];
        // A value holds 256 bytes at most.
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(value);
        Self(bytes)
    }

    /// A label with this value.
    #[must_use]
    pub fn label(key: &str, value: &str) -> Self {
        Self::new(Column::Label, format!("{key}\0{value}").as_bytes())
    }

    /// A moment. Terms of moments sort by time.
    #[must_use]
    pub fn create_time(time: Timestamp) -> Self {
        Self::new(Column::CreateTime, &(time.0.cast_unsigned() ^ (1 << 63)).to_be_bytes())
    }

    /// An alias.
    #[must_use]
    pub fn alias(alias: &Alias) -> Self {
        Self::new(Column::Alias, alias.as_str().as_bytes())
    }

    /// The looks of a name.
    #[must_use]
    pub fn looks(name: &Name) -> Self {
        Self::new(Column::Looks, name.looks().as_bytes())
    }

    /// A body.
    #[must_use]
    pub fn body(mark: BodyMark) -> Self {
        Self::new(Column::Body, &mark.0.to_be_bytes())
    }

    /// Whether it is of this column.
    #[must_use]
    pub fn is_of(&self, column: Column) -> bool {
        self.0.first() == Some(&(column as u8))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Every term of a version, each once.
#[must_use]
pub fn terms(persona: &Persona) -> BTreeSet<Term> {
    if persona.purged {
        return BTreeSet::new();
    }
    let derived = &persona.derived;
    let mut terms = BTreeSet::from([
        Term::new(Column::Dialect, derived.dialect.as_str().as_bytes()),
        Term::new(Column::DisplayName, derived.display_name.as_bytes()),
        Term::create_time(persona.create_time),
        Term::looks(&persona.name),
    ]);
    terms.extend(derived.body_mark.map(Term::body));
    for (key, value) in &derived.labels {
        terms.insert(Term::label(key, value));
        terms.insert(Term::new(Column::LabelKey, key.as_bytes()));
    }
    terms.extend(derived.tag.as_ref().map(|tag| Term::new(Column::Tag, tag.as_bytes())));
    terms.extend(derived.model.as_ref().map(|model| Term::new(Column::Model, model.as_bytes())));
    terms.extend(derived.tools.iter().map(|tool| Term::new(Column::Tool, tool.as_bytes())));
    terms
}
