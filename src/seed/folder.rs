//! One folder: what it holds, what of it the registry has, and the readings that bring the two together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::changes::Writers;
use super::read::{Job, Known, Look, State};
use super::report::{Reason, Refused, Report};
use super::{Found, Options, Source, slashed, walk};
use crate::domain::{Brought, Digest, Name, Revision, SourceId, Timestamp, limits};
use crate::registry::{Draft, Error, ImportFile, Registry};

/// Files that one thread looks at in one go.
const CHUNK: usize = 32;

/// How far a reading is, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files looked at.
    pub done: usize,
    /// Files there are.
    pub total: usize,
}

/// A folder and all that is known of it.
#[derive(Debug)]
pub struct Folder {
    pub(super) source: Source,
    pub(super) id: SourceId,
    pub(super) options: Options,
    /// What the folder brought last, by name; none when it must be asked of the registry.
    pub(super) bases: Option<HashMap<Name, Brought>>,
    known: HashMap<PathBuf, Known>,
    /// Conflicts, with the file's digest and the revision at which they were found.
    pub(super) conflicts: HashMap<Name, (Digest, Revision)>,
    /// Since when a file that it brought is gone.
    pub(super) gone: HashMap<Name, Instant>,
    /// Files that looked bad once, and may only be half written.
    doubts: HashMap<PathBuf, (Option<Digest>, Instant)>,
    /// Files that are refused, and since when.
    pub(super) refused: BTreeMap<PathBuf, (Timestamp, Refused)>,
    pub(super) problem: Option<String>,
    /// Folders that were walked last.
    pub(super) dirs: Vec<PathBuf>,
    /// How soon the folder wants to be read again; none: when something happens.
    pub(super) again: Option<Duration>,
}

/// What a reading gathers on its way through the files.
#[derive(Default)]
pub(super) struct Reading {
    pub report: Report,
    /// Who writes to files meanwhile, where the folder is followed.
    pub writers: Option<Writers>,
    /// Names and the files taken for them.
    pub taken: BTreeMap<Name, PathBuf>,
    /// Names and paths of files that are there and could not be taken: they have not vanished.
    pub held_names: BTreeSet<Name>,
    pub held_paths: BTreeSet<String>,
    /// Files that wait for their commit.
    pub batch: Vec<ImportFile>,
    pub batch_bytes: usize,
    /// Whether the folder is there with something in it, all of which could be looked at.
    pub complete: bool,
    /// Whether some file is being written whose name nobody knows yet: any name that is gone may be its.
    pub unsure: bool,
}

impl Reading {
    /// Whether it is one of many, while people work in the folder.
    pub(super) const fn is_followed(&self) -> bool {
        self.writers.is_some()
    }
}

impl Folder {
    /// A folder of which nothing is known yet.
    #[must_use]
    pub fn new(source: Source, options: Options) -> Self {
        Self {
            id: source.id(),
            source,
            options,
            bases: None,
            known: HashMap::new(),
            conflicts: HashMap::new(),
            gone: HashMap::new(),
            doubts: HashMap::new(),
            refused: BTreeMap::new(),
            problem: None,
            dirs: Vec::new(),
            again: None,
        }
    }

    /// Whether its changes are to be taken in while the server runs.
    #[must_use]
    pub const fn is_followed(&self) -> bool {
        self.options.follow
    }

    /// Reads the folder for the first time: everything in it is taken as it stands.
    #[tracing::instrument(skip_all, fields(namespace = %self.source.namespace, dir = %self.source.dir.display()))]
    pub async fn import(
        &mut self,
        registry: &Registry,
        progress: impl FnMut(Progress),
    ) -> Result<Report, Error> {
        let report = self.read(registry, Reading::default(), progress).await?;
        tracing::info!(
            created = report.created,
            updated = report.updated,
            unchanged = report.unchanged,
            deleted = report.deleted,
            refused = report.refused.len(),
            "the folder was read"
        );
        Ok(report)
    }

