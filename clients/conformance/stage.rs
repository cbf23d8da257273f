//! What one scenario plays on: its folder, servers, proxy and clients, and how each step is done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use persona_registry::domain::Digest;
use serde_json::{Map, Value, json};

use crate::driver::Driver;
use crate::fits::{Unmet, fits};
use crate::paper;
use crate::proxy::{Proxy, State};
use crate::script::{Do, Scenario, Step};
use crate::server::Server;

/// How long something is waited for that `within` does not say.
const PATIENCE: u64 = 20_000;

/// Short times, so that nobody waits for what a person would wait for.
fn defaults() -> Value {
    json!({
        "client": "c", "target": "$server", "backoff_first": 50, "backoff_most": 400, "progress_interval": 1000,
        "snapshot_interval": 20, "first_sync_timeout": 15000, "call_timeout": 5000,
    })
}

/// The scene of one scenario.
pub struct Stage<'a> {
    scenario: Arc<Scenario>,
    language: String,
    switch_off: Option<String>,
    /// The folder of the client that is looked at; others are beside it.
    folder: PathBuf,
    drivers: &'a mut BTreeMap<String, Driver>,
    pub dir: tempfile::TempDir,
    pub values: BTreeMap<String, String>,
    pub servers: BTreeMap<String, Server>,
    pub proxy: Option<Proxy>,
    /// What the proxy had seen at the last mark.
    pub mark: Option<State>,
    open: BTreeSet<(String, String)>,
}

impl<'a> Stage<'a> {
    pub fn new(
        scenario: Arc<Scenario>,
        language: &str,
        switch_off: Option<String>,
        folder: &Path,
        drivers: &'a mut BTreeMap<String, Driver>,
    ) -> Result<Self> {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let values = BTreeMap::from([("dir".to_owned(), dir.path().display().to_string())]);
        Ok(Self {
            scenario,
            language: language.to_owned(),
            switch_off,
            folder: folder.to_owned(),
            drivers,
            dir,
            values,
            servers: BTreeMap::new(),
            proxy: None,
            mark: None,
            open: BTreeSet::new(),
        })
    }

    /// All steps, and the clients closed after them.
    pub async fn play(&mut self) -> Result<()> {
        let scenario = self.scenario.clone();
        for (told, step) in &scenario.script {
            let done = match step {
                Step::Do(step) => self.tell(step).await,
                Step::Run(run) => self.run(run).await,
            };
            done.map_err(|error| match error.downcast::<Unmet>() {
                Ok(Unmet(why)) => Unmet(format!("{why}  ({told})")).into(),
                Err(error) => error.context(format!("({told})")),
            })?;
        }
        for (language, client) in std::mem::take(&mut self.open) {
            let close = json!({"do": "close", "client": client});
            let answer = self.ask(&language, close.as_object().unwrap().clone()).await?;
            if answer.get("ok").is_none() {
                bail!("the client cannot be closed: {answer}");
            }
        }
        Ok(())
    }

    async fn ask(&mut self, language: &str, command: Map<String, Value>) -> Result<Value> {
        if !self.drivers.contains_key(language) {
            let mut folder = self.folder.with_file_name(language);
            if !folder.is_dir() {
                folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(language);
            }
            let driver = Driver::start(&folder).await?;
            self.drivers.insert(language.to_owned(), driver);
        }
        let driver = self.drivers.get_mut(language).context("no driver")?;
        driver.call(command).await
    }

