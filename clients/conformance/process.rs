//! Programs that the suite starts: their lines as they come, and that none outlives it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::mpsc;

/// A program that runs, in a process group of its own.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    input: Option<std::sync::mpsc::Sender<Vec<u8>>>,
}

impl Process {
    /// Starts it; what it says on stderr goes into the file.
    pub fn start(mut command: Command, log: File) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { bail!("no pipes") };
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        // A pipe holds less than the largest document in base64: whoever writes must not wait for whoever reads.
        let (input, texts) = std::sync::mpsc::channel::<Vec<u8>>();
        std::thread::spawn(move || {
            for text in texts {
                if stdin.write_all(&text).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, input: Some(input) })
    }

    /// The next line of its stdout; none at its end.
    pub async fn line(&mut self, patience: Duration) -> Result<Option<String>> {
        let line = tokio::time::timeout(patience, self.lines.recv()).await;
        line.with_context(|| format!("it says nothing for {} s", patience.as_secs_f64()))
    }

    /// Writes to its stdin.
    pub fn say(&self, text: Vec<u8>) -> Result<()> {
        self.input.as_ref().and_then(|input| input.send(text).ok()).context("it does not listen any more")
    }

    /// Closes its stdin.
    pub fn hush(&mut self) {
        self.input = None;
    }

    /// Sends a signal to it and to what it started.
    pub fn signal(&self, name: &str) -> Result<()> {
        let group = format!("-{}", self.child.id());
        let sent =
            Command::new("kill").args([&format!("-{name}"), "--", &group]).stderr(Stdio::null()).status()?;
        if sent.success() { Ok(()) } else { bail!("cannot send it {name}") }
    }

    /// Waits for its end.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if tokio::time::Instant::now() > end {
                bail!("it does not end within {} s", patience.as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            drop(self.signal("KILL"));
            drop(self.child.wait());
        }
    }
}
