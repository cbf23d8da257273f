//! What came of reading a folder, in terms that people and operators are told.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Source, slashed};
use crate::diagnostic::{Diagnostic, Places};
use crate::domain::{Name, Timestamp, limits};
use crate::registry::{Error, ImportOutcome, RefusedReason, RefusedSource};

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
    Findings {
        /// All of its findings.
        diagnostics: Arc<[Diagnostic]>,
        /// Where they are.
        places: Places,
    },
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
    },
    /// It cannot be read.
    Unreadable(String),
    /// The registry refused it.
    Registry(Error),
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
    pub deleted: usize,
    /// Personas that stay though their file is gone.
    pub kept: Vec<Name>,
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
            || !self.mended.is_empty()
            || !self.newly_refused.is_empty()
            || self.problem_is_new
    }

    pub(super) fn add(&mut self, name: &Name, outcome: ImportOutcome, followed: bool) {
        match outcome {
            ImportOutcome::Created => self.created += 1,
            ImportOutcome::Updated => self.updated += 1,
            ImportOutcome::Unchanged | ImportOutcome::Adopted => self.unchanged += 1,
            ImportOutcome::Deleted => self.deleted += 1,
            ImportOutcome::Kept(_) => self.kept.push(name.clone()),
            ImportOutcome::Conflict | ImportOutcome::Forgotten => {}
        }
        let changed =
            matches!(outcome, ImportOutcome::Created | ImportOutcome::Updated | ImportOutcome::Deleted);
        if followed && changed {
            self.changes.push((name.clone(), outcome));
        }
    }
}

impl Refused {
    /// Why and what to do, in one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.reason {
            Reason::Findings { diagnostics, .. } => {
                let mut blocking = diagnostics.iter().filter(|found| found.blocks_storing());
                let first = blocking.next().map_or_else(String::new, |found| found.message.clone());
                match blocking.count() {
                    0 => first,
                    more => format!("{first} (and {more} more)"),
                }
            }
            Reason::Duplicate { name, first } => {
                format!("{} is called {name} too, and was taken; rename one of the two", first.display())
            }
            Reason::Conflict { name } => format!(
                "the registry has another {name}, which this folder did not bring; both stay as they are: make the file \
                 equal to it, delete it there, or let files win with --on-conflict file-wins"
            ),
            Reason::Unreadable(problem) => format!("it cannot be read: {problem}"),
            Reason::Registry(error) => error.to_string(),
        }
    }

    /// The same for operators, refused since then.
    pub(super) fn as_source(&self, source: &Source, since: Timestamp) -> RefusedSource {
        let (mut diagnostics, places) = match &self.reason {
            Reason::Findings { diagnostics, places } => (diagnostics.to_vec(), places.clone()),
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
                Reason::Findings { .. } => RefusedReason::Invalid,
                Reason::Duplicate { .. } => RefusedReason::DuplicateName,
                Reason::Conflict { .. } => RefusedReason::Conflict,
                Reason::Unreadable(_) => RefusedReason::Unreadable,
                Reason::Registry(_) => RefusedReason::NotWritten,
            },
            message: self.message(),
            diagnostics,
            places,
            since,
        }
    }
}
