//! The language of `scenarios.toml`, which README.md explains.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One thing that clients promise, in steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// What is shown, in a sentence.
    pub shows: String,
    /// The parts of a client without which it must fail.
    #[serde(default)]
    pub proves: Vec<String>,
    steps: Vec<toml::Table>,
    #[serde(skip)]
    pub script: Vec<(String, Step)>,
}

/// Who does something.
#[derive(Debug)]
pub enum Step {
    /// The client, by its driver.
    Do(Do),
    /// The world around it.
    Run(Run),
}

/// A command of the driver, and what must come of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Do {
    #[serde(rename = "do")]
    pub command: String,
    /// The driver of another language.
    #[serde(rename = "as")]
    pub language: Option<String>,
    /// What the answer must fit.
    pub expect: Option<Value>,
    /// The error that must come instead: its kind, or what it must fit.
    pub error: Option<Value>,
    /// Milliseconds for which it is tried again until it fits.
    pub within: Option<u64>,
    /// Everything else goes to the driver as it stands.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// What the runner does itself.
#[derive(Debug, Deserialize)]
#[serde(tag = "run", rename_all = "snake_case", deny_unknown_fields)]
pub enum Run {
    /// Starts a server, or the same again at the same port; what is left out stays as it was.
    Serve { server: Option<String>, store: Option<String>, args: Option<Vec<String>> },
    /// Ends a server by a signal, and waits until it has ended.
    Stop { server: Option<String>, signal: Option<String> },
    /// Stores a document, or several of the same persona: `text` and `text N`.
    Put {
        name: String,
        text: String,
        namespace: Option<String>,
        times: Option<usize>,
        labels: Option<String>,
    },
    /// Deletes a persona.
    Delete { name: String },
    /// Points an alias at a version; version 0 removes it.
    Alias { name: String, alias: String, version: i64 },
    /// Raises the floor of history to now.
    Compact,
    /// A folder with so many files, `p-00000` and so on, for `--personas`.
    Folder { count: usize },
    /// Makes certificates in `$dir/certs`.
    Certs { name: Option<Vec<String>> },
    /// Makes a token, as `$token.NAME`, for the server's store.
    Token { token: String, grant: String },
    /// Revokes it.
    Revoke { token: String },
    /// Writes a file.
    Write { file: String, content: String },
    /// Writes a damaged copy of a file.
    Damage { from: String, file: String, at: Damage },
    /// What the proxy before the server does from now on.
    Proxy { way: Way },
    /// Sets what `check` counts to nothing.
    Mark,
    /// Looks at the world: `revision` and `watches` of the server; `connections`, `answered`, `turned_away` and `bytes` of the proxy since the
    /// last `mark`; `mode` of the file.
    Check { expect: Value, file: Option<String>, within: Option<u64> },
    /// Lets time pass, for what shows only by not happening.
    Wait { ms: u64 },
}

/// Where a file is damaged.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    Header,
    Meta,
    Persona,
    Truncate,
}

/// What a proxy does.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Forwards all, and listens.
    Pass,
    /// Cuts what stands, once.
    Cut,
    /// Cuts what stands, and closes each new connection at once.
    TurnAway,
    /// Cuts what stands, and does not listen.
    Refuse,
    /// Keeps what the server says to itself.
    Hold,
    /// Loses the next answer with its connection.
    LoseAnswer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

/// Reads them, all or none.
pub fn read(path: &Path) -> Result<Vec<Scenario>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let mut names = BTreeSet::new();
    for scenario in &mut file.scenario {
        if !names.insert(scenario.name.clone()) {
            bail!("two scenarios are called {}", scenario.name);
        }
        for table in std::mem::take(&mut scenario.steps) {
            let told = serde_json::to_string(&table)?;
            let step = if table.contains_key("do") {
                table.try_into().map(Step::Do)
            } else {
                table.try_into().map(Step::Run)
            };
            let step = step.with_context(|| format!("{}: {told}", scenario.name))?;
            scenario.script.push((told, step));
        }
    }
    Ok(file.scenario)
}
