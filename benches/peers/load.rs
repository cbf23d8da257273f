//! The load: h2load, pinned to a core of its own, with one gRPC request in a file that it sends again and again.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prost::Message;

use crate::common::{Failure, Program};

/// One way to ask, and what must come back.
pub struct Case {
    pub name: &'static str,
    pub method: &'static str,
    pub request: Vec<u8>,
    /// The encoded answer.
    pub answer: Vec<u8>,
    pub connections: u32,
    pub streams: u32,
    pub requests: u32,
}

/// What came of one run.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub per_second: f64,
    pub cpu_us: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub rss_mib: f64,
}

/// A message as gRPC frames it.
pub fn framed(message: &impl Message) -> Vec<u8> {
    let encoded = message.encode_to_vec();
    let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &encoded].concat()
}

/// Warms the server up, then measures it: rates and processor time in a run without a log, times of single answers in one with.
pub fn measure(case: &Case, server: &Program, address: &str, dir: &Path) -> Result<Measured, Failure> {
    let body = dir.join("request");
    std::fs::write(&body, &case.request)?;
    let log = dir.join("log");
    let run = |requests, log: Option<&PathBuf>| h2load(case, requests, address, &body, log);
    run(case.requests / 4, None)?;
    let before = cpu_seconds(server.id())?;
    let seconds = run(case.requests, None)?;
    let cpu = cpu_seconds(server.id())? - before;
    let (rss_mib, _) = server.memory()?;
    drop(std::fs::remove_file(&log));
    run(case.requests / 4, Some(&log))?;
    let mut took = Vec::new();
    for line in std::fs::read_to_string(&log)?.lines() {
        took.push(line.rsplit('\t').next().unwrap_or_default().parse::<u32>()?);
    }
    took.sort_unstable();
    let at =
        |share: usize| f64::from(took.get(took.len() * share / 1000).copied().unwrap_or_default()) / 1000.0;
    let requests = f64::from(case.requests);
    Ok(Measured {
        per_second: requests / seconds,
        cpu_us: cpu * 1e6 / requests,
        p50_ms: at(500),
        p99_ms: at(990),
        p999_ms: at(999),
        rss_mib,
    })
}

/// System calls of the server for each answer, in a run of its own, since counting them slows it; none without `strace`.
pub fn system_calls(
    case: &Case,
    server: &Program,
    address: &str,
    dir: &Path,
) -> Result<Option<f64>, Failure> {
    let (body, counts) = (dir.join("request"), dir.join("counts"));
    std::fs::write(&body, &case.request)?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-p", &server.id().to_string(), "-o"]).arg(&counts);
    let Ok(mut strace) = strace.stderr(Stdio::piped()).spawn() else {
        println!("strace is not on the PATH: system calls are not counted");
        return Ok(None);
    };
    // It says so once it has the process.
    let said = strace.stderr.take().ok_or("no words of strace")?;
    let mut words = BufReader::new(said).lines();
    words.next().ok_or("strace ended")??;
    let requests = case.requests / 8;
    h2load(case, requests, address, &body, None)?;
    Command::new("kill").args(["-INT", &strace.id().to_string()]).status()?;
    strace.wait()?;
    drop(words);
    let counts = std::fs::read_to_string(&counts)?;
    let total = counts.lines().find(|line| line.ends_with("total")).ok_or("strace counted nothing")?;
    let calls: f64 = total.split_whitespace().nth(3).unwrap_or_default().parse()?;
    Ok(Some(calls / f64::from(requests)))
}

/// Seconds of processor time that a process had, threads that ended included; the system counts in hundredths.
pub fn cpu_seconds(id: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no process")?;
    let ticks = |at: usize| fields.split(' ').nth(at).unwrap_or_default().parse::<f64>();
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Seconds that so many requests took. All must be answered with 200 and with as many bytes as the answer has.
fn h2load(
    case: &Case,
    requests: u32,
    address: &str,
    body: &Path,
    log: Option<&PathBuf>,
) -> Result<f64, Failure> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "h2load", "-t", "1", "-n", &requests.to_string()]);
    command.args(["-c", &case.connections.to_string(), "-m", &case.streams.to_string()]);
    command.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"]).arg(body);
    if let Some(log) = log {
        command.arg("--log-file").arg(log);
    }
    let method = case.method;
    command.arg(format!("{address}/persona.registry.v1.PersonaService/{method}"));
    let output = String::from_utf8(command.output()?.stdout)?;
    let number = |before: &str, after: &str| -> Option<f64> {
        let rest = output.lines().find_map(|line| line.split_once(before))?.1;
        let text = rest.split(after).next()?;
        text.rsplit(['(', ' ']).next()?.trim_end_matches(')').parse().ok()
    };
    let (good, data) = (number("status codes: ", " 2xx"), number("traffic: ", ") data"));
    let wanted = f64::from(requests) * case.answer.len() as f64;
    if good != Some(f64::from(requests)) || data != Some(wanted) {
        return Err(
            format!("{}: wanted {requests} answers of {wanted} bytes in all:\n{output}", case.name).into()
        );
    }
    let line = output.lines().find_map(|line| line.strip_prefix("finished in ")).ok_or("no end")?;
    let took = line.split(',').next().unwrap_or_default();
    let seconds = match (took.strip_suffix("ms"), took.strip_suffix("us"), took.strip_suffix('s')) {
        (Some(ms), ..) => ms.parse::<f64>()? / 1000.0,
        (_, Some(us), _) => us.parse::<f64>()? / 1_000_000.0,
        (_, _, Some(s)) => s.parse()?,
        _ => return Err(format!("no time in {line:?}").into()),
    };
    Ok(seconds)
}
