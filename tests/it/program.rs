//! The binary as people run it: as a process of its own, line by line.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use persona_registry::config::{FILE_VARIABLE, SETTINGS};
use tokio::sync::mpsc;

use crate::harness::soon;

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    /// What was written and not yet read.
    pub out: String,
    pub err: String,
}

/// The binary in this folder, free of what the environment would tell it.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    for variable in SETTINGS.iter().map(|setting| setting.variable).chain([FILE_VARIABLE, "RUST_LOG"]) {
        command.env_remove(variable);
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// The binary beside a registry at this address.
pub fn beside(server: impl Display, arguments: &[&str]) -> Command {
    let mut command = command(Path::new(env!("CARGO_MANIFEST_DIR")), arguments);
    command.env("PERSONA_SERVER", server.to_string());
    command
}

/// Runs a command to its end, off the runtime that the registry lives on.
pub async fn run(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = soon(output).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The documents of a text.
pub fn yaml_documents(text: &str) -> Vec<serde_json::Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents.map(|document| serde::Deserialize::deserialize(document).unwrap()).collect()
}

/// A command that runs, with its lines as they come.
#[derive(Debug)]
pub struct Program {
    child: Child,
    pub out: Lines,
    pub err: Lines,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
        Self { child, out, err }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end, which is near.
    pub async fn end(mut self) -> Ended {
        let (out, err) = (self.out.rest().await, self.err.rest().await);
        // Both pipes are closed, so that this is a matter of moments.
        let code = self.child.wait().unwrap().code();
        Ended { code, out, err }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Gone already, or a test failed: it must not outlive the test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The lines of one of its pipes.
#[derive(Debug)]
pub struct Lines {
    coming: mpsc::UnboundedReceiver<String>,
    _reader: JoinHandle<()>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, coming) = mpsc::unbounded_channel();
        let read = move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        Self { coming, _reader: std::thread::spawn(read) }
    }

    pub async fn next(&mut self) -> String {
        soon(self.coming.recv()).await.expect("another line")
    }

    /// The next lines, up to one that has this in it.
    pub async fn until(&mut self, part: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.next().await);
            if lines.last().unwrap().contains(part) {
                return lines;
            }
        }
    }

    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        while let Some(line) = soon(self.coming.recv()).await {
            rest.push_str(&line);
            rest.push('\n');
        }
        rest
    }
}