    /// A command of the driver, until it fits or the time is over.
    async fn tell(&mut self, step: &Do) -> Result<()> {
        let language = step.language.clone().unwrap_or_else(|| self.language.clone());
        let mut command = self.filled(step)?;
        let client = format!("{}/{}", self.scenario.name, command["client"].as_str().unwrap_or_default());
        command.insert("client".to_owned(), client.clone().into());
        match step.command.as_str() {
            "open" if step.error.is_none() => drop(self.open.insert((language.clone(), client))),
            "close" => drop(self.open.remove(&(language.clone(), client))),
            _ => {}
        }
        let mut expected = self.expanded(step.expect.clone().unwrap_or_else(|| json!({})));
        if let Value::Object(expected) = &mut expected {
            let name = command.get("name").and_then(Value::as_str).unwrap_or_default();
            if let Some(Value::String(text)) = expected.remove("text") {
                expected.insert("digest".to_owned(), digest(&paper::document(name, &text, "")).into());
            }
            if let Some(Value::String(text)) = expected.remove("raw") {
                expected.insert("digest".to_owned(), digest(text.as_bytes()).into());
            }
        }
        let refused = match &step.error {
            Some(Value::String(kind)) => Some(json!({ "kind": kind })),
            other => other.clone(),
        };
        let end = tokio::time::Instant::now() + Duration::from_millis(step.within.unwrap_or(0));
        let mut changes = Vec::new();
        loop {
            let mut answer = self.ask(&language, command.clone()).await?;
            if step.command == "changes" {
                told_changes(&mut answer, &mut changes);
            }
            let judged = match &refused {
                None if answer.get("ok").is_none() => {
                    Err(Unmet(format!("there is an error: {}", answer["error"])))
                }
                None => fits(&expected, &answer["ok"]),
                Some(_) if answer.get("ok").is_some() => {
                    Err(Unmet(format!("there is no error: {}", answer["ok"])))
                }
                Some(refused) => fits(refused, &answer["error"]),
            };
            match judged {
                Ok(()) => return Ok(()),
                Err(unmet) if tokio::time::Instant::now() >= end => return Err(unmet.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// The command with everything that goes without saying.
    fn filled(&mut self, step: &Do) -> Result<Map<String, Value>> {
        let mut command = Map::new();
        if step.command == "open" {
            command.extend(defaults().as_object().unwrap().clone());
            if let Some(part) = &self.switch_off {
                command.insert("switch_off".to_owned(), part.clone().into());
            }
        }
        command.entry("client").or_insert("c".into());
        if step.command == "ready" {
            command.insert("timeout".to_owned(), PATIENCE.into());
        }
        command.extend(step.fields.clone());
        if command.values().any(|value| value.as_str().is_some_and(|text| text.contains("$proxy"))) {
            self.before_server()?;
        }
        let Value::Object(mut command) = self.expanded(Value::Object(command)) else { bail!("no command") };
        command.insert("do".to_owned(), step.command.clone().into());
        if let Some(text) = command.remove("text") {
            let name = command.get("name").and_then(Value::as_str).unwrap_or_default();
            let document = paper::document(name, text.as_str().unwrap_or_default(), "");
            command.insert("document".to_owned(), STANDARD.encode(document).into());
        }
        Ok(command)
    }

    /// With `$server`, `$proxy`, `$dir`, `$token.NAME` and so on put in.
    fn expanded(&self, value: Value) -> Value {
        match value {
            Value::String(text) => {
                // Longer names first: one may begin with another.
                let mut text = text;
                for (name, value) in self.values.iter().rev() {
                    text = text.replace(&format!("${name}"), value);
                }
                Value::String(text)
            }
            Value::Array(values) => values.into_iter().map(|value| self.expanded(value)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, value)| (key, self.expanded(value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other,
        }
    }

    pub fn expanded_text(&self, text: &str) -> String {
        self.expanded(text.into()).as_str().unwrap_or_default().to_owned()
    }

    pub fn server(&mut self, name: Option<&String>) -> Result<&mut Server> {
        let name = name.map_or("server", String::as_str);
        self.servers.get_mut(name).with_context(|| format!("there is no server {name}"))
    }

    /// The proxy, which is before the server as soon as something asks for it.
    pub fn before_server(&mut self) -> Result<&mut Proxy> {
        if self.proxy.is_none() {
            let proxy = Proxy::before(self.server(None)?.address);
            self.values.insert("proxy".to_owned(), format!("http://{}", proxy.address()));
            self.mark = Some(proxy.seen());
            self.proxy = Some(proxy);
        }
        self.proxy.as_mut().context("no proxy")
    }
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// Changes since the step began, each as `TYPE name version`, the same as `has`, and how many there are.
fn told_changes(answer: &mut Value, all: &mut Vec<Value>) {
    let Some(Value::Array(changes)) = answer.get("ok").and_then(|ok| ok.get("changes")) else { return };
    let text = |field: &Value| field.as_str().unwrap_or("?").to_owned();
    for change in changes {
        all.push(format!("{} {} {}", text(&change["type"]), text(&change["name"]), change["version"]).into());
    }
    let last: Map<_, _> = all
        .iter()
        .filter_map(|change| {
            let mut words = change.as_str()?.split(' ');
            let (kind, name, version) = (words.next()?, words.next()?, words.next()?);
            Some((name.to_owned(), format!("{kind} {version}").into()))
        })
        .collect();
    answer["ok"] = json!({ "changes": all, "last": last, "count": all.len() });
}
