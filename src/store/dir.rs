//! The data directory: its lock, its format marker, and which view is good up to where.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::disk;
use crate::domain::{Sequence, StoreId, files};

const FORMAT: &str = "persona-registry data 1\n";
const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";
const CHECKPOINT_FILE: &str = "CHECKPOINT";

/// Why a directory cannot be used as a data directory.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// Another process has it.
    #[error("{0} is in use by another registry; stop that one, or choose another --data-dir")]
    Locked(PathBuf),
    /// It holds something else.
    #[error("{0} is not empty and not a registry's data directory; choose another --data-dir")]
    Foreign(PathBuf),
    /// It holds no registry.
    #[error("{0} holds no registry's data; name the directory that does with --data-dir")]
    None(PathBuf),
    /// It was written by a newer program.
    #[error(
        "{path} was written by a newer version ({found}); start that version, or choose another --data-dir"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// What its marker says.
        found: String,
    },
    /// The file system said no.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// How far a view is known to be on the disk: a replay begins here, whatever the view itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the view's directory.
    pub view: u64,
    /// The history that it shows.
    pub store_id: StoreId,
    /// The last journal record that is certainly in it.
    pub sequence: Sequence,
}

/// A locked data directory. The lock lasts as long as this value.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, takes its lock and checks its marker.
    pub fn lock(path: &Path) -> Result<Self, DirError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| DirError::Io { path, error }
        };
        // Documents may be confidential.
        disk::create_private_dir(path).map_err(at(path))?;
        let lock_path = path.join(LOCK_FILE);
        let marker = path.join(FORMAT_FILE);
        if !marker.exists() && !holds_only_ours(path).map_err(at(path))? {
            return Err(DirError::Foreign(path.to_owned()));
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(at(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DirError::Locked(path.to_owned()),
            TryLockError::Error(error) => DirError::Io { path: lock_path.clone(), error },
        })?;
        match fs::read_to_string(&marker) {
            Ok(found) if found == FORMAT => {}
            Ok(found) => {
                let found = found.lines().next().unwrap_or_default().chars().take(80).collect();
                return Err(DirError::Newer { path: path.to_owned(), found });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace(&marker, FORMAT.as_bytes()).map_err(at(&marker))?;
            }
            Err(error) => return Err(at(&marker)(error)),
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Takes the lock of a directory that is a registry's already.
    pub fn lock_existing(path: &Path) -> Result<Self, DirError> {
        if !path.join(FORMAT_FILE).exists() {
            return Err(DirError::None(path.to_owned()));
        }
        Self::lock(path)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal's segments are.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where the audit log's files are.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// Where a view is.
    #[must_use]
    pub fn view(&self, number: u64) -> PathBuf {
        self.path.join(format!("view-{number}"))
    }

    /// The checkpoint; none when there is none, or it is damaged (then a replay begins at the start).
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, DirError> {
        let path = self.path.join(CHECKPOINT_FILE);
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8(bytes).ok().and_then(|text| parse_checkpoint(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DirError::Io { path, error }),
        }
    }

    /// Replaces the checkpoint, durably. The view must have been synced before.
    pub fn set_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), DirError> {
        let path = self.path.join(CHECKPOINT_FILE);
        replace(&path, print_checkpoint(checkpoint).as_bytes()).map_err(|error| DirError::Io { path, error })
    }

    /// Moves a view that cannot be used out of the way, in place of the one moved before.
    /// Tells where it is now; none when there was none.
    pub fn set_aside(&self, number: u64) -> Result<Option<PathBuf>, DirError> {
        let (view, aside) = (self.view(number), self.path.join("view-broken"));
        if !view.exists() {
            return Ok(None);
        }
        let moved = remove_dir(&aside).and_then(|()| fs::rename(&view, &aside));
        moved.map_err(|error| DirError::Io { path: view, error })?;
        Ok(Some(aside))
    }

    /// Number of the newest view there is, for when the checkpoint does not tell.
    pub fn newest_view(&self) -> Result<Option<u64>, DirError> {
        let failed = |error| DirError::Io { path: self.path.clone(), error };
        let mut newest = None;
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_string_lossy().strip_prefix("view-").and_then(|rest| rest.parse().ok());
            newest = newest.max(number);
        }
        Ok(newest)
    }

    /// Removes a view, if it is there: what is left of a rebuilding that was cut short.
    pub fn remove_view(&self, number: u64) -> Result<(), DirError> {
        let path = self.view(number);
        remove_dir(&path).map_err(|error| DirError::Io { path, error })
    }

    /// Removes every view but this one: leftovers of a rebuilding that was cut short.
    pub fn keep_only_view(&self, number: u64) -> Result<(), DirError> {
        let failed = |error| DirError::Io { path: self.path.clone(), error };
        let keep = self.view(number);
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let numbered = name.strip_prefix("view-").is_some_and(|rest| rest.parse::<u64>().is_ok());
            if numbered && path != keep {
                remove_dir(&path).map_err(|error| DirError::Io { path: path.clone(), error })?;
            }
        }
        Ok(())
    }

    /// Removes everything that was a view, but this one: what is gone from it must be gone from the disk. Waits for the engine to let
    /// go of what it had open.
    pub fn remove_other_views(&self, number: u64) -> Result<(), DirError> {
        let failed = |error| DirError::Io { path: self.path.clone(), error };
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("view-") && path != self.view(number) {
                let failed = |error| DirError::Io { path: path.clone(), error };
                await_engine(&path.join("db")).and_then(|()| remove_dir(&path)).map_err(failed)?;
            }
        }
        disk::sync_dir(&self.path).map_err(failed)
    }

    /// Bytes that this process may still write to the file system below.
    pub fn free_bytes(&self) -> Result<u64, DirError> {
        let stat = rustix::fs::statvfs(&self.path)
            .map_err(|error| DirError::Io { path: self.path.clone(), error: error.into() })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// How long the engine may take to let go of a file that it was told to close.
const CLOSING: Duration = Duration::from_secs(10);

/// Returns once nobody holds the engine's lock on its file.
fn await_engine(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let patience = Instant::now() + CLOSING;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            locked => return Ok(locked?),
        }
    }
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the directory is empty, or holds nothing but tokens and what an interrupted first start leaves.
fn holds_only_ours(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        // API tokens may be made before the first start.
        let tokens = [files::TOKENS, files::TOKENS_LOCK, files::TOKENS_NEW];
        if ![LOCK_FILE, "FORMAT.new", "lost+found"].iter().chain(&tokens).any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes a small file so that a crash leaves the old or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    disk::replace(path, &path.with_extension("new"), bytes)
}

