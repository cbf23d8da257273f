//! Which file of a folder has which name, and which of them have something to bring.

use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::folder::{Folder, Reading};
use super::read::{Job, Known, Look, State};
use super::report::{Reason, Refused};
use crate::domain::{Name, Timestamp, limits};
use crate::registry::{Draft, ImportFile, Registry};

/// A file that would have a name.
pub(super) struct Claim {
    path: PathBuf,
    relative: String,
    name: Name,
    known: Known,
    draft: Option<Arc<Draft>>,
}

impl Folder {
    /// Takes one file, in path order.
    pub(super) async fn take(&mut self, registry: &Registry, job: Job, look: Look, reading: &mut Reading) {
        let Job { path, relative, known, .. } = job;
        if known.is_none() && !self.doubts.contains_key(&path) {
            self.arrived = Some(Instant::now());
        }
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
                    Some(State::Storable(name)) => {
                        self.hold_as_before(&path, reading);
                        reading.taken.entry(name).or_insert(path);
                    }
                    Some(State::Refused(name, reason)) => self.hold(Refused { path, name, reason }, reading),
                }
                return;
            }
        };
        let Some(known) = known else { return };
        match known.state.clone() {
            State::Storable(name) => {
                let claim = Claim { path, relative, name, known, draft };
                match self.awaits_incumbent(&claim, reading) {
                    true => reading.latecomers.push(claim),
                    false => self.claim(registry, claim, reading).await,
                }
            }
            State::Refused(name, reason) => self.hold(Refused { path, name, reason }, reading),
        }
    }

    /// Whether another file brought this name before and has its turn only now: a copy does not take it away.
    fn awaits_incumbent(&self, claim: &Claim, reading: &Reading) -> bool {
        let incumbent = self.bases.get(&claim.name).map(|base| self.source.dir.join(&base.path));
        incumbent.is_some_and(|path| path > claim.path && reading.files.binary_search(&path).is_ok())
    }

    /// Takes the files that waited: their names are free, or have been taken.
    pub(super) async fn take_latecomers(&mut self, registry: &Registry, reading: &mut Reading) {
        for claim in std::mem::take(&mut reading.latecomers) {
            self.claim(registry, claim, reading).await;
        }
    }

    /// Gives the file its name, unless another one has it, and prepares what it brings.
    async fn claim(&mut self, registry: &Registry, claim: Claim, reading: &mut Reading) {
        let Claim { path, relative, name, known, draft } = claim;
        if let Some(first) = reading.taken.get(&name) {
            let reason = Reason::Duplicate { name: name.clone(), first: first.clone() };
            return self.hold(Refused { path, name: Some(name), reason }, reading);
        }
        reading.taken.insert(name.clone(), path.clone());
        reading.report.warned += usize::from(known.warnings.is_some());
        let base = self.bases.get(&name);
        if base.is_some_and(|base| Some(base.digest) == known.digest && base.path == relative) {
            self.conflicts.remove(&name);
            reading.report.unchanged += 1;
            return;
        }
        if let (Some((ours, theirs)), Some(now)) = (self.conflicts.get(&name), known.digest)
            && *ours == now
            && reading.theirs.get(&name) == Some(theirs)
        {
            let reason = Reason::Conflict { name: name.clone(), deleted: theirs.is_none() };
            return self.hold(Refused { path, name: Some(name), reason }, reading);
        }
        let Some(draft) = self.draft(registry, &path, &relative, draft, registry.now()).await else {
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
        registry: &Registry,
        path: &Path,
        relative: &str,
        draft: Option<Arc<Draft>>,
        now: Timestamp,
    ) -> Option<Arc<Draft>> {
        if draft.is_some() {
            return draft;
        }
        let waivers = Arc::clone(&self.options.waivers);
        let job = Job { path: path.to_owned(), relative: relative.to_owned(), known: None, waivers };
        let digest = self.known.get(path)?.digest;
        let (registry, namespace) = (registry.clone(), self.source.namespace.clone());
        let look = tokio::task::spawn_blocking(move || job.look(&registry, &namespace, now)).await.ok()?;
        match look {
            Look::Read(_, Some(draft)) if Some(draft.digest) == digest => Some(draft),
            _ => None,
        }
    }

    /// A file that is refused, and being written to, is refused until it is whole.
    pub(super) fn hold_as_before(&self, path: &Path, reading: &mut Reading) {
        if let Some((_, refused)) = self.refused.get(path) {
            self.hold(refused.clone(), reading);
        }
    }

    /// Refused files that could not be seen this time, since their folder cannot be read, are not mended by that.
    pub(super) fn hold_unseen(&self, files: &[PathBuf], reading: &mut Reading) {
        for (path, (_, refused)) in &self.refused {
            let unseen = || std::fs::symlink_metadata(path).is_err_and(|error| error.kind() != NotFound);
            if files.binary_search(path).is_err() && unseen() {
                self.hold(refused.clone(), reading);
            }
        }
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
