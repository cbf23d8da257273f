//! A commented `persona.toml` with every setting at its default.

use super::kind::Kind;
use super::setting::{Fallback, Section, Setting};

/// Columns of a comment.
const WIDTH: usize = 96;

/// The file. Prose begins with `# `, a setting that may be put to use with `#` alone.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of `persona`. Take the # from a line to change what it says; what is shown is the default,\n\
         # or an example where it says so. Variables and flags go before this file. Relative paths begin at the\n\
         # folder of this file, `~/` at home.\n",
    );
    for section in Section::ALL {
        text.push_str(&format!("\n[{}]\n", section.name()));
        for setting in Setting::of(section) {
            text.push('\n');
            text.push_str(&comment(&format!("{}.", setting.help)));
            let value = match setting.default {
                Fallback::Text(value) => value,
                Fallback::Words(words) => {
                    text.push_str(&comment(&format!("Default: {words}. Example:")));
                    setting.example
                }
            };
            text.push_str(&format!("#{} = {}\n", setting.key, in_toml(setting.kind, value)));
        }
    }
    text
}

fn in_toml(kind: Kind, value: &str) -> String {
    // Values of this table need no escapes.
    match kind {
        Kind::Switch | Kind::Number(_) | Kind::Seconds => value.to_owned(),
        Kind::Sources | Kind::Origins | Kind::Rules | Kind::Waivers => format!("[\"{value}\"]"),
        Kind::Severities => {
            let (rule, severity) = value.split_once('=').unwrap_or_default();
            format!("{{{rule} = \"{severity}\"}}")
        }
        Kind::Address
        | Kind::Folder
        | Kind::File
        | Kind::Choice(_)
        | Kind::Server
        | Kind::Namespace
        | Kind::Host => format!("\"{value}\""),
    }
}

/// Prose as comment lines.
fn comment(prose: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in prose.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}
