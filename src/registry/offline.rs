//! What is done to a data directory that no registry serves: looked through, shrunk, made of a backup.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::audit;
use super::committer::Command;
use super::open::{CatchUpError, OpenError, catch_up, look};
use super::rebuild::rebuild;
use super::{Error, Options, Registry};
use crate::domain::{Revision, Sequence, StoreId, Timestamp};
use crate::journal::{self, BoxError, Directory, Journal, LocalJournal, Position};
use crate::store::snapshot::{self, Reader, SnapshotError};
use crate::store::{DataDir, DirError};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `journal`, `view`, or a snapshot's path.
    pub part: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What was found in a data directory.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Which history it is; none where not even that can be told.
    pub store_id: Option<StoreId>,
    /// The newest revision of the journal.
    pub revision: Revision,
    /// Records of the journal that were read.
    pub records: u64,
    /// Snapshots that were read.
    pub snapshots: u64,
    /// Documents of the view that were read and compared with their digests.
    pub documents: u64,
    /// What was read of the audit log; none: there is none.
    pub audit: Option<AuditFacts>,
    /// What is damaged.
    pub findings: Vec<Finding>,
    /// The view was made anew.
    pub rebuilt: bool,
}

/// What the audit log says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFacts {
    /// Its files.
    pub files: u64,
    /// Sound records.
    pub records: u64,
    /// When the first and the last of them were made; none: there is none.
    pub times: Option<(Timestamp, Timestamp)>,
    /// The number of the last record, and its hash, which stands for all before it.
    pub head: Option<(u64, String)>,
    /// Commits of the journal that the next start records.
    pub behind: u64,
}

/// What shrinking a data directory did.
#[derive(Debug, Clone, Copy)]
pub struct Compacted {
    /// Which history it is.
    pub store_id: StoreId,
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision that can be read as of.
    pub floor: Revision,
    /// Bytes that it took on the disk.
    pub bytes_before: u64,
    /// Bytes that it takes now.
    pub bytes_after: u64,
}

/// What a backup says of itself.
#[derive(Debug, Clone, Copy)]
pub struct BackupFacts {
    /// Which history it was taken of.
    pub store_id: StoreId,
    /// The revision that it shows.
    pub revision: Revision,
    /// When it was begun.
    pub time: Timestamp,
    /// Its length.
    pub bytes: u64,
}

/// What was made of a backup.
#[derive(Debug, Clone, Copy)]
pub struct Restored {
    /// What it was made of.
    pub backup: BackupFacts,
    /// The new history.
    pub store_id: StoreId,
    /// Versions in it.
    pub versions: u64,
}

/// Why no store was made of a backup. Nothing was left behind.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is of no use.
    #[error("{path} is no backup that can be used: {error}", path = path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: SnapshotError,
    },
    /// There is something already.
    #[error("{0} is not empty; name a directory that is, or is not there yet")]
    NotEmpty(PathBuf),
    /// The store cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<DirError> for RestoreError {
    fn from(error: DirError) -> Self {
        Self::Open(error.into())
    }
}

/// Looks through a data directory: every record of the journal, every snapshot, every table of the view, every document. With
/// `anew` the view is made anew, where the journal is sound.
pub fn check(options: &Options, anew: bool) -> Result<Checked, OpenError> {
    let dir = DataDir::lock_existing(&options.data_dir)?;
    let mut checked = Checked::default();
    let look = look(&dir, &options.store)?;
    let mut sound = Vec::new();
    for file in &look.snapshots {
        checked.snapshots += 1;
        match file.check() {
            Ok((header, _)) => sound.push((file, header.store_id)),
            Err(error) => checked.found(&file.path.display().to_string(), &error),
        }
    }
    let journal = match look.journal(&dir, options) {
        Ok(opened) => opened.journal,
        Err(error) => {
            checked.found("journal", &error);
            return Ok(checked);
        }
    };
    (checked.store_id, checked.revision) = (Some(journal.store_id()), journal.last().revision);
    let before = Sequence(journal.oldest().0.saturating_sub(1));
    let mut audited = audit::Checking::begin(&dir, journal.store_id(), before.next(), &mut checked);
    let mut records = 0;
    let read = journal.replay(before, &mut |commit| {
        records += 1;
        audited.compare(&commit);
        Ok::<_, BoxError>(())
    });
    checked.records = records;
    audited.end(&mut checked);
    if let Err(error) = read {
        checked.found("journal", &error);
        return Ok(checked);
    }
    for (file, store_id) in sound.iter().filter(|(_, store_id)| *store_id != journal.store_id()) {
        checked.found(&file.path.display().to_string(), &format!("it belongs to another store, {store_id}"));
    }
    sound.retain(|(_, store_id)| *store_id == journal.store_id());
    if before.0 > 0 && !sound.iter().any(|(file, _)| file.sequence >= before) {
        let problem =
            format!("it begins at record {}, and no sound snapshot has what came before", before.next());
        checked.found("journal", &problem);
    }
    let from = look.checkpoint.map_or(Sequence(0), |checkpoint| checkpoint.sequence);
    match look.view.and_then(|store| catch_up(store, look.applied, &journal, from)) {
        Ok((store, ..)) => {
            let read = store.check_documents(|problem| checked.found("view", &problem));
            match read {
                Ok(documents) => checked.documents = documents,
                Err(error) => checked.found("view", &error),
            }
        }
        Err(CatchUpError::View(problem)) => checked.found("view", &problem),
        Err(CatchUpError::Journal(error)) => checked.found("journal", &error),
    }
    if anew {
        let (view, ..) = rebuild(&dir, &journal, &options.store, look.number.saturating_add(1))?;
        dir.set_aside(look.number)?;
        dir.keep_only_view(view.number)?;
        checked.rebuilt = true;
    }
    Ok(checked)
}

