//! What the benches of folders share: the release binary as a process, and how results are written down.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The allocator of the binary, so that those it is held against have no other.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary as a process, with its lines and when they came.
pub struct Program {
    child: Child,
    pub out: Lines,
    pub err: Lines,
}

pub struct Lines(Receiver<(Instant, String)>);

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    pub fn next(&self) -> Result<(Instant, String), Failure> {
        Ok(self.0.recv_timeout(PATIENCE)?)
    }

    /// The lines up to one that has this in it.
    pub fn until(&self, part: &str) -> Result<Vec<(Instant, String)>, Failure> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.next()?);
            if lines.last().is_some_and(|(_, line)| line.contains(part)) {
                return Ok(lines);
            }
        }
    }
}

impl Program {
    pub fn start(arguments: &[String], folder: &Path) -> Result<Self, Failure> {
        Self::logging(arguments, folder, Some("warn"))
    }

    /// With this for `RUST_LOG`; none: what is logged by default.
    pub fn logging(arguments: &[String], folder: &Path, log: Option<&str>) -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
        command.args(arguments);
        Self::run(command, folder, log)
    }

    /// Any command in that folder.
    pub fn run(mut command: Command, folder: &Path, log: Option<&str>) -> Result<Self, Failure> {
        command.current_dir(folder).stdin(Stdio::null());
        match log {
            Some(log) => command.env("RUST_LOG", log),
            None => command.env_remove("RUST_LOG"),
        };
        for variable in ["PERSONA_CONFIG", "PERSONA_SERVER", "PERSONA_NAMESPACE"] {
            command.env_remove(variable);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("no pipes".into());
        };
        Ok(Self { child, out: Lines::of(out), err: Lines::of(err) })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// MiB that the process holds now, and the most that it ever held.
    pub fn memory(&self) -> Result<(f64, f64), Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().map(|kib| kib / 1024.0)
        };
        Ok((of("VmRSS:")?, of("VmHWM:")?))
    }

    /// When it said where it listens, and where that is.
    pub fn listens(&self) -> Result<(Instant, String), Failure> {
        let Ok((came, line)) = self.out.next() else {
            let told: Vec<_> = self.err.0.try_iter().map(|(_, line)| line).collect();
            return Err(format!("the server did not start: {}", told.join("\n")).into());
        };
        let address = line.strip_prefix("listening on ").ok_or("another first line")?;
        Ok((came, address.to_owned()))
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        match self.child.wait()?.success() {
            true => Ok(()),
            false => Err("it did not stop well".into()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server on a free port, its address, and the seconds until its first line.
pub fn serve(folder: &Path, more: &[String]) -> Result<(Program, String, f64), Failure> {
    serve_logging(folder, more, Some("warn"))
}

/// The same with this for `RUST_LOG`.
pub fn serve_logging(
    folder: &Path,
    more: &[String],
    log: Option<&str>,
) -> Result<(Program, String, f64), Failure> {
    let mut arguments: Vec<String> =
        ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--log-format", "pretty"]
            .map(ToOwned::to_owned)
            .into();
    arguments.extend_from_slice(more);
    let begun = Instant::now();
    let server = Program::logging(&arguments, folder, log)?;
    let (came, address) = server.listens()?;
    Ok((server, address, (came - begun).as_secs_f64()))
}

/// A document of about this many bytes.
pub fn document(name: &str, number: usize, bytes: usize) -> Vec<u8> {
    let mut text = format!(
        "---\nname: {name}\ndescription: Use when measuring folders.\n---\n# {name}\n\nText {number}.\n"
    );
    let mut section = 0;
    while text.len() < bytes {
        if text.len() / 1500 >= section {
            section += 1;
            text.push_str(&format!("\n## Part {section}\n\n"));
        }
        text.push_str("- You answer briefly, name your sources, and say what you do not know.\n");
    }
    text.into_bytes()
}

/// Writes a result beside those of other days; `BENCH_DATE` says which day it is.
pub fn write(bench: &str, mut result: Value) -> Result<(), Failure> {
    let date = std::env::var("BENCH_DATE").unwrap_or_else(|_| "undated".to_owned());
    let file = bench.replace('_', "-");
    result["bench"] = bench.into();
    result["date"] = date.clone().into();
    result["machine"] = machine().into();
    if result.get("command").is_none() {
        result["command"] = format!("cargo bench --bench {bench}").into();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/results/{date}-{file}.json"));
    std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&result)?))?;
    Ok(())
}

/// Cores, processor and system.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    // All of the machine's, whichever of them this program may use.
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let system = read("/proc/sys/kernel/osrelease");
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let system = system.split('.').take(2).collect::<Vec<_>>().join(".");
    format!("{cores} cores of {model}, Linux {system}")
}

/// To the thousandth.
pub fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
