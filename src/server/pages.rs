//! The port that metrics are told on, in the clear.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Options, ServeError, may_listen};
use crate::http;
use crate::metrics::{Calls, Writes};
use crate::registry::{Caches, Registry};

/// Listens for whoever asks.
pub(super) async fn bind(address: SocketAddr, options: &Options) -> Result<TcpListener, ServeError> {
    let plain = Options { tls: None, ..options.clone() };
    may_listen(address, &plain).map_err(ServeError::Exposed)?;
    TcpListener::bind(address).await.map_err(|error| ServeError::Metrics { address, error })
}

/// Answers until it is dropped.
pub(super) async fn tell_pages(
    listener: TcpListener,
    registry: Registry,
    calls: Arc<Calls>,
    writes: Writes,
    caches: Caches,
) {
    if let Err(error) = axum::serve(listener, http::pages(&registry, calls, &writes, caches)).await {
        tracing::error!(%error, "metrics are told no more");
    }
}
