//! Why a secure connection does not come about: rustls' many errors as the few that somebody can do something about.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError, InvalidMessage};

/// Why a secure connection does not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// A file of ours cannot be used.
    #[error("{} cannot be used: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// This machine trusts no authority, so that nothing could be verified.
    #[error("this machine has no list of authorities that it trusts")]
    NoAuthorities,
    /// What answers speaks no TLS.
    #[error("what answers there speaks no TLS")]
    NoTls,
    /// The registry's certificate is of an authority that is not trusted here.
    #[error("the registry's certificate is of an authority that is not trusted here")]
    UnknownAuthority,
    /// The registry's certificate is for other names.
    #[error("the registry's certificate is not for {wanted}{}", others(.presented))]
    OtherName {
        /// The name that was looked for.
        wanted: String,
        /// The names that it is for.
        presented: Vec<String>,
    },
    /// The registry's certificate has expired.
    #[error("the registry's certificate has expired")]
    Expired,
    /// The registry's certificate is not valid yet.
    #[error("the registry's certificate is not valid yet")]
    NotYetValid,
    /// The registry wants a certificate of the client.
    #[error("the registry takes only clients that show a certificate")]
    ClientCertificateRequired,
    /// The registry does not take the client's certificate.
    #[error("the registry does not take this client's certificate: {0}")]
    ClientCertificateRefused(&'static str),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

fn others(presented: &[String]) -> String {
    if presented.is_empty() { String::new() } else { format!(", but for {}", presented.join(", ")) }
}

/// A name as people write it: rustls tells `DnsName("localhost")` and `IpAddress(0::1)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    let inner = inner.trim_matches('"');
    inner.parse::<IpAddr>().map_or_else(|_| inner.to_owned(), |address| address.to_string())
}

impl TlsFault {
    /// What an error of a connection says of TLS; none where it says nothing of it.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        let cause = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match cause {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NoTls,
            rustls::Error::InvalidCertificate(why) => Self::of_certificate(why),
            rustls::Error::NoApplicationProtocol => {
                Self::Other("what answers there speaks TLS, but no HTTP/2 over it".to_owned())
            }
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            other => Self::Other(other.to_string()),
        })
    }

    fn of_certificate(why: &CertificateError) -> Self {
        match why {
            // A signature that does not fit is what an authority of the same name and another key comes to.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName => {
                Self::OtherName { wanted: "this name".to_owned(), presented: Vec::new() }
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                let presented = presented.iter().map(|name| plain(name)).collect();
                Self::OtherName { wanted: expected.to_str().into_owned(), presented }
            }
            other => Self::Other(format!("the registry's certificate is refused: {other}")),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::CertificateRequired => Self::ClientCertificateRequired,
            AlertDescription::UnknownCA => {
                Self::ClientCertificateRefused("it is of an authority that is not trusted there")
            }
            AlertDescription::CertificateExpired => Self::ClientCertificateRefused("it has expired"),
            AlertDescription::CertificateRevoked => Self::ClientCertificateRefused("it was revoked"),
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError => Self::ClientCertificateRefused("it is no good one"),
            AlertDescription::ProtocolVersion => {
                Self::Other("the registry speaks no version of TLS that this client does".to_owned())
            }
            other => Self::Other(format!("the registry ended the handshake: {other:?}")),
        }
    }
}
