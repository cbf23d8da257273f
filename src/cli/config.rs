//! `persona config`: which settings hold and where they came from, and a file to begin with.

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::flags::{Every, Flags};
use super::form::Rows;
use super::{Failure, Outcome, Output, table};
use crate::config::{Config, Entry, Fallback, Kind, example};

/// Show which settings hold and where they came from, or write a file of them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) what: What,
}

const EXAMPLES: &str = "\
Examples:
  persona config show
  persona config show --config staging.toml     tells all that is wrong with a file
  persona config example > persona.toml";

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    Show(Show),
    /// Print a persona.toml with every setting at its default, commented out
    Example,
}

/// Print every setting, its value, and where it came from; or all that is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct Show {
    /// What to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Rows,

    #[command(flatten)]
    pub(super) flags: Flags<Every>,
}

const SHOW_EXAMPLES: &str = "\
The flags of `persona serve` and of the commands that call a registry may be given too, to see what they do.

Examples:
  persona config show
  persona config show --listen 127.0.0.1:0 -o json | jq 'select(.layer == \"flag\")'";

pub(crate) fn show(args: &Show, config: &Config, out: &mut Output) -> Result<Outcome, Failure> {
    match args.output {
        Rows::Table => {
            let rows: Vec<_> = config.entries.iter().map(row).collect();
            out.table(&table::layout(["SETTING", "VALUE", "FROM"], &rows, None))?;
            if config.file.is_none() {
                out.say("no file of settings was read; `persona config example > persona.toml` writes one");
            }
        }
        Rows::Json => out.json_lines(config.entries.iter().map(Shape::from))?,
        Rows::Yaml => out.yaml_documents(config.entries.iter().map(Shape::from))?,
    }
    Ok(Outcome::Done)
}

pub(crate) fn write_example(out: &mut Output) -> Result<Outcome, Failure> {
    out.bytes(example().as_bytes())?;
    Ok(Outcome::Done)
}

fn row(entry: &Entry) -> [String; 3] {
    let value = match (entry.values.as_slice(), entry.setting.default) {
        ([], Fallback::Words(words)) if !entry.setting.kind.is_list() => format!("({words})"),
        ([], _) => "(none)".to_owned(),
        (values, _) => values.join(", "),
    };
    [name(entry), value, entry.origin.to_string()]
}

/// A setting as machines read it.
#[derive(Debug, Serialize)]
struct Shape<'a> {
    setting: String,
    value: Value,
    layer: &'static str,
    origin: String,
    flag: String,
    variable: &'a str,
}

impl<'a> From<&'a Entry> for Shape<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            setting: name(entry),
            value: value(entry),
            layer: entry.origin.layer(),
            origin: entry.origin.to_string(),
            flag: format!("--{}", entry.setting.flag),
            variable: entry.setting.variable,
        }
    }
}

fn name(entry: &Entry) -> String {
    format!("{}.{}", entry.setting.section.name(), entry.setting.key)
}

/// The value in its own type.
fn value(entry: &Entry) -> Value {
    match (entry.setting.kind, entry.values.as_slice()) {
        (kind, values) if kind.is_list() => values.into(),
        (_, []) => Value::Null,
        // What was read as a number or a truth is one in JSON too, but for spellings such as `+3`.
        (Kind::Switch | Kind::Number(_) | Kind::Seconds, [text, ..]) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
        }
        (_, [text, ..]) => text.as_str().into(),
    }
}
