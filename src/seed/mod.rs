//! Folders of Markdown into the registry, at the start and, where asked, ever after. A file that cannot be taken is
//! told with its reasons and stops no other; a change that came by another door is never lost.

mod changes;
mod claim;
mod folder;
mod follow;
mod read;
mod report;
mod settle;
mod walk;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{BoundWaiver, Namespace, SourceId};
use crate::registry::OnConflict;

pub use folder::{Folder, Progress};
pub use follow::Follower;
pub use report::{Findings, Reason, Refused, Report};
pub use walk::{Found, is_persona, slashed, walk};

/// A folder that feeds a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The namespace fed.
    pub namespace: Namespace,
    /// The folder.
    pub dir: PathBuf,
}

impl Source {
    /// The folder's identity in the registry: its path, inside the current folder relative to that, so that it is the
    /// same at the next start however it is written.
    #[must_use]
    pub fn id(&self) -> SourceId {
        let here = std::env::current_dir().unwrap_or_default();
        let inside = self.dir.strip_prefix(&here).unwrap_or(&self.dir);
        let plain: PathBuf = inside.components().filter(|part| *part != Component::CurDir).collect();
        let plain = if plain.as_os_str().is_empty() { Path::new(".") } else { &plain };
        SourceId::new(&format!("{}={}", self.namespace, slashed(plain)))
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
    /// How long nothing must happen before a change is looked at. Default 30 ms.
    pub quiet: Duration,
    /// How long a change waits at most for quiet. Default 250 ms.
    pub patience: Duration,
    /// How long after it was last written to a file that its writer holds open is left alone. Default 500 ms.
    pub writing: Duration,
    /// How long a file that would be refused is given to become whole, before it is read again. Default 250 ms.
    pub doubt: Duration,
    /// How long a file must have been gone before its persona is. Default 400 ms.
    pub gone: Duration,
    /// How often it is looked whether the folder itself was replaced. Default 250 ms.
    pub root: Duration,
    /// How often the folder is looked through though nothing was heard of it, since the system may forget to tell, as
    /// on network file systems. Default 30 s.
    pub rescan: Duration,
    /// Findings that files may carry. Default: none.
    pub waivers: Arc<[BoundWaiver]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            on_conflict: OnConflict::Report,
            prune: false,
            follow: false,
            quiet: Duration::from_millis(30),
            patience: Duration::from_millis(250),
            writing: Duration::from_millis(500),
            doubt: Duration::from_millis(250),
            gone: Duration::from_millis(400),
            root: Duration::from_millis(250),
            rescan: Duration::from_secs(30),
            waivers: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_however_it_is_written() {
        let here = std::env::current_dir().unwrap();
        let id = |dir: &Path| {
            let source = Source { namespace: "ops".parse().unwrap(), dir: dir.to_owned() };
            source.id().as_str().to_owned()
        };
        for dir in ["team/personas", "./team/personas", "team/./personas/"] {
            assert_eq!(id(Path::new(dir)), "ops=team/personas", "{dir}");
            assert_eq!(id(&here.join(dir)), "ops=team/personas", "{dir} in full");
        }
        assert_eq!((id(Path::new(".")), id(&here)), ("ops=.".to_owned(), "ops=.".to_owned()));
        assert_eq!(id(Path::new("/elsewhere/x")), "ops=/elsewhere/x");
    }
}
