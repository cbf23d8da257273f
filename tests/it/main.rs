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

mod calls;
mod cli;
mod client;
mod commands;
mod consistency;
mod corpus;
mod disk_full;
mod documents;
mod errors;
mod faulty;
mod figures;
mod harness;
mod journal;
mod journal_commits;
mod journal_damage;
mod journal_disk;
mod journal_power;
mod limits;
mod listing;
mod power_cut;
mod promises;
mod raw;
mod reads;
mod rendering;
mod retries;
mod revisions;
mod rules;
mod stub;
mod tidy;
mod verdicts;
mod writes;
