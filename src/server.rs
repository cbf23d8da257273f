//! The server: opens the registry, takes in the folders, serves until told to stop, then drains.

mod accept;

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;

use self::accept::accept;
use crate::auth::{self, Authenticator};
use crate::edge::cors::{OriginError, Origins};
use crate::edge::{self, Edge, Gate};
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
    /// Who is let in, and to do what; none: everybody, to do everything.
    pub auth: Option<auth::Options>,
    /// What callers may have at once.
    pub limits: edge::Limits,
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
            auth: None,
            limits: edge::Limits::default(),
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
    /// API tokens cannot be read.
    #[error("API tokens cannot be read: {0}")]
    Tokens(#[from] auth::TokenError),
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

/// What whoever started the server is told on the way.
#[derive(Debug)]
pub enum News {
    /// A folder is being taken in.
    Seeding(seed::Source, seed::Progress),
    /// Calls are served.
    Ready(Box<Ready>),
    /// Something changed in a folder that is followed.
    Followed(seed::Source, seed::Report),
}

type Service = Web<Edge<Transport<Routes>>>;

/// Serves on a bound listener until `shutdown`, then drains: health says NOT_SERVING, watch streams are closed,
/// calls are finished, and after the grace time what is left is cut. `tell` hears when calls are served, and what
/// becomes of the folders.
#[tracing::instrument(skip_all)]
pub async fn run(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
    tell: impl Fn(News) + Clone + Send + Sync + 'static,
) -> Result<(), ServeError> {
    let origins = Origins::parse(&options.web_origins)?;
    let clock = Arc::clone(&options.registry.clock);
    let auth = options.auth.clone().map(|auth| Authenticator::new(auth, clock)).transpose()?.map(Arc::new);
    let registry_options = options.registry.clone();
    let (registry, opened) = tokio::task::spawn_blocking(move || Registry::open(registry_options)).await??;
    tokio::pin!(shutdown);
    let (folders, seeded) = tokio::select! {
        seeded = seed(&registry, &options, &tell) => seeded?,
        () = shutdown.as_mut() => {
            tracing::info!("stopped while the folders were taken in; the rest is taken in by the next start");
            registry.close().await;
            return Ok(());
        }
    };
    let Services { routes, mut health } = grpc::services(&registry).await?;
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    tracing::info!(%address, store_id = %registry.store_id(), revision = %registry.head(), "serving");
    let (stop_following, following) = watch::channel(false);
    let watching = move || {
        let followed = folders.into_iter().filter(seed::Folder::is_followed);
        followed.map(seed::Follower::new).collect()
    };
    let followers = tokio::task::spawn_blocking(watching).await?;
    tell(News::Ready(Box::new(Ready { address, registry: registry.clone(), opened, seeded })));
    let mut followers = follow(followers, &registry, &options, &following, &tell);

    let (stop_accepting, accepting) = watch::channel(false);
    let tell: edge::Tell = Arc::new(|_turned| {});
    let gate = Gate::new(auth.clone(), options.limits.clone(), tell);
    let mut watching = JoinSet::new();
    if let Some(auth) = auth {
        watching.spawn(async move { auth.run(|_changed| {}).await });
    }
    let service = Web::new(Edge::new(routes, gate, grpc::status::at_edge), origins, options.stall_limit);
    let connections = tokio::spawn(accept(listener, service, options.clone(), accepting));
    shutdown.await;

    tracing::info!("draining");
    stop_following.send_replace(true);
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
    // A file system that hangs must not keep the registry from closing.
    let followed = async { while followers.join_next().await.is_some() {} };
    if tokio::time::timeout_at(end, followed).await.is_err() {
        tracing::warn!("a folder is still being read; it is left");
    }
    registry.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Takes in all folders, one behind the other.
async fn seed(
    registry: &Registry,
    options: &Options,
    tell: &impl Fn(News),
) -> Result<(Vec<seed::Folder>, Vec<(seed::Source, seed::Report)>), ServeError> {
    let (mut folders, mut seeded) = (Vec::new(), Vec::new());
    for source in &options.sources {
        let mut folder = seed::Folder::new(source.clone(), &options.sources, options.seeding.clone());
        let report = folder.import(registry, |progress| tell(News::Seeding(source.clone(), progress))).await;
        let report = report.map_err(|error| ServeError::Seed { dir: source.dir.clone(), error })?;
        seeded.push((source.clone(), report));
        folders.push(folder);
    }
    Ok((folders, seeded))
}

/// Follows folders until told to stop.
fn follow(
    followers: Vec<seed::Follower>,
    registry: &Registry,
    options: &Options,
    stop: &watch::Receiver<bool>,
    tell: &(impl Fn(News) + Clone + Send + Sync + 'static),
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for follower in followers {
        let (registry, options, stop, tell) = (registry.clone(), options.clone(), stop.clone(), tell.clone());
        tasks.spawn(async move {
            let source = follower.source().clone();
            let tell = |source: &seed::Source, report| tell(News::Followed(source.clone(), report));
            let mut next = Some(follower);
            // A fault ends one folder's following for a moment, and nothing else.
            while let Some(follower) = next.take() {
                let mut stop = stop.clone();
                // A sender that is gone means the end too.
                let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
                let run = AssertUnwindSafe(follower.run(registry.clone(), stopped, &tell));
                if run.catch_unwind().await.is_err() {
                    tracing::error!(dir = %source.dir.display(), "following failed; it is begun anew");
                    tokio::time::sleep(options.seeding.doubt).await;
                    let (source, options) = (source.clone(), options.clone());
                    let anew = move || {
                        seed::Follower::new(seed::Folder::new(source, &options.sources, options.seeding))
                    };
                    next = tokio::task::spawn_blocking(anew).await.ok();
                }
            }
        });
    }
    tasks
}
