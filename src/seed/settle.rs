//! What a reading brings into the registry: commits of files, deletions of what is gone, and how the folder stands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::folder::{Folder, Reading};
use super::report::{Reason, Refused, Report};
use super::slashed;
use crate::domain::{Brought, Caller, Name, Timestamp, limits};
use crate::registry::{Error, FolderState, Import, ImportFile, ImportOutcome, Kept, Registry};

/// How soon a reading is tried again that the registry did not take.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// How long the system may take to tell of a change.
const HEARING: Duration = Duration::from_millis(10);

impl Folder {
    /// Brings the batch into the registry as one commit.
    pub(super) async fn flush(&mut self, registry: &Registry, reading: &mut Reading) {
        let mut files = std::mem::take(&mut reading.batch);
        reading.batch_bytes = 0;
        if files.is_empty() {
            return;
        }
        if let Some(writers) = &reading.writers {
            // A writer that began just before the file was read is heard of by now.
            tokio::time::sleep(HEARING).await;
            let touched = self.touched(&files).await;
            let (unfinished, whole) = files.into_iter().partition(|file| {
                touched.contains(&file.path) || writers.has(&self.source.dir.join(&file.path))
            });
            files = whole;
            self.leave(unfinished, reading);
            if files.is_empty() {
                return;
            }
        }
        let outcomes = self.propose(registry, files.clone(), Vec::new()).await;
        let error = match outcomes {
            Ok(outcomes) => {
                for (file, outcome) in files.iter().zip(outcomes) {
                    self.settled(file, outcome, reading);
                }
                return;
            }
            Err(error) => error,
        };
        self.look_again(RETRY);
        for file in files {
            let refused = Refused {
                path: self.source.dir.join(&file.path),
                name: Some(file.draft.name.clone()),
                reason: Reason::Registry(error.clone()),
            };
            self.hold(refused, reading);
        }
    }

