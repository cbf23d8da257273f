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
mod client_watch;
mod commands;
mod commands_serve;
mod commands_watch;
mod corpus;
mod disk_full;
mod documents;
mod harness;
mod journal;
mod journal_commits;
mod journal_damage;
mod journal_disk;
mod journal_power;
mod links;
mod power_cut;
mod program;
mod promises;
mod proxy;
mod rendering;
mod revisions;
mod rules;
mod tidy;
