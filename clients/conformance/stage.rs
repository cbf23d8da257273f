//! What one scenario plays on: its folder, servers, proxy and clients, and how each step is done.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use persona_registry::client::{self, Client, TlsOptions, Token};
use persona_registry::domain::Digest;
use persona_registry::wire::pb;
use serde_json::{Map, Value, json};

use crate::driver::Driver;
use crate::fits::{Unmet, fits};
use crate::proxy::{Proxy, State};
use crate::script::{Do, Run, Scenario, Step, Way};
use crate::server::{Server, persona};
use crate::{paper, snapshot_file};

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
    dir: tempfile::TempDir,
    values: BTreeMap<String, String>,
    servers: BTreeMap<String, Server>,
    proxy: Option<Proxy>,
    /// What the proxy had seen at the last mark.
    mark: Option<State>,
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
            let driver = Driver::start(&self.folder.with_file_name(language)).await?;
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

    fn expanded_text(&self, text: &str) -> String {
        self.expanded(text.into()).as_str().unwrap_or_default().to_owned()
    }

    fn server(&mut self, name: Option<&String>) -> Result<&mut Server> {
        let name = name.map_or("server", String::as_str);
        self.servers.get_mut(name).with_context(|| format!("there is no server {name}"))
    }

    /// The proxy, which is before the server as soon as something asks for it.
    fn before_server(&mut self) -> Result<&mut Proxy> {
        if self.proxy.is_none() {
            let proxy = Proxy::before(self.server(None)?.address);
            self.values.insert("proxy".to_owned(), format!("http://{}", proxy.address()));
            self.mark = Some(proxy.seen());
            self.proxy = Some(proxy);
        }
        self.proxy.as_mut().context("no proxy")
    }

    async fn run(&mut self, run: &Run) -> Result<()> {
        match run {
            Run::Serve { server, store, args } => {
                let name = server.clone().unwrap_or_else(|| "server".to_owned());
                if !self.servers.contains_key(&name) {
                    let new = Server::new(self.dir.path())?;
                    self.values.insert(name.clone(), format!("http://{}", new.address));
                    self.values
                        .insert(format!("{name}-tls"), format!("https://localhost:{}", new.address.port()));
                    self.values.insert(format!("{name}-ip"), format!("https://{}", new.address));
                    self.servers.insert(name.clone(), new);
                }
                let args = args.as_ref().map(|args| args.iter().map(|one| self.expanded_text(one)).collect());
                let server = self.server(Some(&name))?;
                if let Some(store) = store {
                    server.store.clone_from(store);
                }
                server.args = args.unwrap_or_else(|| std::mem::take(&mut server.args));
                server.start().await
            }
            Run::Stop { server, signal } => {
                let signal = signal.as_deref().unwrap_or("KILL");
                self.server(server.as_ref())?.stop(signal).await
            }
            Run::Put { name, text, namespace, times, labels } => {
                let client = self.client().await?;
                for time in 0..times.unwrap_or(1) {
                    let text = times.map_or_else(|| text.clone(), |_| format!("{text} {}", time + 1));
                    let labels = labels.as_deref().unwrap_or_default();
                    let request = pb::PutPersonaRequest {
                        namespace: namespace.clone().unwrap_or_default(),
                        content: paper::document(name, &text, labels).into(),
                        ..Default::default()
                    };
                    client.put(request).await?;
                }
                Ok(())
            }
            Run::Delete { name } => {
                let request = pb::DeletePersonaRequest { name: name.clone(), ..Default::default() };
                self.client().await?.delete(request).await?;
                Ok(())
            }
            Run::Alias { name, alias, version: 0 } => {
                let (name, alias) = (name.clone(), alias.clone());
                let request = pb::DeletePersonaAliasRequest { name, alias, ..Default::default() };
                self.client().await?.delete_alias(request).await?;
                Ok(())
            }
            Run::Alias { name, alias, version } => {
                let (name, alias, version) = (name.clone(), alias.clone(), *version);
                let request = pb::SetPersonaAliasRequest { name, alias, version, ..Default::default() };
                self.client().await?.set_alias(request).await?;
                Ok(())
            }
            Run::Compact => {
                self.client().await?.compact_history(0).await?;
                Ok(())
            }
            Run::Folder { count } => {
                let folder = self.dir.path().join("personas");
                std::fs::create_dir_all(&folder)?;
                for number in 0..*count {
                    let name = format!("p-{number:05}");
                    std::fs::write(folder.join(format!("{name}.md")), paper::document(&name, "first", ""))?;
                }
                Ok(())
            }
            Run::Certs { name } => {
                let mut arguments = vec!["dev-certs".to_owned(), "certs".to_owned()];
                for name in name.iter().flatten() {
                    arguments.extend(["--name".to_owned(), name.clone()]);
                }
                self.command(&arguments).map(drop)
            }
            Run::Token { token, grant } => {
                // Tokens may be made before the first start.
                let data = self.dir.path().join("store").display().to_string();
                let made = self.command(
                    &["token", "create", token, "--grant", grant, "--data-dir", &data].map(ToOwned::to_owned),
                )?;
                self.values.insert(format!("token.{token}"), made.trim().to_owned());
                Ok(())
            }
            Run::Revoke { token } => {
                let data = self.dir.path().join("store").display().to_string();
                self.command(&["token", "revoke", token, "--data-dir", &data].map(ToOwned::to_owned))
                    .map(drop)
            }
            Run::Write { file, content } => {
                let (file, content) = (self.expanded_text(file), self.expanded_text(content));
                let beside = format!("{file}~");
                std::fs::write(&beside, content)?;
                Ok(std::fs::rename(beside, file)?)
            }
            Run::Damage { from, file, at } => {
                let (from, file) = (self.expanded_text(from), self.expanded_text(file));
                let content = std::fs::read(&from).with_context(|| from.clone())?;
                Ok(std::fs::write(file, snapshot_file::damaged(content, *at)?)?)
            }
            Run::Proxy { way } => self.proxy(*way).await,
            Run::Mark => {
                self.mark = Some(self.before_server()?.seen());
                Ok(())
            }
            Run::Check { expect, file, within } => self.check(expect, file.as_deref(), *within).await,
            Run::Wait { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Ok(())
            }
        }
    }

    async fn proxy(&mut self, way: Way) -> Result<()> {
        let proxy = self.before_server()?;
        match way {
            Way::Pass => {
                proxy.turn_away(false);
                proxy.hold(false);
                proxy.close().await;
                proxy.open();
            }
            Way::Cut => proxy.cut(),
            Way::TurnAway => {
                proxy.turn_away(true);
                proxy.cut();
            }
            Way::Refuse => {
                proxy.close().await;
                proxy.cut();
            }
            Way::Hold => proxy.hold(true),
            Way::LoseAnswer => proxy.lose_answers(1),
        }
        Ok(())
    }

    async fn check(&mut self, expect: &Value, file: Option<&str>, within: Option<u64>) -> Result<()> {
        let end = tokio::time::Instant::now() + Duration::from_millis(within.unwrap_or(0));
        loop {
            let mut seen = Map::new();
            if expect.get("revision").is_some() || expect.get("watches").is_some() {
                let status = self.client().await?.status().await?;
                seen.insert("revision".to_owned(), status.header.map_or(0, |header| header.revision).into());
                seen.insert("watches".to_owned(), status.counts.map_or(0, |counts| counts.watches).into());
            }
            if let Some(file) = file {
                let metadata = std::fs::metadata(self.expanded_text(file));
                let mode = metadata.map(|data| format!("{:o}", data.permissions().mode() & 0o7777));
                seen.insert("mode".to_owned(), mode.unwrap_or_else(|error| error.to_string()).into());
            }
            if let (Some(proxy), Some(mark)) = (&self.proxy, &self.mark) {
                let now = proxy.seen();
                seen.insert("connections".to_owned(), (now.connections - mark.connections).into());
                seen.insert("answered".to_owned(), (now.answered - mark.answered).into());
                seen.insert("turned_away".to_owned(), (now.turned_away - mark.turned_away).into());
                seen.insert("bytes".to_owned(), (now.sent - mark.sent).into());
            }
            match fits(expect, &Value::Object(seen)) {
                Ok(()) => return Ok(()),
                Err(unmet) if tokio::time::Instant::now() >= end => return Err(unmet.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// The runner's own client of the server.
    async fn client(&mut self) -> Result<Client> {
        let token = self.values.get("token.admin").cloned().map(Token::Text);
        let certs = self.dir.path().join("certs");
        let server = self.server(None)?;
        let tls = server.args.iter().any(|arg| arg == "--tls-cert");
        let mutual = server.args.iter().any(|arg| arg == "--tls-client-ca");
        let scheme = if tls { "https" } else { "http" };
        let address: client::Server = format!("{scheme}://{}", server.address).parse()?;
        let tls = TlsOptions {
            ca_cert: tls.then(|| certs.join("ca.pem")),
            client_cert: mutual.then(|| certs.join("client-dev.pem")),
            client_key: mutual.then(|| certs.join("client-dev-key.pem")),
            server_name: None,
        };
        Ok(Client::connect(&address, client::Options { tls, token, ..Default::default() }).await?)
    }

    fn command(&self, arguments: &[String]) -> Result<String> {
        let done = persona(self.dir.path(), arguments).output()?;
        if !done.status.success() {
            bail!("persona {}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8(done.stdout)?)
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
