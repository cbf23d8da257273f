//! What a client is told when it is made, and what is wrong with that.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::{self, Pace, Selection, Server, TlsOptions, Token, is_server_name};
use crate::domain::{Alias, Name, Namespace, limits};
use crate::wire::pb;

/// How a client of personas behaves. All has a default.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespace. Default: `default`.
    pub namespace: String,
    /// Show each persona as this alias resolves it, such as `production`. Empty: the newest versions.
    pub alias: String,
    /// Only these, at most 1,000. Empty: all.
    pub names: Vec<String>,
    /// Only what this matches, as in ListPersonas. Empty: all.
    pub filter: String,
    /// The token that calls and streams are made with. Over plain HTTP to this machine only.
    pub token: Option<Token>,
    /// Send the token over plain HTTP to other machines too.
    pub allow_insecure_token: bool,
    /// What is trusted and shown over TLS.
    pub tls: TlsOptions,
    /// Where to keep a copy for a start without the registry. Default: nowhere.
    pub snapshot_path: Option<PathBuf>,
    /// How long a read waits for the very first contents. Default: 5 s.
    pub first_sync_timeout: Duration,
    /// How long one attempt of a call may take. Default: 10 s.
    pub call_timeout: Duration,
    /// Further attempts of a call that got no decision. Default: 3.
    pub retries: u32,
    /// The most that is waited before the first attempt to open the stream again. Default: 1 s.
    pub backoff_first: Duration,
    /// The most that is waited before any attempt. Default: 30 s.
    pub backoff_most: Duration,
    /// How often the registry says that all is quiet, 1 s to 60 s. Default: 15 s.
    pub progress_interval: Duration,
    /// The least time between two writings of the copy on disk. Default: 1 s.
    pub snapshot_interval: Duration,
    /// Takes a part out, so that tests can show that they notice.
    #[doc(hidden)]
    pub switch_off: Option<Part>,
}

impl Default for Options {
    fn default() -> Self {
        let pace = Pace::default();
        Self {
            namespace: Namespace::default().to_string(),
            alias: String::new(),
            names: Vec::new(),
            filter: String::new(),
            token: None,
            allow_insecure_token: false,
            tls: TlsOptions::default(),
            snapshot_path: None,
            first_sync_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            retries: 3,
            backoff_first: pace.backoff_first,
            backoff_most: pace.backoff_most,
            progress_interval: pace.progress_interval,
            snapshot_interval: Duration::from_secs(1),
            switch_off: None,
        }
    }
}

/// A part that the conformance suite takes out of a client.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is held is forgotten when the stream ends.
    Cache,
    /// There is no wait between attempts.
    Backoff,
    /// Tokens are not kept.
    Resume,
    /// At Synced nothing is removed.
    Sweep,
}

/// An option that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct InvalidOption {
    /// Which.
    pub option: &'static str,
    /// What is wrong with it, in a sentence.
    pub problem: String,
}

impl InvalidOption {
    pub(super) fn new(option: &'static str, problem: impl Into<String>) -> Self {
        Self { option, problem: problem.into() }
    }
}

/// Options that fit together.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) server: Server,
    pub(super) options: Options,
}

impl Checked {
    pub(super) fn new(target: &str, mut options: Options) -> Result<Self, InvalidOption> {
        let server: Server =
            target.parse().map_err(|error| InvalidOption::new("target", format!("{error}")))?;
        if options.namespace.is_empty() {
            options.namespace = Namespace::default().to_string();
        }
        if options.namespace == "-" {
            return Err(InvalidOption::new("namespace", "a client is of one namespace: `-` is none"));
        }
        named::<Namespace>("namespace", &options.namespace)?;
        if !options.alias.is_empty() {
            named::<Alias>("alias", &options.alias)?;
        }
        options.names.iter().try_for_each(|name| named::<Name>("names", name))?;
        if options.names.len() > limits::WATCH_NAMES {
            let problem = format!("there are {}, at most {}", options.names.len(), limits::WATCH_NAMES);
            return Err(InvalidOption::new("names", problem));
        }
        // Sorted, each once: the same names are the same selection, whatever their order.
        options.names =
            std::mem::take(&mut options.names).into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if options.filter.len() > limits::FILTER_BYTES {
            return Err(InvalidOption::new(
                "filter",
                format!("it has at most {} bytes", limits::FILTER_BYTES),
            ));
        }
        let interval = Duration::from_secs(1)..=Duration::from_secs(60);
        if !interval.contains(&options.progress_interval) {
            return Err(InvalidOption::new("progress_interval", "it is 1 s to 60 s"));
        }
        if options.backoff_first.is_zero() || options.backoff_first > options.backoff_most {
            return Err(InvalidOption::new(
                "backoff_first",
                "it is more than nothing and at most backoff_most",
            ));
        }
        if options.call_timeout.is_zero() {
            return Err(InvalidOption::new("call_timeout", "it is more than nothing"));
        }
        let checked = Self { server, options };
        checked.look_at_security()?;
        Ok(checked)
    }

