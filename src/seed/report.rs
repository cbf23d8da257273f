//! What came of reading a folder, in terms that people and operators are told.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Source, slashed};
use crate::diagnostic::{Diagnostic, Places, Severity};
use crate::domain::{Name, Timestamp, limits};
use crate::registry::{Error, ImportOutcome, Kept, RefusedReason, RefusedSource};

/// A file that was not taken.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// The persona that it would be, where that can be told.
    pub name: Option<Name>,
    /// Why.
    pub reason: Reason,
}

/// Why a file was not taken.
#[derive(Debug, Clone)]
pub enum Reason {
    /// It has findings that block storing.
    Findings(Findings),
    /// Another file of the folder has the same name.
    Duplicate {
        /// The name.
        name: Name,
        /// The file that was taken for it.
        first: PathBuf,
    },
    /// It and the registry both changed since the folder last brought it, or the registry had another one before.
    Conflict {
        /// The name.
        name: Name,
        /// Whether the registry's side of it is that the persona was deleted.
        deleted: bool,
    },
    /// It cannot be read.
    Unreadable(String),
    /// The registry does not take it at the moment.
    Registry(Error),
    /// Judging it failed.
    Fault,
}

/// What was found in a file that is no longer at hand.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The findings, in document order.
    pub diagnostics: Arc<[Diagnostic]>,
    /// Where they are.
    pub places: Places,
}

impl Findings {
    pub(super) fn of(diagnostics: Vec<Diagnostic>, content: &[u8]) -> Self {
        let places = Places::of(&diagnostics, content);
        Self { diagnostics: diagnostics.into(), places }
    }

    /// The warnings among findings; none when there are none.
    pub(super) fn warnings(mut diagnostics: Vec<Diagnostic>, content: &[u8]) -> Option<Arc<Self>> {
        diagnostics.retain(|found| found.severity == Severity::Warning);
        (!diagnostics.is_empty()).then(|| Arc::new(Self::of(diagnostics, content)))
    }
}

/// What reading a folder came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Personas that were made.
    pub created: usize,
    /// Personas that were given a new version.
    pub updated: usize,
    /// Files that were there as they are.
    pub unchanged: usize,
    /// Files beside personas that are none.
    pub skipped: usize,
    /// Personas that were deleted because their file is gone.
    pub deleted: Vec<Name>,
    /// Personas that stay though their file is gone.
    pub kept: Vec<Name>,
    /// Those of them that are news.
    pub newly_kept: Vec<Name>,
    /// Files that were taken and have warnings.
    pub warned: usize,
    /// Warnings of files that were stored by this reading, where the folder is followed.
    pub warnings: Vec<(PathBuf, Arc<Findings>)>,
    /// Files that were not taken, by path.
    pub refused: Vec<Refused>,
    /// What changed, name by name, where the folder is followed.
    pub changes: Vec<(Name, ImportOutcome)>,
    /// Files that were mended or are gone since they were refused.
    pub mended: Vec<PathBuf>,
    /// Files that are refused since this reading, by their place in `refused`.
    pub newly_refused: Vec<usize>,
    /// What keeps the folder from being read, followed or pruned as asked.
    pub problem: Option<String>,
    /// Whether that is news.
    pub problem_is_new: bool,
}