    /// Paths of files that are no longer what was read, closed since or not.
    async fn touched(&self, files: &[ImportFile]) -> BTreeSet<String> {
        let known = |file: &ImportFile| {
            let path = self.source.dir.join(&file.path);
            (self.known.get(&path).cloned(), path, file.path.clone())
        };
        let files: Vec<_> = files.iter().map(known).collect();
        let look = move || {
            let touched = files
                .into_iter()
                .filter(|(known, path, _)| known.as_ref().is_none_or(|known| !known.is_still(path)));
            touched.map(|(_, _, relative)| relative).collect()
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }

    /// Leaves files for the next reading that are being written to.
    fn leave(&mut self, files: Vec<ImportFile>, reading: &mut Reading) {
        for file in files {
            self.look_again(self.options.doubt);
            self.hold_as_before(&self.source.dir.join(&file.path), reading);
            reading.held_names.insert(file.draft.name.clone());
            reading.held_paths.insert(file.path);
        }
    }

    async fn propose(
        &mut self,
        registry: &Registry,
        files: Vec<ImportFile>,
        gone: Vec<Name>,
    ) -> Result<Vec<ImportOutcome>, Error> {
        let import = Import {
            source: self.id.clone(),
            namespace: self.source.namespace.clone(),
            files,
            gone,
            on_conflict: self.options.on_conflict,
            others: self.others.clone(),
        };
        let outcomes = registry.import(&Caller::internal("seed", "seed"), import).await;
        if outcomes.is_err() {
            // What was decided may not be known: the next reading asks.
            self.stale = true;
        }
        outcomes
    }

    /// Takes note of what became of a file.
    fn settled(&mut self, file: &ImportFile, outcome: ImportOutcome, reading: &mut Reading) {
        let name = &file.draft.name;
        let path = self.source.dir.join(&file.path);
        if let ImportOutcome::Conflict(theirs) = outcome {
            self.conflicts.insert(name.clone(), (file.draft.digest, theirs));
            let reason = Reason::Conflict { name: name.clone(), deleted: theirs.is_none() };
            return self.hold(Refused { path, name: Some(name.clone()), reason }, reading);
        }
        self.conflicts.remove(name);
        let brought = Brought { digest: file.draft.digest, path: file.path.clone(), created: false };
        self.bases.insert(name.clone(), brought);
        let warnings = self.known.get(&path).and_then(|known| known.warnings.clone());
        if let (true, ImportOutcome::Created | ImportOutcome::Updated, Some(found)) =
            (reading.is_followed(), outcome, warnings)
        {
            reading.report.warnings.push((path, found));
        }
        reading.report.add(name, outcome, reading.is_followed());
    }

    /// Deals with names that the folder brought and has no file for any more: only when all of it could be looked at,
    /// and there is something in it, since an unmounted folder must not empty the registry.
    pub(super) async fn vanished(&mut self, registry: &Registry, reading: &mut Reading) {
        let is_gone = |(name, base): &(&Name, &Brought)| {
            !reading.taken.contains_key(*name)
                && !reading.held_names.contains(*name)
                && !reading.held_paths.contains(&base.path)
        };
        let mut gone: Vec<Name> = self.bases.iter().filter(is_gone).map(|(name, _)| name.clone()).collect();
        self.conflicts.retain(|name, _| reading.taken.contains_key(name));
        if !reading.complete {
            // Nobody can tell what is gone, nor since when.
            self.gone.clear();
            if self.options.prune && !gone.is_empty() {
                let problem = "nothing is pruned: the folder is empty, or not all of it can be read";
                reading.report.problem.get_or_insert_with(|| problem.to_owned());
            }
            if reading.is_followed() {
                gone.retain(|name| self.kept.contains(name));
            }
            reading.report.kept.extend(gone);
            return;
        }
        let now = Instant::now();
        self.gone = gone.iter().map(|name| (name.clone(), *self.gone.get(name).unwrap_or(&now))).collect();
        // An editor that writes by renaming leaves a gap of a moment. While files arrive, as when a folder is copied
        // back, what is missing may be next.
        let waits = if self.options.prune { self.options.follow } else { reading.is_followed() };
        let patience = if waits { self.options.gone } else { Duration::ZERO };
        let calm = self.arrived.is_none_or(|last| last.elapsed() >= patience);
        let is_due =
            |name: &Name| calm && self.gone.get(name).is_some_and(|since| since.elapsed() >= patience);
        let (due, later): (Vec<_>, Vec<_>) = gone.into_iter().partition(is_due);
        if !later.is_empty() {
            self.look_again(patience);
        }
        if reading.unsure {
            return;
        }
        if !self.options.prune {
            reading.report.kept.extend(due);
            return;
        }
        for names in due.chunks(limits::BATCH_OPERATIONS) {
            match self.propose(registry, Vec::new(), names.to_vec()).await {
                Ok(outcomes) => {
                    for (name, outcome) in names.iter().zip(outcomes) {
                        if let ImportOutcome::Deleted
                        | ImportOutcome::Forgotten
                        | ImportOutcome::Kept(Kept::Elsewhere) = outcome
                        {
                            self.bases.remove(name);
                            self.gone.remove(name);
                        }
                        reading.report.add(name, outcome, reading.is_followed());
                    }
                }
                Err(error) => {
                    self.look_again(RETRY);
                    reading.report.problem = Some(format!("nothing is pruned: {error}"));
                    return;
                }
            }
        }
    }

    /// Ends the reading: what is new about it, and what operators are shown.
    pub(super) fn finish(&mut self, registry: &Registry, reading: Reading, now: Timestamp) -> Report {
        let Reading { mut report, taken, .. } = reading;
        report.refused.sort_by(|a, b| a.path.cmp(&b.path));
        report.kept.sort();
        let since = |path| self.refused.get(path).map_or(now, |(since, _)| *since);
        let still = report.refused.iter();
        let still: BTreeMap<_, _> =
            still.map(|refused| (refused.path.clone(), (since(&refused.path), refused.clone()))).collect();
        let new = |refused: &Refused| !self.refused.contains_key(&refused.path);
        report.newly_refused =
            report.refused.iter().enumerate().filter(|(_, refused)| new(refused)).map(|(at, _)| at).collect();
        report.mended = self.refused.keys().filter(|path| !still.contains_key(*path)).cloned().collect();
        // In the order of pages, which is that of the paths as text.
        let mut shown: Vec<_> = still.values().collect();
        shown.sort_by_cached_key(|(_, refused)| self.relative(&refused.path));
        shown.truncate(limits::REFUSED_SOURCES);
        let refused = shown.into_iter();
        let refused = refused.map(|(since, refused)| refused.as_source(&self.source, *since).into());
        let held =
            |refused: &&Refused| matches!(refused.reason, Reason::Conflict { .. } | Reason::Registry(_));
        let held = report.refused.iter().filter(held).count();
        let kept: BTreeSet<_> = report.kept.iter().cloned().collect();
        report.newly_kept = kept.difference(&self.kept).cloned().collect();
        report.problem_is_new = report.problem.is_some() && report.problem != self.problem;
        self.problem.clone_from(&report.problem);
        registry.report_folder(FolderState {
            namespace: self.source.namespace.clone(),
            folder: slashed(&self.source.dir),
            following: self.options.follow,
            files: taken.len().saturating_sub(held) as u64,
            warned: report.warned as u64,
            missing: report.kept.len() as u64,
            read_time: now,
            problem: report.problem.clone(),
            refused: refused.collect(),
            refused_count: report.refused.len() as u64,
        });
        self.kept = kept;
        self.refused = still;
        report
    }
}
