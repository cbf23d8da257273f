//! One file: whether it changed since it was last looked at, and what is in it now.

use std::fs::{Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::report::{Findings, Reason};
use crate::domain::{BoundWaiver, Digest, Name, Namespace, Timestamp, limits};
use crate::registry::{self, Draft, Error, Registry, Validate};

/// What tells a file that was written to from one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change to its content, then to anything about it.
    times: [i64; 4],
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        Self { device: meta.dev(), inode: meta.ino(), size: meta.size(), times }
    }

    /// Whether a change right after this may have left the same stamp: file systems count time in steps.
    fn is_shaky(&self, now: Timestamp) -> bool {
        let [modified, _, changed, _] = self.times;
        now.0.div_euclid(1_000_000).saturating_sub(modified.max(changed)) < 2
    }
}

/// A file as it was last read.
#[derive(Debug, Clone)]
pub(super) struct Known {
    stamp: Option<Stamp>,
    /// It must be read again however it looks.
    shaky: bool,
    /// Digest of what was read.
    pub digest: Option<Digest>,
    pub state: State,
    /// Findings that do not keep it from being stored.
    pub warnings: Option<Arc<Findings>>,
}

/// What is in a file.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// A persona, by this name.
    Storable(Name),
    /// Nothing that can be stored.
    Refused(Option<Name>, Reason),
}

impl Known {
    /// Whether the file is still the one that was read. Blocks for a moment.
    pub(super) fn is_still(&self, path: &Path) -> bool {
        std::fs::metadata(path).ok().as_ref().map(Stamp::of) == self.stamp
    }
}

/// What a look at a file brought.
pub(super) enum Look {
    /// Nothing new.
    Same,
    /// It was read. The draft is there when it can be stored.
    Read(Known, Option<Arc<Draft>>),
}

/// A file to look at, with what is known of it.
pub(super) struct Job {
    pub path: PathBuf,
    pub relative: String,
    pub known: Option<Known>,
    pub waivers: Arc<[BoundWaiver]>,
}

impl Job {
    /// Looks at the file, and reads it unless it surely is what it was. It is judged among the personas of the namespace that it
    /// would go to.
    pub(super) fn look(&self, registry: &Registry, namespace: &Namespace, now: Timestamp) -> Look {
        let meta = std::fs::metadata(&self.path);
        let stamp = meta.as_ref().ok().map(Stamp::of);
        if let (Some(stamp), Some(known)) = (stamp, &self.known)
            && known.stamp == Some(stamp)
            && !known.shaky
        {
            return Look::Same;
        }
        let shaky = stamp.is_none_or(|stamp| stamp.is_shaky(now));
        let refused = |reason| {
            let state = State::Refused(None, reason);
            Look::Read(Known { stamp, shaky: true, digest: None, state, warnings: None }, None)
        };
        match read_file(&self.path) {
            // A file that brings a fault of ours to light must not take the others with it.
            Ok(content) => {
                catch_unwind(AssertUnwindSafe(|| self.judge(registry, namespace, content, stamp, shaky)))
                    .unwrap_or_else(|_| refused(Reason::Fault))
            }
            Err(error) => refused(Reason::Unreadable(error.to_string())),
        }
    }

    fn judge(
        &self,
        registry: &Registry,
        namespace: &Namespace,
        content: Bytes,
        stamp: Option<Stamp>,
        shaky: bool,
    ) -> Look {
        let digest = Digest::of(&content);
        let waivers = BoundWaiver::holding_for(&self.waivers, digest);
        let digest = Some(digest);
        if let Some(known) = &self.known
            && known.digest == digest
            && !matches!(known.state, State::Storable(_))
        {
            return Look::Read(Known { stamp, shaky, ..known.clone() }, None);
        }
        let request = Validate {
            content: content.clone(),
            path: Some(self.relative.clone()),
            waivers,
            ..Validate::default()
        };
        let examined = registry.examine(namespace, &request);
        let name = examined.as_ref().ok().and_then(|examined| examined.name.clone());
        match examined.and_then(|examined| registry::draft_of(content, examined)) {
            Ok((draft, found)) => {
                let state = State::Storable(draft.name.clone());
                let warnings = Findings::warnings(found, &draft.content);
                Look::Read(Known { stamp, shaky, digest, state, warnings }, Some(Arc::new(draft)))
            }
            Err(error) => {
                let state = State::Refused(name, reason(error));
                Look::Read(Known { stamp, shaky, digest, state, warnings: None }, None)
            }
        }
    }
}

fn reason(error: Error) -> Reason {
    match error {
        Error::PersonaInvalid(rejected) => {
            Reason::Findings(Findings::of(rejected.diagnostics, &rejected.content))
        }
        other => Reason::Registry(other),
    }
}

/// One byte over the limit is enough to know that a file is too large. A pipe that took the file's place must not block.
fn read_file(path: &Path) -> std::io::Result<Bytes> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut content = Vec::new();
    file.take(limits::DOCUMENT_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content.into())
}
