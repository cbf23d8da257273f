//! What became of files that were applied, and of personas that were exported, as JSON.

use serde::Serialize;

use super::refused::Finding;

/// One file or persona of an apply.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Applied {
    pub(in crate::cli) action: &'static str,
    pub(in crate::cli) result: &'static str,
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) name: Option<String>,
    pub(in crate::cli) path: Option<String>,
    pub(in crate::cli) from_version: Option<i64>,
    pub(in crate::cli) version: Option<i64>,
    pub(in crate::cli) revision: Option<i64>,
    pub(in crate::cli) added: Option<usize>,
    pub(in crate::cli) removed: Option<usize>,
    pub(in crate::cli) reason: Option<String>,
    pub(in crate::cli) diagnostics: Vec<Finding>,
}

/// One file of an export or a pull.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Exported {
    pub(in crate::cli) action: &'static str,
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) path: String,
    pub(in crate::cli) version: Option<i64>,
    pub(in crate::cli) digest: Option<String>,
    pub(in crate::cli) reason: Option<String>,
}
