//! Whether what was seen is what a scenario expects.

use serde_json::Value;

/// Something was not as expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unmet(pub String);

/// Fields that are not named are not looked at; lists must be equal; `"<5"`, `"<=5"`, `">5"`, `">=5"` compare numbers; `"none"`
/// is null, and `"*"` any text that is not empty.
pub fn fits(expected: &Value, seen: &Value) -> Result<(), Unmet> {
    at("", expected, seen).map_err(Unmet)
}

fn at(place: &str, expected: &Value, seen: &Value) -> Result<(), String> {
    match (expected, seen) {
        (Value::Object(expected), Value::Object(_)) => {
            for (key, value) in expected {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                at(&place, value, &seen[key.as_str()])?;
            }
            Ok(())
        }
        (Value::String(text), Value::Null) if text == "none" => Ok(()),
        (Value::String(text), Value::String(seen)) if text == "*" && !seen.is_empty() => Ok(()),
        (Value::String(text), Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            match compare(text, number) {
                Some(true) => Ok(()),
                _ => Err(format!("{place} is {number}, not {text}")),
            }
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
        _ if expected == seen => Ok(()),
        _ => Err(format!("{place} is {seen}, not {expected}")),
    }
}

fn compare(text: &str, number: f64) -> Option<bool> {
    let (operator, bound) = text.split_at(text.find(|at: char| at.is_ascii_digit())?);
    let bound: f64 = bound.parse().ok()?;
    Some(match operator.trim() {
        "<" => number < bound,
        "<=" => number <= bound,
        ">" => number > bound,
        ">=" => number >= bound,
        _ => return None,
    })
}
