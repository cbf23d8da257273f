//! Options as the suite writes them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use persona_registry::client::personas::{InvalidOption, Options, Part, Personas};
use persona_registry::client::{TlsOptions, Token};
use serde_json::Value;

use super::{text, time};

pub(super) fn open(command: &Value) -> Result<Personas, InvalidOption> {
    let default = Options::default();
    let path =
        |field: &str| Some(PathBuf::from(text(command, field))).filter(|path| !path.as_os_str().is_empty());
    let word = |field: &str| Some(text(command, field).to_owned()).filter(|word| !word.is_empty());
    let span = |field: &str, default: Duration| time(command, field).unwrap_or(default);
    let names = command.get("names").and_then(Value::as_array).into_iter().flatten();
    let token = match (word("token"), path("token_file")) {
        (Some(token), _) => Some(Token::Text(token)),
        (None, Some(path)) => Some(Token::Asked(Arc::new(move || Ok(std::fs::read_to_string(&path)?)))),
        (None, None) => None,
    };
    let options = Options {
        namespace: word("namespace").unwrap_or(default.namespace),
        alias: text(command, "alias").to_owned(),
        names: names.filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        filter: text(command, "filter").to_owned(),
        token,
        allow_insecure_token: command.get("allow_insecure_token").and_then(Value::as_bool).unwrap_or(false),
        tls: TlsOptions {
            ca_cert: path("ca_cert"),
            client_cert: path("client_cert"),
            client_key: path("client_key"),
            server_name: word("server_name"),
        },
        snapshot_path: path("snapshot_path"),
        first_sync_timeout: span("first_sync_timeout", default.first_sync_timeout),
        call_timeout: span("call_timeout", default.call_timeout),
        retries: command
            .get("retries")
            .and_then(Value::as_u64)
            .and_then(|retries| u32::try_from(retries).ok())
            .unwrap_or(default.retries),
        backoff_first: span("backoff_first", default.backoff_first),
        backoff_most: span("backoff_most", default.backoff_most),
        progress_interval: span("progress_interval", default.progress_interval),
        snapshot_interval: span("snapshot_interval", default.snapshot_interval),
        switch_off: match text(command, "switch_off") {
            "cache" => Some(Part::Cache),
            "backoff" => Some(Part::Backoff),
            "resume" => Some(Part::Resume),
            "sweep" => Some(Part::Sweep),
            _ => None,
        },
    };
    Personas::new(text(command, "target"), options)
}
