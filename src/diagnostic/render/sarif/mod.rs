//! Findings as SARIF 2.1.0, which code scanning services and viewers read: one document for all files.

mod finding;
mod rule;
mod uri;

use serde::Serialize;

pub use finding::Finding;
use finding::Message;
use rule::Rule;

use crate::diagnostic::Code;

/// Where the schema of the format is published.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One SARIF document on one line: what was found, and which inputs could not be read.
#[must_use]
pub fn sarif(findings: &[Finding], unread: &[String]) -> String {
    let notes = unread.iter().map(|text| Notification { level: "error", message: Message::of(text) });
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: Driver::of_this() },
            column_kind: "unicodeCodePoints",
            invocations: [Invocation {
                execution_successful: unread.is_empty(),
                tool_execution_notifications: notes.collect(),
            }],
            results: findings,
        }],
    };
    // Strings and numbers only: serialising them cannot fail.
    serde_json::to_string(&log).unwrap_or_default()
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    invocations: [Invocation<'a>; 1],
    results: &'a [Finding],
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    full_name: &'static str,
    semantic_version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    information_uri: &'static str,
    rules: Vec<Rule>,
}

impl Driver {
    fn of_this() -> Self {
        Self {
            name: "persona",
            full_name: concat!("persona ", env!("CARGO_PKG_VERSION")),
            semantic_version: env!("CARGO_PKG_VERSION"),
            information_uri: env!("CARGO_PKG_REPOSITORY"),
            rules: Code::ALL.iter().map(|code| Rule::of(*code)).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification<'a>>,
}

#[derive(Serialize)]
struct Notification<'a> {
    level: &'static str,
    message: Message<'a>,
}
