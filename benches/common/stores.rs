//! What the benches of filled stores share: documents that pack as people's text does, bytes on the disk, and commands that are timed.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::common::{Failure, rounded};

/// Lines of the personas that come along.
pub fn lines() -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("personas"))? {
        let text = fs::read_to_string(entry?.path())?;
        let body = text.lines().filter(|line| line.len() > 40 && !line.contains(['#', ':', '`', '[']));
        lines.extend(body.map(ToOwned::to_owned));
    }
    lines.sort();
    Ok(lines)
}

/// A document of such lines and of about this many bytes; another number makes another text.
pub fn document(name: &str, number: usize, lines: &[String], bytes: usize) -> Vec<u8> {
    let mut text = format!(
        "---\nname: {name}\ndescription: Use when measuring stores.\n---\n# {name}\n\nText {number}.\n\n"
    );
    let mut state = number as u64;
    while text.len() < bytes {
        text.push_str(&lines[below(&mut state, lines.len())]);
        text.push('\n');
    }
    text.into_bytes()
}

/// A number below this one; the same ones for the same state.
pub fn below(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % bound
}

/// Bytes that a file or directory takes on the disk; none where it is not.
fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(meta) = fs::metadata(path) else { return 0 };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum::<u64>()
        + if meta.is_file() { meta.blocks() * 512 } else { 0 }
}

/// Bytes of a data directory by its parts.
pub fn parts(data: &Path) -> Result<Value, Failure> {
    let mut views = 0;
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("view-") {
            views += size(&entry.path());
        }
    }
    let (journal, snapshots) = (size(&data.join("journal")), size(&data.join("snapshots")));
    Ok(json!({ "all": size(data), "journal": journal, "view": views, "snapshots": snapshots }))
}

/// Seconds that a command takes.
pub fn run(folder: &Path, arguments: &[&str]) -> Result<f64, Failure> {
    let begun = Instant::now();
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(arguments)
        .current_dir(folder)
        .output()?;
    if !command.status.success() {
        return Err(String::from_utf8_lossy(&command.stderr).into_owned().into());
    }
    Ok(rounded(begun.elapsed().as_secs_f64()))
}
