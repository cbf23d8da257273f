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
mod crash_book;
mod crash_content;
mod crash_full;
mod crash_kill;
mod crash_live;
mod crash_view;
mod disk_full;
mod documents;
mod harness;
mod journal;
mod journal_damage;
mod journal_disk;
mod power_cut;
mod revisions;
mod rules;
