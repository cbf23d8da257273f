//! A disk in memory that remembers every write, sync and directory change, and fails on demand.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use persona_registry::domain::Sequence;
use persona_registry::journal::{File, Known, LocalJournal, OpenError, Opened, Options, Storage};

use crate::journal_power::{Length, Power, put};

/// Files by name, as a disk holds them.
pub type Image = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Clone)]
pub enum Op {
    Create(String, usize),
    Remove(String),
    SyncDir,
    Write(usize, u64, Vec<u8>),
    Sync(usize),
    /// Commits up to this one are about to be written.
    Issued(u64),
    /// Commits up to this one must survive from here on.
    Safe(u64),
}

/// What goes wrong, and when.
#[derive(Debug, Default, Clone)]
pub struct Faults {
    /// Bytes that the disk holds.
    pub capacity: Option<usize>,
    /// This data sync fails, counted from 1, and all later ones.
    pub fail_sync: Option<usize>,
    /// This write fails with an I/O error, counted from 1.
    pub fail_write: Option<usize>,
    /// A write takes at most so many bytes.
    pub short_writes: Option<usize>,
    /// Data syncs say yes and do nothing.
    pub lying_sync: bool,
    /// Directory syncs say yes and do nothing.
    pub lying_dir_sync: bool,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    log: Vec<Op>,
    faults: Faults,
    syncs: usize,
    writes: usize,
}

impl State {
    fn used(&self) -> usize {
        self.names.values().map(|id| self.files[*id].len()).sum()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// A disk that holds this, durably.
    pub fn of(image: &Image) -> Self {
        let disk = Self::default();
        for (name, bytes) in image {
            let file = disk.create(name).unwrap();
            file.write_at(bytes, 0).unwrap();
            file.sync_data().unwrap();
        }
        disk.sync_dir().unwrap();
        disk.0.lock().unwrap().syncs = 0;
        disk.0.lock().unwrap().writes = 0;
        disk
    }

    pub fn with(faults: Faults) -> Self {
        let disk = Self::default();
        disk.fault(|own| *own = faults);
        disk
    }

    pub fn fault(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.0.lock().unwrap().faults);
    }

    pub fn note(&self, op: Op) {
        self.0.lock().unwrap().log.push(op);
    }

    pub fn log(&self) -> Vec<Op> {
        self.0.lock().unwrap().log.clone()
    }

    pub fn syncs(&self) -> usize {
        self.0.lock().unwrap().syncs
    }

    pub fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    /// What a process sees: everything written, synced or not.
    pub fn live(&self) -> Image {
        let state = self.0.lock().unwrap();
        state.names.iter().map(|(name, id)| (name.clone(), state.files[*id].clone())).collect()
    }

    /// Lets processes see these bytes though the disk never gets them: pages whose sync failed.
    pub fn cache(&self, image: &Image) {
        let mut state = self.0.lock().unwrap();
        for (name, bytes) in image {
            let id = state.names[name];
            state.files[id].clone_from(bytes);
        }
    }

    /// What is left when nothing unsynced is.
    pub fn durable(&self) -> Image {
        let mut power = Power::default();
        self.log().into_iter().for_each(|op| power.step(op));
        power.image(&mut |_| false, &mut |_| false, Length::Durable)
    }

    pub fn open(&self, known: u64, options: &Options) -> Result<Opened, OpenError> {
        let known = Known { store_id: None, sequence: Sequence(known) };
        LocalJournal::open(Arc::new(self.clone()), known, options.clone())
    }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let state = self.0.lock().unwrap();
        let id = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Handle(self.clone(), id)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut state = self.0.lock().unwrap();
        let id = state.files.len();
        state.files.push(Vec::new());
        state.names.insert(name.to_owned(), id);
        state.log.push(Op::Create(name.to_owned(), id));
        Ok(Box::new(Handle(self.clone(), id)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.log.push(Op::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if !state.faults.lying_dir_sync {
            state.log.push(Op::SyncDir);
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/disk").join(name)
    }
}

#[derive(Debug)]
struct Handle(Disk, usize);

impl File for Handle {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().unwrap().files[self.1].len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.0.0.lock().unwrap();
        let rest = state.files[self.1].get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.0.0.lock().unwrap();
        state.writes += 1;
        if state.faults.fail_write == Some(state.writes) {
            return Err(io::Error::other("injected write failure"));
        }
        let mut length = bytes.len().min(state.faults.short_writes.unwrap_or(usize::MAX));
        let have = state.files[self.1].len();
        if let Some(capacity) = state.faults.capacity {
            let room = (have + capacity.saturating_sub(state.used())).saturating_sub(offset as usize);
            if room == 0 && length > 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            length = length.min(room);
        }
        let bytes = &bytes[..length];
        put(&mut state.files[self.1], offset as usize, bytes);
        state.log.push(Op::Write(self.1, offset, bytes.to_vec()));
        Ok(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.syncs += 1;
        if state.faults.fail_sync.is_some_and(|at| state.syncs >= at) {
            return Err(io::Error::other("injected sync failure"));
        }
        if !state.faults.lying_sync {
            state.log.push(Op::Sync(self.1));
        }
        Ok(())
    }
}
