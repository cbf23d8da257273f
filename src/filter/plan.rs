//! How to find what a filter may match without reading everything.

use super::expr::{Comparison, Expr, Field, Test};
use super::{Column, Term};
use crate::domain::{Name, Timestamp};

/// A way to candidates: it leads to every persona that matches, and maybe to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// There is no shorter way than all personas.
    All,
    /// Those of this name.
    Name(Name),
    /// Those with this term.
    Term(Term),
    /// Those made between two moments, both included.
    Between(Timestamp, Timestamp),
    /// Those that any of these leads to; of none, nothing.
    Any(Vec<Plan>),
    /// Those that each of these leads to; following one of them is enough.
    Every(Vec<Plan>),
}

impl Plan {
    /// What a filter comes to. A negation leads nowhere: what is not there has no term.
    pub(super) fn of(expr: &Expr) -> Self {
        match expr {
            Expr::All(parts) => Self::every(parts.iter().map(Self::of)),
            Expr::Any(parts) => Self::any(parts.iter().map(Self::of)),
            Expr::Not(_) => Self::All,
            Expr::Test(test) => Self::of_test(test),
        }
    }

    fn of_test(test: &Test) -> Self {
        let term = |column, value: &str| Self::Term(Term::new(column, value.as_bytes()));
        match test {
            Test::Text(field, Comparison::Equal, value) => match field {
                Field::Name => value.parse().map_or(Self::Any(Vec::new()), Self::Name),
                Field::Tag => term(Column::Tag, value),
                Field::Model => term(Column::Model, value),
                Field::Dialect => term(Column::Dialect, value),
                Field::DisplayName => term(Column::DisplayName, value),
                Field::Label(key) => Self::Term(Term::label(key, value)),
                Field::Description | Field::Labels | Field::Tools | Field::CreateTime => Self::All,
            },
            // Whatever is said of a label holds only where there is one.
            Test::Text(Field::Label(key), ..)
            | Test::Contains(Field::Label(key), _)
            | Test::Present(Field::Label(key))
            | Test::Key(key) => term(Column::LabelKey, key),
            Test::Tool(tool) => term(Column::Tool, tool),
            Test::Time(comparison, time, _) => Self::of_time(*comparison, *time),
            Test::Text(..) | Test::Contains(..) | Test::Present(_) => Self::All,
        }
    }

    fn of_time(comparison: Comparison, Timestamp(time): Timestamp) -> Self {
        let between = |from, to| Self::Between(Timestamp(from), Timestamp(to));
        match comparison {
            Comparison::Equal => between(time, time),
            Comparison::NotEqual => Self::All,
            Comparison::Less => between(i64::MIN, time.saturating_sub(1)),
            Comparison::LessOrEqual => between(i64::MIN, time),
            Comparison::Greater => between(time.saturating_add(1), i64::MAX),
            Comparison::GreaterOrEqual => between(time, i64::MAX),
        }
    }

    /// Both ends of a span of time are told by two restrictions; they make one way.
    pub(crate) fn every(plans: impl Iterator<Item = Self>) -> Self {
        let (mut others, mut span) = (Vec::new(), None);
        for plan in plans {
            match plan {
                Self::All => {}
                Self::Between(from, to) => {
                    let (begin, end) = span.unwrap_or((from, to));
                    span = Some((begin.max(from), end.min(to)));
                }
                other if others.contains(&other) => {}
                other => others.push(other),
            }
        }
        others.extend(span.map(|(from, to)| match from <= to {
            true => Self::Between(from, to),
            false => Self::Any(Vec::new()),
        }));
        match others.len() {
            0 => Self::All,
            1 => others.pop().unwrap_or(Self::All),
            _ => Self::Every(others),
        }
    }

    fn any(plans: impl Iterator<Item = Self>) -> Self {
        let mut ways = Vec::new();
        for plan in plans {
            match plan {
                Self::All => return Self::All,
                other if ways.contains(&other) => {}
                other => ways.push(other),
            }
        }
        Self::Any(ways)
    }

    /// Whether it leads to a version.
    #[cfg(test)]
    pub(super) fn leads_to(&self, persona: &crate::domain::Persona) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => *name == persona.name,
            Self::Term(term) => super::terms(persona).contains(term),
            Self::Between(from, to) => (from..=to).contains(&&persona.create_time),
            Self::Any(plans) => plans.iter().any(|plan| plan.leads_to(persona)),
            Self::Every(plans) => plans.iter().all(|plan| plan.leads_to(persona)),
        }
    }
}
