//! The tables of `docs/performance.md` are made from the newest results in `benches/results/`, and not by hand.
//! `BLESS=1` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The newest result of a bench: names begin with the date.
fn newest(bench: &str) -> (String, Value) {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("benches/results"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(&format!("-{bench}.json")))
        .collect();
    files.sort();
    let path = files.pop().unwrap_or_else(|| panic!("no result of {bench}"));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
}

fn spread(value: &Value, digits: usize) -> String {
    let numbers = value.as_array().unwrap().iter();
    let texts = numbers.map(|one| one.as_f64().map_or("–".to_owned(), |one| format!("{one:.digits$}")));
    texts.collect::<Vec<_>>().join(" / ")
}

fn durable_put() -> String {
    let (file, result) = newest("durable-put");
    let mut table = format!(
        "From `benches/results/{file}`; least / median / most of {} rounds.\n\n\
         | puts in flight | registry, puts/s | etcd, puts/s | ratio |\n| --- | --- | --- | --- |\n",
        result["rounds"]
    );
    for row in result["rows"].as_array().unwrap() {
        table.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            row["in_flight"],
            spread(&row["registry_per_second"], 0),
            spread(&row["etcd_per_second"], 0),
            spread(&row["ratio"], 2)
        ));
    }
    table
}

#[test]
fn tables_are_made_from_results() {
    let path = root().join("docs/performance.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- durable-put: made from benches/results -->\n", "<!-- end -->");
    let (before, rest) = text.split_once(begin).expect("the place of the table");
    let (_, after) = rest.split_once(end).expect("the end of the table");
    let made = format!("{before}{begin}{}{end}{after}", durable_put());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), made, "BLESS=1 writes the tables anew");
}
