//! A client in its own language, behind one line of JSON for each thing to do.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::process::Process;

/// There is no such client here, or not what it takes to run it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(String);

/// What a build script and a driver end with where the toolchain is missing (EX_UNAVAILABLE).
const NO_TOOLCHAIN: i32 = 69;
/// How long anything may take beyond the time that a command itself may.
const PATIENCE: Duration = Duration::from_secs(30);

/// A driver that runs.
#[derive(Debug)]
pub struct Driver {
    process: Process,
    next: u64,
}

impl Driver {
    /// Starts the driver of this folder, and waits until it is there.
    pub async fn start(folder: &Path) -> Result<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let language = folder.file_name().unwrap_or_default().to_string_lossy();
        // `python-aio` is another driver of Python's client.
        let program = match language.split_once('-') {
            Some((language, variant)) => folder.with_file_name(language).join(format!("driver-{variant}")),
            None => folder.join("driver"),
        };
        if !program.is_file() {
            return Err(NotThere(format!("there is no {}", program.display())).into());
        }
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
        std::fs::create_dir_all(&log)?;
        let log = log.join(format!("{language}-{}.log", STARTED.fetch_add(1, Ordering::Relaxed)));
        let mut driver =
            Self { process: Process::start(Command::new(&program), File::create(&log)?)?, next: 0 };
        match driver.call(json!({"do": "hello"}).as_object().unwrap().clone()).await {
            Ok(Value::Object(answer)) if answer.contains_key("ok") => Ok(driver),
            Ok(other) => bail!("the driver answers to hello: {other}"),
            Err(error) => {
                let told = std::fs::read_to_string(&log).unwrap_or_default();
                let told = told
                    .lines()
                    .rev()
                    .take(5)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<Vec<_>>()
                    .join(" / ");
                let code =
                    driver.process.ended(Duration::from_secs(1)).await.ok().and_then(|status| status.code());
                match code {
                    Some(NO_TOOLCHAIN) => Err(NotThere(told).into()),
                    _ => Err(error.context(format!("the driver does not run: {told}"))),
                }
            }
        }
    }

    /// Does one thing, and brings the answer.
    pub async fn call(&mut self, mut command: Map<String, Value>) -> Result<Value> {
        self.next += 1;
        let own =
            ["timeout", "first_sync_timeout"].iter().filter_map(|key| command.get(*key)?.as_u64()).max();
        command.insert("id".to_owned(), self.next.into());
        let mut text = serde_json::to_vec(&command)?;
        text.push(b'\n');
        self.process.say(text)?;
        let patience = PATIENCE + Duration::from_millis(own.unwrap_or(0));
        let asked = || format!("the driver hangs in {}", command["do"]);
        let line = self.process.line(patience).await.with_context(asked)?;
        let Some(line) = line else { bail!("the driver ended in {}", command["do"]) };
        let answer: Value =
            serde_json::from_str(&line).with_context(|| format!("the driver says {line:?}"))?;
        if answer["id"] != self.next {
            bail!("the driver answers another command: {line}");
        }
        Ok(answer)
    }

    /// Lets it end by itself, as it must at the end of its stdin.
    pub async fn stop(mut self) -> Result<()> {
        self.process.hush();
        let status = self.process.ended(PATIENCE).await.context("the driver, at the end of stdin")?;
        if status.success() { Ok(()) } else { bail!("the driver ends with {status}") }
    }
}
