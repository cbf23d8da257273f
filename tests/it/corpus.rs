//! Real files, when there are any at hand: `PERSONA_CORPUS` names a folder with a `MANIFEST.tsv`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use persona_registry::diagnostic::{Code, Severity};
use persona_registry::document::{Input, Reading};
use persona_registry::domain::Dialect;
use persona_registry::validate::judge;

/// A file of the corpus and what its manifest says of it.
pub struct Row {
    pub path: String,
    pub dialect: String,
    pub strict_ok: String,
    pub defects: String,
}

impl Row {
    /// The path in its repository: the first folder only says which one.
    pub fn inner(&self) -> &str {
        self.path.split_once('/').unwrap().1
    }
}

pub fn corpus() -> Option<(PathBuf, Vec<Row>)> {
    let Ok(root) = std::env::var("PERSONA_CORPUS") else {
        eprintln!("PERSONA_CORPUS is not set: no corpus was read, and this test has shown nothing");
        return None;
    };
    let root = PathBuf::from(root);
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
    let mut lines = manifest.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (path, dialect, strict, defects) =
        (column("path"), column("dialect"), column("yaml_strict_ok"), column("defects"));
    let rows = lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            Row {
                path: cells[path].into(),
                dialect: cells[dialect].into(),
                strict_ok: cells[strict].into(),
                defects: cells[defects].into(),
            }
        })
        .collect();
    Some((root, rows))
}

fn has_line(content: &[u8], start: &str) -> bool {
    String::from_utf8_lossy(content).lines().any(|line| line.starts_with(start))
}

pub fn read(root: &Path, row: &Row) -> Vec<u8> {
    std::fs::read(root.join(&row.path)).unwrap()
}

#[test]
fn every_file_is_read_whole() {
    let Some((root, rows)) = corpus() else { return };
    let mut slowest = (Duration::ZERO, String::new());
    let mut total = Duration::ZERO;
    let mut recovered = 0;
    for row in &rows {
        let content = read(&root, row);
        let begun = Instant::now();
        let judged = judge(&Input { content: &content, path: Some(row.inner()), ..Input::default() });
        let took = begun.elapsed();
        total += took;
        if took > slowest.0 {
            slowest = (took, row.path.clone());
        }
        let document = &judged.document;
        let body = document.derived.body_offset as usize;
        assert_eq!(document.body.start, body, "{}", row.path);
        assert_eq!(document.body.end, content.len(), "{}", row.path);
        assert_eq!(document.front_matter.map_or(0, |span| span.end), body, "{}", row.path);
        for found in &judged.diagnostics {
            assert!(found.span.start <= found.span.end && found.span.end <= content.len(), "{}", row.path);
        }
        if row.strict_ok == "no" {
            let text = String::from_utf8_lossy(&content[..body]);
            if text.lines().any(|line| line.starts_with("description:")) {
                recovered += 1;
                assert!(!document.derived.description.is_empty(), "{}: no description", row.path);
            }
        }
    }
    eprintln!("{} files in {total:?}, slowest {slowest:?}; {recovered} descriptions recovered", rows.len());
    assert!(recovered > 0);
}

