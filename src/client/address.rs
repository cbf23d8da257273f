//! Where a registry is: the one reader of `--server`, which also forgives a missing scheme or port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Port of a registry when none is given.
pub const DEFAULT_PORT: u16 = 50051;

/// Address of a registry, always with scheme and port: `http://127.0.0.1:50051`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    authority: http::uri::Authority,
    secure: bool,
}

impl Default for Server {
    /// A registry on this machine.
    fn default() -> Self {
        Self { authority: http::uri::Authority::from_static("127.0.0.1:50051"), secure: false }
    }
}

impl Server {
    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.to_string()
    }

    /// Whether it is spoken to over TLS: `https://`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether it is this machine, so that what is said to it is heard by nobody on the way.
    #[must_use]
    pub fn is_here(&self) -> bool {
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        self.host().eq_ignore_ascii_case("localhost") || self.host().parse().is_ok_and(is_loopback)
    }

    /// The host alone, an IPv6 address without its brackets.
    pub(super) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Host and port.
    pub(super) fn place(&self) -> String {
        self.authority.to_string()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(out, "{scheme}://{}", self.authority)
    }
}

/// Why a text is no address. The message says what one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// The scheme is one that this client does not speak.
    #[error("{0:?} is not a scheme this client speaks; write http://127.0.0.1:50051, or https:// for TLS")]
    Scheme(String),
    /// Something follows the port.
    #[error("{0:?} has a path; give the registry as http://HOST:PORT or HOST:PORT alone")]
    Path(String),
    /// Host or port cannot be read.
    #[error(
        "{0:?} is not an address; give the registry as http://HOST:PORT or HOST:PORT, such as 127.0.0.1:50051"
    )]
    Authority(String),
}

impl FromStr for Server {
    type Err = InvalidServer;

    fn from_str(text: &str) -> Result<Self, InvalidServer> {
        let (secure, rest) = match text.split_once("://") {
            None => (false, text),
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some((scheme, _)) => return Err(InvalidServer::Scheme(scheme.to_owned())),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidServer::Path(text.to_owned()));
        }
        let invalid = || InvalidServer::Authority(text.to_owned());
        let parsed: http::uri::Authority = authority.parse().map_err(|_| invalid())?;
        if parsed.host().is_empty() || authority.contains('@') {
            return Err(invalid());
        }
        if parsed.port_u16().is_some_and(|port| port > 0) {
            return Ok(Self { authority: parsed, secure });
        }
        // A colon that no number follows is a slip, not a wish for the default port.
        if authority.ends_with(':') || parsed.port().is_some() || parsed.host().len() != authority.len() {
            return Err(invalid());
        }
        let with_port = format!("{authority}:{DEFAULT_PORT}").parse();
        with_port.map(|authority| Self { authority, secure }).map_err(|_| invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_port_may_be_left_out() {
        for (text, url) in [
            ("http://127.0.0.1:50051", "http://127.0.0.1:50051"),
            ("http://127.0.0.1:50051/", "http://127.0.0.1:50051"),
            ("localhost:7000", "http://localhost:7000"),
            ("registry.example", "http://registry.example:50051"),
            ("[::1]:7000", "http://[::1]:7000"),
            ("[::1]", "http://[::1]:50051"),
            ("https://registry.example", "https://registry.example:50051"),
            ("https://[::1]:443/", "https://[::1]:443"),
        ] {
            assert_eq!(text.parse::<Server>().map(|server| server.url()), Ok(url.to_owned()), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_here() {
        let is_here = |text: &str| text.parse::<Server>().unwrap().is_here();
        for here in ["localhost", "LocalHost:1", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::ffff:127.0.0.1]:1"]
        {
            assert!(is_here(here), "{here}");
        }
        for there in [
            "10.0.0.1",
            "0.0.0.0:1",
            "[::]",
            "localhost.example:1",
            "127.0.0.1.example",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(!is_here(there), "{there}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        assert!(matches!("ftp://a:1".parse::<Server>(), Err(InvalidServer::Scheme(_))));
        assert!(matches!("HTTPS://a:1".parse::<Server>(), Err(InvalidServer::Scheme(_))));
        assert!(matches!("http://a:1/v1".parse::<Server>(), Err(InvalidServer::Path(_))));
        for text in ["", "http://", "a:", "a:b", "a:99999", "a:0", "a b", "user@a:1"] {
            assert!(matches!(text.parse::<Server>(), Err(InvalidServer::Authority(_))), "{text:?}");
        }
    }
}
