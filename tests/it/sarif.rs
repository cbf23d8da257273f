//! SARIF as its specification has it: what must be there is there, places are those of the findings, and whoever makes a
//! fix from its replacements gets what `--fix` makes. (Documents of all the rules' files were also held against the
//! schema of version 2.1.0, errata 01, by hand.)

use std::collections::BTreeSet;

use persona_registry::diagnostic::render::sarif;
use persona_registry::diagnostic::{Code, Diagnostic};
use persona_registry::document::Input;
use persona_registry::validate::judge;
use serde_json::Value;

use crate::commands_validate::{GOOD, POOR, folder, validate};
use crate::rule_files::{rules_folder, tree};

fn document(findings: &[sarif::Finding]) -> Value {
    serde_json::from_str(&sarif::sarif(findings, &[])).unwrap()
}

fn found(path: &str, content: &[u8]) -> Vec<Diagnostic> {
    judge(&Input { content, path: Some(path), ..Input::default() }).diagnostics
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The byte that a line and a column in code points name.
fn offset(content: &[u8], line: &Value, column: &Value) -> usize {
    let (line, column) = (line.as_u64().unwrap() as usize, column.as_u64().unwrap() as usize);
    assert!(line >= 1 && column >= 1);
    let mut starts = vec![0];
    starts.extend(content.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
    let mut at = starts[line - 1];
    for _ in 1..column {
        // A byte that is no UTF-8 counts as one.
        at += (1..=4).find(|length| std::str::from_utf8(&content[at..at + length]).is_ok()).unwrap_or(1);
    }
    at
}

fn span(content: &[u8], region: &Value) -> (usize, usize) {
    let start = offset(content, &region["startLine"], &region["startColumn"]);
    let end = offset(content, &region["endLine"], &region["endColumn"]);
    assert!(start <= end, "{region}");
    (start, end)
}

fn check_result(result: &Value, of: &Diagnostic, path: &str, content: &[u8], rules: &[Value]) {
    assert_eq!(rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
    assert_eq!(result["ruleId"], of.code.as_str());
    assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
    assert!(result["message"]["text"].as_str().unwrap().starts_with(&of.message));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], path, "nothing of these paths wants an escape");
    assert_eq!(span(content, &place["region"]), (of.span.start, of.span.end));
    let labels = array(&result["relatedLocations"]);
    assert_eq!(labels.len(), of.labels.len());
    for (label, of) in labels.iter().zip(&of.labels) {
        assert_eq!(span(content, &label["physicalLocation"]["region"]), (of.span.start, of.span.end));
    }
    let print = result["partialFingerprints"]["personaLine/v1"].as_str().unwrap();
    assert!(print.len() == 32 && print.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let fixes = array(&result["fixes"]);
    assert_eq!(fixes.len(), of.fixes.len());
    for (fix, of) in fixes.iter().zip(&of.fixes) {
        assert_eq!(fix["description"]["text"], of.title);
        let change = &fix["artifactChanges"][0];
        assert_eq!(change["artifactLocation"]["uri"], path);
        let mut mended = content.to_vec();
        for replacement in array(&change["replacements"]).iter().rev() {
            let (start, end) = span(content, &replacement["deletedRegion"]);
            let text = replacement["insertedContent"]["text"].as_str().unwrap_or_default();
            mended.splice(start..end, text.bytes());
        }
        assert_eq!(Some(mended), of.apply(content));
    }
}

#[test]
fn places_and_fixes_are_those_of_the_findings() {
    let files = tree(&rules_folder());
    let mut codes = BTreeSet::new();
    for file in files.iter().filter(|file| !file.path.ends_with(".tsv")) {
        let found = found(&file.path, &file.content);
        let document = document(&sarif::Finding::all(&file.path, &file.content, &found));
        let run = &document["runs"][0];
        let results = array(&run["results"]);
        assert_eq!(results.len(), found.len());
        for (result, of) in results.iter().zip(&found) {
            check_result(result, of, &file.path, &file.content, array(&run["tool"]["driver"]["rules"]));
            codes.insert(of.code);
        }
    }
    assert!(codes.len() >= 40, "{codes:?}");
}

#[test]
fn the_document_says_what_made_it_and_explains_every_rule() {
    let document = document(&[]);
    assert_eq!(document["version"], "2.1.0");
    assert!(document["$schema"].as_str().unwrap().ends_with("sarif-2.1.0.json"));
    let run = &document["runs"][0];
    assert_eq!((array(&document["runs"]).len(), run["columnKind"].as_str()), (1, Some("unicodeCodePoints")));
    assert_eq!(run["results"], serde_json::json!([]), "an empty list says that nothing was found");
    let driver = &run["tool"]["driver"];
    assert_eq!(
        (&driver["name"], &driver["semanticVersion"]),
        (&"persona".into(), &env!("CARGO_PKG_VERSION").into())
    );
    let rules = array(&driver["rules"]);
    let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|text| text.len() > 10), "{rule}");
        }
        assert!(
            rule["help"]["markdown"]
                .as_str()
                .unwrap()
                .starts_with(&format!("# {}", rule["id"].as_str().unwrap()))
        );
        assert!(
            ["error", "warning", "note"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
        );
    }
}

/// A finding is known again where lines above it come or go, and told apart from another of its kind.
#[test]
fn prints_follow_the_line() {
    let prints = |content: &str| -> Vec<String> {
        let findings = sarif::Finding::all("a.md", content.as_bytes(), &found("a.md", content.as_bytes()));
        let of =
            |result: &Value| result["partialFingerprints"]["personaLine/v1"].as_str().unwrap().to_owned();
        array(&document(&findings)["runs"][0]["results"]).iter().map(of).collect()
    };
    let twice = format!("{POOR}\nTODO\n");
    let before = prints(&twice);
    assert_eq!(before, prints(&twice.replace("# Poor\n", "# Poor\n\nMore.\n")));
    assert_eq!(before.len(), before.iter().collect::<BTreeSet<_>>().len(), "{before:?}");
}

#[tokio::test]
async fn all_files_are_in_one_document_and_one_that_cannot_be_read_is_told() {
    let folder =
        folder(&[("p/b c.md", POOR.as_bytes()), ("p/a.md", GOOD.as_bytes()), ("p/d.md", POOR.as_bytes())]);
    let absolute = folder.path().canonicalize().unwrap().join("p");
    for path in [".", absolute.to_str().unwrap()] {
        let ended = validate(folder.path(), &[path, "--format", "sarif"], 1).await;
        let document: Value = serde_json::from_str(&ended.out).unwrap();
        let run = &document["runs"][0];
        let files: BTreeSet<_> = array(&run["results"])
            .iter()
            .map(|result| {
                result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap()
            })
            .collect();
        assert_eq!(files, BTreeSet::from(["p/b%20c.md", "p/d.md"]));
        assert_eq!(run["invocations"], serde_json::json!([{"executionSuccessful": true}]));
    }
    // Open for reading, and nothing to read.
    let ended = validate(folder.path(), &["p/a.md", "/proc/self/mem", "--format", "sarif"], 2).await;
    let invocation = &serde_json::from_str::<Value>(&ended.out).unwrap()["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let told = invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    assert!(told.starts_with("cannot read /proc/self/mem: "), "{told}");
}
