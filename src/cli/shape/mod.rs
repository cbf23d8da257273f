//! The JSON that machines read: stable, snake_case, and our own, so that the wire may grow beside it.
//!
//! `docs/cli.md` lists the fields. Fields are added, never renamed or removed; 64-bit numbers are JSON numbers.

mod event;
mod persona;
mod refused;
mod registry;
mod store;
mod write;

pub(super) use event::Event;
pub(super) use persona::{Brief, Whole, moment};
pub(super) use refused::Refused;
pub(super) use registry::{Folder, Registry};
pub(super) use store::{Backup, Checked, Compacted, Finding, Restored};
pub(super) use write::{Deleted, Put};
