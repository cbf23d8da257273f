//! The server: opens the registry, takes in the folders, serves until told to stop, then drains.

mod accept;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;

use self::accept::accept;
use crate::edge::Edge;
use crate::edge::cors::{OriginError, Origins};
use crate::grpc::{self, Services, Transport, Web};
use crate::registry::{self, OpenError, OpenReport, Registry};
use crate::seed;

/// What the server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the registry behaves.
    pub registry: registry::Options,
    /// Folders taken in at the start.
    pub sources: Vec<seed::Source>,
    /// How they are taken in.
    pub seeding: seed::Options,
    /// Origins whose pages may call from a browser, such as `https://example.com`; `*`: any. Default: none.
    pub web_origins: Vec<String>,
    /// How long a drain may take before what is left is cut. Default 30 s.
    pub grace: Duration,
    /// How long data may wait for a reader before its stream is reset, or over HTTP/1.1 its connection ended; and how
    /// long the body of a gRPC-Web request may stand still. Default 60 s.
    pub stall_limit: Duration,
    /// Connections at once; further ones wait to be accepted. Default 16384.
    pub connections: usize,
    /// Calls at once on one connection. Default 1024.
    pub streams_per_connection: u32,
    /// Bytes that one stream, or one connection of HTTP/1.1, may hold unsent. Default 64 KiB.
    pub send_buffer_bytes: usize,
    /// How often a silent connection is asked whether it lives. Default 20 s.
    pub keepalive: Duration,
    /// How long a new connection may take to say which protocol it speaks, and one of HTTP/1.1 for the head of each
    /// request. Default 10 s.
    pub first_bytes: Duration,
}

impl Options {
    /// The production defaults, with the store in this directory.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            registry: registry::Options::new(data_dir),
            sources: Vec::new(),
            seeding: seed::Options::default(),
            web_origins: Vec::new(),
            grace: Duration::from_secs(30),
            stall_limit: Duration::from_secs(60),
            connections: 16_384,
            streams_per_connection: 1024,
            send_buffer_bytes: 64 * 1024,
            keepalive: Duration::from_secs(20),
            first_bytes: Duration::from_secs(10),
        }
    }
}

/// Why the server does not start, or stopped without being told.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What was given as an origin of web pages is none.
    #[error("pages cannot be allowed: {0}")]
    Origin(#[from] OriginError),
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
    /// The listener is of no use.
    #[error("the listener is of no use: {0}")]
    Listener(std::io::Error),
}

/// What there is to tell once calls are served.
#[derive(Debug)]
pub struct Ready {
    /// Where calls are served.
    pub address: SocketAddr,
    /// The registry, for whoever embeds the server.
    pub registry: Registry,
    /// What opening took.
    pub opened: OpenReport,
    /// What became of the folders.
    pub seeded: Vec<(seed::Source, seed::Report)>,
}

type Service = Web<Edge<Transport<Routes>>>;

/// Serves on a bound listener until `shutdown`, then drains: health says NOT_SERVING, watch streams are closed,
/// calls are finished, and after the grace time what is left is cut. `ready` is told once calls are served.
#[tracing::instrument(skip_all)]
pub async fn run(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
    ready: impl FnOnce(Ready),
) -> Result<(), ServeError> {
    let origins = Origins::parse(&options.web_origins)?;
    let registry_options = options.registry.clone();
    let (registry, opened) = tokio::task::spawn_blocking(move || Registry::open(registry_options)).await??;
    let mut seeded = Vec::new();
    for source in &options.sources {
        let report = seed::import(&registry, source, options.seeding.on_conflict).await;
        let report = report.map_err(|error| ServeError::Seed { dir: source.dir.clone(), error })?;
        seeded.push((source.clone(), report));
    }
    let Services { routes, mut health } = grpc::services(&registry).await?;
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    tracing::info!(%address, store_id = %registry.store_id(), revision = %registry.head(), "serving");
    ready(Ready { address, registry: registry.clone(), opened, seeded });

    let (stop_accepting, accepting) = watch::channel(false);
    let service = Web::new(Edge::new(routes, grpc::status::at_edge), origins, options.stall_limit);
    let connections = tokio::spawn(accept(listener, service, options.clone(), accepting));
    shutdown.await;

    tracing::info!("draining");
    let end = tokio::time::Instant::now() + options.grace;
    grpc::set_not_serving(&health).await;
    registry.drain();
    // Streams end each after a moment of its own; there is nothing to wait for once they have.
    let spread_end = end.min(tokio::time::Instant::now() + options.registry.drain_spread);
    while registry.status().watches > 0 && tokio::time::Instant::now() < spread_end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop_accepting.send_replace(true);
    grpc::end_health_watches(&mut health).await;
    let mut connections = connections.await?;
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout_at(end, finished).await.is_err() {
        tracing::warn!(left = connections.len(), "the grace time is over; what is left is cut");
        connections.shutdown().await;
    }
    registry.close().await;
    tracing::info!("stopped");
    Ok(())
}
