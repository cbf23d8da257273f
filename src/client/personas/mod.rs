//! Personas kept in memory by one stream, for services: read without a call, also while the registry is away.
//!
//! `docs/clients.md` is the manual that this client shares with those in other languages.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use persona_registry::client::personas::{Options, Personas};
//!
//! let options = Options { namespace: "payments".to_owned(), ..Options::default() };
//! let personas = Personas::new("https://personas.example.com:50051", options)?;
//! let persona = personas.get_or("backend_developer", "You are a backend developer.").await?;
//! println!("version {} ({}): {}", persona.version(), persona.source(), persona.body());
//! # Ok(())
//! # }
//! ```

mod calls;
mod changes;
mod disk;
mod follow;
mod held;
mod options;
mod view;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use self::calls::Pick;
pub use self::changes::{Change, ChangeType, Changes};
pub use self::held::{Held, Pin, Source};
pub use self::options::{InvalidOption, Options, Part};
pub use self::view::{State, Status};

use self::changes::Hub;
use self::options::Checked;
use self::view::View;
use super::{Client, ClientError};

/// The personas of one selection, kept in memory. Cheap to clone; clones share all. When the last one goes, the stream ends.
#[derive(Debug, Clone)]
pub struct Personas {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

/// What the handles and the tasks share.
#[derive(Debug)]
struct Shared {
    client: Client,
    checked: Arc<Checked>,
    view: watch::Sender<View>,
    hub: Mutex<Hub>,
    closing: watch::Sender<bool>,
    runtime: Handle,
    started: OnceLock<Instant>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Ends the tasks when the last handle goes.
#[derive(Debug)]
struct Alive(watch::Sender<bool>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// How long [`Personas::close`] waits for the last writing to disk.
const LAST_WRITE: Duration = Duration::from_secs(1);

impl Personas {
    /// A client of the registry at `https://HOST:PORT` or `http://HOST:PORT`. Nothing is connected: the first use does that.
    ///
    /// # Errors
    /// An option that is wrong; or there is no tokio runtime here.
    pub fn new(target: &str, options: Options) -> Result<Self, InvalidOption> {
        let runtime = Handle::try_current()
            .map_err(|_| InvalidOption::new("runtime", "a client is made within a tokio runtime"))?;
        let checked = Checked::new(target, options)?;
        let client = Client::lazy(&checked.server, checked.network())
            .map_err(|error| InvalidOption::new("certificates", error.to_string()))?;
        let closing = watch::Sender::new(false);
        let alive = Arc::new(Alive(closing.clone()));
        let shared = Shared {
            client,
            checked: Arc::new(checked),
            view: watch::Sender::new(View::default()),
            hub: Mutex::new(Hub::default()),
            closing,
            runtime,
            started: OnceLock::new(),
            tasks: Mutex::new(Vec::new()),
        };
        Ok(Self { shared: Arc::new(shared), _alive: alive })
    }

    /// A persona, from memory. Only the very first call waits: until the stream has caught up, or with a copy on disk until
    /// the first attempt failed, and at most [`Options::first_sync_timeout`].
    ///
    /// # Errors
    /// [`ClientError::Missing`] where there is no such persona; where nothing was ever received, what keeps the stream from
    /// standing.
    pub async fn get(&self, name: &str) -> Result<Held, ClientError> {
        self.settle().await;
        self.shared.view.borrow().find(&self.shared.checked, name, None)
    }

    /// A persona, from memory; where nothing was ever received, this text.
    ///
    /// # Errors
    /// [`ClientError::Missing`] where there is no such persona: what was deleted does not come back by a fallback.
    pub async fn get_or(&self, name: &str, fallback: &str) -> Result<Held, ClientError> {
        self.settle().await;
        self.shared.view.borrow().find(&self.shared.checked, name, Some(fallback))
    }

    /// What is held as it is now, which answers the same for as long as it is kept. Waits as [`Personas::get`] does.
    pub async fn pin(&self) -> Pin {
        self.settle().await;
        Pin::new(self.shared.checked.clone(), self.shared.view.borrow().frozen())
    }

    /// The names of what is held, sorted bytewise. Waits as [`Personas::get`] does.
    pub async fn names(&self) -> Vec<String> {
        self.settle().await;
        self.shared.view.borrow().names()
    }

    /// Waits until all is LIVE.
    ///
    /// # Errors
    /// What keeps the stream from standing, once the time is over.
    pub async fn ready(&self, timeout: Duration) -> Result<(), ClientError> {
        self.start();
        let (mut view, mut closing) = (self.shared.view.subscribe(), self.shared.closing.subscribe());
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Err(ClientError::Closed),
            _ = view.wait_for(View::is_live) => Ok(()),
            () = tokio::time::sleep(timeout) => Err(self.shared.view.borrow().trouble(&self.shared.checked)),
        }
    }

    /// How it stands. Connects nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let closed = *self.shared.closing.borrow();
        self.shared.view.borrow().status(self.shared.started.get().is_some(), closed)
    }

    /// Follows changes, beginning with all that is held, as CREATED.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.start();
        let mut hub = self.shared.hub.lock().unwrap_or_else(PoisonError::into_inner);
        hub.subscribe(&self.shared.view.borrow().personas)
    }

    /// Calls of the registry, over a connection of their own.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Ends the stream, and waits at most a second for the last writing to disk. What is held is read on, as CACHED; whatever
    /// else is asked fails with [`ClientError::Closed`].
    pub async fn close(&self) {
        self.shared.closing.send_replace(true);
        let tasks = std::mem::take(&mut *self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = async {
            for task in tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a task of the persona client failed");
                }
            }
        };
        if tokio::time::timeout(LAST_WRITE, ended).await.is_err() {
            tracing::warn!("the copy on disk was not written in time");
        }
        self.shared.hub.lock().unwrap_or_else(PoisonError::into_inner).end();
    }

    /// Opens the stream, once.
    fn start(&self) -> Instant {
        *self.shared.started.get_or_init(|| {
            let (shared, closing) = (self.shared.clone(), self.shared.closing.subscribe());
            let mut tasks = vec![self.shared.runtime.spawn(follow::follow(shared, closing))];
            if let Some(path) = self.shared.checked.options.snapshot_path.clone() {
                let (shared, closing) = (self.shared.clone(), self.shared.closing.subscribe());
                tasks.push(self.shared.runtime.spawn(disk::keep(path, shared, closing)));
            }
            *self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
            Instant::now()
        })
    }

    /// Waits where nothing is known yet, and only the first time.
    async fn settle(&self) {
        if self.shared.view.borrow().settled {
            return;
        }
        let end = self.start() + self.shared.checked.options.first_sync_timeout;
        let mut view = self.shared.view.subscribe();
        if tokio::time::timeout_at(end, view.wait_for(|view| view.settled)).await.is_err() {
            self.shared.view.send_modify(|view| view.settled = true);
        }
    }
}