fn print_checkpoint(checkpoint: &Checkpoint) -> String {
    let Checkpoint { view, store_id, sequence } = checkpoint;
    let body = format!("view {view}\nstore {store_id}\nsequence {sequence}\n");
    format!("{body}crc {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

fn parse_checkpoint(text: &str) -> Option<Checkpoint> {
    let mut words = text.lines().filter_map(|line| line.split_once(' '));
    let mut next = |key: &str| words.next().filter(|(found, _)| *found == key).map(|(_, value)| value);
    let view = next("view")?.parse().ok()?;
    let store_id = next("store")?.parse().ok()?;
    let sequence = Sequence(next("sequence")?.parse().ok()?);
    let checkpoint = Checkpoint { view, store_id, sequence };
    (print_checkpoint(&checkpoint) == text).then_some(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_damaged_one_does_not() {
        let checkpoint = Checkpoint { view: 2, store_id: StoreId([7; 16]), sequence: Sequence(41) };
        let text = print_checkpoint(&checkpoint);
        assert_eq!(parse_checkpoint(&text), Some(checkpoint));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(String::from_utf8(bytes).ok().and_then(|text| parse_checkpoint(&text)), None);
        }
    }

    #[test]
    fn a_directory_is_taken_once_and_only_when_it_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::lock(dir.path()).unwrap();
        assert!(matches!(DataDir::lock(dir.path()), Err(DirError::Locked(_))));
        drop(first);
        assert!(DataDir::lock(dir.path()).is_ok());
        fs::write(dir.path().join(FORMAT_FILE), "persona-registry data 9\n").unwrap();
        assert!(matches!(DataDir::lock(dir.path()), Err(DirError::Newer { .. })));
        let foreign = tempfile::tempdir().unwrap();
        fs::write(foreign.path().join("thesis.txt"), "years of work").unwrap();
        assert!(matches!(DataDir::lock(foreign.path()), Err(DirError::Foreign(_))));
    }
}
