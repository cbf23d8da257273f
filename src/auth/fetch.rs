//! Fetching a key set: from a file, or by HTTPS.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::policy::KeySource;

/// Bytes of a key set at most.
const SET_BYTES: usize = 256 * 1024;
/// How long fetching may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches key sets. Without certificates that the machine trusts, from files only: small images have none.
#[derive(Debug)]
pub(super) struct Fetcher(Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, String>);

impl Fetcher {
    /// Trusts the certificates that the machine trusts.
    pub(super) fn new() -> Self {
        let rooted = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider());
        let client = rooted.map(|rooted| {
            let connector = rooted.https_or_http().enable_http1().build();
            Client::builder(TokioExecutor::new()).build(connector)
        });
        Self(client.map_err(|error| format!("the certificates that this machine trusts: {error}")))
    }

    pub(super) async fn fetch(&self, source: &KeySource) -> Result<Vec<u8>, String> {
        match source {
            KeySource::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || {
                    read(&path).map_err(|error| format!("{}: {error}", path.display()))
                });
                read.await.unwrap_or_else(|error| Err(error.to_string()))
            }
            KeySource::Url(url) => {
                let got = tokio::time::timeout(TIMEOUT, self.get(url)).await;
                got.unwrap_or_else(|_| Err(format!("nothing came within {} s", TIMEOUT.as_secs())))
                    .map_err(|problem| format!("{url}: {problem}"))
            }
        }
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let client = self.0.as_ref().map_err(Clone::clone)?;
        let request = Request::get(url).header(http::header::ACCEPT, "application/json");
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let response = client.request(request).await.map_err(|error| innermost(&error))?;
        if response.status() != http::StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let body = Limited::new(response.into_body(), SET_BYTES).collect().await;
        Ok(body.map_err(|error| innermost(&*error))?.to_bytes().to_vec())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(SET_BYTES as u64 + 1).read_to_end(&mut text)?;
    if text.len() > SET_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 256 KiB"));
    }
    Ok(text)
}

/// What is behind an error that says little.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
