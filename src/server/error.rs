//! Why a server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::exposure::Exposed;
use super::tls;
use crate::auth;
use crate::edge::cors::OriginError;
use crate::registry::{self, OpenError};

/// Why the server does not start, or stopped without being told.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// API tokens cannot be read.
    #[error("API tokens cannot be read: {0}")]
    Tokens(#[from] auth::TokenError),
    /// What was given as an origin of web pages is none.
    #[error("pages cannot be allowed: {0}")]
    Origin(#[from] OriginError),
    /// What it is to listen on is not secure.
    #[error("{0}; {help}", help = Exposed::HELP)]
    Exposed(Exposed),
    /// The files of TLS are of no use.
    #[error("TLS cannot be turned on: {0}")]
    Tls(tls::TlsError),
    /// The registry does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A task that must not fail did.
    #[error("starting failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// A folder could not be taken in at all.
    #[error("the folder {dir} could not be taken in: {error}")]
    Seed {
        /// The folder.
        dir: PathBuf,
        /// Why.
        error: registry::Error,
    },
    /// Reflection cannot be built; a fault of the build.
    #[error("reflection cannot be built: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// There is no listening for metrics.
    #[error("metrics cannot be told on {address}: {error}; choose another --metrics-listen")]
    Metrics {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The listener is of no use.
    #[error("the listener is of no use: {0}")]
    Listener(std::io::Error),
}
