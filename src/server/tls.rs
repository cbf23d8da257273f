//! TLS of the server: which files, who must show a certificate, and the handshake of each connection.

mod files;
mod reload;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, InvalidMessage, ServerConfig};
use tokio_rustls::server::TlsStream;

pub use self::files::TlsError;
use crate::domain::Clock;
use crate::edge::{PeerCertificate, lines};

/// How the server proves who it is, and whether clients must.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's certificate, followed by those between it and its authority (PEM).
    pub cert: PathBuf,
    /// The private key of the certificate (PEM: PKCS#8, PKCS#1 or SEC1, not encrypted).
    pub key: PathBuf,
    /// The authorities of client certificates (PEM). Needed for [`ClientAuth::Optional`] and [`ClientAuth::Required`].
    pub client_ca: Option<PathBuf>,
    /// Whether clients show a certificate. Default: no.
    pub client_auth: ClientAuth,
    /// How often the files are looked at for a change. Default 10 s.
    pub reload: Duration,
}

impl Options {
    /// The production defaults with these files: clients show no certificate.
    #[must_use]
    pub fn new(cert: PathBuf, key: PathBuf) -> Self {
        Self { cert, key, client_ca: None, client_auth: ClientAuth::None, reload: Duration::from_secs(10) }
    }
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked for one.
    None,
    /// They are asked; one that is shown must be good.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

/// Bytes of a client that are read after its handshake failed, so that it gets to read why.
const LAST_WORDS: u64 = 64 * 1024;

/// Makes connections secure, each with the newest good files.
#[derive(Clone)]
pub(super) struct Acceptor(watch::Receiver<Arc<ServerConfig>>);

impl fmt::Debug for Acceptor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Reads the files, and follows their changes for as long as the set of tasks is kept.
    pub(super) async fn start(
        options: Options,
        clock: Arc<dyn Clock>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, super::ServeError> {
        let (first, at) = (options.clone(), Arc::clone(&clock));
        let loaded = tokio::task::spawn_blocking(move || files::load(&first, &at)).await?;
        let loaded = loaded.map_err(super::ServeError::Tls)?;
        loaded.warn(&options, clock.now());
        loaded.tell("TLS is on", clock.now());
        let (sender, receiver) = watch::channel(Arc::clone(&loaded.config));
        tasks.spawn(reload::follow(options, clock, loaded, sender));
        Ok(Self(receiver))
    }

    /// Does the handshake until `end` at the latest. When it fails, that is logged and nothing comes back.
    pub(super) async fn secure<S>(
        &self,
        stream: S,
        address: SocketAddr,
        end: Instant,
    ) -> Option<(TlsStream<S>, Option<Arc<PeerCertificate>>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.0.borrow());
        let handshake = TlsAcceptor::from(config).accept(stream).into_fallible();
        match tokio::time::timeout_at(end, handshake).await {
            Err(_) => {
                if lines::HANDSHAKES.pass() {
                    tracing::info!(peer = %address, reason = "it took too long", "a TLS handshake failed");
                }
                None
            }
            Ok(Err((error, stream))) => {
                tell_failed(address, &error);
                drop(tokio::time::timeout_at(end, linger(stream)).await);
                None
            }
            Ok(Ok(stream)) => {
                let certificate = certificate(&stream, address)?;
                let (_, session) = stream.get_ref();
                tracing::debug!(
                    peer = %address,
                    version = session.protocol_version().map(tracing::field::debug),
                    alpn = session.alpn_protocol().map(String::from_utf8_lossy).as_deref(),
                    names = certificate.as_ref().map(|one| tracing::field::debug(&one.names)),
                    fingerprint = certificate.as_ref().map(|one| one.fingerprint_hex()),
                    "a connection is secure"
                );
                Some((stream, certificate))
            }
        }
    }
}

/// The certificate that the client showed and rustls verified. One that was verified and cannot be read is a reason to
/// end the connection, never to take its holder for nobody.
fn certificate<S>(stream: &TlsStream<S>, address: SocketAddr) -> Option<Option<Arc<PeerCertificate>>> {
    let (_, session) = stream.get_ref();
    let Some(shown) = session.peer_certificates().and_then(<[_]>::first) else { return Some(None) };
    match PeerCertificate::from_der(shown) {
        Ok(certificate) => Some(Some(Arc::new(certificate))),
        Err(error) => {
            if lines::HANDSHAKES.pass() {
                tracing::info!(peer = %address, reason = %error, "a client's certificate was refused");
            }
            None
        }
    }
}

/// Says no more, and lets the client read what was said: a connection that is closed while bytes of the client wait is
/// reset, and takes the alert with it.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.shutdown().await.is_ok() {
        drop(tokio::io::copy(&mut stream.take(LAST_WORDS), &mut tokio::io::sink()).await);
    }
}

fn tell_failed(address: SocketAddr, error: &io::Error) {
    let reason = reason(error);
    // Whoever looks whether the port is open and goes away again is no news.
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            tracing::debug!(peer = %address, reason, "a TLS handshake failed");
        }
        _ if lines::HANDSHAKES.pass() => {
            tracing::info!(peer = %address, reason, "a TLS handshake failed");
        }
        _ => {}
    }
}

/// Why a handshake failed, of the client's view.
fn reason(error: &io::Error) -> String {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "it went away".to_owned(),
            _ => error.to_string(),
        };
    };
    match cause {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => "it speaks no TLS".to_owned(),
        rustls::Error::NoCertificatesPresented => "it shows no certificate, and one is required".to_owned(),
        rustls::Error::InvalidCertificate(why) => format!("its certificate is refused: {why}"),
        rustls::Error::PeerIncompatible(why) => format!("it is too old or too strange: {why:?}"),
        rustls::Error::NoApplicationProtocol => "it speaks neither HTTP/2 nor HTTP/1.1".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("it refuses this server: {alert:?}"),
        other => other.to_string(),
    }
}
