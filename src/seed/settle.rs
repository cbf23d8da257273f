//! What a reading brings into the registry: commits of files, deletions of what is gone, and how the folder stands.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::folder::{Folder, Reading};
use super::report::{Reason, Refused, Report};
use super::slashed;
use crate::domain::{Brought, Caller, Name, Revision, Timestamp, limits};
use crate::registry::{Error, FolderState, Import, ImportFile, ImportOutcome, Registry};

/// How soon a reading is tried again that the registry did not take.
pub(super) const RETRY: Duration = Duration::from_secs(1);

impl Folder {
    /// Brings the batch into the registry as one commit.
    pub(super) async fn flush(&mut self, registry: &Registry, reading: &mut Reading, followed: bool) {
        let files = std::mem::take(&mut reading.batch);
        reading.batch_bytes = 0;
        if files.is_empty() {
            return;
        }
        // Before it is decided: a change right after that must not pass for one that was considered.
        let head = registry.head();
        let outcomes = self.propose(registry, files.clone(), Vec::new()).await;
        let error = match outcomes {
            Ok(outcomes) => {
                for (file, outcome) in files.iter().zip(outcomes) {
                    self.settled(head, file, outcome, reading, followed);
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
        };
        let outcomes = registry.import(&Caller::internal("seed", "seed"), import).await;
        if outcomes.is_err() {
            // What was decided may not be known: it is asked again.
            self.bases = None;
        }
        outcomes
    }

    /// Takes note of what became of a file, as the registry stood at `head`.
    fn settled(
        &mut self,
        head: Revision,
        file: &ImportFile,
        outcome: ImportOutcome,
        reading: &mut Reading,
        followed: bool,
    ) {
        let name = &file.draft.name;
        if outcome == ImportOutcome::Conflict {
            self.conflicts.insert(name.clone(), (file.draft.digest, head));
            let path = self.source.dir.join(&file.path);
            let reason = Reason::Conflict { name: name.clone() };
            return self.hold(Refused { path, name: Some(name.clone()), reason }, reading);
        }
        self.conflicts.remove(name);
        if let Some(bases) = &mut self.bases {
            let brought = Brought { digest: file.draft.digest, path: file.path.clone(), created: false };
            bases.insert(name.clone(), brought);
        }
        reading.report.add(name, outcome, followed);
    }

    /// Deals with names that the folder brought and has no file for any more: only when all of it could be looked at,
    /// and there is something in it, since an unmounted folder must not empty the registry.
    pub(super) async fn vanished(&mut self, registry: &Registry, reading: &mut Reading, followed: bool) {
        let Some(bases) = &self.bases else { return };
        let is_gone = |(name, base): &(&Name, &Brought)| {
            !reading.taken.contains_key(*name)
                && !reading.held_names.contains(*name)
                && !reading.held_paths.contains(&base.path)
        };
        let gone: Vec<Name> = bases.iter().filter(is_gone).map(|(name, _)| name.clone()).collect();
        self.conflicts.retain(|name, _| reading.taken.contains_key(name));
        let now = Instant::now();
        self.gone = gone.iter().map(|name| (name.clone(), *self.gone.get(name).unwrap_or(&now))).collect();
        if gone.is_empty() {
            return;
        }
        if !self.options.prune {
            reading.report.kept.extend(gone);
            return;
        }
        if !reading.complete {
            let problem = "nothing is pruned: the folder is empty, or not all of it can be read";
            reading.report.problem.get_or_insert_with(|| problem.to_owned());
            reading.report.kept.extend(gone);
            return;
        }
        // An editor that writes by renaming leaves a gap of a moment.
        let patience = if followed { self.options.gone } else { Duration::ZERO };
        let (due, later): (Vec<_>, Vec<_>) = gone
            .into_iter()
            .partition(|name| self.gone.get(name).is_some_and(|since| since.elapsed() >= patience));
        if !later.is_empty() {
            self.look_again(patience);
        }
        if reading.unsure {
            return;
        }
        for names in due.chunks(limits::BATCH_OPERATIONS) {
            match self.propose(registry, Vec::new(), names.to_vec()).await {
                Ok(outcomes) => {
                    for (name, outcome) in names.iter().zip(outcomes) {
                        if let (ImportOutcome::Deleted | ImportOutcome::Forgotten, Some(bases)) =
                            (outcome, &mut self.bases)
                        {
                            bases.remove(name);
                            self.gone.remove(name);
                        }
                        reading.report.add(name, outcome, followed);
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
        let shown = still.values().take(limits::REFUSED_SOURCES);
        let refused = shown.map(|(since, refused)| refused.as_source(&self.source, *since).into());
        report.problem_is_new = report.problem.is_some() && report.problem != self.problem;
        self.problem.clone_from(&report.problem);
        registry.report_folder(FolderState {
            namespace: self.source.namespace.clone(),
            folder: slashed(&self.source.dir),
            following: self.options.follow,
            files: (taken.len() as u64).saturating_sub(self.conflicts.len() as u64),
            read_time: now,
            problem: report.problem.clone(),
            refused: refused.collect(),
            refused_count: report.refused.len() as u64,
        });
        self.refused = still;
        report
    }
}
