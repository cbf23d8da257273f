//! Judging files with the release binary beside agnix, the fastest peer that was met: the same generated folders of Claude Code
//! agents, the two in turn, whole runs of the process as a user has them. And documents a second within one thread.
//!
//! `BENCH_DATE=2026-01-31 AGNIX=PATH cargo bench --bench judges`; without `AGNIX` the peer is left out, aloud. Results go to
//! `benches/results/`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a measuring program, not the product"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Failure, rounded, write};
use persona_registry::document::Input;
use persona_registry::validate::judge;
use serde_json::{Value, json};

const ROUNDS: usize = 9;
const SIZES: [usize; 2] = [200, 2000];
/// How long documents are judged in one thread.
const ALONE: Duration = Duration::from_secs(3);

/// An agent of some 6 KB, as they are in the wild: sections, lists, code, links. Every tenth has a defect.
fn agent(number: usize) -> String {
    let mut text = format!(
        "---\nname: agent-{number}\ndescription: Use this agent for task {number}, and for nothing else.\ntools: Read, Grep, Bash\nmodel: sonnet\n{}---\n\n# Agent {number}\n",
        if number.is_multiple_of(10) { "tools: Read\n" } else { "" }
    );
    for section in 0..8 {
        text.push_str(&format!("\n## Part {section}\n\nYou look at part {section} of task {number}, and you say what you see.\n\n"));
        for point in 0..6 {
            text.push_str(&format!(
                "- Point {point}: read the [file](#part-{section}) and **weigh** what `it_{number}_{point}` does, before anything is changed.\n"
            ));
        }
        text.push_str("\n```rust\nfn main() -> Result<(), Error> {\n    run()\n}\n```\n");
    }
    text
}

/// The most memory that a process had until it ended, in MiB, read every half a millisecond.
fn most_mib(mut child: Child) -> Result<f64, Failure> {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0_f64;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        most = most.max(kib.unwrap_or_default() / 1024.0);
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(most)
}

/// Seconds of a run, and the most memory of another one.
fn run(command: &mut Command) -> Result<(f64, f64), Failure> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    command.status()?;
    let took = begun.elapsed().as_secs_f64();
    Ok((took, most_mib(command.spawn()?)?))
}

fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]].map(rounded)
}

fn measure(files: usize, agnix: Option<&str>) -> Result<Value, Failure> {
    // Outside of the project, whose list of ignored files both would follow.
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join(".claude/agents");
    fs::create_dir_all(&folder)?;
    for number in 0..files {
        fs::write(folder.join(format!("agent-{number}.md")), agent(number))?;
    }
    let ours = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
        command.args(["validate", ".claude/agents", "--format", "concise"]).current_dir(dir.path());
        command
    };
    let theirs = |agnix: &str| {
        let mut command = Command::new(agnix);
        command.args([".", "--target", "claude-code"]).current_dir(dir.path());
        command
    };
    let (mut own, mut peer, mut ratio) = ((vec![], vec![]), (vec![], vec![]), vec![]);
    for _ in 0..ROUNDS {
        let (seconds, mib) = run(&mut ours())?;
        own.0.push(seconds);
        own.1.push(mib);
        let Some(agnix) = agnix else { continue };
        let (other, mib) = run(&mut theirs(agnix))?;
        peer.0.push(other);
        peer.1.push(mib);
        ratio.push(other / seconds);
    }
    let all = |values: Vec<f64>| if values.is_empty() { [0.0; 3] } else { spread(values) };
    let row = json!({
        "files": files, "persona_seconds": all(own.0), "persona_mib": all(own.1),
        "agnix_seconds": all(peer.0), "agnix_mib": all(peer.1), "ratio": all(ratio),
    });
    println!("{row}");
    Ok(row)
}

fn alone() -> (f64, f64) {
    let documents: Vec<_> = (0..200).map(agent).collect();
    let (begun, mut judged, mut bytes) = (Instant::now(), 0, 0);
    while begun.elapsed() < ALONE {
        for document in &documents {
            let input =
                Input { content: document.as_bytes(), path: Some(".claude/agents/a.md"), ..Input::default() };
            std::hint::black_box(judge(&input));
            (judged, bytes) = (judged + 1, bytes + document.len());
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    (f64::from(judged) / seconds, bytes as f64 / seconds / 1e6)
}

fn main() -> Result<(), Failure> {
    let agnix = std::env::var("AGNIX").ok().filter(|path| Path::new(path).exists());
    if agnix.is_none() {
        eprintln!("skipped: agnix, since AGNIX names no program");
    }
    let version = agnix.as_ref().map(|agnix| Command::new(agnix).arg("--version").output()).transpose()?;
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let rows =
        SIZES.into_iter().map(|files| measure(files, agnix.as_deref())).collect::<Result<Vec<_>, _>>()?;
    let (per_second, megabytes) = alone();
    println!("one thread: {per_second:.0} documents a second, {megabytes:.1} MB");
    let alone = json!({ "documents_per_second": rounded(per_second), "mb_per_second": rounded(megabytes) });
    let result = json!({
        "rounds": ROUNDS, "bytes": agent(1).len(), "peer": version, "rows": rows, "one_thread": alone,
    });
    write("judges", result)
}
