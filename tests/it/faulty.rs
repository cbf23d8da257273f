//! A journal's directory on the real disk that a test can stop or break.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use persona_registry::journal::{Directory, File, Storage};
use persona_registry::server::Options;
use tokio::sync::watch;

use crate::harness::soon;

/// What the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Syncs wait until the mood changes.
    Hold,
    /// Bytes arrive, and no sync succeeds.
    FailSync,
    /// No write succeeds, and nothing of it is on the disk.
    FailWrite,
    /// No write finds room.
    Full,
    /// What is there cannot be read.
    FailRead,
}

#[derive(Debug, Clone)]
pub struct Disk {
    directory: Directory,
    switch: Arc<Switch>,
}

#[derive(Debug)]
struct Switch {
    mood: Mutex<Mood>,
    changed: Condvar,
    /// Syncs that wait.
    held: watch::Sender<usize>,
}

impl Disk {
    /// Puts the journal of a server on such a disk, beside its data directory.
    pub fn of(options: &mut Options) -> Self {
        let path = options.registry.data_dir.with_file_name("journal");
        let (mood, changed, held) = (Mutex::new(Mood::Well), Condvar::new(), watch::Sender::new(0));
        let switch = Arc::new(Switch { mood, changed, held });
        let disk = Self { directory: Directory::open(&path).unwrap(), switch };
        options.registry.journal_storage = Some(Arc::new(disk.clone()));
        disk
    }

    pub fn set(&self, mood: Mood) {
        *self.switch.mood.lock().unwrap() = mood;
        self.switch.changed.notify_all();
    }

    /// Returns once a sync waits.
    pub async fn held(&self) {
        let mut held = self.switch.held.subscribe();
        soon(held.wait_for(|held| *held > 0)).await.unwrap();
    }

    fn file(&self, inner: Box<dyn File>) -> Box<dyn File> {
        Box::new(Faulty { inner, switch: Arc::clone(&self.switch) })
    }
}

impl Switch {
    fn check(&self, bad: Mood) -> io::Result<()> {
        if *self.mood.lock().unwrap() == bad { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.directory.list()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.switch.check(Mood::FailRead)?;
        Ok(self.file(self.directory.open(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(self.file(self.directory.create(name)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.directory.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.directory.sync_dir()
    }

    fn path(&self, name: &str) -> PathBuf {
        Storage::path(&self.directory, name)
    }
}

#[derive(Debug)]
struct Faulty {
    inner: Box<dyn File>,
    switch: Arc<Switch>,
}

impl File for Faulty {
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.switch.check(Mood::FailRead)?;
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.switch.check(Mood::FailWrite)?;
        self.switch.check(Mood::Full).map_err(|_| io::ErrorKind::StorageFull)?;
        self.inner.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut mood = self.switch.mood.lock().unwrap();
        while *mood == Mood::Hold {
            self.switch.held.send_modify(|held| *held += 1);
            mood = self.switch.changed.wait(mood).unwrap();
            self.switch.held.send_modify(|held| *held -= 1);
        }
        drop(mood);
        self.switch.check(Mood::FailSync)?;
        self.inner.sync_data()
    }
}

/// Copies a directory as a process that is killed leaves it. Its journal comes last, so that nothing acknowledged
/// before the copy began is missing, whatever the server writes meanwhile.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let entries = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|path| (path.ends_with("journal"), path.clone()));
    for path in entries {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