    /// Reads what changed since. Files that somebody is writing to stay as they were. `problem` is what keeps the
    /// folder from being followed well.
    pub(super) async fn reread(
        &mut self,
        registry: &Registry,
        writers: Writers,
        problem: Option<String>,
    ) -> Result<Report, Error> {
        let report = Report { problem, ..Report::default() };
        let reading = Reading { report, writers: Some(writers), ..Reading::default() };
        self.read(registry, reading, |_| ()).await
    }

    async fn read(
        &mut self,
        registry: &Registry,
        mut reading: Reading,
        mut progress: impl FnMut(Progress),
    ) -> Result<Report, Error> {
        self.again = None;
        let now = registry.now();
        if self.bases.is_none() {
            let bases = registry.bases(&self.id).await?.into_iter();
            self.bases = Some(bases.filter_map(|base| Some((base.name, base.brought?))).collect());
        }
        let dir = self.source.dir.clone();
        let found = tokio::task::spawn_blocking(move || walk(&dir)).await.map_err(broken)?;
        let Found { files, dirs, skipped, errors } = found;
        reading.complete = errors.is_empty() && !files.is_empty();
        reading.report.skipped = skipped;
        if dirs.is_empty() {
            // A folder that is not there says nothing about its files.
            let problem = errors.first().map_or("it is not there", |(_, problem)| problem.as_str());
            reading.report.problem = Some(format!("the folder cannot be read: {problem}"));
            reading.report.refused = self.refused.values().map(|(_, refused)| refused.clone()).collect();
        } else {
            for (path, problem) in errors {
                let refused = Refused { path, name: None, reason: Reason::Unreadable(problem) };
                self.hold(refused, &mut reading);
            }
            self.dirs = dirs;
            self.known.retain(|path, _| files.binary_search(path).is_ok());
            self.doubts.retain(|path, _| files.binary_search(path).is_ok());
        }
        let total = files.len();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let chunks = files.chunks(CHUNK).map(|chunk| self.jobs(chunk)).collect::<Vec<_>>();
        let looks = chunks.into_iter().map(|jobs| {
            tokio::task::spawn_blocking(move || {
                let look = |job: Job| {
                    let look = job.look(now);
                    (job, look)
                };
                jobs.into_iter().map(look).collect::<Vec<_>>()
            })
        });
        let mut looks = futures_util::stream::iter(looks).buffered(threads);
        let mut done = 0;
        while let Some(chunk) = looks.next().await {
            for (job, look) in chunk.map_err(broken)? {
                self.take(registry, job, look, &mut reading).await;
            }
            done = (done + CHUNK).min(total);
            progress(Progress { done, total });
        }
        self.flush(registry, &mut reading).await;
        self.vanished(registry, &mut reading).await;
        Ok(self.finish(registry, reading, now))
    }

    fn jobs(&self, paths: &[PathBuf]) -> Vec<Job> {
        let job = |path: &PathBuf| Job {
            path: path.clone(),
            relative: self.relative(path),
            known: self.known.get(path).cloned(),
        };
        paths.iter().map(job).collect()
    }

    fn relative(&self, path: &Path) -> String {
        slashed(path.strip_prefix(&self.source.dir).unwrap_or(path))
    }

