//! A disk in memory that remembers every write, sync and directory change, can fail on demand, and can say
//! what each loss of power might leave of it. Also the commits that the journal's tests write.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use persona_registry::domain::{
    Change, Commit, Derived, Dialect, Digest, Namespace, Origin, Persona, Principal, Revision, Sequence,
    Timestamp, Version,
};
use persona_registry::journal::{Durability, File, Journal, Known, LocalJournal, Opened, Options, Storage};

pub const SECTOR: usize = 512;

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

    pub fn open(
        &self,
        known: u64,
        options: &Options,
    ) -> Result<Opened, persona_registry::journal::OpenError> {
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

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

/// How long a file is whose growth was not synced.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    Durable,
    Live,
    /// This many 256ths of the way from the one to the other.
    Between(u8),
}

/// What is durable at a moment, and what is not yet.
#[derive(Debug, Default, Clone)]
pub struct Power {
    files: Vec<Vec<u8>>,
    pending: Vec<(usize, usize, Vec<u8>)>,
    names: BTreeMap<String, usize>,
    pending_names: Vec<Op>,
    pub issued: u64,
    pub safe: u64,
}

impl Power {
    /// Goes on by one recorded operation.
    pub fn step(&mut self, op: Op) {
        match op {
            Op::Create(_, id) => {
                assert_eq!(self.files.len(), id);
                self.files.push(Vec::new());
                self.pending_names.push(op);
            }
            Op::Remove(_) => self.pending_names.push(op),
            Op::SyncDir => {
                for op in std::mem::take(&mut self.pending_names) {
                    rename(&mut self.names, &op);
                }
            }
            Op::Write(id, offset, bytes) => self.pending.push((id, offset as usize, bytes)),
            Op::Sync(synced) => {
                for (id, offset, bytes) in std::mem::take(&mut self.pending) {
                    if id == synced {
                        put(&mut self.files[id], offset, &bytes);
                    } else {
                        self.pending.push((id, offset, bytes));
                    }
                }
            }
            Op::Issued(through) => self.issued = through,
            Op::Safe(through) => self.safe = through,
        }
    }

    /// How many sector writes and how many directory changes are not durable.
    pub fn open_choices(&self) -> (usize, usize) {
        (
            self.pending.iter().map(|(_, offset, bytes)| sectors(*offset, bytes).count()).sum(),
            self.pending_names.len(),
        )
    }

    /// What the disk holds when of the pending sector writes and directory changes, numbered in order, just
    /// those arrived that are kept. A sector arrives whole or not at all.
    pub fn image(
        &self,
        keep: &mut dyn FnMut(usize) -> bool,
        keep_name: &mut dyn FnMut(usize) -> bool,
        length: Length,
    ) -> Image {
        let (mut kept, mut cached) = (self.files.clone(), self.files.clone());
        let mut number = 0;
        for (id, offset, bytes) in &self.pending {
            put(&mut cached[*id], *offset, bytes);
            for sector in sectors(*offset, bytes) {
                if keep(number) {
                    let from = sector * SECTOR;
                    let to = (from + SECTOR).min(cached[*id].len());
                    put(&mut kept[*id], from, &cached[*id][from..to]);
                }
                number += 1;
            }
        }
        for ((kept, cached), durable) in kept.iter_mut().zip(&cached).zip(&self.files) {
            let grown = cached.len() - durable.len();
            kept.resize(
                match length {
                    Length::Durable => durable.len(),
                    Length::Live => cached.len(),
                    Length::Between(part) => durable.len() + grown * usize::from(part) / 256,
                },
                0,
            );
        }
        let mut names = self.names.clone();
        for (number, op) in self.pending_names.iter().enumerate() {
            if keep_name(number) {
                rename(&mut names, op);
            }
        }
        names.into_iter().map(|(name, id)| (name, kept[id].clone())).collect()
    }
}

fn sectors(offset: usize, bytes: &[u8]) -> std::ops::Range<usize> {
    offset / SECTOR..(offset + bytes.len()).div_ceil(SECTOR)
}

fn rename(names: &mut BTreeMap<String, usize>, op: &Op) {
    match op {
        Op::Create(name, id) => drop(names.insert(name.clone(), *id)),
        Op::Remove(name) => drop(names.remove(name)),
        _ => unreachable!("no directory change"),
    }
}

/// A small generator of numbers; the seed is printed where one is used.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }
}

/// Small segments, so that a short run rotates often.
pub fn small() -> Options {
    Options { durability: Durability::Strict, segment_bytes: 24 * 1024, reserve_bytes: 8 * 1024 }
}

/// The commit with this sequence that puts a document of this many bytes.
pub fn commit(sequence: u64, size: usize) -> Commit {
    let mut dice = Dice(sequence);
    let content: Vec<u8> = (0..size).map(|_| b'a' + dice.below(26) as u8).collect();
    commit_of(sequence, Bytes::from(content))
}

pub fn commit_of(sequence: u64, content: Bytes) -> Commit {
    let persona = Persona {
        namespace: Namespace::default(),
        name: format!("persona-{}", sequence % 5).parse().unwrap(),
        version: Version(sequence),
        revision: Revision(sequence * 3),
        size: content.len() as u32,
        digest: Digest::of(&content),
        create_time: Timestamp(sequence as i64),
        actor: Principal::anonymous(),
        message: String::new(),
        origin: Origin::Api,
        derived: Derived {
            display_name: "Persona".to_owned(),
            description: String::new(),
            tag: None,
            dialect: Dialect::Markdown,
            labels: BTreeMap::new(),
            model: None,
            tools: Vec::new(),
            front_matter: Vec::new(),
            outline: Vec::new(),
            interaction: None,
            body_offset: 0,
            token_estimate: 1,
        },
        content,
    };
    Commit {
        sequence: Sequence(sequence),
        revision: Revision(sequence * 3),
        time: Timestamp(sequence as i64),
        principal: Principal::anonymous(),
        call_id: "call".into(),
        changes: vec![Change::Put { created: false, persona: Arc::new(persona) }],
        requests: Vec::new(),
        bases: Vec::new(),
    }
}

/// Everything that the journal holds after `after`.
pub fn replayed(
    journal: &dyn Journal,
    after: u64,
) -> Result<Vec<Commit>, persona_registry::journal::ReplayError> {
    let mut commits = Vec::new();
    journal.replay(Sequence(after), &mut |commit| {
        commits.push(commit);
        Ok(())
    })?;
    Ok(commits)
}
