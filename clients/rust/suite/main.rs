//! The driver of the conformance suite: does what it is told, a line of JSON each, with the Rust client.

#![allow(clippy::print_stdout, missing_docs, reason = "a test program that speaks on stdout")]

mod open;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use persona_registry::client::ClientError;
use persona_registry::client::personas::{Changes, Held, InvalidOption, Personas, Pick, Pin};
use persona_registry::domain::Digest;
use persona_registry::wire::pb;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A client, and what was made of it.
struct Own {
    personas: Personas,
    pins: HashMap<String, Pin>,
    subscriptions: HashMap<String, Arc<Mutex<Vec<Value>>>>,
}

/// Why something was not done.
enum Failure {
    Client(ClientError),
    Option(InvalidOption),
    /// The runner said something wrong.
    Command(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<InvalidOption> for Failure {
    fn from(error: InvalidOption) -> Self {
        Self::Option(error)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let (mut clients, mut lines) = (HashMap::new(), lines());
    while let Some(line) = lines.recv().await {
        let command: Value = serde_json::from_str(&line)?;
        let done = match done(&command, &mut clients).await {
            Ok(ok) => json!({ "id": command.get("id"), "ok": ok }),
            Err(failure) => json!({ "id": command.get("id"), "error": told(&failure) }),
        };
        println!("{done}");
    }
    for client in clients.into_values() {
        client.personas.close().await;
    }
    Ok(())
}

/// What comes from stdin, until its end.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn text<'a>(command: &'a Value, field: &str) -> &'a str {
    command.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(command: &Value, field: &str) -> i64 {
    command.get(field).and_then(Value::as_i64).unwrap_or_default()
}

fn time(command: &Value, field: &str) -> Option<Duration> {
    command.get(field).and_then(Value::as_u64).map(Duration::from_millis)
}

fn document(command: &Value) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text(command, "document")).map_err(|error| Failure::Command(error.to_string()))
}

async fn done(command: &Value, clients: &mut HashMap<String, Own>) -> Result<Value, Failure> {
    let (name, client) = (text(command, "name"), text(command, "client"));
    match text(command, "do") {
        "hello" => return Ok(json!({ "language": "rust", "version": env!("CARGO_PKG_VERSION") })),
        "open" => {
            let personas = open::open(command)?;
            let own = Own { personas, pins: HashMap::new(), subscriptions: HashMap::new() };
            clients.insert(client.to_owned(), own);
            return Ok(json!({}));
        }
        "close" => {
            let own =
                clients.remove(client).ok_or_else(|| Failure::Command(format!("no client {client}")))?;
            own.personas.close().await;
            return Ok(json!({}));
        }
        _ => {}
    }
    let own = clients.get_mut(client).ok_or_else(|| Failure::Command(format!("no client {client}")))?;
    let personas = &own.personas;
    Ok(match text(command, "do") {
        "ready" => {
            personas.ready(time(command, "timeout").unwrap_or(Duration::from_secs(5))).await?;
            json!({})
        }
        "get" => {
            let held = match command.get("fallback").and_then(Value::as_str) {
                Some(fallback) => personas.get_or(name, fallback).await?,
                None => personas.get(name).await?,
            };
            of_held(&held)
        }
        "await" => wait_for(personas, name, number(command, "version"), time(command, "timeout")).await?,
        "names" => json!({ "names": personas.names().await }),
        "pin" => {
            let pin = personas.pin().await;
            own.pins.insert(text(command, "pin").to_owned(), pin);
            json!({})
        }
        "pin_get" => {
            let pin = own.pins.get(text(command, "pin"));
            of_held(&pin.ok_or_else(|| Failure::Command("no such pin".to_owned()))?.get(name)?)
        }
        "subscribe" => {
            let told = Arc::new(Mutex::new(Vec::new()));
            own.subscriptions.insert(text(command, "subscription").to_owned(), told.clone());
            let fail = command.get("fail").and_then(Value::as_bool).unwrap_or(false);
            tokio::spawn(listen(personas.changes(), told, time(command, "delay").unwrap_or_default(), fail));
            json!({})
        }
        "changes" => {
            let told = own.subscriptions.get(text(command, "subscription"));
            let told = told.ok_or_else(|| Failure::Command("no such subscription".to_owned()))?;
            json!({ "changes": std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner)) })
        }
        "status" => {
            let status = personas.status();
            json!({
                "state": status.state.as_str(), "source": status.source.map(|source| source.as_str()),
                "revision": status.revision, "age": status.age.map(millis), "personas": status.personas,
                "streams": status.streams, "snapshots": status.snapshots,
                "error": status.error.map_or("", |error| error.kind().as_str()),
            })
        }
        "fetch" => {
            let pick = match (number(command, "version"), text(command, "alias")) {
                (0, "") => Pick::Newest,
                (0, alias) => Pick::Alias(alias),
                (version, _) => Pick::Version(version),
            };
            let persona = personas.fetch(name, pick).await?;
            let document = [persona.front_matter.as_str(), &persona.body].concat();
            json!({
                "version": persona.version, "revision": persona.revision,
                "digest": Digest::of(document.as_bytes()).to_string(), "size": document.len(),
            })
        }
        "list" => {
            let names = personas.list(text(command, "filter")).await?;
            json!({ "names": names.into_iter().map(|persona| persona.name).collect::<Vec<_>>() })
        }
        "validate" => {
            let findings = personas.validate(document(command)?).await?.diagnostics;
            json!({ "codes": findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>() })
        }
        "put" => {
            let request = pb::PutPersonaRequest {
                name: name.to_owned(),
                content: document(command)?.into(),
                request_id: text(command, "request_id").to_owned(),
                message: text(command, "message").to_owned(),
                create_only: command.get("create_only").and_then(Value::as_bool).unwrap_or(false),
                etag: text(command, "etag").to_owned(),
                ..Default::default()
            };
            let stored = personas.put(request).await?;
            json!({ "version": stored.version, "revision": stored.revision })
        }
        "delete" => json!({ "revision": personas.delete(name).await?.revision }),
        "set_alias" => {
            let (alias, version) = (text(command, "alias"), number(command, "version"));
            json!({ "revision": personas.set_alias(name, alias, version).await?.revision })
        }
        other => return Err(Failure::Command(format!("no such command: {other}"))),
    })
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn of_held(held: &Held) -> Value {
    let document = held.document();
    json!({
        "source": held.source().as_str(), "age": held.age().map(millis), "version": held.version(),
        "revision": held.revision(), "digest": Digest::of(document.as_bytes()).to_string(), "size": document.len(),
    })
}

