//! How often each rule fires on real files: `docs/rules/firing-rates.md` is made here. No warning may become noise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use persona_registry::diagnostic::{Code, Severity};
use persona_registry::document::Input;
use persona_registry::domain::Dialect;
use persona_registry::validate::judge;

use crate::corpus::{corpus, read};

/// Of a hundred files so many may have a warning of one rule.
const BUDGET: usize = 12;

#[test]
fn no_rule_is_noise() {
    let Some((root, rows)) = corpus() else { return };
    let mut files: BTreeMap<(Code, Severity, Dialect), usize> = BTreeMap::new();
    let mut dialects: BTreeMap<Dialect, usize> = BTreeMap::new();
    let mut unexplained: BTreeMap<Code, usize> = BTreeMap::new();
    let show = std::env::var("SHOW").unwrap_or_default();
    for row in &rows {
        let content = read(&root, row);
        let judged = judge(&Input { content: &content, path: Some(row.inner()), ..Input::default() });
        let dialect = judged.document.derived.dialect;
        *dialects.entry(dialect).or_default() += 1;
        let seen: BTreeSet<_> = judged.diagnostics.iter().map(|one| (one.code, one.severity)).collect();
        // Broken YAML was gathered on purpose; what the corpus says itself is no noise.
        let said = |code| code == Code::SYN008 && row.strict_ok == "no";
        for (code, _) in seen.iter().filter(|(code, severity)| *severity == Severity::Warning && !said(*code))
        {
            *unexplained.entry(*code).or_default() += 1;
        }
        for (code, severity) in seen {
            *files.entry((code, severity, dialect)).or_default() += 1;
        }
        for found in judged.diagnostics.iter().filter(|found| found.code.as_str() == show) {
            eprintln!("{} [{}]: {} {}", row.path, row.defects, found.severity, found.message);
        }
    }
    let mut table = format!(
        "# Firing rates\n\nFiles of a corpus of {} public persona files on which each rule fires, by dialect. Made by a test \
         (`PERSONA_CORPUS`,\n`BLESS=1`), which fails when a warning fires on more than {BUDGET} of 100 files of which \
         the corpus does not say so\nitself (it gathers broken YAML on purpose), or an error disagrees with the corpus.\n\n| rule | severity | files | share |",
        rows.len()
    );
    for (dialect, count) in &dialects {
        let _ = write!(table, " {dialect} ({count}) |");
    }
    table.push_str("\n| --- | --- | --- | --- |");
    table.push_str(&" --- |".repeat(dialects.len()));
    table.push('\n');
    let mut noisy = Vec::new();
    for code in Code::ALL {
        for severity in code.rule().severities {
            let by: BTreeMap<Dialect, usize> = files
                .iter()
                .filter(|((of, how, _), _)| of == code && how == severity)
                .map(|((_, _, dialect), count)| (*dialect, *count))
                .collect();
            let total: usize = by.values().sum();
            let share = total as f64 * 100.0 / rows.len() as f64;
            let _ = write!(table, "| {code} {} | {severity} | {total} | {share:.1} % |", code.name());
            for dialect in dialects.keys() {
                let _ = write!(table, " {} |", by.get(dialect).map_or(String::new(), ToString::to_string));
            }
            table.push('\n');
        }
    }
    noisy.extend(unexplained.iter().filter(|(_, count)| **count * 100 > rows.len() * BUDGET));
    for (code, severity, _) in files.keys() {
        assert!(code.rule().severities.contains(severity), "{code} says it is never {severity}");
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules/firing-rates.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&place, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    assert!(noisy.is_empty(), "{noisy:#?}");
    assert_eq!(table, kept, "run with BLESS=1 and read the difference");
}
