//! The server: opens the registry, takes in the folders, serves until told to stop, then drains.

mod accept;
mod coalesce;
mod drive;
mod error;
mod exposure;
mod meter;
mod pages;
pub mod tls;

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
pub use self::error::ServeError;
pub use self::exposure::{Exposed, may_listen};
use self::pages::{bind, tell_pages};
use crate::auth::{self, Authenticator};
use crate::domain::{Access, Caller, Principal};
use crate::edge::cors::Origins;
use crate::edge::{self, Edge, Gate, Turned};
use crate::grpc::{self, Encoded, Services, Transport, Web};
use crate::metrics::Calls;
use crate::registry::{self, AuditEvent, OpenReport, Registry};
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
    /// Digest of the settings that it is started with, for the audit log; none: it is not known.
    pub settings: Option<crate::domain::Digest>,
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
    /// How much of a core a connection may cost each second with frames and calls that serve nobody; when it costs more
    /// it is read more slowly. Default 100 ms.
    pub vain_each_second: Duration,
    /// How often a silent connection is asked whether it lives. Default 20 s.
    pub keepalive: Duration,
    /// How long a new connection may take to say which protocol it speaks, and one of HTTP/1.1 for the head of each
    /// request. Default 10 s.
    pub first_bytes: Duration,
    /// Where metrics are told over plain HTTP; none: nowhere. Default: none.
    pub metrics: Option<SocketAddr>,
    /// TLS; none: connections are plain.
    pub tls: Option<tls::Options>,
    /// Listen where other machines reach it though it is plain. Default: no.
    pub insecure: bool,
    /// After how long the client of a connection is asked to make a new one, more or less by a tenth; calls that run end
    /// by themselves. None: never. Default 1 h.
    pub connection_age: Option<Duration>,
    /// How much longer calls on such a connection may run before it is cut. Default: none, they are left.
    pub connection_age_grace: Option<Duration>,
}

impl Options {
    /// The production defaults, with the store in this directory.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            registry: registry::Options::new(data_dir),
            sources: Vec::new(),
            seeding: seed::Options::default(),
            settings: None,
            auth: None,
            limits: edge::Limits::default(),
            web_origins: Vec::new(),
            grace: Duration::from_secs(30),
            stall_limit: Duration::from_secs(60),
            connections: 16_384,
            streams_per_connection: 1024,
            send_buffer_bytes: 64 * 1024,
            vain_each_second: Duration::from_millis(100),
            keepalive: Duration::from_secs(20),
            first_bytes: Duration::from_secs(10),
            metrics: None,
            tls: None,
            insecure: false,
            connection_age: Some(Duration::from_secs(60 * 60)),
            connection_age_grace: None,
        }
    }
}

