//! The little that a journal needs of a file system, as two traits: so that tests can cut the power.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;

/// A directory of files.
pub trait Storage: fmt::Debug + Send + Sync {
    /// The names of all files in it, in any order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A file that exists, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// An empty file of this name; one that exists loses its content.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Removes the file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Where the file is, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// One file of fixed-position reads and writes.
pub trait File: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Reads at a position; may give less than asked, and nothing at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at a position; may take less than given.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes the file's bytes and length durable. Once it failed, nothing about the file is known any more.
    fn sync_data(&self) -> io::Result<()>;
}

impl dyn File + '_ {
    /// Reads until the buffer is full or the file ends; answers how much was read.
    pub(super) fn fill_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let wanted = buffer.len();
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => break,
                Ok(read) => {
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                    offset = offset.saturating_add(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wanted.saturating_sub(buffer.len()))
    }

    /// Writes all of it.
    pub(super) fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(written as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes zeros over a range.
    pub(super) fn zero(&self, from: u64, to: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut at = from;
        while at < to {
            let length = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX).min(ZEROS.len());
            self.write_all_at(ZEROS.get(..length).unwrap_or_default(), at)?;
            at = at.saturating_add(length as u64);
        }
        Ok(())
    }
}

/// Whether the file system has no room, rather than a fault.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A directory of the machine's file system.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// This directory, made (with its parents) when it is missing.
    pub fn open(path: &Path) -> io::Result<Self> {
        disk::create_private_dir(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Storage for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            // A name that is not Unicode is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(Local(fs::File::options().read(true).write(true).open(self.path(name))?)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = fs::File::options();
        options.read(true).write(true).create(true).truncate(true);
        Ok(Box::new(Local(options.open(self.path(name))?)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        disk::sync_dir(&self.0)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[derive(Debug)]
struct Local(fs::File);

impl File for Local {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.0, bytes, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.0, buffer, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
