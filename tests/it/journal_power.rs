//! What a disk may hold after the power went: the durable bytes, and of everything else any part.

use std::collections::BTreeMap;

use crate::journal_disk::{Image, Op};

const SECTOR: usize = 512;

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

pub fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        // Quicker than `resize` where nothing is optimised.
        file.append(&mut vec![0; end - file.len()]);
    }
    file[offset..end].copy_from_slice(bytes);
}
