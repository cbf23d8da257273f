//! The integration tests: the promises of the contract, each named after its number, against the real thing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "tests may"
)]

mod cli;
mod client;
mod corpus;
mod disk_full;
mod documents;
mod drain;
mod edge;
mod harness;
mod history;
mod journal;
mod journal_damage;
mod journal_disk;
mod power_cut;
mod recorder;
mod revisions;
mod rules;
mod services;
mod stall;
mod watch;
mod watch_modes;
mod watch_progress;
mod watch_random;
mod watch_resume;
