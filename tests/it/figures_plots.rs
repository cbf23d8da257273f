//! The plots of `docs/performance.md`, made from the newest results as its tables are. `BLESS=1` writes them anew.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::figures::{newest, newest_if_any, number};
use crate::figures_scale::scale_rows;
use crate::svg::{Axis, Range, Series, lines, ranges};

/// Least, median and most; a number is all three.
fn spread(value: &Value) -> [f64; 3] {
    match value.as_array() {
        Some(all) => [0, 1, 2].map(|at| all[at].as_f64().unwrap()),
        None => [value.as_f64().unwrap(); 3],
    }
}

fn logarithmic(from: f64, to: f64, marks: &[(f64, &str)]) -> Axis {
    let marks = marks.iter().map(|(value, text)| (*value, (*text).to_owned())).collect();
    Axis { from, to, logarithmic: true, marks }
}

/// Up to the largest size that was measured.
fn personas() -> Axis {
    let sizes = scale_rows().iter().map(|row| row["personas"].as_i64().unwrap()).max().unwrap();
    let marks = [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|mark| *mark <= sizes);
    let marks = marks.map(|mark| (mark as f64, number(&mark.into()))).collect();
    Axis { from: 1e3, to: sizes as f64, logarithmic: true, marks }
}

/// What the rows say, over the number of personas; where a size has nothing to say there is no point.
fn over_personas(name: &str, colour: usize, of: impl Fn(&Value) -> Value) -> Series {
    let rows = scale_rows();
    let told = rows.iter().map(|row| (row["personas"].as_f64().unwrap(), of(row)));
    let points = told.filter(|(_, value)| !value.is_null()).map(|(at, value)| (at, spread(&value))).collect();
    Series { name: name.to_owned(), colour, points }
}

fn growth() -> String {
    let of =
        |name, colour, key: &'static str| over_personas(name, colour, move |row| row[key]["p50_ms"].clone());
    lines(
        "One call at a time, as the registry grows",
        ["personas", "p50 in milliseconds, least to most of the rounds"],
        &personas(),
        &logarithmic(
            0.05,
            50.0,
            &[(0.1, "0.1"), (0.3, "0.3"), (1.0, "1"), (3.0, "3"), (10.0, "10"), (30.0, "30")],
        ),
        &[
            of("List, 50 whole", 3, "list"),
            of("Put to watcher", 2, "watch"),
            of("Put", 1, "put"),
            of("Get", 0, "get"),
        ],
        &[],
    )
}

fn growth_ratio() -> String {
    let of =
        |name, colour, key: &'static str| over_personas(name, colour, move |row| row[key]["ratio"].clone());
    let marks = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0].map(|mark| (mark, format!("{mark}")));
    lines(
        "The same beside a registry of a thousand",
        [
            "personas",
            "p50 to that of a server with 1,000 personas, calls in turn; dashed: the goal of Get and List",
        ],
        &personas(),
        &Axis { from: 0.0, to: 5.0, logarithmic: false, marks: marks.into() },
        &[
            of("List, any page", 3, "list"),
            of("List, first page", 4, "list_first"),
            of("Get, any", 0, "get"),
            of("Get, of a hundred", 2, "get_few"),
            of("Put", 1, "put"),
        ],
        &[1.2],
    )
}

fn seconds() -> String {
    lines(
        "Starting and filling",
        ["personas", "a start lasts until calls are served; dashed: the goal of a start with 10,000"],
        &personas(),
        &logarithmic(
            0.01,
            1000.0,
            &[
                (0.01, "10 ms"),
                (0.1, "100 ms"),
                (1.0, "1 s"),
                (10.0, "10 s"),
                (100.0, "100 s"),
                (1000.0, "1,000 s"),
            ],
        ),
        &[
            over_personas("start after a stop", 0, |row| row["start_seconds"].clone()),
            over_personas("start after a kill", 4, |row| row["killed_seconds"].clone()),
            over_personas("fill by batches", 1, |row| row["batch_seconds"].clone()),
            over_personas("restore a backup", 2, |row| row["restore_seconds"].clone()),
        ],
        &[0.3],
    )
}