    /// Takes one file in path order: the first of a name has it.
    async fn take(&mut self, registry: &Registry, job: Job, look: Look, reading: &mut Reading) {
        let Job { path, relative, known } = job;
        let followed = reading.is_followed();
        let unfinished = reading.writers.as_ref().is_some_and(|writers| writers.has(&path));
        let (known, draft) = match look {
            Look::Same => (known, None),
            Look::Read(new, draft)
                if !unfinished && self.is_believed(&path, &new, known.as_ref(), followed) =>
            {
                self.known.insert(path.clone(), new.clone());
                (Some(new), draft)
            }
            Look::Read(..) => {
                // It counts as what it was, and is there.
                self.look_again(self.options.doubt);
                reading.held_paths.insert(relative);
                match known.map(|known| known.state) {
                    None => reading.unsure = true,
                    Some(State::Storable(name)) => drop(reading.taken.entry(name).or_insert(path)),
                    Some(State::Refused(name, reason)) => self.hold(Refused { path, name, reason }, reading),
                }
                return;
            }
        };
        let Some(known) = known else { return };
        let name = match known.state {
            State::Storable(name) => name,
            State::Refused(name, reason) => return self.hold(Refused { path, name, reason }, reading),
        };
        if let Some(first) = reading.taken.get(&name) {
            let reason = Reason::Duplicate { name: name.clone(), first: first.clone() };
            return self.hold(Refused { path, name: Some(name), reason }, reading);
        }
        reading.taken.insert(name.clone(), path.clone());
        let base = self.bases.as_ref().and_then(|bases| bases.get(&name));
        if base.is_some_and(|base| Some(base.digest) == known.digest && base.path == relative) {
            self.conflicts.remove(&name);
            reading.report.unchanged += 1;
            return;
        }
        if let (Some((digest, head)), Some(now)) = (self.conflicts.get(&name), known.digest)
            && (*digest, *head) == (now, registry.head())
        {
            let reason = Reason::Conflict { name: name.clone() };
            return self.hold(Refused { path, name: Some(name), reason }, reading);
        }
        let Some(draft) = self.draft(&path, &relative, draft, registry.now()).await else {
            // It changed just now: the next reading sees what became of it.
            self.known.remove(&path);
            self.look_again(self.options.quiet);
            reading.held_names.insert(name);
            reading.held_paths.insert(relative);
            return;
        };
        let full = reading.batch.len() >= limits::BATCH_OPERATIONS
            || (reading.batch_bytes > 0 && reading.batch_bytes + draft.content.len() > limits::BATCH_BYTES);
        if full {
            self.flush(registry, reading).await;
        }
        reading.batch_bytes += draft.content.len();
        reading.batch.push(ImportFile { path: relative, draft });
    }

    /// A file that would be refused while the folder is followed is believed once it has stayed the same for a while.
    fn is_believed(&mut self, path: &Path, new: &Known, known: Option<&Known>, followed: bool) -> bool {
        let same = known
            .is_some_and(|known| known.digest == new.digest && matches!(known.state, State::Refused(..)));
        let whole = !followed || matches!(new.state, State::Storable(_)) || same;
        let doubt = self.doubts.get(path).filter(|(digest, _)| *digest == new.digest);
        if whole || doubt.is_some_and(|(_, since)| since.elapsed() >= self.options.doubt) {
            self.doubts.remove(path);
            return true;
        }
        if doubt.is_none() {
            self.doubts.insert(path.to_owned(), (new.digest, Instant::now()));
        }
        false
    }

    /// The draft in hand, or read again for a file that did not change and has its turn only now.
    async fn draft(
        &self,
        path: &Path,
        relative: &str,
        draft: Option<Arc<Draft>>,
        now: Timestamp,
    ) -> Option<Arc<Draft>> {
        if draft.is_some() {
            return draft;
        }
        let job = Job { path: path.to_owned(), relative: relative.to_owned(), known: None };
        let digest = self.known.get(path)?.digest;
        let look = tokio::task::spawn_blocking(move || job.look(now)).await.ok()?;
        match look {
            Look::Read(_, Some(draft)) if Some(draft.digest) == digest => Some(draft),
            _ => None,
        }
    }

    /// Wants to be read again this soon at the latest.
    pub(super) fn look_again(&mut self, within: Duration) {
        self.again = Some(self.again.map_or(within, |sooner| sooner.min(within)));
    }

    pub(super) fn hold(&self, refused: Refused, reading: &mut Reading) {
        reading.held_paths.insert(self.relative(&refused.path));
        reading.held_names.extend(refused.name.clone());
        if matches!(refused.reason, Reason::Unreadable(_)) {
            reading.complete = false;
        }
        reading.report.refused.push(refused);
    }
}

fn broken(error: tokio::task::JoinError) -> Error {
    Error::Internal(format!("reading a folder failed: {error}"))
}
