//! Certificates of the tests' own: authorities, servers and clients, good ones and others; and a server that uses them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use persona_registry::client::{self, Client, ClientError, TlsFault, TlsOptions};
use persona_registry::server::{Options, tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::harness::Server;

/// Whoever signs.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = params(&[], name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate that the test changes first.
    pub fn issue(&self, names: &[&str], common: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let (key, mut params) = (KeyPair::generate().unwrap(), params(names, common));
        change(&mut params);
        Pair { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    pub fn server(&self) -> Pair {
        self.issue(&["localhost", "127.0.0.1"], "server", |_| {})
    }

    pub fn client(&self, name: &str) -> Pair {
        self.issue(&[], name, |_| {})
    }
}

fn params(names: &[&str], common: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

/// Valid long ago only.
pub fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
}

impl Pair {
    /// Writes both beside each other and names the files.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        (
            write(folder, &format!("{name}.pem"), &self.cert),
            write(folder, &format!("{name}-key.pem"), &self.key),
        )
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

/// A file for its owner only.
pub fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A server with TLS, and the authority that everybody trusts.
pub struct Secure {
    pub server: Server,
    pub authority: Authority,
    pub folder: tempfile::TempDir,
}

impl Secure {
    pub async fn start() -> Self {
        Self::start_with(tls::ClientAuth::None, |_| {}).await
    }

    pub async fn start_with(auth: tls::ClientAuth, change: impl FnOnce(&mut Options)) -> Self {
        let (authority, folder) = (Authority::new("authority"), tempfile::tempdir().unwrap());
        let (cert, key) = authority.server().write(folder.path(), "server");
        let ca = write(folder.path(), "ca.pem", &authority.pem());
        let server = Server::start_with(|options| {
            let files = tls::Options::new(cert, key);
            options.tls = Some(tls::Options {
                client_ca: Some(ca),
                client_auth: auth,
                reload: Duration::from_millis(20),
                ..files
            });
            change(options);
        })
        .await;
        Self { server, authority, folder }
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// What a client needs that trusts the authority and shows this.
    pub fn options(&self, shown: Option<&Pair>) -> client::Options {
        let (client_cert, client_key) = shown.map(|pair| pair.write(self.folder.path(), "shown")).unzip();
        let tls = TlsOptions { ca_cert: Some(self.ca()), client_cert, client_key, server_name: None };
        client::Options { tls, ..client::Options::default() }
    }

    pub async fn client(&self, shown: Option<&Pair>) -> Client {
        Client::connect(&self.url().parse().unwrap(), self.options(shown)).await.unwrap()
    }

    /// How a call fails, or that it does not.
    pub async fn fault(&self, options: client::Options) -> Option<TlsFault> {
        fault(&self.url(), options).await
    }

    /// A connection as a stranger makes it.
    pub async fn stream(&self, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        dial(self.server.address, config).await
    }
}

/// How a call fails for TLS, or that it does not fail.
pub async fn fault(url: &str, options: client::Options) -> Option<TlsFault> {
    let answer = async { Client::connect(&url.parse().unwrap(), options).await?.status().await };
    match crate::harness::soon(answer).await {
        Ok(_) => None,
        Err(ClientError::Insecure { server, fault }) => {
            assert_eq!(server, url);
            Some(fault)
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// A connection as a stranger makes it.
pub async fn dial(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    secured(TcpStream::connect(address).await.unwrap(), config).await
}

/// The same over a socket of the test's own.
pub async fn secured(stream: TcpStream, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// What a stranger trusts and speaks.
pub fn config(
    ca: &str,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
    shown: Option<&Pair>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(pair) => {
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![pair.der()], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}
