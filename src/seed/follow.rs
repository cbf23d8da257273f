//! Following a folder: whatever happens in it reaches the registry within a second, for as long as the server runs.

use std::future::Future;

use tokio::time::{Duration, Instant};

use super::changes::Changes;
use super::{Folder, Report, Source};
use crate::registry::Registry;

/// How often a folder that cannot be watched is looked through.
const UNWATCHED: Duration = Duration::from_secs(1);
/// How long after a change of the registry its conflicts with the folder are looked at again.
const RECONSIDER: Duration = Duration::from_millis(200);

/// A folder under watch. What happens in it from then on is known, and taken in once it is run.
pub struct Follower {
    folder: Folder,
    changes: Changes,
}

impl Follower {
    /// Watches a folder that was imported.
    #[must_use]
    pub fn new(folder: Folder) -> Self {
        let mut changes = Changes::new();
        changes.watch(&folder.dirs);
        Self { folder, changes }
    }

    /// Follows the folder until `stop`; `tell` hears of every reading that changed something.
    #[tracing::instrument(skip_all, fields(namespace = %self.folder.source.namespace, dir = %self.folder.source.dir.display()))]
    pub async fn run(
        mut self,
        registry: Registry,
        stop: impl Future<Output = ()>,
        tell: impl Fn(&Source, Report),
    ) {
        tokio::pin!(stop);
        let Self { folder, changes } = &mut self;
        // What happened between the import and the watch is not known.
        let mut look_now = true;
        loop {
            // A reading is cut between two commits only: each is whole by itself.
            tokio::select! {
                () = stop.as_mut() => return,
                (again, report) = round(folder, changes, &registry, look_now) => {
                    look_now = again;
                    if let Some(report) = report {
                        tell(&folder.source, report);
                    }
                }
            }
        }
    }
}

/// Waits for a reason to look, and looks. Answers whether there is a reason to look again at once.
async fn round(
    folder: &mut Folder,
    changes: &mut Changes,
    registry: &Registry,
    now: bool,
) -> (bool, Option<Report>) {
    if !now {
        wait(folder, changes, registry).await;
    }
    let writers = changes.writers(folder.options.writing);
    let report = match folder.reread(registry, writers, changes.problem.clone()).await {
        Ok(report) => {
            log(&report);
            report.has_news().then_some(report)
        }
        Err(error) => {
            tracing::warn!(%error, "the folder could not be read; it is tried again");
            folder.look_again(super::settle::RETRY);
            None
        }
    };
    (changes.watch(&folder.dirs), report)
}

fn log(report: &Report) {
    for (name, outcome) in &report.changes {
        tracing::info!(%name, ?outcome, "a file was taken in");
    }
    for refused in report.newly_refused.iter().filter_map(|at| report.refused.get(*at)) {
        tracing::warn!(path = %refused.path.display(), reason = refused.message(), "a file was refused");
    }
    if let (true, Some(problem)) = (report.problem_is_new, &report.problem) {
        tracing::warn!(problem, "the folder cannot be taken in as asked");
    }
    for path in &report.mended {
        tracing::info!(path = %path.display(), "a file is no longer refused");
    }
}

/// Waits until something happened, and then until it is over.
async fn wait(folder: &Folder, changes: &Changes, registry: &Registry) {
    let regular = if changes.problem.is_some() { UNWATCHED } else { folder.options.rescan };
    let end = Instant::now() + folder.again.unwrap_or(regular).min(regular);
    let mut head = registry.follow_head();
    let reconsider = async {
        match folder.conflicts.is_empty() || head.changed().await.is_err() {
            true => std::future::pending().await,
            false => tokio::time::sleep(RECONSIDER).await,
        }
    };
    let replaced = async {
        loop {
            tokio::time::sleep(folder.options.root).await;
            if changes.was_replaced(&folder.source.dir) {
                return;
            }
        }
    };
    tokio::select! {
        () = changes.changed() => changes.quiet(folder.options.quiet, folder.options.patience).await,
        () = tokio::time::sleep_until(end) => {}
        () = reconsider => {}
        () = replaced => {}
    }
}