impl Report {
    /// Whether a reading of a followed folder brought anything to tell.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.changes.is_empty()
            || !self.deleted.is_empty()
            || !self.mended.is_empty()
            || !self.newly_refused.is_empty()
            || !self.newly_kept.is_empty()
            || self.problem_is_new
    }

    /// Tells the log what is news, a line each.
    pub(super) fn log(&self) {
        for (name, outcome) in &self.changes {
            tracing::info!(%name, ?outcome, "a file was taken in");
        }
        for name in &self.deleted {
            tracing::info!(%name, "a persona was deleted, since its file is gone");
        }
        for name in &self.newly_kept {
            tracing::info!(%name, "a persona stays, though its file is gone");
        }
        for refused in self.newly_refused.iter().filter_map(|at| self.refused.get(*at)) {
            tracing::warn!(path = %refused.path.display(), reason = refused.message(), "a file was refused");
        }
        for (path, found) in &self.warnings {
            let codes: Vec<_> = found.diagnostics.iter().map(|found| found.code.as_str()).collect();
            tracing::warn!(path = %path.display(), codes = codes.join(" "), "a file was taken with warnings");
        }
        if let (true, Some(problem)) = (self.problem_is_new, &self.problem) {
            tracing::warn!(problem, "the folder cannot be taken in as asked");
        }
        for path in &self.mended {
            tracing::info!(path = %path.display(), "a file is no longer refused");
        }
    }

    pub(super) fn add(&mut self, name: &Name, outcome: ImportOutcome, followed: bool) {
        match outcome {
            ImportOutcome::Created => self.created += 1,
            ImportOutcome::Updated => self.updated += 1,
            ImportOutcome::Unchanged | ImportOutcome::Adopted => self.unchanged += 1,
            ImportOutcome::Deleted => self.deleted.push(name.clone()),
            ImportOutcome::Kept(Kept::Elsewhere) => {}
            ImportOutcome::Kept(_) => self.kept.push(name.clone()),
            ImportOutcome::Conflict(_) | ImportOutcome::Forgotten => {}
        }
        let changed = matches!(outcome, ImportOutcome::Created | ImportOutcome::Updated);
        if followed && changed {
            self.changes.push((name.clone(), outcome));
        }
    }
}

impl Refused {
    /// Why and what to do, in one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        let path = self.path.display();
        match &self.reason {
            Reason::Findings(Findings { diagnostics, .. }) => {
                let mut blocking = diagnostics.iter().filter(|found| found.blocks_storing());
                let first = blocking.next().map_or_else(String::new, |found| found.message.clone());
                match blocking.count() {
                    0 => first,
                    more => format!("{first} (and {more} more)"),
                }
            }
            Reason::Duplicate { name, first } => {
                format!(
                    "{} is called {name} too, and has the name; give one of the two another `name:`",
                    first.display()
                )
            }
            Reason::Conflict { name, deleted: false } => format!(
                "the registry has another {name}, which this folder did not bring, and both stay as they are: `persona \
                 put {path}` takes the file's, `persona get {name}` shows the registry's, to be saved over the file"
            ),
            Reason::Conflict { name, deleted: true } => format!(
                "{name} was deleted in the registry, and the file changed since; it stays deleted: `persona put {path}` \
                 brings it back, or remove the file"
            ),
            Reason::Unreadable(problem) => format!("it cannot be read: {problem}"),
            Reason::Registry(error) => error.to_string(),
            Reason::Fault => {
                "judging it failed, which is a fault of the registry; its log says more".to_owned()
            }
        }
    }

    /// The same for operators, refused since then.
    pub(super) fn as_source(&self, source: &Source, since: Timestamp) -> RefusedSource {
        let (mut diagnostics, places) = match &self.reason {
            Reason::Findings(Findings { diagnostics, places }) => (diagnostics.to_vec(), places.clone()),
            _ => Default::default(),
        };
        diagnostics.sort_by_key(|found| !found.blocks_storing());
        diagnostics.truncate(limits::REFUSED_DIAGNOSTICS);
        RefusedSource {
            namespace: source.namespace.clone(),
            folder: slashed(&source.dir),
            path: slashed(self.path.strip_prefix(&source.dir).unwrap_or(&self.path)),
            name: self.name.clone(),
            reason: match &self.reason {
                Reason::Findings(_) => RefusedReason::Invalid,
                Reason::Duplicate { .. } => RefusedReason::DuplicateName,
                Reason::Conflict { .. } => RefusedReason::Conflict,
                Reason::Unreadable(_) => RefusedReason::Unreadable,
                Reason::Registry(_) => RefusedReason::NotWritten,
                Reason::Fault => RefusedReason::Internal,
            },
            message: self.message(),
            diagnostics,
            places,
            since,
        }
    }
}
