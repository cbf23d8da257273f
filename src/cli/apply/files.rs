//! Persona files on this machine: found as folders are seeded, read and judged as a put does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::remote::Source;
use crate::cli::walk;
use crate::diagnostic::Diagnostic;
use crate::domain::{Dialect, DialectReason, Digest, Name};
use crate::validate::judge;

/// A file that may be a persona.
#[derive(Debug, Clone)]
pub(in crate::cli) struct File {
    /// Where it lies.
    pub(in crate::cli) path: PathBuf,
    /// What it holds.
    pub(in crate::cli) content: Vec<u8>,
    /// The persona that it is, as far as that can be told.
    pub(in crate::cli) name: Option<Name>,
    pub(in crate::cli) digest: Digest,
    pub(in crate::cli) dialect: Dialect,
    /// The dialect is told by the path, so that the bytes alone would not tell it.
    pub(in crate::cli) by_path: bool,
    pub(in crate::cli) diagnostics: Vec<Diagnostic>,
}

impl File {
    /// Reads and judges a document that lies at this path.
    pub(in crate::cli) fn judged(path: PathBuf, content: Vec<u8>, told: &str) -> Self {
        let judged = judge(&crate::document::Input {
            content: &content,
            path: Some(told),
            dialect: None,
            profile: None,
        });
        Self {
            path,
            digest: Digest::of(&content),
            content,
            name: judged.document.name,
            dialect: judged.document.derived.dialect,
            by_path: judged.document.dialect_reason == DialectReason::Path,
            diagnostics: judged.diagnostics,
        }
    }

    /// Whether it may be stored, as far as this client knows.
    pub(in crate::cli) fn is_storable(&self) -> bool {
        self.name.is_some() && !self.diagnostics.iter().any(Diagnostic::blocks_storing)
    }

    /// Whether a persona with this digest and dialect is what the file is. A dialect that nothing but the registry knows
    /// is the registry's to keep.
    pub(in crate::cli) fn is(&self, digest: &str, dialect: Option<Dialect>) -> bool {
        self.digest.to_string() == digest && (!self.by_path || Some(self.dialect) == dialect)
    }
}

/// What a look at some paths found.
#[derive(Debug, Default)]
pub(in crate::cli) struct Files {
    /// Files that could be read, in path order.
    pub(in crate::cli) files: Vec<File>,
    /// Files and folders that could not, and why.
    pub(in crate::cli) unread: Vec<(PathBuf, String)>,
    /// Files beside personas that are none.
    pub(in crate::cli) skipped: usize,
}

/// Finds, reads and judges. A path that is not there is among what could not be read.
pub(in crate::cli) fn find(paths: &[PathBuf]) -> Files {
    let mut found = Files::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            // A file is judged by its whole path, as a put does.
            take(path, &walk::slashed(path), &mut seen, &mut found);
            continue;
        }
        let walked = crate::seed::walk(path);
        found.skipped += walked.skipped;
        found.unread.extend(walked.errors);
        for file in walked.files {
            let inside = walk::slashed(file.strip_prefix(path).unwrap_or(&file));
            take(&file, &inside, &mut seen, &mut found);
        }
    }
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn take(path: &Path, told: &str, seen: &mut BTreeSet<PathBuf>, found: &mut Files) {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if !seen.insert(real) {
        return;
    }
    match walk::read(&Source::Path(path.to_owned())) {
        Ok(content) => found.files.push(File::judged(path.to_owned(), content, told)),
        Err(failure) => found.unread.push((path.to_owned(), failure.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_judged_as_they_are_seeded_and_files_as_they_are_put() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(".claude/agents");
        std::fs::create_dir_all(dir.join("rules")).unwrap();
        std::fs::write(dir.join("a.md"), "---\nname: a\ndescription: d\n---\n# A\n").unwrap();
        std::fs::write(dir.join("rules/b.mdc"), "Be brief.\n").unwrap();
        std::fs::write(dir.join("README.md"), "x").unwrap();
        let told = |paths: &[PathBuf]| {
            let found = find(paths);
            let told =
                |file: &File| format!("{} {} {}", file.name.as_ref().unwrap(), file.dialect, file.by_path);
            (found.files.iter().map(told).collect::<Vec<_>>(), found.skipped, found.unread.len())
        };
        let folder = told(&[dir.clone(), dir.join("a.md")]);
        assert_eq!(folder, (vec!["a persona false".to_owned(), "b cursor true".to_owned()], 1, 0));
        assert_eq!(told(&[dir.join("a.md")]).0, ["a claude-code true"]);
        assert_eq!(told(&[dir.join("c.md")]), (Vec::new(), 0, 1));
    }
}
