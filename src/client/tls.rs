//! TLS of the client: what it trusts, what it shows, and why a secure connection does not come about, in words.

mod fault;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower::Service;

pub use self::fault::TlsFault;
use super::Server;

/// What a client trusts and shows, for addresses with `https://`.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// The authorities of the registry's certificate (PEM). Default: those that this machine trusts.
    pub ca_cert: Option<PathBuf>,
    /// The certificate to show when the registry asks for one (PEM); with [`TlsOptions::client_key`] or not at all.
    pub client_cert: Option<PathBuf>,
    /// Its private key (PEM, not encrypted).
    pub client_key: Option<PathBuf>,
    /// The name that the registry's certificate must be for. Default: the host of the address.
    pub server_name: Option<String>,
}

/// Whether a text is a name or an IP address that a certificate may be for.
#[must_use]
pub fn is_server_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

impl TlsOptions {
    fn config(&self) -> Result<ClientConfig, TlsFault> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsFault::Other(error.to_string()))?
            .with_root_certificates(self.roots()?);
        let mut config = match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => {
                let unusable = |reason: String| TlsFault::File { path: key.clone(), reason };
                // What a parser says of a key may quote it, so it is not passed on.
                let read = PrivateKeyDer::from_pem_slice(&content(key)?);
                let read = read.map_err(|_| {
                    unusable("it holds no private key in PEM, or an encrypted one".to_owned())
                })?;
                builder
                    .with_client_auth_cert(certificates(cert)?, read)
                    .map_err(|error| unusable(format!("it does not go with {}: {error}", cert.display())))?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, TlsFault> {
        let mut roots = RootCertStore::empty();
        match &self.ca_cert {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| TlsFault::File {
                        path: path.clone(),
                        reason: format!("it holds a certificate that cannot be read: {error}"),
                    })?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                // Some of a machine's hundreds are always strange; without any nothing could be verified.
                let (added, _) = roots.add_parsable_certificates(found.certs);
                if added == 0 {
                    return Err(TlsFault::NoAuthorities);
                }
            }
        }
        Ok(roots)
    }
}

fn content(path: &Path) -> Result<Vec<u8>, TlsFault> {
    std::fs::read(path)
        .map_err(|error| TlsFault::File { path: path.to_owned(), reason: format!("cannot read it: {error}") })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let unusable = || TlsFault::File {
        path: path.to_owned(),
        reason: "it holds no certificate in PEM (a text with -----BEGIN CERTIFICATE-----)".to_owned(),
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content(path)?).collect();
    read.ok().filter(|read| !read.is_empty()).ok_or_else(unusable)
}

/// Why the newest connection came to nothing, for as long as nothing was heard over it: over TLS 1.3 a registry refuses a
/// client's certificate only after the client believes the connection to stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Option<TlsFault>>>);

impl Faults {
    pub(super) fn last(&self) -> Option<TlsFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, fault: Option<TlsFault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Makes secure connections.
#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
    name: ServerName<'static>,
    place: String,
    faults: Faults,
}

impl Connector {
    pub(super) fn new(server: &Server, options: &TlsOptions, faults: Faults) -> Result<Self, TlsFault> {
        let name = options.server_name.clone().unwrap_or_else(|| server.host().to_owned());
        let name = ServerName::try_from(name.clone())
            .map_err(|_| TlsFault::Other(format!("{name:?} is no name that a certificate could be for")))?;
        let config = Arc::new(options.config()?);
        Ok(Self { tls: TlsConnector::from(config), name, place: server.place(), faults })
    }

    async fn connect(self) -> io::Result<TokioIo<Heard<TlsStream<TcpStream>>>> {
        self.faults.set(None);
        let stream = TcpStream::connect(&self.place).await?;
        stream.set_nodelay(true)?;
        match self.tls.connect(self.name, stream).await {
            Ok(stream) => {
                self.faults.set(None);
                Ok(TokioIo::new(Heard { stream, faults: Some(self.faults) }))
            }
            Err(error) => {
                self.faults.set(TlsFault::of(&error));
                Err(error)
            }
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Heard<TlsStream<TcpStream>>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// A connection that notes how the registry ended it before it said anything.
#[derive(Debug)]
pub(super) struct Heard<S> {
    stream: S,
    /// Until something was heard.
    faults: Option<Faults>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(read) = &read
            && let Some(faults) = self.faults.take()
            && let Err(error) = read
        {
            faults.set(TlsFault::of(error));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
