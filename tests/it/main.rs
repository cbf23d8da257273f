//! One binary of integration tests, a module a feature.
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
mod commands;
mod corpus;
mod documents;
mod rules;
mod stub;
