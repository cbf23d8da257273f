//! The persona registry: personas (Markdown with YAML front matter) validated, versioned, stored durably,
//! served over gRPC and streamed to whoever follows them.
//!
//! Modules stand in layer order; each may use those above it. `docs/architecture.md` draws the house.

pub mod disk;
pub mod domain;
pub mod metrics;
pub mod audit;
pub mod filter;
pub mod diagnostic;
pub mod document;
pub mod validate;
pub mod record;
pub mod journal;
pub mod store;
pub mod registry;
pub mod seed;
pub mod lsp;
pub mod wire;
pub mod auth;
pub mod edge;
pub mod grpc;
pub mod http;
pub mod client;
pub mod server;
pub mod config;
pub mod cli;
