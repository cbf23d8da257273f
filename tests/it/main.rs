//! The one integration test binary: a module a feature.
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

mod disk_full;
mod journal;
mod journal_commits;
mod journal_damage;
mod journal_disk;
mod journal_power;
mod power_cut;
