//! What fits together in a restriction: each field takes some operators, and each of these some values.

use super::expr::{Comparison, Expr, Field, Test, fold};
use super::moment::moment;
use crate::domain::Dialect;

/// What a restriction asks for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Operator {
    Has,
    Compares(Comparison),
}

/// A value as it was written.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// Which part of a restriction is not as its field has it.
pub(super) enum Wrong {
    Operator(String),
    Value(String),
}

/// The restriction that field, operator and value come to.
pub(super) fn test(field: Field, operator: Operator, value: Value) -> Result<Expr, Wrong> {
    let Value { text, quoted } = value;
    if !quoted && text == "*" {
        return match operator {
            Operator::Has => Ok(Expr::Test(Test::Present(field))),
            Operator::Compares(_) => Err(Wrong::Value(format!(
                "* asks whether there is a value: write {field}:*; a star itself stands in quotes"
            ))),
        };
    }
    let odd = || Err(Wrong::Operator(format!("{field} is asked about with {}", operators(&field))));
    Ok(Expr::Test(match (&field, operator) {
        (Field::Labels, Operator::Has) => Test::Key(text),
        (Field::Tools, Operator::Has) => Test::Tool(text),
        (Field::CreateTime, Operator::Compares(comparison)) => match moment(&text) {
            Some(time) => Test::Time(comparison, time, text),
            None => {
                return Err(Wrong::Value(format!(
                    "`{}` is no time; write 2026-01-31T00:00:00Z, or a date such as 2026-01-31",
                    short(&text)
                )));
            }
        },
        (Field::Labels | Field::Tools, Operator::Compares(_)) | (Field::CreateTime, Operator::Has) => {
            return odd();
        }
        (Field::Dialect, _) => {
            let comparison = match operator {
                Operator::Has => Comparison::Equal,
                Operator::Compares(comparison @ (Comparison::Equal | Comparison::NotEqual)) => comparison,
                Operator::Compares(_) => return odd(),
            };
            if text.parse::<Dialect>().is_err() {
                let known: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.as_str()).collect();
                let known = known.join(", ");
                return Err(Wrong::Value(format!("`{}` is no dialect; known are {known}", short(&text))));
            }
            Test::Text(field, comparison, text)
        }
        (_, Operator::Has) => Test::Contains(field, fold(&text)),
        (_, Operator::Compares(comparison)) => Test::Text(field, comparison, text),
    }))
}

/// The operators that a field takes, as a message lists them.
pub(super) fn operators(field: &Field) -> &'static str {
    match field {
        Field::Labels => "`:` and a key, or :*",
        Field::Tools => "`:` and a tool, or :*",
        Field::Dialect => "=, !=, or :*",
        Field::CreateTime => "=, !=, <, <=, >, >=, or :*",
        _ => "=, !=, <, <=, >, >=, `:` for a part of it, or :*",
    }
}

/// The beginning of what a message repeats: a status has room for one sentence, on one line.
pub(super) fn short(word: &str) -> String {
    const MOST: usize = 16;
    let mut shown = String::new();
    for letter in word.chars().take(MOST) {
        match letter {
            letter if letter.is_control() => shown.extend(letter.escape_debug()),
            '\u{2028}' | '\u{2029}' => shown.extend(letter.escape_unicode()),
            letter => shown.push(letter),
        }
    }
    if word.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
