//! `docs/promises.md` and the tests tell the same story: every promise has a row, every proof a test of its name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The promises of the contract, by letter and how many of each.
const PROMISES: [(char, u32); 7] = [('R', 6), ('C', 6), ('G', 2), ('B', 1), ('L', 5), ('W', 9), ('S', 13)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names of all test functions of this binary.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.trim().trim_start_matches("async ").strip_prefix("fn ") else { continue };
            let is_test = lines[..at].iter().rev().take(4).take_while(|line| line.trim().starts_with("#["));
            if is_test.into_iter().any(|line| line.contains("test")) {
                names.insert(name.split('(').next().unwrap().to_owned());
            }
        }
    }
    names
}

struct Row {
    number: String,
    named: Vec<String>,
    state: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = cells.map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>());
    let is_promise = |number: &str| {
        PROMISES.iter().any(|(letter, count)| (1..=*count).any(|one| number == format!("{letter}{one}")))
    };
    rows.filter(|cells| cells.len() == 4 && is_promise(cells[0]))
        .map(|cells| Row {
            number: cells[0].to_owned(),
            named: cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            state: cells[3].to_owned(),
        })
        .collect()
}

#[test]
fn every_promise_has_one_row() {
    let numbers: Vec<_> = rows().into_iter().map(|row| row.number).collect();
    let expected: Vec<_> = PROMISES
        .iter()
        .flat_map(|(letter, count)| (1..=*count).map(move |one| format!("{letter}{one}")))
        .collect();
    assert_eq!(numbers, expected);
}

#[test]
fn a_promise_is_proven_by_tests_of_its_number_or_says_why_not() {
    let tests = tests();
    for Row { number, named, state } in rows() {
        for name in &named {
            assert!(tests.contains(name), "{number} names {name}, and there is no such test");
        }
        let prefix = format!("{}_", number.to_lowercase());
        let own: BTreeSet<_> = tests.iter().filter(|name| name.starts_with(&prefix)).collect();
        let listed: BTreeSet<_> = named.iter().filter(|name| name.starts_with(&prefix)).collect();
        assert_eq!(own, listed, "{number}: the tests of its number and the row differ");
        match state.as_str() {
            "proven" => assert!(!own.is_empty(), "{number} is called proven, and no test has its number"),
            other => assert!(
                ["proven in part: ", "not built: ", "not proven: "]
                    .iter()
                    .any(|word| other.starts_with(word)),
                "{number}: {other:?} is no state"
            ),
        }
    }
}

#[test]
fn every_test_of_security_is_named_where_its_promise_stands() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let text = ["docs/security.md", "docs/audit.md", "docs/tls.md"].map(read).concat();
    let named: BTreeSet<_> = text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let tests = tests();
    let is_one = |name: &&String| ["auth_", "tls_", "audit_"].iter().any(|prefix| name.starts_with(prefix));
    let unnamed: Vec<_> = tests.iter().filter(is_one).filter(|name| !named.contains(*name)).collect();
    assert!(unnamed.is_empty(), "no document names {unnamed:?}");
    let is_test = |name: &&String| is_one(name) && name.matches('_').count() > 3;
    let unknown: Vec<_> = named.iter().filter(is_test).filter(|name| !tests.contains(*name)).collect();
    assert!(unknown.is_empty(), "there is no test {unknown:?}");
}
