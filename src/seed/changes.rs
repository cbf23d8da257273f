//! What the system tells about changes below a folder: whether it is worth a look, and which files are being written.
//! Paths are absolute in here, as the system has them.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RemoveKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use super::walk::is_markdown;

/// Files that are watched for the end of their writing, at most: further ones are read as they are.
const WRITING: usize = 4096;

/// Paths kept that were renamed or removed, at most: beyond that every folder is watched anew.
const MOVED: usize = 4096;

#[derive(Default)]
struct Told {
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When something worth a look was last told.
    last: Option<Instant>,
    /// Files that were written to and not closed since, with the moment they were last written to.
    writing: HashMap<PathBuf, Instant>,
    /// What was renamed or removed since folders were last watched; none: more than is kept.
    moved: Option<HashSet<PathBuf>>,
}

/// The watch over a folder and all folders in it.
pub(super) struct Changes {
    told: Arc<Told>,
    watcher: Option<RecommendedWatcher>,
    /// Folders that are watched, each with what tells it from another one of its name.
    watched: HashMap<PathBuf, (u64, u64)>,
    /// Why not all of them are.
    pub problem: Option<String>,
}

impl Changes {
    pub(super) fn new() -> Self {
        let told = Arc::new(Told::default());
        let hear = Arc::clone(&told);
        let watcher = notify::recommended_watcher(move |event| hear.take(event));
        let problem = watcher.as_ref().err().map(ToString::to_string);
        Self { told, watcher: watcher.ok(), watched: HashMap::new(), problem }
    }

    /// Watches these folders and no others; tells whether any of them is new, so that what happened in it before has
    /// to be looked for. Blocks for a moment.
    pub(super) fn watch(&mut self, dirs: &[PathBuf]) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        // A folder that went is watched no more, nor is any below it, also when the very same one is back already.
        let moved = self.told.lock().moved.replace(HashSet::new());
        let went =
            |dir: &Path| moved.as_ref().is_none_or(|moved| dir.ancestors().any(|dir| moved.contains(dir)));
        let there = |dir: PathBuf| identity(&dir).map(|identity| (dir, identity));
        let now: HashMap<_, _> = dirs.iter().filter_map(|dir| there(full(dir))).collect();
        self.watched.retain(|dir, identity| {
            let stays = now.get(dir) == Some(identity) && !went(dir);
            if !stays {
                // It ended by itself when the folder went.
                drop(watcher.unwatch(dir));
            }
            stays
        });
        let mut new = false;
        self.problem = None;
        for (dir, identity) in now {
            if self.watched.contains_key(&dir) {
                continue;
            }
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(dir, identity);
                    new = true;
                }
                Err(error) => self.problem = Some(format!("{} is not watched: {error}", dir.display())),
            }
        }
        new
    }

    /// The root as it is watched: another folder may lie there since, or none. None where that cannot be told, since
    /// it is looked through regularly then.
    pub(super) fn root(&self, root: &Path) -> Option<Root> {
        let root = full(root);
        let watches = self.watcher.is_some() && self.problem.is_none();
        watches.then(|| Root { watched: self.watched.get(&root).copied(), path: root })
    }

    /// Waits for the next change that is worth a look.
    pub(super) async fn changed(&self) {
        self.told.changed.notified().await;
    }

    /// Waits until nothing was told for a while, or for as long as `patience`.
    pub(super) async fn quiet(&self, quiet: Duration, patience: Duration) {
        let end = Instant::now() + patience;
        loop {
            let last = self.told.lock().last.unwrap_or_else(Instant::now);
            let calm = (last + quiet).min(end);
            if Instant::now() >= calm {
                return;
            }
            tokio::time::sleep_until(calm).await;
        }
    }

    /// Who writes to files: whoever did within this time and did not close.
    pub(super) fn writers(&self, within: Duration) -> Writers {
        self.told.lock().writing.retain(|_, last| last.elapsed() < within);
        Writers { told: Arc::clone(&self.told), within }
    }
}

/// A followed folder, and what tells it from another one of its name.
pub(super) struct Root {
    path: PathBuf,
    watched: Option<(u64, u64)>,
}

impl Root {
    /// Whether another folder lies there now, or none where there was one. Blocks for a moment.
    pub(super) fn was_replaced(&self) -> bool {
        identity(&self.path) != self.watched
    }
}

/// Who writes to files at the moment.
pub(super) struct Writers {
    told: Arc<Told>,
    within: Duration,
}

impl Writers {
    /// Whether somebody is writing to this file.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.told.lock().writing.get(&full(path)).is_some_and(|last| last.elapsed() < self.within)
    }
}

impl Told {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: notify::Result<notify::Event>) {
        let worth = match event {
            // Events may have been lost: everything is worth a look, and every folder a new watch.
            Ok(event) if event.need_rescan() => {
                self.lock().moved = None;
                true
            }
            Ok(event) => self.note(&event),
            Err(_) => true,
        };
        if worth {
            self.lock().last = Some(Instant::now());
            self.changed.notify_one();
        }
    }

    /// Whether an event is worth a look. Our own reading is told too, and what others do beside the personas.
    fn note(&self, event: &notify::Event) -> bool {
        let markdown = event.paths.iter().any(|path| is_markdown(path) || is_ignore_file(path));
        // A link to a folder is told as a file, and has seldom an extension.
        let folder = event.paths.iter().any(|path| path.extension().is_none());
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.closed(event);
                markdown
            }
            EventKind::Access(_) => false,
            EventKind::Create(CreateKind::File)
            | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => {
                self.written(event);
                markdown || (folder && matches!(event.kind, EventKind::Create(_)))
            }
            EventKind::Remove(RemoveKind::File) => {
                self.closed(event);
                markdown || folder
            }
            // A name tells nothing about a folder.
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => {
                self.closed(event);
                self.moved(event);
                true
            }
            // Rights, of a folder too, and whatever there may be.
            _ => true,
        }
    }

    fn written(&self, event: &notify::Event) {
        let mut state = self.lock();
        for path in event.paths.iter().filter(|path| is_markdown(path)) {
            if state.writing.len() < WRITING {
                state.writing.insert(path.clone(), Instant::now());
            }
        }
    }

    fn closed(&self, event: &notify::Event) {
        let mut state = self.lock();
        for path in &event.paths {
            state.writing.remove(path);
        }
    }

    fn moved(&self, event: &notify::Event) {
        let mut state = self.lock();
        if let Some(moved) = &mut state.moved {
            moved.extend(event.paths.iter().cloned());
        }
        state.moved.take_if(|moved| moved.len() > MOVED);
    }
}

fn is_ignore_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == ".gitignore")
}

fn full(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Device and inode.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir).map(|meta| (meta.dev(), meta.ino()))
}
