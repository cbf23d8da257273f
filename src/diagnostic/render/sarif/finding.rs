//! A finding as SARIF has it: places in lines and columns, fixes as replacements, and a print to know it again by.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use super::uri::uri;
use crate::diagnostic::{Code, Diagnostic, LineIndex, Severity, Span};
use crate::domain::Digest;

/// Hexadecimal digits of a print.
const PRINT: usize = 32;

/// A finding in a file, as a SARIF document has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message<'static>,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: Prints,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
    /// Where the finding is waived: by the settings, which are outside of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: Properties,
}

#[derive(Debug, Serialize)]
struct Suppression {
    kind: &'static str,
    justification: String,
}

impl Suppression {
    fn of(reason: &str) -> Self {
        Self { kind: "external", justification: reason.to_owned() }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) markdown: Option<&'a str>,
}

impl<'a> Message<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text: text.into(), markdown: None }
    }

    pub(super) fn of_owned(text: String) -> Self {
        Self { text: text.into(), markdown: None }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'static>>,
    physical_location: Physical,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Debug, Clone, Serialize)]
struct Artifact {
    uri: String,
}

/// 1-based; the end is exclusive.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Debug, Serialize)]
struct Prints {
    #[serde(rename = "personaLine/v1")]
    line: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Message<'static>,
    artifact_changes: [Change; 1],
    properties: Trust,
}

#[derive(Debug, Serialize)]
struct Trust {
    applicability: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    artifact_location: Artifact,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted_content: Option<Message<'static>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    blocks_storing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// SARIF's word for a severity.
pub(super) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

impl Finding {
    /// All findings of a file.
    #[must_use]
    pub fn all(path: &str, content: &[u8], diagnostics: &[Diagnostic]) -> Vec<Self> {
        let file = File { artifact: Artifact { uri: uri(path) }, content, index: LineIndex::new(content) };
        let mut seen = HashMap::new();
        diagnostics.iter().map(|one| file.finding(one, &mut seen)).collect()
    }
}

struct File<'a> {
    artifact: Artifact,
    content: &'a [u8],
    index: LineIndex<'a>,
}

impl<'a> File<'a> {
    fn finding(&self, one: &Diagnostic, seen: &mut HashMap<(Code, &'a [u8]), usize>) -> Finding {
        let help = one.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        let labels = one.labels.iter().enumerate().map(|(at, label)| Location {
            id: Some(at + 1),
            message: Some(Message::of_owned(label.message.clone())),
            physical_location: self.place(label.span),
        });
        let line = self.line(one.span);
        let nth = seen.entry((one.code, line)).or_default();
        *nth += 1;
        Finding {
            rule_id: one.code.as_str(),
            rule_index: Code::ALL.iter().position(|code| *code == one.code).unwrap_or_default(),
            level: level(one.severity),
            message: Message::of_owned(format!("{}{help}", one.message)),
            locations: [Location { id: None, message: None, physical_location: self.place(one.span) }],
            related_locations: labels.collect(),
            partial_fingerprints: Prints { line: print(one.code, line, *nth) },
            fixes: one.fixes.iter().map(|fix| self.fix(fix)).collect(),
            suppressions: one.waived.as_deref().map(Suppression::of).into_iter().collect(),
            properties: Properties { blocks_storing: one.blocks_storing(), field: one.field.clone() },
        }
    }

    fn fix(&self, fix: &crate::diagnostic::Fix) -> Fix {
        let replacements = fix.edits.iter().map(|edit| Replacement {
            deleted_region: self.region(edit.span),
            inserted_content: (!edit.text.is_empty()).then(|| Message::of_owned(edit.text.clone())),
        });
        Fix {
            description: Message::of_owned(fix.title.clone()),
            artifact_changes: [Change {
                artifact_location: self.artifact.clone(),
                replacements: replacements.collect(),
            }],
            properties: Trust { applicability: fix.applicability.as_str() },
        }
    }

    fn place(&self, span: Span) -> Physical {
        Physical { artifact_location: self.artifact.clone(), region: self.region(span) }
    }

    fn region(&self, span: Span) -> Region {
        let (start, end) = (self.index.position(span.start), self.index.position(span.end));
        Region {
            start_line: start.line,
            start_column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    }

    /// The line that a finding begins on.
    fn line(&self, span: Span) -> &'a [u8] {
        let line = self.index.position(span.start).line as usize;
        let (start, end) = (self.index.line_start(line), self.index.line_start(line + 1));
        self.content.get(start..end).unwrap_or_default().trim_ascii()
    }
}

/// The same wherever the line moves to, also to another file; another for the next such finding of a file.
fn print(code: Code, line: &[u8], nth: usize) -> String {
    let digest = Digest::of_parts(&[code.as_str().as_bytes(), line, nth.to_string().as_bytes()]).to_string();
    digest.trim_start_matches("sha256:").chars().take(PRINT).collect()
}
