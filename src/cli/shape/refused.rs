//! A refused file and its findings as JSON: the findings as from `validate`, without their fixes.

use serde::Serialize;

use super::moment;
use crate::client::severity;
use crate::wire::pb;
use crate::wire::pb::refused_source::Reason;

/// A file that was not taken into the registry.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Refused {
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) folder: String,
    pub(in crate::cli) path: String,
    pub(in crate::cli) name: Option<String>,
    pub(in crate::cli) reason: &'static str,
    pub(in crate::cli) message: String,
    pub(in crate::cli) refuse_time: Option<String>,
    pub(in crate::cli) diagnostics: Vec<Finding>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Finding {
    pub(in crate::cli) code: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) severity: &'static str,
    pub(in crate::cli) message: String,
    pub(in crate::cli) span: Range,
    pub(in crate::cli) help: Option<String>,
    pub(in crate::cli) field: Option<String>,
    pub(in crate::cli) blocks_storing: bool,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct Range {
    pub(in crate::cli) start: Place,
    pub(in crate::cli) end: Place,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct Place {
    pub(in crate::cli) byte: i32,
    pub(in crate::cli) line: i32,
    pub(in crate::cli) column: i32,
}

impl From<pb::RefusedSource> for Refused {
    fn from(file: pb::RefusedSource) -> Self {
        let reason = match file.reason() {
            Reason::Unspecified => "unknown",
            Reason::Invalid => "invalid",
            Reason::DuplicateName => "duplicate_name",
            Reason::Conflict => "conflict",
            Reason::Unreadable => "unreadable",
            Reason::NotWritten => "not_written",
            Reason::Internal => "internal",
        };
        Self {
            namespace: file.namespace,
            folder: file.folder,
            path: file.path,
            name: given(file.name),
            reason,
            message: file.message,
            refuse_time: file.refuse_time.map(moment),
            diagnostics: file.diagnostics.into_iter().map(Finding::from).collect(),
        }
    }
}

impl From<pb::Diagnostic> for Finding {
    fn from(found: pb::Diagnostic) -> Self {
        let severity = severity(&found).as_str();
        let span = found.span.unwrap_or_default();
        Self {
            code: found.code,
            name: found.name,
            severity,
            message: found.message,
            span: Range {
                start: Place { byte: span.start, line: span.start_line, column: span.start_column },
                end: Place { byte: span.end, line: span.end_line, column: span.end_column },
            },
            help: given(found.help),
            field: given(found.field),
            blocks_storing: found.blocks_storing,
        }
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
