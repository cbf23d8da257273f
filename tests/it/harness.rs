//! The real server in this process: real sockets on a free port, real files in a directory of the test's own.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use persona_registry::domain::ManualClock;
use persona_registry::domain::Timestamp;
use persona_registry::registry::Registry;
use persona_registry::server::{self, News, Options, ServeError};
use persona_registry::wire::pb::admin_service_client::AdminServiceClient;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proxy::Port;

/// How long anything here may take before the test fails: generous, since a machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server and the directory it keeps.
pub struct Server {
    pub address: std::net::SocketAddr,
    pub registry: Registry,
    dir: Arc<tempfile::TempDir>,
    options: Options,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    /// A server with short durations and nothing in it.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server whose options the test changes first.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        Self::try_start_with(change).await.unwrap()
    }

    /// The same, where it may not start.
    pub async fn try_start_with(change: impl FnOnce(&mut Options)) -> Result<Self, ServeError> {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let mut options = Options::new(dir.path().join("data"));
        options.registry.tick = Duration::from_millis(20);
        options.registry.drain_spread = Duration::from_millis(200);
        options.registry.store.cache_bytes = 64 * 1024 * 1024;
        options.registry.journal.reserve_bytes = 256 * 1024;
        options.registry.min_free_bytes = 1024 * 1024;
        options.grace = Duration::from_secs(5);
        change(&mut options);
        let stopped = Stopped { dir, options };
        stopped.start().await
    }

    async fn run(stopped: Stopped, listener: TcpListener) -> Result<Self, ServeError> {
        let Stopped { dir, options } = stopped;
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel();
        let shutdown = async {
            // A dropped handle stops the server too.
            drop(stopped.await);
        };
        let ready = Arc::new(Mutex::new(Some(ready)));
        let tell = move |news: News| {
            if let News::Ready(told) = news
                && let Some(ready) = ready.lock().unwrap().take()
            {
                drop(ready.send((told.address, told.registry)));
            }
        };
        let task = tokio::spawn(server::run(listener, options.clone(), shutdown, tell));
        let Ok((address, registry)) = is_ready.await else {
            let failed = task.await.unwrap();
            return Err(failed.err().unwrap());
        };
        Ok(Self { address, registry, dir, options, stop: Some(stop), task })
    }

    /// Drains and stops; the directory stays for as long as the answer is held.
    pub async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        let Self { registry, dir, options, task, .. } = self;
        tokio::time::timeout(PATIENCE, task).await.expect("the server stops").unwrap().unwrap();
        drop(registry);
        Stopped { dir, options }
    }

    /// Stops, and starts again on what is there.
    pub async fn restart(self) -> Self {
        self.stop().await.start().await.unwrap()
    }

    /// Begins to stop, without waiting for it.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    pub fn data_dir(&self) -> PathBuf {
        self.options.registry.data_dir.clone()
    }

    /// A directory beside the data, the test's own.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub async fn client(&self) -> PersonaServiceClient<Channel> {
        PersonaServiceClient::new(self.channel().await)
            .max_decoding_message_size(8 * 1024 * 1024)
            .max_encoding_message_size(8 * 1024 * 1024)
    }

    pub async fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel().await)
    }
}

/// A server that was stopped, and its directory.
pub struct Stopped {
    dir: Arc<tempfile::TempDir>,
    pub options: Options,
}

impl Stopped {
    pub fn data_dir(&self) -> PathBuf {
        self.options.registry.data_dir.clone()
    }

    /// The same directory, for another try when a start fails.
    pub fn again(&self) -> Self {
        Self { dir: Arc::clone(&self.dir), options: self.options.clone() }
    }

    pub async fn start(self) -> Result<Server, ServeError> {
        Server::run(self, TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    /// Starts on a port that the test keeps, so that clients find the server again.
    pub async fn start_on(self, port: &Port) -> Result<Server, ServeError> {
        Server::run(self, port.listen()).await
    }
}

/// A clock for retention tests, somewhere in 2026.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_790_000_000_000_000)))
}

/// A storable document: name, and a body that tells versions apart.
pub fn document(name: &str, body: &str) -> Vec<u8> {
    format!("---\nname: {name}\ndescription: Use in tests.\n---\n# {name}\n\n{body}\n").into_bytes()
}

/// A put of such a document into `default`.
pub fn put(name: &str, body: &str) -> pb::PutPersonaRequest {
    pb::PutPersonaRequest { content: document(name, body).into(), ..Default::default() }
}

pub fn get(name: &str) -> pb::GetPersonaRequest {
    pb::GetPersonaRequest { name: name.to_owned(), ..Default::default() }
}

pub fn delete(name: &str) -> pb::DeletePersonaRequest {
    pb::DeletePersonaRequest { name: name.to_owned(), ..Default::default() }
}

/// The document that a persona in the FULL view holds.
pub fn bytes_of(persona: &pb::Persona) -> Vec<u8> {
    [persona.front_matter.as_bytes(), persona.body.as_bytes()].concat()
}

/// The reason of a failed call, after a check of everything that every status must have.
pub fn reason(status: &Status) -> ErrorReason {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo on {status:?}"));
    assert_eq!(info.domain, "persona.registry.v1");
    assert!(status.details().len() <= 4096, "the status has {} bytes", status.details().len());
    ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason))
        .unwrap_or_else(|| panic!("{} is no ErrorReason", info.reason))
}

/// A metadata value of a failed call's ErrorInfo.
pub fn metadata(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    info.metadata.get(key).cloned().unwrap_or_else(|| panic!("no {key} in {info:?}"))
}

/// Asserts code and reason of a failed call, and gives the status back.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, expected: ErrorReason) -> Status {
    let status = result.expect_err("the call should fail");
    assert_eq!((status.code(), reason(&status)), (code, expected), "{status:?}");
    status
}

/// What comes within patience; a test must not hang.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes within patience")
}
