//! The files of TLS: reading them, and telling what is wrong with them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use super::{ClientAuth, Options};
use crate::domain::{Clock, Digest, Timestamp};
use crate::edge::PeerCertificate;

/// A file of certificates that is longer is something else.
const MOST_BYTES: u64 = 1024 * 1024;

/// What is wrong with the files of TLS. Every message names the file and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {what} {}: {source}", path.display())]
    Read {
        /// What it is for.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file holds no certificate.
    #[error("{} holds no certificate; it must be PEM, a text with -----BEGIN CERTIFICATE-----{}", path.display(), because(.reason))]
    NoCertificate {
        /// Which.
        path: PathBuf,
        /// What the reader said, where it read something.
        reason: Option<String>,
    },
    /// A file holds no private key.
    #[error("{} holds no private key that can be read; it must be PEM, a text with -----BEGIN PRIVATE KEY-----, and not encrypted (`openssl pkey -in FILE -out NEW` takes the password off){}", path.display(), because(.reason))]
    NoKey {
        /// Which.
        path: PathBuf,
        /// What the reader said, where it read something.
        reason: Option<String>,
    },
    /// The key is another certificate's.
    #[error("the key {} does not belong to the certificate {}; give the pair that was made together, and put the server's own certificate first in its file", key.display(), cert.display())]
    KeyMismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// An authority of clients cannot be used.
    #[error("{} cannot be used as an authority of client certificates: {reason}; give the certificate of the authority (PEM)", path.display())]
    ClientCa {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Clients are to be verified, and nothing says by whom.
    #[error(
        "client certificates cannot be verified without the certificate of their authority: give --tls-client-ca"
    )]
    NoClientCa,
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// The files as they are.
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// What good files come to.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// The server's own certificate.
    pub(super) certificate: PeerCertificate,
    /// Of the files that it was made of.
    pub(super) digest: Digest,
}

/// What a look at the files found.
pub(super) enum Look {
    /// What is known already.
    Same,
    New(Loaded),
    /// With a digest of what is wrong, to know it again.
    Broken(Digest, TlsError),
}

/// Reads the files and makes of them what new connections are met with.
pub(super) fn load(options: &Options, clock: &Arc<dyn Clock>) -> Result<Loaded, TlsError> {
    let contents = Contents::read(options)?;
    contents.load(options, clock)
}

/// Looks whether the files hold something else than they did.
pub(super) fn look(options: &Options, clock: &Arc<dyn Clock>, known: Digest) -> Look {
    let contents = match Contents::read(options) {
        Ok(contents) => contents,
        Err(error) => return Look::Broken(Digest::of(error.to_string().as_bytes()), error),
    };
    let digest = contents.digest();
    if digest == known {
        return Look::Same;
    }
    match contents.load(options, clock) {
        Ok(loaded) => Look::New(loaded),
        Err(error) => Look::Broken(digest, error),
    }
}

impl Contents {
    fn read(options: &Options) -> Result<Self, TlsError> {
        Ok(Self {
            cert: content("the certificate", &options.cert)?,
            key: content("the key", &options.key)?,
            client_ca: options
                .client_ca
                .as_ref()
                .map(|path| content("the authority of clients", path))
                .transpose()?,
        })
    }

    fn digest(&self) -> Digest {
        Digest::of_parts(&[&self.cert, &self.key, self.client_ca.as_deref().unwrap_or_default()])
    }

    fn load(&self, options: &Options, clock: &Arc<dyn Clock>) -> Result<Loaded, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&options.cert, &self.cert)?;
        let first = chain.first().ok_or_else(|| no_certificate(&options.cert, None))?;
        let certificate = PeerCertificate::from_der(first)
            .map_err(|error| no_certificate(&options.cert, Some(error.to_string())))?;
        let no_key = |reason| TlsError::NoKey { path: options.key.clone(), reason };
        // What a parser says of a key may quote it, so it is not passed on.
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| no_key(None))?;
        let builder =
            ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(Wall(Arc::clone(clock))))
                .with_protocol_versions(&[&TLS13, &TLS12])
                .map_err(|error| no_key(Some(error.to_string())))?;
        let builder = match self.clients(options)? {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match options.client_auth {
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                let verifier = verifier.build().map_err(|error| client_ca(options, error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::KeyMismatch { cert: options.cert.clone(), key: options.key.clone() }
            }
            rustls::Error::InvalidCertificate(why) => no_certificate(&options.cert, Some(why.to_string())),
            other => no_key(Some(other.to_string())),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if options.client_auth != ClientAuth::None {
            // A resumed session would carry a certificate on that nobody verifies again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Loaded { config: Arc::new(config), certificate, digest: self.digest() })
    }

    /// The authorities of clients, where these are asked for a certificate.
    fn clients(&self, options: &Options) -> Result<Option<RootCertStore>, TlsError> {
        if options.client_auth == ClientAuth::None {
            return Ok(None);
        }
        let (Some(path), Some(bytes)) = (&options.client_ca, &self.client_ca) else {
            return Err(TlsError::NoClientCa);
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path, bytes)? {
            roots.add(certificate).map_err(|error| client_ca(options, error.to_string()))?;
        }
        Ok(Some(roots))
    }
}

impl Loaded {
    /// Says what is used from now on.
    pub(super) fn tell(&self, what: &'static str, now: Timestamp) {
        tracing::info!(
            names = ?self.certificate.names,
            fingerprint = self.certificate.fingerprint_hex(),
            days_left = (self.certificate.not_after - now.0.div_euclid(1_000_000)).div_euclid(86_400),
            "{what}"
        );
    }

    /// Warns of what works and should not stay.
    pub(super) fn warn(&self, options: &Options, now: Timestamp) {
        self.warn_of_validity(options, now);
        if is_open(&options.key) {
            let key = options.key.display();
            tracing::warn!(%key, "the key can be read by others than its owner; `chmod 600` keeps it to the owner");
        }
    }

    /// Whether clients take the certificate at this moment, as far as its time goes.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        let now = now.0.div_euclid(1_000_000);
        (self.certificate.not_before..=self.certificate.not_after).contains(&now)
    }

    /// Warns of a certificate that clients will not take.
    pub(super) fn warn_of_validity(&self, options: &Options, now: Timestamp) {
        let (seconds, cert) = (now.0.div_euclid(1_000_000), options.cert.display());
        if seconds > self.certificate.not_after {
            tracing::warn!(%cert, "the certificate has expired: clients refuse it; put a new one there");
        } else if !self.is_valid(now) {
            tracing::warn!(%cert, "the certificate is not valid yet: clients refuse it; is the clock right?");
        }
    }
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

fn content(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { what, path: path.to_owned(), source };
    let mut content = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut content)).map_err(failed)?;
    if content.len() as u64 > MOST_BYTES {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB")));
    }
    Ok(content)
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let read = read.map_err(|error| no_certificate(path, Some(error.to_string())))?;
    if read.is_empty() { Err(no_certificate(path, None)) } else { Ok(read) }
}

fn no_certificate(path: &Path, reason: Option<String>) -> TlsError {
    TlsError::NoCertificate { path: path.to_owned(), reason }
}

fn client_ca(options: &Options, reason: String) -> TlsError {
    TlsError::ClientCa { path: options.client_ca.clone().unwrap_or_default(), reason }
}

/// The registry's clock, for the validity of certificates.
struct Wall(Arc<dyn Clock>);

impl fmt::Debug for Wall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.0.now().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
    }
}
