//! The real registry as a process: started, killed and started again at one port.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use persona_registry::config::{FILE_VARIABLE, SETTINGS};

use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(60);

/// The binary in this folder, free of what the environment would tell it.
pub fn persona(folder: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    for variable in SETTINGS.iter().map(|setting| setting.variable).chain([FILE_VARIABLE, "RUST_LOG"]) {
        command.env_remove(variable);
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// A server, running or not.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    pub address: SocketAddr,
    pub store: String,
    pub args: Vec<String>,
    process: Option<Process>,
}

impl Server {
    pub fn new(folder: &Path) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port()?));
        Ok(Self {
            folder: folder.to_owned(),
            address,
            store: "store".to_owned(),
            args: Vec::new(),
            process: None,
        })
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.join(&self.store)
    }

    pub async fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("the server runs already");
        }
        let data = self.data_dir().display().to_string();
        let address = self.address.to_string();
        let own = ["serve", "--listen", &address, "--data-dir", &data, "--durability", "relaxed"];
        let arguments: Vec<_> =
            own.into_iter().map(ToOwned::to_owned).chain(self.args.iter().cloned()).collect();
        let path = self.folder.join("server.log");
        let log = File::options().create(true).append(true).open(&path)?;
        let mut process = Process::start(persona(&self.folder, &arguments), log)?;
        match process.line(PATIENCE).await? {
            Some(line) if line.starts_with("listening on ") => self.process = Some(process),
            _ => {
                let told = std::fs::read_to_string(&path).unwrap_or_default();
                bail!("the server did not start: {}", told.lines().last().unwrap_or_default());
            }
        }
        Ok(())
    }

    pub async fn stop(&mut self, signal: &str) -> Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        process.signal(signal)?;
        process.ended(PATIENCE).await?;
        Ok(())
    }
}

/// A port that nobody has, and below those that the system gives out: it is still free when a server comes back to it.
fn port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    let chance = u16::try_from(std::process::id() % 600).unwrap_or(0) * 30;
    for _ in 0..COUNT {
        let port = FIRST + (chance + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("there is no free port")
}
