//! What of the settings of TLS goes together, and whether the server may listen where it is told to.

use std::path::PathBuf;
use std::time::Duration;

use super::{Config, Origin, Problem};
use crate::server::tls::{ClientAuth, Options};
use crate::server::{Exposed, may_listen};

/// The files of the server as they were given, before it is known whether they go together.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) client_auth: Option<ClientAuth>,
    pub(super) reload: Duration,
}

impl Default for Files {
    fn default() -> Self {
        let Options { reload, .. } = Options::new(PathBuf::new(), PathBuf::new());
        Self { cert: None, key: None, client_ca: None, client_auth: None, reload }
    }
}

impl Config {
    /// Puts together what the server needs for TLS, and looks whether it may listen at all.
    pub(super) fn look_for_tls(&mut self, problems: &mut Vec<Problem>) {
        let before = problems.len();
        let wrong = |key: &'static str, message: &str, help: &str| {
            Problem::new(&self.origin(key), message).with_help(Some(help.to_owned()))
        };
        let Files { cert, key, client_ca, client_auth, reload } = self.tls.clone();
        let tls = match (cert, key) {
            (Some(cert), Some(key)) => {
                let asks = client_auth.is_some_and(|auth| auth != ClientAuth::None);
                if asks && client_ca.is_none() {
                    problems.push(wrong(
                        "tls-client-auth",
                        "client certificates cannot be verified without their authority",
                        "give its certificate with --tls-client-ca, or --tls-client-auth none",
                    ));
                }
                let usual = if client_ca.is_some() { ClientAuth::Required } else { ClientAuth::None };
                let client_auth = client_auth.unwrap_or(usual);
                Some(Options { cert, key, client_ca, client_auth, reload })
            }
            (Some(_), None) => {
                problems.push(wrong("tls-cert", "the certificate lacks its key", "give it with --tls-key"));
                None
            }
            (None, Some(_)) => {
                problems.push(wrong("tls-key", "the key lacks its certificate", "give it with --tls-cert"));
                None
            }
            (None, None) => {
                for (key, given) in
                    [("tls-client-ca", client_ca.is_some()), ("tls-client-auth", client_auth.is_some())]
                {
                    if given && client_auth != Some(ClientAuth::None) {
                        let message = "clients show certificates over TLS only, which is off";
                        problems.push(wrong(key, message, "turn it on with --tls-cert and --tls-key"));
                    }
                }
                None
            }
        };
        self.options.tls = tls;
        // What is wrong already may be the reason that TLS is off.
        if let (true, Err(exposed)) = (problems.len() == before, may_listen(self.listen, &self.options)) {
            let problem = Problem::new(&self.origin("listen"), exposed.to_string());
            problems.push(problem.with_help(Some(Exposed::HELP.to_owned())));
        }
    }

    /// Looks whether a client's certificate and key come together.
    pub(super) fn look_for_identity(&self, problems: &mut Vec<Problem>) {
        let tls = &self.client.tls;
        let (key, message, help) = match (&tls.client_cert, &tls.client_key) {
            (Some(_), None) => ("client-cert", "the certificate lacks its key", "give it with --client-key"),
            (None, Some(_)) => ("client-key", "the key lacks its certificate", "give it with --client-cert"),
            _ => return,
        };
        problems.push(Problem::new(&self.origin(key), message).with_help(Some(help.to_owned())));
    }

    fn origin(&self, key: &str) -> Origin {
        let entry = self.entries.iter().find(|entry| entry.setting.key == key);
        entry.map_or(Origin::Default, |entry| entry.origin.clone())
    }
}
