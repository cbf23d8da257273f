//! Following a folder: whatever happens in it reaches the registry within a second, for as long as the server runs.

use std::future::Future;

use tokio::time::{Duration, Instant};

use super::changes::Changes;
use super::{Folder, Report};
use crate::registry::Registry;

/// How often a folder that cannot be watched is looked through.
const UNWATCHED: Duration = Duration::from_secs(1);
/// How long after a change of the registry its conflicts with the folder are looked at again.
const RECONSIDER: Duration = Duration::from_millis(200);

/// Follows a folder that was imported, until `stop`; `tell` hears of every reading that changed something.
#[tracing::instrument(skip_all, fields(namespace = %folder.source().namespace, dir = %folder.source().dir.display()))]
pub async fn follow(
    mut folder: Folder,
    registry: Registry,
    stop: impl Future<Output = ()>,
    tell: impl Fn(&Folder, Report),
) {
    tokio::pin!(stop);
    let mut changes = Changes::new();
    let mut look_now = true;
    loop {
        // A reading is cut between two commits only: each is whole by itself.
        tokio::select! {
            () = stop.as_mut() => return,
            (again, report) = round(&mut folder, &mut changes, &registry, look_now) => {
                look_now = again;
                if let Some(report) = report {
                    tell(&folder, report);
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
    let writing = changes.writing(folder.options.writing);
    let report = match folder.reread(registry, &writing, changes.problem.clone()).await {
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
    // What changed while the folder was read counts as well.
    let missed = folder.conflicts.values().any(|(_, seen)| *seen != registry.head());
    let reconsider = async {
        match folder.conflicts.is_empty() || (!missed && head.changed().await.is_err()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Caller, Digest};
    use crate::registry::{self, Put, Validate};
    use crate::seed::{Options, Source};

    #[tokio::test]
    async fn what_changed_while_the_folder_was_read_is_a_reason_to_look_at_conflicts() {
        let dir = tempfile::tempdir().unwrap();
        let options =
            registry::Options { min_free_bytes: 1, ..registry::Options::new(dir.path().join("data")) };
        let (registry, _) = Registry::open(options).unwrap();
        let source = Source { namespace: "ops".parse().unwrap(), dir: dir.path().to_owned() };
        // Nothing but the change is a reason.
        let never = Duration::from_secs(3600);
        let options = Options { root: never, rescan: never, ..Options::default() };
        let mut folder = Folder::new(source, options);
        let before = registry.head();
        let content = b"---\nname: a\ndescription: Use in tests.\n---\n# A\n\nText.\n".to_vec().into();
        let document = Validate { content, ..Validate::default() };
        let put = Put { document, ..Put::default() };
        registry.put(&Caller::internal("a client", "1"), put).await.unwrap();
        folder.conflicts.insert("a".parse().unwrap(), (Digest::of(b"another"), before));
        let changes = Changes::new();
        let waited = wait(&folder, &changes, &registry);
        tokio::time::timeout(Duration::from_secs(30), waited).await.expect("a reason to look");
    }
}
