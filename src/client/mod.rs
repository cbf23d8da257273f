//! The Rust client: connects, retries what may be retried under one request id, and reads every refusal.
//!
//! It speaks in the contract's messages; turning them into words or JSON is the command line's.

mod address;
mod backoff;
mod backup;
mod calls;
mod error;
mod findings;
mod listings;
mod kind;
mod moves;
pub mod personas;
mod tls;
mod token;
mod watch;
pub mod words;

use std::error::Error;
use std::time::Duration;

use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

pub use address::{DEFAULT_PORT, InvalidServer, Server};
pub use backoff::Backoff;
pub use backup::Backup;
pub use calls::new_request_id;
pub use error::{CALL_ID_HEADER, ClientError, Refusal, Violation};
pub use findings::{finding_from_wire, severity};
pub use kind::ErrorKind;
pub use listings::Listing;
pub use personas::Personas;
pub use tls::{TlsFault, TlsOptions, is_server_name};
pub use token::{AskToken, Bearer, Token, TokenProblem};
pub use watch::{Pace, Selection, Start, Step, Watch};

use self::tls::{Connector, Faults};
use crate::wire::pb::admin_service_client::AdminServiceClient;
use crate::wire::pb::persona_service_client::PersonaServiceClient;

/// How a client behaves on the network.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long one attempt of a call may take; watch streams have no end.
    pub call_timeout: Duration,
    /// How often a call that got no decision is tried again.
    pub retries: u32,
    /// What is trusted and shown over TLS.
    pub tls: TlsOptions,
    /// The token that calls are made with.
    pub token: Option<Token>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            call_timeout: Duration::from_secs(30),
            retries: 3,
            tls: TlsOptions::default(),
            token: None,
        }
    }
}

/// Every call with its token.
type Wire = InterceptedService<Channel, Bearer>;

/// A connection to one registry. Cheap to clone; clones share the connection, which mends itself.
#[derive(Debug, Clone)]
pub struct Client {
    personas: PersonaServiceClient<Wire>,
    admin: AdminServiceClient<Wire>,
    bearer: Bearer,
    options: Options,
    server: Server,
    faults: Faults,
}

impl Client {
    /// Connects, or says that nothing answers, or why it cannot be done securely.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] and [`ClientError::Insecure`].
    pub async fn connect(server: &Server, options: Options) -> Result<Self, ClientError> {
        let faults = Faults::default();
        let channel = match plan(server, &options, &faults)? {
            (endpoint, Some(connector)) => endpoint.connect_with_connector(connector).await,
            (endpoint, None) => endpoint.connect().await,
        };
        let insecure = |fault| ClientError::Insecure { server: server.url(), fault };
        let channel =
            channel.map_err(|error| faults.last().map_or_else(|| unreachable(server, &error), insecure))?;
        let bearer = Bearer::new(options.token.clone());
        Ok(Self::over(channel, bearer, options, server.clone(), faults))
    }

    /// A client that connects at its first call. Must be made within a tokio runtime.
    ///
    /// # Errors
    /// [`ClientError::Insecure`]: a file of ours cannot be used.
    pub fn lazy(server: &Server, options: Options) -> Result<Self, ClientError> {
        let bearer = Bearer::new(options.token.clone());
        Self::lazy_with(server, options, bearer)
    }

    fn lazy_with(server: &Server, options: Options, bearer: Bearer) -> Result<Self, ClientError> {
        let faults = Faults::default();
        let channel = match plan(server, &options, &faults)? {
            (endpoint, Some(connector)) => endpoint.connect_with_connector_lazy(connector),
            (endpoint, None) => endpoint.connect_lazy(),
        };
        Ok(Self::over(channel, bearer, options, server.clone(), faults))
    }

    /// The same client over a connection of its own: for when the one that stands says nothing any more.
    pub(crate) fn apart(&self) -> Result<Self, ClientError> {
        Self::lazy_with(&self.server, self.options.clone(), self.bearer.clone())
    }

    fn over(channel: Channel, bearer: Bearer, options: Options, server: Server, faults: Faults) -> Self {
        let channel = InterceptedService::new(channel, bearer.clone());
        Self {
            personas: PersonaServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel),
            bearer,
            options,
            server,
            faults,
        }
    }

    /// What the status of a call means: where no registry spoke, the reason may be how TLS ended.
    fn failed(&self, status: Status) -> ClientError {
        match (ClientError::from(status), self.faults.last()) {
            (ClientError::Refused(refusal), Some(fault)) if refusal.reason.is_none() => {
                ClientError::Insecure { server: self.server.url(), fault }
            }
            (error, _) => error,
        }
    }
}

/// How the registry is connected to; over TLS by a connector of our own.
fn plan(
    server: &Server,
    options: &Options,
    faults: &Faults,
) -> Result<(Endpoint, Option<Connector>), ClientError> {
    let endpoint = Endpoint::from_shared(server.url())
        .and_then(|endpoint| endpoint.user_agent(concat!("persona/", env!("CARGO_PKG_VERSION"))))
        .map_err(|error| unreachable(server, &error))?
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        // A watch may be silent for a minute; pings notice a peer that is gone without a word.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    let insecure = |fault| ClientError::Insecure { server: server.url(), fault };
    let connector = server.is_secure().then(|| Connector::new(server, &options.tls, faults.clone()));
    Ok((endpoint, connector.transpose().map_err(insecure)?))
}

fn unreachable(server: &Server, error: &(dyn Error + 'static)) -> ClientError {
    ClientError::Unreachable { server: server.url(), cause: error::innermost(error) }
}
