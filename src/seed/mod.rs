//! Folders of Markdown into the registry. A file that cannot be taken is told with its reasons and stops no other.

mod walk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::diagnostic::Diagnostic;
use crate::domain::{Caller, Name, Namespace, SourceId, limits};
use crate::registry::{self, Draft, Error, ImportFile, ImportOutcome, OnConflict, Registry, Validate};

pub use walk::{Found, slashed, walk};

/// A folder that feeds a namespace.
#[derive(Debug, Clone)]
pub struct Source {
    /// The namespace fed.
    pub namespace: Namespace,
    /// The folder.
    pub dir: PathBuf,
}

impl Source {
    /// The folder's identity in the registry: as it was named, so that it is the same at the next start.
    #[must_use]
    pub fn id(&self) -> SourceId {
        SourceId::new(&format!("{}={}", self.namespace, slashed(&self.dir)))
    }
}

/// How folders are taken in.
#[derive(Debug, Clone)]
pub struct Options {
    /// What settles a conflict between a file and the registry. Default: nothing, it is reported.
    pub on_conflict: OnConflict,
    /// Whether personas whose file is gone are deleted: only those that the folder created and nobody changed since.
    pub prune: bool,
    /// Whether changes to the folders are taken in while the server runs.
    pub follow: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { on_conflict: OnConflict::Report, prune: false, follow: false }
    }
}

/// A file that was not taken.
#[derive(Debug)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// Why a file was not taken.
#[derive(Debug)]
pub enum Reason {
    /// It has findings that block storing.
    Findings {
        /// All of its findings.
        diagnostics: Vec<Diagnostic>,
        /// What was read of it.
        content: Bytes,
    },
    /// Another file of the folder has the same name.
    Duplicate {
        /// The name.
        name: Name,
        /// The file that was taken for it.
        first: PathBuf,
    },
    /// It and the registry both changed since the folder last brought it.
    Conflict {
        /// The name.
        name: Name,
    },
    /// It cannot be read.
    Unreadable(String),
    /// The registry refused it.
    Registry(Error),
}

/// What an import came to.
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
    /// Files that were not taken.
    pub refused: Vec<Refused>,
}

/// A file that may be taken.
struct Candidate {
    path: PathBuf,
    relative: String,
    draft: Arc<Draft>,
}

/// Takes in all persona files of a folder, as few commits as the limits of one allow.
#[tracing::instrument(skip_all, fields(namespace = %source.namespace, dir = %source.dir.display()))]
pub async fn import(registry: &Registry, source: &Source, on_conflict: OnConflict) -> Result<Report, Error> {
    let dir = source.dir.clone();
    let reading = tokio::task::spawn_blocking(move || read(&dir));
    let (mut report, candidates) =
        reading.await.map_err(|error| Error::Internal(format!("reading the folder failed: {error}")))?;
    let caller = Caller::internal("seed", "seed");
    let mut rest = candidates.into_iter().peekable();
    while rest.peek().is_some() {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = rest.next_if(|next| {
            let size = next.draft.content.len();
            batch.len() < limits::BATCH_OPERATIONS && (bytes == 0 || bytes + size <= limits::BATCH_BYTES)
        }) {
            bytes += next.draft.content.len();
            batch.push(next);
        }
        let files =
            batch.iter().map(|one| ImportFile { path: one.relative.clone(), draft: Arc::clone(&one.draft) });
        let files = files.collect();
        let namespace = source.namespace.clone();
        match registry.import(&caller, source.id(), namespace, files, on_conflict).await {
            Ok(outcomes) => {
                for (file, outcome) in batch.into_iter().zip(outcomes) {
                    report.add(file, outcome);
                }
            }
            Err(error) => {
                let refused =
                    |file: Candidate| Refused { path: file.path, reason: Reason::Registry(error.clone()) };
                report.refused.extend(batch.into_iter().map(refused));
            }
        }
    }
    report.refused.sort_by(|a, b| a.path.cmp(&b.path));
    tracing::info!(
        created = report.created,
        updated = report.updated,
        unchanged = report.unchanged,
        refused = report.refused.len(),
        "the folder was read"
    );
    Ok(report)
}

impl Report {
    fn add(&mut self, file: Candidate, outcome: ImportOutcome) {
        match outcome {
            ImportOutcome::Created => self.created += 1,
            ImportOutcome::Updated => self.updated += 1,
            ImportOutcome::Unchanged | ImportOutcome::Adopted => self.unchanged += 1,
            ImportOutcome::Conflict => {
                let name = file.draft.name.clone();
                self.refused.push(Refused { path: file.path, reason: Reason::Conflict { name } });
            }
        }
    }
}

/// Reads and judges every file; what remains has a name of its own each.
fn read(dir: &Path) -> (Report, Vec<Candidate>) {
    let found = walk(dir);
    let mut report = Report { skipped: found.skipped, ..Report::default() };
    for (path, problem) in found.errors {
        report.refused.push(Refused { path, reason: Reason::Unreadable(problem) });
    }
    let mut taken: BTreeMap<Name, PathBuf> = BTreeMap::new();
    let mut candidates = Vec::new();
    for path in found.files {
        let relative = slashed(path.strip_prefix(dir).unwrap_or(&path));
        match draft(&path, &relative) {
            Err(reason) => report.refused.push(Refused { path, reason }),
            Ok(draft) => match taken.get(&draft.name) {
                Some(first) => {
                    let reason = Reason::Duplicate { name: draft.name, first: first.clone() };
                    report.refused.push(Refused { path, reason });
                }
                None => {
                    taken.insert(draft.name.clone(), path.clone());
                    candidates.push(Candidate { path, relative, draft: Arc::new(draft) });
                }
            },
        }
    }
    (report, candidates)
}

fn draft(path: &Path, relative: &str) -> Result<Draft, Reason> {
    let content = read_file(path).map_err(|error| Reason::Unreadable(error.to_string()))?;
    let request =
        Validate { content: content.clone(), path: Some(relative.to_owned()), ..Validate::default() };
    let drafted = registry::examine(&request).and_then(|examined| registry::draft_of(content, examined));
    drafted.map(|(draft, _)| draft).map_err(|error| match error {
        Error::PersonaInvalid(rejected) => {
            Reason::Findings { diagnostics: rejected.diagnostics, content: rejected.content }
        }
        other => Reason::Registry(other),
    })
}

/// One byte over the limit is enough to know that a file is too large.
fn read_file(path: &Path) -> std::io::Result<Bytes> {
    let mut content = Vec::new();
    File::open(path)?.take(limits::DOCUMENT_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content.into())
}