/// What there is to tell once calls are served.
#[derive(Debug)]
pub struct Ready {
    /// Where calls are served.
    pub address: SocketAddr,
    /// Where metrics are told, if anywhere.
    pub metrics: Option<SocketAddr>,
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

type Service = Web<Edge<Encoded<Transport<Routes>>>>;

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
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    may_listen(address, &options).map_err(ServeError::Exposed)?;
    let pages = match options.metrics {
        Some(address) => Some(bind(address, &options).await?),
        None => None,
    };
    // Ends with this function, as what it holds.
    let mut reloading = JoinSet::new();
    let tls = match options.tls.clone() {
        Some(files) => {
            let clock = Arc::clone(&options.registry.clock);
            Some(tls::Acceptor::start(files, clock, &mut reloading).await?)
        }
        None => None,
    };
    let origins = Origins::parse(&options.web_origins)?;
    let clock = Arc::clone(&options.registry.clock);
    let auth = options.auth.clone().map(|auth| Authenticator::new(auth, clock)).transpose()?.map(Arc::new);
    let registry_options = options.registry.clone();
    let (registry, opened) = tokio::task::spawn_blocking(move || Registry::open(registry_options)).await??;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    registry.audit(AuditEvent::Start { version, settings: options.settings });
    tokio::pin!(shutdown);
    let (folders, seeded) = tokio::select! {
        seeded = seed(&registry, &options, &tell) => seeded?,
        () = shutdown.as_mut() => {
            tracing::info!("stopped while the folders were taken in; the rest is taken in by the next start");
            registry.audit(AuditEvent::Stop);
            registry.close().await;
            return Ok(());
        }
    };
    let Services { routes, mut health, caches } = grpc::services(&registry).await?;
    if options.insecure && !address.ip().to_canonical().is_loopback() && tls.is_none() {
        tracing::warn!(%address, "other machines reach this server without TLS, as --insecure says");
    }
    if auth.is_none() && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(%address, "whoever reaches this server may do everything: callers are told apart with --auth");
    }
    tracing::info!(%address, tls = tls.is_some(), store_id = %registry.store_id(), revision = %registry.head(), "serving");
    let (stop_following, following) = watch::channel(false);
    let watching = move || {
        let followed = folders.into_iter().filter(seed::Folder::is_followed);
        followed.map(seed::Follower::new).collect()
    };
    let followers = tokio::task::spawn_blocking(watching).await?;
    let metrics = pages.as_ref().and_then(|pages| pages.local_addr().ok());
    tell(News::Ready(Box::new(Ready { address, metrics, registry: registry.clone(), opened, seeded })));
    let mut followers = follow(followers, &registry, &options, &following, &tell);

    let (stop_accepting, accepting) = watch::channel(false);
    let gate = Gate::new(auth.clone(), options.limits.clone(), on_record(&registry));
    let mut watching = JoinSet::new();
    if let Some(auth) = auth {
        let registry = registry.clone();
        watching.spawn(async move { auth.run(|changed| registry.audit(reloaded(changed))).await });
    }
    let calls = Arc::new(Calls::new(grpc::paths()));
    // Ends with this function: whoever asks how a drain goes is answered.
    let mut telling = JoinSet::new();
    if let Some(pages) = pages {
        telling.spawn(tell_pages(
            pages,
            registry.clone(),
            Arc::clone(&calls),
            options.registry.metrics.clone(),
            caches,
        ));
    }
    let service =
        Web::new(Edge::new(routes, gate, grpc::status::at_edge, calls), origins, options.stall_limit);
    let connections = tokio::spawn(accept(listener, service, tls, options.clone(), accepting));
    shutdown.await;

    tracing::info!("draining");
    registry.audit(AuditEvent::Stop);
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

/// Puts calls that are not let in on record.
fn on_record(registry: &Registry) -> edge::Tell {
    let registry = registry.clone();
    Arc::new(move |turned: &Turned| {
        let Turned { path, call_id, principal, peer, failure, credential } = turned;
        let principal = principal.clone().unwrap_or_else(Principal::anonymous);
        let caller =
            Caller { principal, call_id: Arc::clone(call_id), access: Access::Granted(Arc::default()) };
        let method = path.rsplit('/').next().unwrap_or_default().to_owned();
        let reason = grpc::status::reason_at_edge(failure).to_owned();
        let (namespace, name, peer, detail) = (String::new(), String::new(), *peer, credential.clone());
        registry.audit(AuditEvent::Refused { caller, method, reason, namespace, name, peer, detail });
    })
}

/// What is put on record of a change while the server runs.
fn reloaded(changed: auth::Changed) -> AuditEvent {
    let (what, detail, (before, after)) = match changed {
        auth::Changed::Policy(digests) => ("policy", "who is granted what has changed", digests),
        auth::Changed::Tokens(digests) => ("tokens", "API tokens were made or revoked", digests),
    };
    let caller = Caller::internal("server", "reload");
    let (before, after) = (Some(before), Some(after));
    AuditEvent::Config { caller, what: what.to_owned(), detail: detail.to_owned(), before, after }
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
