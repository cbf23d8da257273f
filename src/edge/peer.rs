//! Who is at the other end of a connection: its address and, where TLS verified one, what its certificate says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::Conduct;
use crate::domain::Digest;

/// The other end of the connection that a request came by. Every request has one in its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it calls from: the last hop, be it the client or a proxy.
    pub address: SocketAddr,
    /// The certificate that it proved to hold, verified against the authority of clients; none over plain connections
    /// and for clients that showed none.
    pub certificate: Option<Arc<PeerCertificate>>,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its names as typed texts: `uri:…`, `dns:…` and `email:…` of the alternative names, in this order of kinds and each
    /// kind in the order of the certificate; then `cn:…` of the subject. Nothing in them is changed, so they compare byte
    /// by byte.
    pub names: Vec<String>,
    /// SHA-256 of the whole certificate (DER).
    pub fingerprint: [u8; 32],
    /// When it begins to be valid, in seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
    /// When it ends to be valid, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
}

impl PeerCertificate {
    /// Reads a certificate. It verifies nothing: that was done before, or is done by nobody.
    ///
    /// # Errors
    /// That this is no X.509 certificate, or one whose names cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| UnreadableCertificate)?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate);
        }
        let validity = certificate.validity();
        Ok(Self {
            names: names(&certificate)?,
            fingerprint: Digest::of(der).0,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// The fingerprint as 64 hex digits.
    #[must_use]
    pub fn fingerprint_hex(&self) -> String {
        Digest(self.fingerprint).to_string().trim_start_matches("sha256:").to_owned()
    }
}

/// The bytes are no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no X.509 certificate that can be read")]
pub struct UnreadableCertificate;

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, UnreadableCertificate> {
    let alternatives = certificate.subject_alternative_name().map_err(|_| UnreadableCertificate)?;
    let (mut uris, mut hosts, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::URI(uri) => uris.push(format!("uri:{uri}")),
            GeneralName::DNSName(host) => hosts.push(format!("dns:{host}")),
            GeneralName::RFC822Name(address) => addresses.push(format!("email:{address}")),
            _ => {}
        }
    }
    let common = certificate.subject().iter_common_name();
    let common = common.filter_map(|name| Some(format!("cn:{}", name.as_str().ok()?)));
    Ok(uris.into_iter().chain(hosts).chain(addresses).chain(common).collect())
}

/// A service that tells every request of one connection who its peer is, and where what it costs in vain is counted.
#[derive(Debug, Clone)]
pub struct WithPeer<S> {
    inner: S,
    peer: Peer,
    conduct: Conduct,
}

impl<S> WithPeer<S> {
    /// Puts the peer of a connection before the service that answers it.
    pub const fn new(inner: S, peer: Peer, conduct: Conduct) -> Self {
        Self { inner, peer, conduct }
    }

    /// Where what the connection costs in vain is counted.
    pub fn conduct(&self) -> Conduct {
        self.conduct.clone()
    }
}

impl<S, B> Service<Request<B>> for WithPeer<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.peer.clone());
        request.extensions_mut().insert(self.conduct.clone());
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>, common: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name = DistinguishedName::new();
        for name in common {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_are_typed_texts_in_a_fixed_order() {
        let names = vec![
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::DnsName("b.example".try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::URI("spiffe://example/ns/team/sa/agent".try_into().unwrap()),
            SanType::DnsName("a.example".try_into().unwrap()),
        ];
        let der = certificate(names, &["uri:no"]);
        let read = PeerCertificate::from_der(&der).unwrap();
        let expected = [
            "uri:spiffe://example/ns/team/sa/agent",
            "dns:b.example",
            "dns:a.example",
            "email:ops@example.com",
            "cn:uri:no",
        ];
        assert_eq!(read.names, expected);
        assert_eq!(read.fingerprint, Digest::of(&der).0);
        assert_eq!(read.fingerprint_hex().len(), 64);
        assert!(read.not_before < read.not_after);
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        let der = certificate(Vec::new(), &["dev"]);
        assert_eq!(PeerCertificate::from_der(&der).unwrap().names, ["cn:dev"]);
        for bad in
            [&b""[..], b"-----BEGIN CERTIFICATE-----", &der[..der.len() - 1], &[&der[..], b"x"].concat()]
        {
            assert_eq!(PeerCertificate::from_der(bad), Err(UnreadableCertificate));
        }
    }

    #[tokio::test]
    async fn every_request_of_a_connection_carries_its_peer() {
        let seen = tower::service_fn(async |request: Request<()>| {
            Ok::<_, std::convert::Infallible>(request.extensions().get::<Peer>().cloned())
        });
        let certificate = PeerCertificate::from_der(&certificate(Vec::new(), &["dev"])).unwrap();
        let peer = Peer { address: "127.0.0.1:7".parse().unwrap(), certificate: Some(Arc::new(certificate)) };
        let mut service = WithPeer::new(seen, peer.clone(), Conduct::new(std::time::Duration::from_secs(1)));
        for _ in 0..2 {
            assert_eq!(service.call(Request::new(())).await.unwrap(), Some(peer.clone()));
        }
    }
}
