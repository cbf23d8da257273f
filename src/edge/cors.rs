//! Which web pages may call: origins as configuration gives them, and what browsers are told of them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::REQUEST_ID;

/// How long a browser may go without asking again. Browsers cap it at about this.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// An origin whose pages may call, as browsers write it (`https://example.com`, `http://localhost:5173`), or `*`: any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// What was given as an origin is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no origin: {problem}")]
pub struct OriginError {
    /// What was given.
    pub given: String,
    /// What is wrong with it, and what to write instead.
    pub problem: String,
}

impl Origin {
    /// Whether every page's origin is meant.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        parse(text).map(Self).map_err(|problem| OriginError { given: text.to_owned(), problem })
    }
}

/// The origin as browsers write it: small letters, and no port where it is the scheme's own.
fn parse(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    if text == "null" {
        return Err(
            "it is what files and sandboxed frames send, which anybody can make; serve the page from an \
                    origin of its own, such as http://localhost:5173"
                .to_owned(),
        );
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("it has no scheme; write http://{text} or https://{text}"));
    };
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_lowercase()) || !scheme.bytes().all(is_scheme) {
        return Err("its scheme is none; write http:// or https:// and the host".to_owned());
    }
    if let Some(at) = rest.find(['/', '?', '#']) {
        let host = rest.get(..at).unwrap_or_default();
        return Err(format!("an origin has no path and no slash at its end; write {scheme}://{host}"));
    }
    if rest.contains('@') {
        return Err("an origin holds no user; write the host alone".to_owned());
    }
    // The last colon that is not inside an address of version 6.
    let colon = rest.rfind(':').filter(|at| rest.rfind(']').is_none_or(|bracket| bracket < *at));
    let (host, port) = match colon.and_then(|at| rest.split_at_checked(at)) {
        Some((host, port)) => (host, Some(port.trim_start_matches(':'))),
        None => (rest, None),
    };
    let host = parse_host(host)?;
    let Some(port) = port else { return Ok(format!("{scheme}://{host}")) };
    let number: u16 = match port.parse() {
        Ok(number) if number > 0 => number,
        _ => return Err(format!("{port:?} is no port; write a number from 1 to 65535, or no colon")),
    };
    Ok(match (scheme.as_str(), number) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{number}"),
    })
}

fn parse_host(host: &str) -> Result<String, String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Option<Ipv6Addr> = address.strip_suffix(']').and_then(|address| address.parse().ok());
        return match address {
            Some(address) => Ok(format!("[{address}]")),
            None => Err(format!("{host:?} is no address of version 6")),
        };
    }
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    if host.contains('*') {
        return Err("a star stands alone, for any origin; write each origin in full".to_owned());
    }
    if !host.is_ascii() {
        return Err("its host is not in ASCII; write it as browsers send it, beginning with xn--".to_owned());
    }
    if !host.bytes().all(is_host) {
        return Err(format!("{host:?} is no host"));
    }
    Ok(host.to_ascii_lowercase())
}

/// All origins whose pages may call. Default: none.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// Reads what configuration gives, and stops at the first that is no origin.
    pub fn parse(texts: &[String]) -> Result<Self, OriginError> {
        texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request may pass: it names no origin, so no page sent it, or each that it names is allowed.
    ///
    /// That the origin is the host asked is no reason to pass: this port serves no pages, and a page whose host
    /// name was made to lead here would look just so.
    #[must_use]
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let allowed = |given: &HeaderValue| {
            self.0.iter().any(|origin| origin.is_any() || origin.0.as_bytes() == given.as_bytes())
        };
        headers.get_all(header::ORIGIN).iter().all(allowed)
    }

    /// The layer that tells browsers what pages may send and see; none where no page may call.
    #[must_use]
    pub fn layer(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let allowed = if self.0.iter().any(Origin::is_any) {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(self.0.iter().filter_map(|origin| HeaderValue::from_str(&origin.0).ok()))
        };
        let sent = ["x-grpc-web", "x-user-agent", "grpc-timeout", REQUEST_ID].map(HeaderName::from_static);
        let sent = sent.into_iter().chain([header::CONTENT_TYPE, header::AUTHORIZATION]);
        let seen = ["grpc-status", "grpc-message", "grpc-status-details-bin", REQUEST_ID];
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([http::Method::POST])
            .allow_headers(sent.collect::<Vec<_>>())
            .expose_headers(seen.map(HeaderName::from_static))
            .max_age(MAX_AGE);
        Some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        for (given, kept) in [
            ("*", "*"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.COM:443", "https://example.com"),
            ("http://example.com:80", "http://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("https://[::1]", "https://[::1]"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(given.parse::<Origin>().unwrap().to_string(), kept, "{given}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_to_write() {
        for (given, said) in [
            ("", "no scheme"),
            ("localhost:5173", "write http://localhost:5173"),
            ("null", "of its own"),
            ("http://localhost:5173/", "write http://localhost:5173"),
            ("https://example.com/page", "write https://example.com"),
            ("https://example.com?q", "write https://example.com"),
            ("https://", "no host"),
            ("file:///page.html", "path"),
            ("://example.com", "scheme"),
            ("1a://example.com", "scheme"),
            ("https://*.example.com", "star"),
            ("https://a b", "is no host"),
            ("https://bücher.example", "xn--"),
            ("https://user@example.com", "user"),
            ("https://example.com:", "is no port"),
            ("https://example.com:0", "is no port"),
            ("https://example.com:65536", "is no port"),
            ("https://[::1", "version 6"),
            ("https://[::1]x", "version 6"),
            ("https://::1", "is no host"),
        ] {
            let error = given.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(said) && error.contains(&format!("{given:?}")), "{error}");
        }
    }

    #[test]
    fn a_request_passes_if_every_origin_that_it_names_is_allowed() {
        let origins = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
            Origins::parse(&texts).unwrap()
        };
        let (a, b) = ("https://a.example", "https://b.example");
        for (allowed, named, passes) in [
            (vec![], vec![], true),
            (vec![], vec![a], false),
            (vec![a], vec![a], true),
            (vec![a], vec![b], false),
            (vec![a, b], vec![b], true),
            (vec![a], vec![a, b], false),
            (vec![a], vec!["null"], false),
            (vec![a], vec!["https://a.example.evil.example"], false),
            (vec!["*"], vec![b], true),
            (vec!["*"], vec!["null"], true),
        ] {
            let mut headers = HeaderMap::new();
            for origin in &named {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(origins(&allowed).allow(&headers), passes, "{allowed:?} {named:?}");
        }
    }
}
