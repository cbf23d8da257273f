//! The judge over trees of files: the suite of seeded defects, and for each rule files on which it fires (drawn in
//! `expected.txt`) and files that come near and stay silent. `BLESS=1` rewrites the drawings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use persona_registry::diagnostic::{Code, Diagnostic, LineIndex, Span, render};
use persona_registry::document::{Input, name_of, parse};
use persona_registry::domain::Name;
use persona_registry::validate::{Beside, Judged, Neighbours, Options, Others, judge_among};

/// One file of a tree.
pub struct File {
    /// Its path in the tree.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

pub fn rules_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

/// All files below a folder, in path order.
pub fn tree(root: &Path) -> Vec<File> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<File>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                let inner = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File { path: inner, content: fs::read(&path).unwrap() });
            }
        }
    }
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Judges the files of a tree among each other, as `persona validate` does.
pub fn judge_tree(files: &[File]) -> Vec<Judged> {
    let mut known = Others::default();
    for file in files {
        if let Some(name) = name_of(&file.content, Some(&file.path)) {
            known.add(&name, &file.path);
        }
    }
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let folders: BTreeSet<String> = paths
        .iter()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>())
        .collect();
    let exists = |path: &str| paths.contains(path) || folders.contains(path.trim_end_matches('/'));
    let mut all = Vec::new();
    for file in files {
        let input = Input { content: &file.content, path: Some(&file.path), ..Input::default() };
        // What is stored already lies under `stored`, by the same path.
        let stored = files.iter().find(|other| other.path.strip_prefix("stored/") == Some(&file.path));
        let stored = stored.map(|stored| parse(&Input { content: &stored.content, ..input }).0.derived);
        let others = Some(&known as &dyn Beside).filter(|_| stored.is_none());
        let stored = |_: &Name| stored.clone();
        let neighbours =
            Neighbours { others, files: Some(&exists), stored: Some(&stored), ..Neighbours::default() };
        let judged = judge_among(&input, &Options::default(), neighbours);
        if let Some(name) = &judged.document.name {
            let body = &file.content[judged.document.body.start..];
            known.add_body(name, &file.path, body);
        }
        all.push(judged);
    }
    all
}

fn place(lines: &LineIndex<'_>, offset: usize) -> String {
    let position = lines.position(offset);
    format!("{}:{}", position.line, position.column)
}

/// What was found in a file, as `expected.tsv` writes it.
fn told(content: &[u8], found: &[Diagnostic]) -> BTreeSet<String> {
    let lines = LineIndex::new(content);
    found
        .iter()
        .map(|one| {
            let Span { start, end } = one.span;
            format!("{}\t{}\t{}\t{}", one.code, one.severity, place(&lines, start), place(&lines, end))
        })
        .collect()
}

/// Every seeded defect is found where it is, and nothing else is said.
#[test]
fn the_suite_is_judged_exactly() {
    let root = rules_folder().join("suite");
    let table = fs::read_to_string(root.join("expected.tsv")).unwrap();
    let mut expected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let findings = expected.entry(cells[0]).or_default();
        if cells[1] != "-" {
            findings.insert(cells[1..5].join("\t"));
        }
    }
    let (mut wrong, mut cases, mut silent, mut seen) = (Vec::new(), 0, 0, 0);
    let mut folders: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let case = folder.file_name().unwrap().to_str().unwrap();
        let files = tree(folder);
        let mut defects = 0;
        for (file, judged) in files.iter().zip(judge_tree(&files)) {
            let path = format!("{case}/{}", file.path);
            let wanted = expected.get(path.as_str()).unwrap_or_else(|| panic!("{path} is in no line"));
            let found = told(&file.content, &judged.diagnostics);
            defects += wanted.len();
            seen += 1;
            for missing in wanted.difference(&found) {
                wrong.push(format!("{path}: not found: {missing}"));
            }
            for surplus in found.difference(wanted) {
                wrong.push(format!("{path}: found, not expected: {surplus}"));
            }
        }
        cases += usize::from(defects > 0);
        silent += usize::from(defects == 0);
    }
    eprintln!("{cases} cases with defects, {silent} silent ones");
    assert!(cases >= 60 && silent >= 20);
    assert_eq!(seen, expected.len(), "a line names a file that is not there");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_fires_on_its_files_as_drawn_and_not_on_near_misses() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let folder = rules_folder().join(code.as_str());
        let of_rule = |judged: &Judged| -> Vec<Diagnostic> {
            judged.diagnostics.iter().filter(|found| found.code == *code).cloned().collect()
        };
        let (fires, silent) = (tree(&folder.join("fires")), tree(&folder.join("silent")));
        assert!(!fires.is_empty() && !silent.is_empty(), "{code} has no files");
        let (mut drawn, mut count) = (String::new(), 0);
        for (file, judged) in fires.iter().zip(judge_tree(&fires)) {
            let found = of_rule(&judged);
            count += found.len();
            drawn.push_str(&render::text(&file.path, &file.content, &found, false));
        }
        if count == 0 {
            wrong.push(format!("{code} is silent"));
        }
        for (file, judged) in silent.iter().zip(judge_tree(&silent)) {
            let found = of_rule(&judged);
            if !found.is_empty() {
                wrong.push(format!("{code} fires on {}: {found:#?}", file.path));
            }
        }
        let golden = folder.join("expected.txt");
        if bless {
            fs::write(&golden, &drawn).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != drawn {
            wrong.push(format!("{code}: run with BLESS=1 and read the difference:\n{drawn}"));
        }
    }
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).chain(["suite"]).collect();
    for entry in fs::read_dir(rules_folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(name.as_str()), "tests/rules/{name} belongs to no rule");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Spans are places of the text, and a message that quotes what is there quotes just that.
pub fn spans_are_true(path: &str, content: &[u8], judged: &Judged) {
    let text = String::from_utf8_lossy(content);
    let valid = std::str::from_utf8(content).is_ok();
    for found in &judged.diagnostics {
        let spans = std::iter::once(found.span)
            .chain(found.labels.iter().map(|label| label.span))
            .chain(found.fixes.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.span)));
        for Span { start, end } in spans {
            assert!(start <= end && end <= content.len(), "{path}: {found:#?}");
            if valid {
                assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{path}: {found:#?}");
            }
        }
        // Rules that quote the very text that they point at.
        let quoting = [
            Code::SCH106,
            Code::CNT202,
            Code::CNT208,
            Code::REF302,
            Code::REF303,
            Code::SEC407,
            Code::SEC410,
        ];
        if valid && quoting.contains(&found.code) && found.message.starts_with('"') {
            let start: String = text[found.span.start..found.span.end].chars().take(60).collect();
            let quoted = format!("\"{}", start.escape_debug());
            assert!(found.message.starts_with(&quoted), "{path}: {} does not quote {start:?}", found.message);
        }
        for fix in &found.fixes {
            assert!(
                fix.edits.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start),
                "{path}: {fix:?}"
            );
        }
    }
}
