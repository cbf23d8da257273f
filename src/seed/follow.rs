//! Following a folder: whatever happens in it reaches the registry within a second, for as long as the server runs.

use std::future::Future;

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::changes::Changes;
use super::settle::RETRY;
use super::{Folder, Report, Source};
use crate::domain::Revision;
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
    /// Watches a folder that was imported. Blocks for a moment.
    #[must_use]
    pub fn new(folder: Folder) -> Self {
        let mut changes = Changes::new();
        changes.watch(&folder.dirs);
        Self { folder, changes }
    }

    /// The folder and its namespace.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.folder.source
    }

    /// Follows the folder until `stop`; `tell` hears of every reading that changed something.
    #[tracing::instrument(skip_all, fields(namespace = %self.folder.source.namespace, dir = %self.folder.source.dir.display()))]
    pub async fn run(
        self,
        registry: Registry,
        stop: impl Future<Output = ()>,
        tell: impl Fn(&Source, Report),
    ) {
        let Self { mut folder, mut changes } = self;
        tokio::pin!(stop);
        let mut head = registry.follow_head();
        // What happened between the import and the watch is not known.
        let mut look_now = true;
        loop {
            // A reading is cut between two commits only: each is whole by itself.
            tokio::select! {
                () = stop.as_mut() => return,
                (again, report, watching) = round(&mut folder, changes, &registry, &mut head, look_now) => {
                    (look_now, changes) = (again, watching);
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
    mut changes: Changes,
    registry: &Registry,
    head: &mut watch::Receiver<Revision>,
    now: bool,
) -> (bool, Option<Report>, Changes) {
    if !now {
        wait(folder, &changes, registry, head).await;
    }
    let writers = changes.writers(folder.options.writing);
    let report = match folder.reread(registry, writers, changes.problem.clone()).await {
        Ok(report) => {
            report.log();
            report.has_news().then_some(report)
        }
        Err(error) => {
            tracing::warn!(%error, "the folder could not be read; it is tried again");
            folder.look_again(RETRY);
            None
        }
    };
    let dirs = folder.dirs.clone();
    let watching = tokio::task::spawn_blocking(move || {
        let new = changes.watch(&dirs);
        (new, changes)
    });
    match watching.await {
        Ok((new, changes)) => (new, report, changes),
        Err(error) => {
            tracing::error!(%error, "watching failed; it is begun anew");
            folder.look_again(RETRY);
            (false, report, Changes::new())
        }
    }
}

/// Waits until something happened, and then until it is over.
async fn wait(folder: &Folder, changes: &Changes, registry: &Registry, head: &mut watch::Receiver<Revision>) {
    let regular = if changes.problem.is_some() { UNWATCHED } else { folder.options.rescan };
    let end = Instant::now() + folder.again.unwrap_or(regular).min(regular);
    let reconsider = async {
        // A conflict may be over by what the registry was given, while the folder was read too.
        while !folder.conflicts.is_empty() && head.changed().await.is_ok() {
            tokio::time::sleep(RECONSIDER).await;
            head.borrow_and_update();
            if folder.conflicts_moved(registry).await {
                return;
            }
        }
        std::future::pending().await
    };
    let replaced = async {
        while let Some(root) = changes.root(&folder.source.dir) {
            tokio::time::sleep(folder.options.root).await;
            if tokio::task::spawn_blocking(move || root.was_replaced()).await.unwrap_or(false) {
                return;
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        () = changes.changed() => {}
        () = replaced => {}
        () = reconsider => return,
        () = tokio::time::sleep_until(end) => return,
    }
    changes.quiet(folder.options.quiet, folder.options.patience).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Caller, Digest, Namespace};
    use crate::registry::{self, Put, Validate};
    use crate::seed::Options;

    #[tokio::test]
    async fn what_changed_while_the_folder_was_read_is_a_reason_to_look_at_conflicts_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let options =
            registry::Options { min_free_bytes: 1, ..registry::Options::new(dir.path().join("data")) };
        let (registry, _) = Registry::open(options).unwrap();
        let source = Source { namespace: Namespace::default(), dir: dir.path().to_owned() };
        // Nothing but a change of the registry is a reason.
        let never = Duration::from_secs(3600);
        let options = Options { root: never, rescan: never, ..Options::default() };
        let mut folder = Folder::new(source, &[], options);
        folder.conflicts.insert("a".parse().unwrap(), (Digest::of(b"the file's"), None));
        let changes = Changes::new();
        let put = async |name: &str| {
            let content = format!("---\nname: {name}\ndescription: Use in tests.\n---\n# A\n\nText.\n");
            let document = Validate { content: content.into(), ..Validate::default() };
            registry
                .put(&Caller::internal("a client", "1"), Put { document, ..Put::default() })
                .await
                .unwrap();
        };
        // Subscribed as before a reading; what comes during it is not forgotten.
        let mut head = registry.follow_head();
        put("another").await;
        let idle = tokio::time::timeout(RECONSIDER * 3, wait(&folder, &changes, &registry, &mut head)).await;
        assert!(idle.is_err(), "another persona is no reason");
        put("a").await;
        let waited = wait(&folder, &changes, &registry, &mut head);
        tokio::time::timeout(Duration::from_secs(30), waited).await.expect("a reason to look");
    }
}
