//! The snapshots of a data directory: one file each, named by the last record in it; in their place only once they are whole
//! and synced.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::PathBuf;

use super::{End, Header, Reader, SnapshotError, check};
use crate::disk;
use crate::domain::{Sequence, StoreId};
use crate::store::dir::{DataDir, DirError};

/// A snapshot under the name that it has while it is written.
const UNFINISHED: &str = "unfinished";
/// Bytes read or written at once.
const BUFFER: usize = 256 * 1024;

/// A snapshot in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// The last record in it.
    pub sequence: Sequence,
    /// Its length.
    pub bytes: u64,
    /// The file.
    pub path: PathBuf,
}

impl SnapshotFile {
    /// A reader of it.
    pub fn read(&self) -> Result<Reader<BufReader<File>>, SnapshotError> {
        Reader::begin(BufReader::with_capacity(BUFFER, File::open(&self.path)?))
    }

    /// A reader of it, where it is of this history.
    pub fn read_of(&self, store_id: StoreId) -> Result<Reader<BufReader<File>>, SnapshotError> {
        let reader = self.read()?;
        let found = reader.header().store_id;
        if found == store_id {
            return Ok(reader);
        }
        let problem = format!("it belongs to store {found}, and this one is store {store_id}");
        Err(SnapshotError::Damaged { offset: 0, problem })
    }

    /// Reads it to its end.
    pub fn check(&self) -> Result<(Header, End), SnapshotError> {
        let (header, end) = check(BufReader::with_capacity(BUFFER, File::open(&self.path)?))?;
        if end.sequence != self.sequence {
            let problem = format!("it ends at record {}, which is not its name", end.sequence);
            return Err(SnapshotError::Damaged { offset: end.bytes, problem });
        }
        Ok((header, end))
    }
}

impl DataDir {
    fn shelf(&self) -> PathBuf {
        self.path().join("snapshots")
    }

    /// The snapshots in their place, newest first.
    pub fn snapshots(&self) -> Result<Vec<SnapshotFile>, DirError> {
        let shelf = self.shelf();
        let failed = |error| DirError::Io { path: shelf.clone(), error };
        let entries = match fs::read_dir(&shelf) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let digits = name.to_str().and_then(|name| name.strip_prefix("snapshot-"));
            if let Some(sequence) = digits.filter(|it| it.len() == 20).and_then(|it| it.parse().ok()) {
                let bytes = entry.metadata().map_err(failed)?.len();
                found.push(SnapshotFile { sequence: Sequence(sequence), bytes, path: entry.path() });
            }
        }
        found.sort_by_key(|file| std::cmp::Reverse(file.sequence));
        Ok(found)
    }

    /// Writes a snapshot into its place: written, synced and read back before it has its name. What fails leaves nothing.
    pub fn write_snapshot(
        &self,
        write: impl FnOnce(BufWriter<File>) -> Result<(BufWriter<File>, End), SnapshotError>,
    ) -> Result<SnapshotFile, SnapshotError> {
        let (shelf, unfinished) = (self.shelf(), self.shelf().join(UNFINISHED));
        if !shelf.exists() {
            fs::create_dir(&shelf)?;
            disk::sync_dir(self.path())?;
        }
        let written = || {
            let (out, end) = write(BufWriter::with_capacity(BUFFER, File::create(&unfinished)?))?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            let file = SnapshotFile { sequence: end.sequence, bytes: end.bytes, path: unfinished.clone() };
            file.check()?;
            let path = shelf.join(format!("snapshot-{:020}", end.sequence.0));
            fs::rename(&unfinished, &path)?;
            disk::sync_dir(&shelf)?;
            Ok(SnapshotFile { path, ..file })
        };
        let written = written();
        if written.is_err() {
            drop(fs::remove_file(&unfinished));
        }
        written
    }

    /// Removes every snapshot but the newest ones from this record on, and what a crash left of one.
    pub fn remove_snapshots_before(&self, sequence: Sequence) -> Result<(), DirError> {
        let old = self.snapshots()?.into_iter().filter(|file| file.sequence < sequence);
        let old: Vec<_> = old.map(|file| file.path).collect();
        for path in &old {
            fs::remove_file(path).map_err(|error| DirError::Io { path: path.clone(), error })?;
        }
        if !old.is_empty() {
            disk::sync_dir(&self.shelf()).map_err(|error| DirError::Io { path: self.shelf(), error })?;
        }
        Ok(())
    }

    /// Removes what a crash left of a snapshot. Nobody may be writing one.
    pub fn remove_unfinished_snapshot(&self) -> Result<(), DirError> {
        let path = self.shelf().join(UNFINISHED);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DirError::Io { path, error }),
            _ => Ok(()),
        }
    }
}
