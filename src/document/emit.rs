//! Values as YAML that parsers of YAML 1.1 and of 1.2 read alike: `no` stays a text, a moment too.

use serde::Serialize;

use super::yaml::{self, quote};
use crate::domain::Field;

/// A value as one YAML document: its JSON, written for people. Keys keep their order, long texts their lines.
///
/// # Errors
/// When it is nothing that JSON can say.
pub fn to_yaml(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let field = yaml::from_json(&serde_json::to_string(value)?)?;
    let mut text = String::new();
    write(&field, 0, &mut text);
    // A scalar or an empty collection stands behind a key; alone it begins the line.
    Ok(text.trim_start().to_owned())
}

/// Writes what follows `key:` or `-`: a blank and the rest of the line, or lines below.
fn write(field: &Field, indent: usize, out: &mut String) {
    match field {
        Field::List(items) if !items.is_empty() => {
            for item in items {
                line(indent, out);
                out.push('-');
                write_in_item(item, indent + 2, out);
            }
            return;
        }
        Field::Map(pairs) if !pairs.is_empty() => {
            for (key, value) in pairs {
                line(indent, out);
                pair(key, value, indent, out);
            }
            return;
        }
        _ => {}
    }
    out.push(' ');
    match field {
        Field::Null => out.push_str("null"),
        Field::Bool(value) => out.push_str(&value.to_string()),
        Field::Int(value) => out.push_str(&value.to_string()),
        Field::UInt(value) => out.push_str(&value.to_string()),
        Field::Float(value) => out.push_str(&float(*value)),
        Field::Text(text) => out.push_str(&scalar(text, indent)),
        Field::List(_) => out.push_str("[]"),
        Field::Map(_) => out.push_str("{}"),
    }
    end(out);
}

/// The first pair of a map stands on the line of its dash.
fn write_in_item(item: &Field, indent: usize, out: &mut String) {
    let Field::Map(pairs) = item else { return write(item, indent, out) };
    let Some(((key, value), rest)) = pairs.split_first() else { return write(item, indent, out) };
    out.push(' ');
    pair(key, value, indent, out);
    for (key, value) in rest {
        line(indent, out);
        pair(key, value, indent, out);
    }
}

/// Parsers look this far for the colon behind a key; a longer one says by itself that it is a key.
const LONGEST_KEY: usize = 1000;

fn pair(key: &str, value: &Field, indent: usize, out: &mut String) {
    let long = key.len() > LONGEST_KEY;
    if long {
        out.push_str("? ");
    }
    out.push_str(&if is_plain(key) { key.to_owned() } else { quote(key) });
    if long {
        line(indent, out);
    }
    out.push(':');
    write(value, indent + 2, out);
}

fn line(indent: usize, out: &mut String) {
    end(out);
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Ends the line, where one was begun.
fn end(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// YAML 1.1 knows a number with an exponent by its point and sign.
fn float(value: f64) -> String {
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

fn scalar(text: &str, indent: usize) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if fits_a_block(text) {
        block(text, indent)
    } else {
        quote(text)
    }
}

/// Whether a text means itself without quotes: it begins with a letter, and is no word for something else.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let inside =
        |letter: char| letter.is_ascii_alphanumeric() || " _./-,'();+@".contains(letter) || is_letter(letter);
    text.starts_with(|first: char| first.is_ascii_alphabetic() || is_letter(first))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && text.chars().all(|letter| inside(letter) || letter == ':')
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn is_letter(letter: char) -> bool {
    !letter.is_ascii() && letter.is_alphanumeric()
}

/// Whether a text may stand in a block: lines that every parser splits alike, and nothing that a block cannot hold.
fn fits_a_block(text: &str) -> bool {
    let fits = |letter: char| {
        let separates =
            matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        letter == '\n' || letter == '\t' || !(letter.is_control() || separates)
    };
    text.contains('\n') && !text.trim_matches(['\n', ' ', '\t']).is_empty() && text.chars().all(fits)
}

fn block(text: &str, indent: usize) -> String {
    let begins_blank = text.starts_with([' ', '\n', '\t']);
    let mut block = if begins_blank { "|2".to_owned() } else { "|".to_owned() };
    // How many line ends the text has at its end: none, one, or more.
    block.push_str(match (text.ends_with('\n'), text.ends_with("\n\n")) {
        (false, _) => "-",
        (true, false) => "",
        (true, true) => "+",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        block.push('\n');
        if !line.is_empty() {
            block.extend(std::iter::repeat_n(' ', indent.max(2)));
            block.push_str(line);
        }
    }
    block.push('\n');
    block
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_written_for_people() {
        let value = json!({
            "a": "word", "b": [], "c": {}, "d": [1, "no", {"x": 1, "y": [true]}, ["z"]],
            "e": {"deep": {"text": "# T\n\n  x \n"}}, "f": null, "g": 0.5, "h": "2023-11-14T22:13:20Z",
        });
        assert_eq!(
            to_yaml(&value).unwrap(),
            "a: word\nb: []\nc: {}\nd:\n  - 1\n  - \"no\"\n  - x: 1\n    \"y\":\n      - true\n  -\n    - z\n\
             e:\n  deep:\n    text: |\n      # T\n\n        x \nf: null\ng: 0.5\nh: \"2023-11-14T22:13:20Z\"\n"
        );
        assert_eq!(to_yaml(&json!("a\nb")).unwrap(), "|-\n  a\n  b\n");
        assert_eq!(to_yaml(&json!([])).unwrap(), "[]\n");
    }

    #[test]
    fn keys_of_any_length_read_back() {
        for length in [1000, 1001, 5000] {
            let value = json!({"l": [{"k".repeat(length): {"a": "\n b\n"}, "z": 1}]});
            let written = to_yaml(&value).unwrap();
            assert_eq!(serde_yaml::from_str::<serde_json::Value>(&written).unwrap(), value);
        }
    }

    #[test]
    fn numbers_with_an_exponent_are_numbers_everywhere() {
        assert_eq!(float(1e300), "1.0e+300");
        assert_eq!(float(-2.5e-9), "-2.5e-9");
        assert_eq!(float(3.0), "3.0");
    }

    #[test]
    fn words_that_mean_something_else_are_quoted() {
        for text in
            ["yes", "No", "null", "12:30", "1_000", "-a", "a: b", "a #b", "=", "<<", "~", "", " a", "a:"]
        {
            assert!(!is_plain(text), "{text:?}");
        }
        for text in ["backend_developer", "Acts as x (y), z.", "sha256:9f", "Über uns", "noon"] {
            assert!(is_plain(text), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_text_reads_back_wherever_it_stands(
            text in "[ \t\n\r#:a\\-\"'|>\u{85}\u{2028}\u{feff}é1]{0,12}|(no|yes|~|0x1|1e5|--- ?|\n){1,4}|\\PC{0,8}\n\\PC{0,8}"
        ) {
            let value = json!({"k": text, "l": [text, [text], {"m": text, "n": [text]}], "o": {text.clone(): {"p": text}}});
            let written = to_yaml(&value).unwrap();
            let read: serde_json::Value = serde_yaml::from_str(&written).unwrap();
            proptest::prop_assert_eq!(read, value, "{}", written);
            let alone: String = serde_yaml::from_str(&to_yaml(&text).unwrap()).unwrap();
            proptest::prop_assert_eq!(alone, text);
        }
    }
}
