//! The log's files: their names, who may read them, and making them durable.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;

/// The name of the file whose first record has this number.
pub(super) fn name(first: u64) -> String {
    format!("audit-{first:020}.jsonl")
}

/// The number of the first record in the file of this name; none when it is none of the log's.
pub(super) fn parse_name(text: &str) -> Option<u64> {
    let first = text.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok()?;
    (first > 0 && name(first) == text).then_some(first)
}

/// The files of a log, oldest first: the number of each one's first record, and its length. A directory that is not there
/// has none.
pub(super) fn list(dir: &Path) -> io::Result<Vec<(u64, u64)>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(first) = entry.file_name().to_str().and_then(parse_name) {
            files.push((first, entry.metadata()?.len()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// An empty file for its owner alone, durable by name; there must be none.
pub(super) fn create(dir: &Path, first: u64) -> io::Result<File> {
    let file = disk::private().read(true).write(true).create_new(true).open(dir.join(name(first)))?;
    disk::sync_dir(dir)?;
    Ok(file)
}

pub(super) fn open(dir: &Path, first: u64) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(dir.join(name(first)))
}

pub(super) fn open_to_read(dir: &Path, first: u64) -> io::Result<File> {
    File::open(dir.join(name(first)))
}

pub(super) fn remove(dir: &Path, first: u64) -> io::Result<()> {
    fs::remove_file(dir.join(name(first)))?;
    disk::sync_dir(dir)
}

#[cfg(unix)]
pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
pub(super) fn write_all_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Write::write_all(&mut file, bytes)
}

#[cfg(not(unix))]
pub(super) fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Read::read_exact(&mut file, bytes)
}

/// Whether the file system has no room, rather than a fault.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Tells an error with the file that it is about.
pub(super) fn at(path: PathBuf) -> impl FnOnce(io::Error) -> super::OpenError {
    move |source| super::OpenError { path, source }
}
