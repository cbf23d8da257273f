//! One folder: what it holds, what of it the registry has, and the readings that bring the two together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::changes::Writers;
use super::claim::Claim;
use super::read::{Job, Known};
use super::report::{Reason, Refused, Report};
use super::{Found, Options, Source, slashed, walk};
use crate::domain::{Brought, Digest, Name, SourceId, Timestamp};
use crate::registry::{Error, ImportFile, Registry};

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
    /// Other folders that feed the namespace.
    pub(super) others: Vec<SourceId>,
    /// What the folder brought last, by name.
    pub(super) bases: HashMap<Name, Brought>,
    /// What it brought is not known for sure: the registry must be asked.
    pub(super) stale: bool,
    pub(super) known: HashMap<PathBuf, Known>,
    /// Conflicts, with the file's digest and the registry's.
    pub(super) conflicts: HashMap<Name, (Digest, Option<Digest>)>,
    /// When a file was last met that was not there before.
    pub(super) arrived: Option<Instant>,
    /// Since when a file that it brought is gone.
    pub(super) gone: HashMap<Name, Instant>,
    /// Files that looked bad once, and may only be half written.
    pub(super) doubts: HashMap<PathBuf, (Option<Digest>, Instant)>,
    /// Personas that stay without a file, as was told already.
    pub(super) kept: BTreeSet<Name>,
    /// Files that are refused, and since when.
    pub(super) refused: BTreeMap<PathBuf, (Timestamp, Refused)>,
    pub(super) problem: Option<String>,
    /// Folders in which something may happen that matters.
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
    /// What the registry has for the names in conflict.
    pub theirs: HashMap<Name, Option<Digest>>,
    /// Files of the folder, by path.
    pub files: Vec<PathBuf>,
    /// Files that wait whether the one that brought their name before still has it.
    pub latecomers: Vec<Claim>,
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
    /// A folder of which nothing is known yet. `others` are the folders beside it.
    #[must_use]
    pub fn new(source: Source, others: &[Source], options: Options) -> Self {
        let others = others.iter().filter(|other| **other != source && other.namespace == source.namespace);
        Self {
            id: source.id(),
            others: others.map(Source::id).collect(),
            source,
            options,
            bases: HashMap::new(),
            stale: true,
            known: HashMap::new(),
            conflicts: HashMap::new(),
            arrived: None,
            gone: HashMap::new(),
            doubts: HashMap::new(),
            kept: BTreeSet::new(),
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
            deleted = report.deleted.len(),
            refused = report.refused.len(),
            "the folder was read"
        );
        report.log();
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
        if self.stale {
            let bases = registry.bases(&self.id).await?.into_iter();
            self.bases = bases.filter_map(|base| Some((base.name, base.brought?))).collect();
            self.stale = false;
        }
        let names = self.conflicts.keys().cloned().collect();
        reading.theirs = registry.live_digests(&self.source.namespace, names).await?;
        let dir = self.source.dir.clone();
        let found = tokio::task::spawn_blocking(move || walk(&dir)).await.map_err(broken)?;
        let Found { files, dirs, above, skipped, errors } = found;
        reading.complete = errors.is_empty() && !files.is_empty();
        reading.report.skipped = skipped;
        if dirs.is_empty() {
            // A folder that is not there says nothing about its files.
            let problem = errors.first().map_or("it is not there", |(_, problem)| problem.as_str());
            reading.report.problem = Some(format!("the folder cannot be read: {problem}"));
            reading.report.refused = self.refused.values().map(|(_, refused)| refused.clone()).collect();
        } else {
            if !errors.is_empty() {
                self.hold_unseen(&files, &mut reading);
            }
            for (path, problem) in errors {
                let refused = Refused { path, name: None, reason: Reason::Unreadable(problem) };
                self.hold(refused, &mut reading);
            }
            self.dirs = [dirs, above].concat();
            self.known.retain(|path, _| files.binary_search(path).is_ok());
            self.doubts.retain(|path, _| files.binary_search(path).is_ok());
        }
        let total = files.len();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let chunks = files.chunks(CHUNK).map(|chunk| self.jobs(chunk)).collect::<Vec<_>>();
        let namespace = self.source.namespace.clone();
        let looks = chunks.into_iter().map(|jobs| {
            let (registry, namespace) = (registry.clone(), namespace.clone());
            tokio::task::spawn_blocking(move || {
                let look = |job: Job| {
                    let look = job.look(&registry, &namespace, now);
                    (job, look)
                };
                jobs.into_iter().map(look).collect::<Vec<_>>()
            })
        });
        reading.files = files;
        let mut looks = futures_util::stream::iter(looks).buffered(threads);
        let mut done = 0;
        while let Some(chunk) = looks.next().await {
            for (job, look) in chunk.map_err(broken)? {
                self.take(registry, job, look, &mut reading).await;
            }
            done = (done + CHUNK).min(total);
            progress(Progress { done, total });
        }
        self.take_latecomers(registry, &mut reading).await;
        self.flush(registry, &mut reading).await;
        self.vanished(registry, &mut reading).await;
        Ok(self.finish(registry, reading, now))
    }

    fn jobs(&self, paths: &[PathBuf]) -> Vec<Job> {
        let job = |path: &PathBuf| Job {
            path: path.clone(),
            relative: self.relative(path),
            known: self.known.get(path).cloned(),
            waivers: Arc::clone(&self.options.waivers),
        };
        paths.iter().map(job).collect()
    }

    pub(super) fn relative(&self, path: &Path) -> String {
        slashed(path.strip_prefix(&self.source.dir).unwrap_or(path))
    }

    /// Wants to be read again this soon at the latest.
    pub(super) fn look_again(&mut self, within: Duration) {
        self.again = Some(self.again.map_or(within, |sooner| sooner.min(within)));
    }

    /// Whether the registry changed a persona that is in conflict with a file.
    pub(super) async fn conflicts_moved(&self, registry: &Registry) -> bool {
        let names = self.conflicts.keys().cloned().collect();
        let theirs = registry.live_digests(&self.source.namespace, names).await;
        // What cannot be told now a reading tells.
        theirs.is_ok_and(|theirs| {
            self.conflicts.iter().any(|(name, (_, known))| theirs.get(name) != Some(known))
        })
    }
}

fn broken(error: tokio::task::JoinError) -> Error {
    Error::Internal(format!("reading a folder failed: {error}"))
}