async fn wait_for(
    personas: &Personas,
    name: &str,
    version: i64,
    timeout: Option<Duration>,
) -> Result<Value, Failure> {
    let end = tokio::time::Instant::now() + timeout.unwrap_or(Duration::from_secs(5));
    loop {
        let held = personas.get(name).await;
        if let Some(held) = held.as_ref().ok().filter(|held| held.version() >= version) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = u64::try_from(now.as_nanos()).unwrap_or_default();
            return Ok(json!({ "version": held.version(), "time_ns": now }));
        }
        if tokio::time::Instant::now() >= end {
            held?;
            return Err(ClientError::Pending(format!("version {version}")).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One subscriber: slow, or failing, as it is told.
async fn listen(mut changes: Changes, told: Arc<Mutex<Vec<Value>>>, delay: Duration, fail: bool) {
    while let Some(change) = changes.next().await {
        let version = change.after.as_ref().map_or(0, |persona| persona.version);
        let line = json!({ "type": change.change_type().as_str(), "name": change.name, "version": version });
        told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        tokio::time::sleep(delay).await;
        if fail {
            let failed =
                tokio::spawn(async { std::panic::resume_unwind(Box::new("the subscriber fails")) }).await;
            tracing::info!(error = ?failed.err(), "as it was told");
        }
    }
}

fn told(failure: &Failure) -> Value {
    match failure {
        Failure::Option(error) => json!({ "kind": "Usage", "message": error.to_string() }),
        Failure::Command(message) => json!({ "kind": "Command", "message": message }),
        Failure::Client(error) => json!({
            "kind": error.kind().as_str(), "code": code(error),
            "reason": error.reason().map_or("", |reason| reason.as_str_name().trim_start_matches("ERROR_REASON_")),
            "metadata": error.metadata(), "message": error.to_string(),
        }),
    }
}

/// As the contract writes codes: `NOT_FOUND`.
fn code(error: &ClientError) -> String {
    let mut word = String::new();
    for letter in format!("{:?}", error.code()).chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_uppercase());
    }
    word
}
