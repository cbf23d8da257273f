//! What the runner does to the world around a client.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use persona_registry::client::{self, Client, TlsOptions, Token};
use persona_registry::wire::pb;
use serde_json::{Map, Value};

use crate::fits::fits;
use crate::script::{Run, Way};
use crate::server::{Server, persona};
use crate::stage::Stage;
use crate::{paper, snapshot_file};

impl Stage<'_> {
    pub async fn run(&mut self, run: &Run) -> Result<()> {
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
    pub async fn client(&mut self) -> Result<Client> {
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
