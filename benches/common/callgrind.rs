//! Instructions as valgrind's callgrind counts them: a bench runs itself under it, and holds the counts against a file. They are
//! of a debug build, which is there anyway, and hardly differ between machines, so that a bound on them can be asserted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::Failure;

/// Where valgrind writes down what it has counted since it did so before.
#[inline(never)]
pub fn counted() {
    std::hint::black_box(());
}

/// Runs this program with these arguments, and tells how many instructions were spent in these functions, and what they call,
/// before each [`counted`]. They are patterns, and none may be called by another.
pub fn counts(functions: &[&str], arguments: &[&str]) -> Result<Vec<f64>, Failure> {
    let dir = tempfile::tempdir()?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-before=*callgrind::counted"])
        .args(functions.iter().map(|function| format!("--toggle-collect={function}")))
        .arg(format!("--callgrind-out-file={}", dir.path().join("out").display()))
        .arg(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    if !run.status.success() {
        return Err(format!("valgrind: {}", String::from_utf8_lossy(&run.stderr)).into());
    }
    let dumps = (1..).map(|at| dir.path().join(format!("out.{at}"))).take_while(|path| path.exists());
    dumps.map(|path| total(&path)).collect()
}

fn total(path: &Path) -> Result<f64, Failure> {
    let text = fs::read_to_string(path)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("valgrind wrote no totals")?.trim().parse()?)
}

/// Counts that were written down, by what was counted.
pub struct Baseline(pub &'static str);

impl Baseline {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(self.0)
    }

    pub fn read(&self) -> Result<BTreeMap<String, f64>, Failure> {
        let text = fs::read_to_string(self.path())?;
        let cells = text.lines().skip(1).filter_map(|line| line.split_once('\t'));
        cells.map(|(name, count)| Ok((name.to_owned(), count.parse()?))).collect()
    }

    /// Writes it anew, by name.
    pub fn bless(&self, head: &str, rows: &[(&str, f64)]) -> Result<(), Failure> {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| row.0);
        let lines = rows.iter().map(|(name, count)| format!("{name}\t{count:.0}\n"));
        Ok(fs::write(self.path(), format!("case\t{head}\n{}", lines.collect::<String>()))?)
    }
}
