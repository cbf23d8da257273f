//! How large files are, what they roughly cost in tokens, and which rules fired.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Seen;
use super::tally::Tally;
use crate::cli::output::printable;
use crate::cli::table::{layout, some};
use crate::cli::{Output, report, shape};
use crate::diagnostic::Code;

/// Files that people are told of one by one, the largest first.
const TOLD: usize = 20;

#[derive(Default)]
pub(super) struct Stats {
    files: Vec<(u32, usize, String)>,
    rules: BTreeMap<Code, Fired>,
}

#[derive(Default)]
struct Fired {
    findings: usize,
    files: usize,
}

impl Stats {
    pub(super) fn count(&mut self, seen: &Seen) {
        self.files.push((seen.tokens, seen.size, report::shown(&seen.path).to_owned()));
        for (code, _) in &seen.found {
            self.rules.entry(*code).or_default().findings += 1;
        }
        for code in seen.found.iter().map(|(code, _)| *code).collect::<BTreeSet<_>>() {
            self.rules.entry(code).or_default().files += 1;
        }
    }

    fn totals(&self) -> (usize, u64) {
        let bytes = self.files.iter().map(|(_, size, _)| size).sum();
        (bytes, self.files.iter().map(|(tokens, ..)| u64::from(*tokens)).sum())
    }

    /// All of it but the single files, which their own lines tell of.
    pub(super) fn shape(&self, tally: &Tally) -> shape::Judged {
        let (size_bytes, token_estimate) = self.totals();
        let rules = self.rules.iter().map(|(code, fired)| shape::Fired {
            code: code.as_str(),
            name: code.name(),
            findings: fired.findings,
            files: fired.files,
        });
        shape::Judged {
            stats: shape::Stats {
                files: tally.files,
                skipped: tally.skipped,
                unread: tally.unread,
                size_bytes,
                token_estimate,
                errors: tally.errors,
                warnings: tally.warnings,
                infos: tally.infos,
                fixed: tally.fixes,
                rules: rules.collect(),
            },
        }
    }

    /// Tables on stderr.
    pub(super) fn tell(mut self, out: &mut Output) {
        let (bytes, tokens) = self.totals();
        self.files.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(&b.2)));
        let rows = self.files.iter().take(TOLD);
        let rows: Vec<_> =
            rows.map(|(tokens, size, path)| [right(*tokens), right(size), printable(path)]).collect();
        say(layout([&right("TOKENS"), &right("BYTES"), "FILE"], &rows, None), out);
        let rest = self.files.len().saturating_sub(TOLD);
        if rest > 0 {
            out.say(&format!("… and {}; `--format json --stats` tells of all", some(rest, "smaller file")));
        }
        if !self.rules.is_empty() {
            out.say("");
        }
        let rows: Vec<_> = self
            .rules
            .iter()
            .map(|(code, fired)| {
                [code.to_string(), right(fired.findings), right(fired.files), code.name().to_owned()]
            })
            .collect();
        if !rows.is_empty() {
            say(layout(["RULE", &right("FINDINGS"), &right("FILES"), "NAME"], &rows, None), out);
        }
        out.say("");
        out.say(&format!("{}, {bytes} bytes, about {tokens} tokens", some(self.files.len(), "file")));
    }
}

/// A number, or the heading of some, as a column of numbers has it.
fn right(cell: impl ToString) -> String {
    format!("{:>8}", cell.to_string())
}

fn say(lines: Vec<String>, out: &mut Output) {
    lines.iter().for_each(|line| out.say(line));
}
