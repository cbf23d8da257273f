//! A judged file, and what was found in all of them, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

/// A file.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Validated<'a, D> {
    pub(in crate::cli) path: &'a str,
    pub(in crate::cli) diagnostics: D,
    /// How many fixes were made, by rule.
    pub(in crate::cli) fixed: BTreeMap<&'static str, usize>,
    pub(in crate::cli) size_bytes: usize,
    pub(in crate::cli) token_estimate: u32,
}

impl<D: Serialize> Validated<'_, D> {
    /// One line, its end included.
    pub(in crate::cli) fn line(&self) -> String {
        // Texts and numbers only: serialising them cannot fail.
        let line = serde_json::to_string(self).unwrap_or_default();
        format!("{line}\n")
    }
}

/// All files.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Judged {
    pub(in crate::cli) stats: Stats,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct Stats {
    pub(in crate::cli) files: usize,
    pub(in crate::cli) skipped: usize,
    pub(in crate::cli) unread: usize,
    pub(in crate::cli) size_bytes: usize,
    pub(in crate::cli) token_estimate: u64,
    pub(in crate::cli) errors: usize,
    pub(in crate::cli) warnings: usize,
    pub(in crate::cli) infos: usize,
    pub(in crate::cli) fixed: usize,
    pub(in crate::cli) rules: Vec<Fired>,
}

/// A rule that fired.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Fired {
    pub(in crate::cli) code: &'static str,
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) findings: usize,
    pub(in crate::cli) files: usize,
}