fn memory() -> String {
    let mib = |row: &Value| (row["document_bytes"].as_f64().unwrap() / f64::from(1 << 20)).into();
    lines(
        "Memory",
        ["personas", "resident MiB; the bound is 1.5 times the documents and 64 MiB"],
        &personas(),
        &logarithmic(
            1.0,
            4096.0,
            &[
                (1.0, "1"),
                (4.0, "4"),
                (16.0, "16"),
                (64.0, "64"),
                (256.0, "256"),
                (1024.0, "1,024"),
                (4096.0, "4,096"),
            ],
        ),
        &[
            over_personas("bound", 3, |row| row["bound_mib"].clone()),
            over_personas("all was read", 1, |row| row["read_mib"].clone()),
            over_personas("after the start", 0, |row| row["start_mib"].clone()),
            over_personas("the documents", 4, mib),
        ],
        &[],
    )
}

fn reads() -> String {
    let goals =
        [("Get 4 KiB, 8 × 16", 1.7), ("Get 32 KiB, 8 × 16", 1.3), ("List of 50 × 4 KiB, 8 × 16", 1.15)];
    let (_, result) = newest("peers");
    let rows = result["rows"].as_array().unwrap().iter().map(|row| {
        let (name, values) = (row["case"].as_str().unwrap(), spread(&row["ratio"]));
        let goal = goals.iter().find(|(case, _)| *case == name).map(|(_, goal)| *goal);
        Range { name: name.to_owned(), values, goal, met: format!("{:.2} times", values[1]) }
    });
    let marks = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5].map(|mark| (mark, format!("{mark}")));
    ranges(
        "Reads beside a bare tonic handler",
        [
            "times the requests a second of bare tonic",
            "least, median and most of the rounds; the tick is the goal (at 1 × 1 it is one of the p50)",
        ],
        &Axis { from: 0.0, to: 2.5, logarithmic: false, marks: marks.into() },
        &rows.collect::<Vec<_>>(),
    )
}

/// None where they were never measured.
fn anchors() -> Option<String> {
    let of = |key: &str| match key {
        "nginx" => ("nginx, a static file", None),
        "etcd" => ("etcd, serializable range", Some(8.0)),
        _ => ("MLflow, a prompt by REST", Some(500.0)),
    };
    let (_, result) = newest_if_any("anchors")?;
    let rows = result["rows"].as_array().unwrap().iter().map(|row| {
        let ((name, goal), values) = (of(row["anchor"].as_str().unwrap()), spread(&row["ratio"]));
        Range { name: name.to_owned(), values, goal, met: format!("{:.2} times", values[1]) }
    });
    Some(ranges(
        "Get of 4 KiB beside other products",
        [
            "times their answers a second",
            "least, median and most of the rounds; the upright tick is the goal",
        ],
        &logarithmic(
            0.1,
            1000.0,
            &[(0.1, "0.1"), (1.0, "1"), (10.0, "10"), (100.0, "100"), (1000.0, "1,000")],
        ),
        &rows.collect::<Vec<_>>(),
    ))
}

fn puts() -> String {
    let (_, result) = newest("durable-put");
    let of = |name: &str, colour, key: &str| {
        let rows = result["rows"].as_array().unwrap().iter();
        let points = rows.map(|row| (row["in_flight"].as_f64().unwrap(), spread(&row[key]))).collect();
        Series { name: name.to_owned(), colour, points }
    };
    lines(
        "Durable puts of 4 KiB beside etcd",
        ["puts in flight", "puts a second, least to most of the rounds; each is synced before its answer"],
        &logarithmic(1.0, 128.0, &[(1.0, "1"), (16.0, "16"), (128.0, "128")]),
        &logarithmic(
            3e2,
            1e5,
            &[
                (3e2, "300"),
                (1e3, "1,000"),
                (3e3, "3,000"),
                (1e4, "10,000"),
                (3e4, "30,000"),
                (1e5, "100,000"),
            ],
        ),
        &[of("registry", 0, "registry_per_second"), of("etcd", 4, "etcd_per_second")],
        &[],
    )
}

#[test]
fn plots_are_made_from_results() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let words = fs::read_to_string(root.join("performance.md")).unwrap();
    let mut plots = vec![
        ("growth", growth()),
        ("growth-ratio", growth_ratio()),
        ("seconds", seconds()),
        ("memory", memory()),
        ("reads", reads()),
        ("puts", puts()),
    ];
    plots.extend(anchors().map(|plot| ("anchors", plot)));
    for (name, plot) in plots {
        let path = root.join(format!("plots/{name}.svg"));
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(root.join("plots")).unwrap();
            fs::write(&path, &plot).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == plot, "BLESS=1 writes {name}.svg anew");
        assert!(words.contains(&format!("(plots/{name}.svg)")), "{name}.svg is not shown");
    }
}