impl Checked {
    pub(super) fn found(&mut self, part: &str, problem: &dyn std::fmt::Display) {
        self.findings.push(Finding { part: part.to_owned(), problem: problem.to_string() });
    }
}

/// Shrinks a data directory: lets go of what is below the floor, has a snapshot take the place of the journal, and makes the
/// view anew.
pub async fn compact(options: Options) -> Result<Compacted, CompactError> {
    DataDir::lock_existing(&options.data_dir).map_err(OpenError::from)?;
    let path = options.data_dir.clone();
    let bytes_before = size_of(&path);
    let opened = tokio::task::spawn_blocking(move || Registry::open(options)).await;
    let (registry, _) = opened.map_err(|error| Error::Internal(error.to_string()))??;
    let (reply, done) = oneshot::channel();
    let sent = registry.commands.send(Command::Rewrite(reply)).await.is_ok();
    let rewritten = if sent { done.await.ok() } else { None };
    let (store_id, status) = (registry.store_id(), registry.status());
    registry.close().await;
    rewritten.ok_or_else(|| Error::Internal("the committer is gone".to_owned()))??;
    let (revision, floor) = (status.revision, status.floor);
    Ok(Compacted { store_id, revision, floor, bytes_before, bytes_after: size_of(&path) })
}

/// Reads a backup to its end.
pub fn check_backup(path: &Path) -> Result<BackupFacts, RestoreError> {
    let failed = |error| RestoreError::Backup { path: path.to_owned(), error };
    let file = File::open(path).map_err(|error| failed(error.into()))?;
    let (header, end) = snapshot::check(BufReader::with_capacity(BUFFER, file)).map_err(failed)?;
    Ok(BackupFacts { store_id: header.store_id, revision: end.revision, time: header.time, bytes: end.bytes })
}

const BUFFER: usize = 256 * 1024;

/// Makes a store of a backup, in a directory that is empty or not there. The backup is read to its end first; then the store is
/// opened once, which proves it whole.
pub fn restore(backup: &Path, options: &Options) -> Result<Restored, RestoreError> {
    let facts = check_backup(backup)?;
    let path = &options.data_dir;
    let io = |error| OpenError::from(DirError::Io { path: path.clone(), error });
    let existed = match fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => true,
            Some(_) => return Err(RestoreError::NotEmpty(path.clone())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(io(error).into()),
    };
    let restored = make(backup, facts, options);
    if restored.is_err() {
        // Half a store must not be taken for one.
        drop(empty(path));
        if !existed {
            drop(fs::remove_dir(path));
        }
    }
    restored
}

fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
    }
    Ok(())
}

fn make(backup: &Path, facts: BackupFacts, options: &Options) -> Result<Restored, RestoreError> {
    let dir = DataDir::lock(&options.data_dir)?;
    let store_id = StoreId(uuid::Uuid::new_v4().into_bytes());
    let failed = |error| RestoreError::Backup { path: backup.to_owned(), error };
    let file = File::open(backup).map_err(|error| failed(error.into()))?;
    let reader = Reader::begin(BufReader::with_capacity(BUFFER, file)).map_err(failed)?;
    let kept = dir.write_snapshot(|mut out| reader.copy(store_id, &mut out).map(|end| (out, end)));
    let kept = kept.map_err(failed)?;
    let place = Position { sequence: kept.sequence, revision: facts.revision };
    let storage = Directory::open(&dir.journal());
    let storage = storage.map_err(|error| DirError::Io { path: dir.journal(), error })?;
    let journal = LocalJournal::begin(Arc::new(storage), store_id, place, options.journal.clone());
    let journal = journal.map_err(|error: journal::OpenError| OpenError::from(error))?;
    let (_, counts, _) = rebuild(&dir, &journal, &options.store, 1)?;
    audit::begin_restored(&dir, options, store_id, kept.sequence, &facts).map_err(OpenError::from)?;
    Ok(Restored { backup: facts, store_id, versions: counts.kept.versions })
}

/// Bytes that a directory takes on the disk.
fn size_of(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => blocks(&meta),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[cfg(unix)]
fn blocks(meta: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(meta).saturating_mul(512)
}

#[cfg(not(unix))]
fn blocks(meta: &fs::Metadata) -> u64 {
    meta.len()
}

/// Why a data directory was not shrunk.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The registry does not open, or what it needs cannot be written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A fault of the registry.
    #[error(transparent)]
    Fault(#[from] Error),
}
