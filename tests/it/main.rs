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

mod abuse;
mod abuse_bounds;
mod aliases;
mod as_of;
mod audit;
mod audit_chain;
mod audit_crash;
mod auth;
mod auth_commands;
mod auth_edges;
mod auth_streams;
mod backups;
mod batches;
mod calls;
mod certs;
mod ci_files;
mod cli;
mod client;
mod client_watch;
mod commands;
mod commands_apply;
mod commands_bench;
mod commands_files;
mod commands_filter;
mod commands_fix;
mod commands_history;
mod commands_serve;
mod commands_store;
mod commands_validate;
mod commands_watch;
mod config;
mod consistency;
mod corpus;
mod crash_book;
mod crash_content;
mod crash_full;
mod crash_kill;
mod crash_live;
mod crash_snapshot;
mod crash_view;
mod crowds;
mod disk_full;
mod documents;
mod drain;
mod edge;
mod errors;
mod faulty;
mod filters;
mod firing_rates;
mod fixes;
mod folders;
mod following;
mod figures;
mod figures_flames;
mod figures_judging;
mod figures_plots;
mod figures_scale;
mod figures_serving;
mod folder_deeds;
mod folder_model;
mod follow_moves;
mod harness;
mod history;
mod issuer;
mod journal;
mod journal_commits;
mod journal_damage;
mod journal_disk;
mod journal_power;
mod limits;
mod limits_of_writes;
mod links;
mod lsp;
mod lsp_editor;
mod lsp_wild;
mod model;
mod metrics;
mod model_alone;
mod model_calls;
mod model_many;
mod model_papers;
mod model_reads;
mod listing;
mod neighbours;
mod power_cut;
mod program;
mod promises;
mod proxy;
mod purging;
mod raw;
mod ready;
mod reads;
mod recorder;
mod rendering;
mod retries;
mod revisions;
mod rule_files;
mod rule_pages;
mod rules;
mod sarif;
mod seeding;
mod services;
mod soak_folder;
mod stall;
mod stream_aliases;
mod stream_check;
mod stream_runs;
mod svg;
mod svg_flame;
mod tidy;
mod tls;
mod tls_age;
mod tls_client;
mod tls_foreign;
mod tls_reload;
mod tls_serve;
mod verdicts;
mod watch;
mod watch_modes;
mod watch_progress;
mod watch_random;
mod watch_resume;
mod waivers;
mod web;
mod web_bounds;
mod web_client;
mod web_origins;
mod writes;
