//! The JSON that machines read: stable, snake_case, and our own, so that the wire may grow beside it.
//!
//! `docs/cli.md` lists the fields. Fields are added, never renamed or removed; 64-bit numbers are JSON numbers.

mod applied;
mod audit;
mod bench;
mod certs;
mod event;
mod history;
mod judged;
mod moves;
mod persona;
mod refused;
mod registry;
mod store;
mod write;

pub(super) use applied::{Applied, Exported};
pub(super) use audit::{ACTIONS, Audited, word};
pub(super) use bench::{Bar, Bench, BenchError, Latency, per_second, thousandth};
pub(super) use certs::{DevCerts, DevClient};
pub(super) use event::Event;
pub(super) use history::{Alias, Namespace, Version};
pub(super) use judged::{Fired, Judged, Stats, Validated};
pub(super) use moves::{AliasDeleted, AliasSet, Compacted, Difference, Promoted, Purged, Restored};
pub(super) use persona::{Brief, Whole, moment};
pub(super) use refused::{Finding, Refused};
pub(super) use registry::{Folder, Registry};
pub(super) use store::{Backup, CheckedAudit, CheckedStore, CompactedStore, Damage, RestoredStore};
pub(super) use write::{Deleted, Put};
