//! Where a registry is: the one reader of `--server`, which also forgives a missing scheme or port.

use std::fmt;
use std::str::FromStr;

/// Port of a registry when none is given.
pub const DEFAULT_PORT: u16 = 50051;

/// Address of a registry, always with scheme and port: `http://127.0.0.1:50051`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(http::uri::Authority);

impl Default for Server {
    /// A registry on this machine.
    fn default() -> Self {
        Self(http::uri::Authority::from_static("127.0.0.1:50051"))
    }
}

impl Server {
    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}", self.0)
    }
}

/// Why a text is no address. The message says what one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// The scheme is one that this client does not speak.
    #[error(
        "{0:?} is not a scheme this client speaks; it connects in plain text, as in http://127.0.0.1:50051"
    )]
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
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
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
            return Ok(Self(parsed));
        }
        // A colon that no number follows is a slip, not a wish for the default port.
        if authority.ends_with(':') || parsed.port().is_some() || parsed.host().len() != authority.len() {
            return Err(invalid());
        }
        format!("{authority}:{DEFAULT_PORT}").parse().map(Self).map_err(|_| invalid())
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
        ] {
            assert_eq!(text.parse::<Server>().map(|server| server.url()), Ok(url.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        assert!(matches!("https://a:1".parse::<Server>(), Err(InvalidServer::Scheme(_))));
        assert!(matches!("http://a:1/v1".parse::<Server>(), Err(InvalidServer::Path(_))));
        for text in ["", "http://", "a:", "a:b", "a:99999", "a:0", "a b", "user@a:1"] {
            assert!(matches!(text.parse::<Server>(), Err(InvalidServer::Authority(_))), "{text:?}");
        }
    }
}