    fn look_at_security(&self) -> Result<(), InvalidOption> {
        let Options { tls, token, allow_insecure_token, .. } = &self.options;
        let TlsOptions { ca_cert, client_cert, client_key, server_name } = tls;
        let some =
            ca_cert.is_some() || client_cert.is_some() || client_key.is_some() || server_name.is_some();
        if some && !self.server.is_secure() {
            let problem = format!("certificates are for https, and the target is {}", self.server);
            return Err(InvalidOption::new("target", problem));
        }
        if tls.client_cert.is_some() != tls.client_key.is_some() {
            return Err(InvalidOption::new("client_cert", "a certificate and its key go together"));
        }
        if let Some(name) = tls.server_name.as_ref().filter(|name| !is_server_name(name)) {
            return Err(InvalidOption::new(
                "server_name",
                format!("{name:?} is no name that a certificate could be for"),
            ));
        }
        if token.is_none() || self.server.is_secure() || *allow_insecure_token || self.server.is_here() {
            return Ok(());
        }
        let problem = format!(
            "it would go to {} where everybody on the way may read it; use https, or set allow_insecure_token",
            self.server
        );
        Err(InvalidOption::new("token", problem))
    }

    pub(super) fn network(&self) -> client::Options {
        client::Options {
            call_timeout: self.options.call_timeout,
            retries: self.options.retries,
            tls: self.options.tls.clone(),
            token: self.options.token.clone(),
            insecure_token: self.options.allow_insecure_token,
            ..client::Options::default()
        }
    }

    pub(super) fn selection(&self) -> Selection {
        Selection {
            namespace: self.options.namespace.clone(),
            names: self.options.names.clone(),
            filter: self.options.filter.clone(),
            alias: self.options.alias.clone(),
            view: pb::PersonaView::Full,
            mode: pb::WatchMode::Latest,
        }
    }

    pub(super) fn pace(&self) -> Pace {
        Pace {
            backoff_first: self.options.backoff_first,
            backoff_most: self.options.backoff_most,
            progress_interval: self.options.progress_interval,
            insist: true,
        }
    }

    pub(super) fn lacks(&self, part: Part) -> bool {
        self.options.switch_off == Some(part)
    }
}

fn named<T: std::str::FromStr<Err: std::fmt::Display>>(
    option: &'static str,
    text: &str,
) -> Result<(), InvalidOption> {
    text.parse::<T>().map(drop).map_err(|error| InvalidOption::new(option, error.to_string()))
}

/// Whether a host is this machine.
#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(target: &str, options: Options) -> &'static str {
        Checked::new(target, options).unwrap_err().option
    }

    #[test]
    fn wrong_options_are_refused_by_name() {
        let options = Options::default;
        let token = || Some(Token::Text("secret".to_owned()));
        assert_eq!(wrong("ftp://a", options()), "target");
        assert_eq!(wrong("a", Options { namespace: "-".to_owned(), ..options() }), "namespace");
        assert_eq!(wrong("a", Options { names: vec!["A".to_owned()], ..options() }), "names");
        let many = (0..1001).map(|number| format!("n{number}")).collect();
        assert_eq!(wrong("a", Options { names: many, ..options() }), "names");
        assert_eq!(wrong("a", Options { alias: "A b".to_owned(), ..options() }), "alias");
        assert_eq!(
            wrong("a", Options { progress_interval: Duration::from_millis(999), ..options() }),
            "progress_interval"
        );
        assert_eq!(
            wrong("a", Options { backoff_first: Duration::from_secs(31), ..options() }),
            "backoff_first"
        );
        let tls = TlsOptions { client_cert: Some("c.pem".into()), ..TlsOptions::default() };
        assert_eq!(wrong("https://a", Options { tls, ..options() }), "client_cert");
        let tls = TlsOptions { ca_cert: Some("ca.pem".into()), ..TlsOptions::default() };
        assert_eq!(wrong("http://a", Options { tls, ..options() }), "target");
        assert_eq!(wrong("http://192.0.2.1:1", Options { token: token(), ..options() }), "token");
        for (target, allow_insecure_token) in
            [("https://a", false), ("localhost", false), ("127.0.0.1", false), ("[::1]", false), ("a", true)]
        {
            assert!(
                Checked::new(target, Options { token: token(), allow_insecure_token, ..options() }).is_ok()
            );
        }
    }
}