#[test]
fn errors_agree_with_the_manifest() {
    let Some((root, rows)) = corpus() else { return };
    let mut alarms = Vec::new();
    let mut counts: BTreeMap<(Code, Severity), usize> = BTreeMap::new();
    for row in &rows {
        let content = read(&root, row);
        let judged = judge(&Input { content: &content, path: Some(row.inner()), ..Input::default() });
        let mut seen = std::collections::BTreeSet::new();
        for found in &judged.diagnostics {
            if seen.insert((found.code, found.severity)) {
                *counts.entry((found.code, found.severity)).or_default() += 1;
            }
            let explained = match found.code {
                Code::SYN005 => row.defects.contains("fm:none") || row.strict_ok == "n/a",
                Code::SCH101 => {
                    let field = found.field.as_deref().unwrap().trim_start_matches("frontmatter.");
                    let named = ["absent", "empty", "null"]
                        .iter()
                        .any(|word| row.defects.contains(&format!("{field}:{word}")));
                    // Of files that strict YAML refuses the manifest could not see the keys.
                    named
                        || (row.strict_ok == "no"
                            && !has_line(&content[..judged.document.body.start], &format!("{field}:")))
                }
                Code::SCH102 => {
                    let kinds = ["name:map", "name:list", "description:map", "{{template}}"];
                    kinds.iter().any(|word| row.defects.contains(word))
                }
                Code::SYN006 => row.defects.contains("fm:"),
                Code::SYN010 => row.defects.contains("alias"),
                Code::SYN011 => row.defects.contains("size>64KiB") && content.len() > 256 * 1024,
                Code::CNT201 => row.defects.contains("empty-body"),
                Code::SYN009 => row.defects.contains("duplicate-key"),
                Code::SYN002 => row.defects.contains("control"),
                Code::SEC401 => row.defects.contains("invisible:TAG"),
                Code::SEC403 => row.defects.contains("invisible:"),
                Code::SEC405 => row.defects.contains("secret-like"),
                Code::SEC406 => row.defects.contains("injection-phrase"),
                _ => false,
            };
            if found.blocks_storing() && !explained {
                alarms.push(format!("{} [{}]: {} {}", row.path, row.defects, found.code, found.message));
            }
        }
    }
    for ((code, severity), count) in counts {
        eprintln!("{code} {severity}: {count} files");
    }
    let recovered_ones = rows.iter().filter(|row| row.strict_ok == "no").filter(|row| {
        let content = read(&root, row);
        let judged = judge(&Input { content: &content, path: Some(row.inner()), ..Input::default() });
        if judged.document.reading != Reading::Recovered {
            eprintln!("not recovered: {} [{}] {:?}", row.path, row.defects, judged.document.reading);
        }
        judged.document.reading == Reading::Recovered
    });
    eprintln!("recovered: {}", recovered_ones.count());
    assert!(alarms.is_empty(), "errors that the manifest does not explain: {alarms:#?}");
}

/// Two scanners ship fixtures of attacks. What they hide is found.
#[test]
fn attack_fixtures_are_found() {
    let Some((root, rows)) = corpus() else { return };
    for (end, codes) in [
        ("malicious/ascii-smuggling/SKILL.md", &[Code::SEC401][..]),
        (
            "security/malicious-skill/SKILL.md",
            &[Code::SEC403, Code::SEC406, Code::SEC407, Code::SEC408, Code::SEC410][..],
        ),
    ] {
        let row = rows.iter().find(|row| row.path.ends_with(end)).expect("a fixture");
        let content = read(&root, row);
        let judged = judge(&Input { content: &content, path: Some(row.inner()), ..Input::default() });
        for code in codes {
            assert!(judged.diagnostics.iter().any(|found| found.code == *code), "{end}: {code} is silent");
        }
    }
}

/// The manifest's eleven kinds and the dialects that are right for each. `docs/dialects.md` has the reasons.
const KINDS: [(&str, &[Dialect]); 11] = [
    ("agentskills-SKILL.md", &[Dialect::Skill]),
    ("claude-code-agent", &[Dialect::ClaudeCode]),
    ("command/prompt", &[Dialect::ClaudeCode, Dialect::Copilot]),
    ("copilot-agent", &[Dialect::Copilot]),
    ("copilot-instructions", &[Dialect::Copilot]),
    ("cursor-mdc", &[Dialect::Cursor]),
    ("fabric-pattern", &[Dialect::Markdown]),
    ("opencode-agent", &[Dialect::OpenCode]),
    ("plain-markdown-role", &[Dialect::Persona]),
    ("rule", &[Dialect::Cursor]),
    ("skill-side-file", &[Dialect::Persona]),
];

#[test]
fn dialects_are_told_apart() {
    let Some((root, rows)) = corpus() else { return };
    let mut table: BTreeMap<(&str, Dialect), usize> = BTreeMap::new();
    let mut right = 0;
    for row in &rows {
        let content = read(&root, row);
        let judged = judge(&Input { content: &content, path: Some(row.inner()), ..Input::default() });
        let dialect = judged.document.derived.dialect;
        let (kind, fitting) = KINDS.iter().find(|(kind, _)| *kind == row.dialect).expect("a known kind");
        *table.entry((kind, dialect)).or_default() += 1;
        right += usize::from(fitting.contains(&dialect));
        if !fitting.contains(&dialect) {
            eprintln!("{} is {}, read as {dialect}", row.path, row.dialect);
        }
    }
    for ((kind, dialect), count) in table {
        eprintln!("{kind:24} {dialect:12} {count}");
    }
    eprintln!("right: {right} of {}", rows.len());
    assert!(right * 100 >= rows.len() * 95);
}
