//! The tables of `docs/performance.md` are made from the newest results in `benches/results/`, and not by hand.
//! `BLESS=1` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{figures_judging as judging, figures_scale as scale, figures_serving as serving};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The newest result of a bench.
pub fn newest(bench: &str) -> (String, Value) {
    newest_if_any(bench).unwrap_or_else(|| panic!("no result of {bench}"))
}

/// The same of one that may never have run: names begin with the date.
pub fn newest_if_any(bench: &str) -> Option<(String, Value)> {
    let path = newest_file(bench, "json")?;
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    Some((name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()))
}

/// The newest file of a name.
pub fn newest_file(name: &str, extension: &str) -> Option<PathBuf> {
    let files = fs::read_dir(root().join("benches/results")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().ends_with(&format!("-{name}.{extension}"))).max()
}

/// The values of a measurement, such as least, median and most.
pub fn spread(value: &Value, digits: usize) -> String {
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

/// A whole number, its digits in groups.
pub fn number(value: &Value) -> String {
    let digits = value.as_i64().unwrap().to_string();
    let from_the_end = digits.chars().rev().enumerate();
    let grouped = from_the_end.flat_map(|(at, digit)| [(at > 0 && at % 3 == 0).then_some(','), Some(digit)]);
    grouped.flatten().collect::<Vec<_>>().into_iter().rev().collect()
}

fn follow_latency() -> String {
    let (file, result) = newest("follow-latency");
    let mut table = format!(
        "From `benches/results/{file}`, on {}.\n\n| saved | saves | p50, ms | p90 | p99 | most |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap()
    );
    for row in result["rows"].as_array().unwrap() {
        let at = |key: &str| format!("{:.0}", row[key].as_f64().unwrap());
        table.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row["way"].as_str().unwrap(),
            row["saves"],
            at("p50_ms"),
            at("p90_ms"),
            at("p99_ms"),
            at("max_ms")
        ));
    }
    table
}

/// How many files each key counts, most first.
fn counts(value: &Value) -> String {
    let mut counts: Vec<_> =
        value.as_object().unwrap().iter().map(|(key, count)| (-count.as_i64().unwrap(), key)).collect();
    counts.sort();
    let texts = counts.iter().map(|(count, key)| format!("{} {key}", number(&(-count).into())));
    texts.collect::<Vec<_>>().join(", ")
}

fn seed_folders() -> String {
    let (file, result) = newest("seed-folders");
    let (corpus, generated) = (&result["corpus"], &result["generated"]);
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} rounds.\n\n\
         | | {} folders of public agent files | {} generated files, {} MB |\n| --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"],
        corpus["folders"],
        number(&generated["files"]),
        generated["bytes"].as_i64().unwrap() / 1_000_000
    );
    let mut row = |what: &str, cell: &dyn Fn(&Value) -> String| {
        table.push_str(&format!("| {what} | {} | {} |\n", cell(corpus), cell(generated)));
    };
    row("first line of a start on nothing, s", &|one| spread(&one["cold_seconds"], 2));
    row("first line of a start on what is there, s", &|one| spread(&one["warm_seconds"], 2));
    row("the same without the folders: the store alone, s", &|one| spread(&one["store_alone_seconds"], 2));
    row("`persona validate` of the same files, s", &|one| spread(&one["validate_seconds"], 2));
    row("reading and parsing alone, in one thread, s", &|one| spread(&one["parse_seconds"], 2));
    row("the first to that, in the same round", &|one| spread(&one["cold_to_parse"], 2));
    row("most memory of the first, MiB", &|one| spread(&one["cold_peak_mib"], 0));
    row("most memory of the second, MiB", &|one| spread(&one["warm_peak_mib"], 0));
    row("personas served", &|one| number(&one["personas"]));
    row("namespaces", &|one| number(&one["namespaces"]));
    row("files refused", &|one| number(&one["refused"]));
    row("by reason", &|one| counts(&one["refused_by_reason"]));
    row("by code (a file may have several)", &|one| counts(&one["refused_by_code"]));
    row("passed over (README and the like)", &|one| number(&one["passed_over"]));
    table
}

fn stalled_watchers() -> String {
    let (file, result) = newest("stalled-watchers");
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} rounds.\n\n\
         | streams that are never read | p50, ms | p99, ms | server's memory for each, KiB |\n| --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"]
    );
    for row in result["rows"].as_array().unwrap() {
        let stalled = row["stalled"].as_i64().unwrap() > 0;
        let memory = if stalled { spread(&result["kib_per_stalled_stream"], 1) } else { "–".to_owned() };
        table.push_str(&format!(
            "| {} | {} | {} | {memory} |\n",
            number(&row["stalled"]),
            spread(&row["p50_ms"], 1),
            spread(&row["p99_ms"], 1)
        ));
    }
    table.push_str(&format!(
        "\np99 with them, to p99 without, in the same round: {}.\n",
        spread(&result["p99_ratio"], 2)
    ));
    table
}

fn abuse() -> String {
    let (file, result) = newest("abuse");
    let mut table = format!(
        "From `benches/results/{file}`, on {}: {} connections at once, medians of {} rounds of {} s; what is held ran once, until it was \
         closed.\n\n| abuse | load | refused with | honest p99, ms: quiet | beside it | ratio | most memory, MiB |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["connections"],
        result["rounds"],
        result["seconds"]
    );
    for row in result["rows"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap();
        let at = |key: &str, digits: usize| format!("{:.digits$}", row[key].as_f64().unwrap());
        let load = match row["held"].as_bool().unwrap() {
            true => format!("{} {} held", number(&row["events"]), text("unit")),
            false => {
                let rate = row["per_second"].as_f64().unwrap().round() as i64;
                format!("{} {} a second", number(&rate.into()), text("unit"))
            }
        };
        table.push_str(&format!(
            "| {} | {load} | {} | {} | {} | {} | {} |\n",
            text("abuse"),
            text("refused"),
            at("quiet_p99_ms", 1),
            at("abused_p99_ms", 1),
            at("ratio", 1),
            at("most_mib", 0)
        ));
    }
    table
}

fn compact_store() -> String {
    let (file, result) = newest("compact-store");
    let mib = |value: &Value| format!("{:.1}", value.as_f64().unwrap() / f64::from(1 << 20));
    let mut table = format!(
        "From `benches/results/{file}`, on {}: {} puts over {} personas, {} MiB of documents.\n\n\
         | MiB on the disk | all | journal | view | snapshots |\n| --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        number(&result["puts"]),
        number(&result["personas"]),
        mib(&result["document_bytes"])
    );
    for (what, key) in [("before", "before"), ("after `persona compact`", "after")] {
        let part = |part: &str| mib(&result[key][part]);
        let row = [part("all"), part("journal"), part("view"), part("snapshots")].join(" | ");
        table.push_str(&format!("| {what} | {row} |\n"));
    }
    let seconds = |key: &str| format!("{:.1} s", result[key].as_f64().unwrap());
    table.push_str(&format!(
        "\nA backup has {} MiB. `backup` took {}, `restore-store` {}, `check` {}, `compact` {}.\n",
        mib(&result["backup_bytes"]),
        seconds("backup_seconds"),
        seconds("restore_seconds"),
        seconds("check_seconds"),
        seconds("compact_seconds")
    ));
    table
}

fn clients() -> String {
    let (file, result) = newest("clients");
    let mut table = format!(
        "From `benches/results/{file}`, on {}: {} puts, {} starts.\n\n\
         | client | put answered to text read, ms: p50 | p99 | most | first persona, registry up, ms: p50 | most | \
         registry down (disk), ms: p50 | most |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["puts"],
        result["starts"]
    );
    for row in result["rows"].as_array().unwrap() {
        let at = |key: &str| format!("{:.1}", row[key].as_f64().unwrap());
        let keys = [
            "read_p50_ms",
            "read_p99_ms",
            "read_max_ms",
            "first_up_p50_ms",
            "first_up_max_ms",
            "first_down_p50_ms",
            "first_down_max_ms",
        ];
        let cells: Vec<_> = keys.into_iter().map(at).collect();
        table.push_str(&format!("| {} | {} |\n", row["client"].as_str().unwrap(), cells.join(" | ")));
    }
    table
}

fn refusals() -> String {
    let (file, result) = newest("refusals");
    let mut table = format!(
        "From `benches/results/{file}`, on {}: {} calls a case, taken in turn, beside {} personas.\n\n\
         | call | p50, µs | p99, µs |\n| --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        number(&result["rounds"]),
        number(&result["personas"])
    );
    for row in result["rows"].as_array().unwrap() {
        let at = |key: &str| format!("{:.0}", row[key].as_f64().unwrap());
        table.push_str(&format!(
            "| {} | {} | {} |\n",
            row["case"].as_str().unwrap(),
            at("p50_us"),
            at("p99_us")
        ));
    }
    table.push_str("\n| one | beside | medians differ by, µs | in 95 of 100 | it is the faster in |\n| --- | --- | --- | --- | --- |\n");
    for row in result["compared"].as_array().unwrap() {
        let number = |value: &Value| format!("{:.2}", value.as_f64().unwrap());
        table.push_str(&format!(
            "| {} | {} | {} | {} to {} | {:.1} % |\n",
            row["one"].as_str().unwrap(),
            row["other"].as_str().unwrap(),
            number(&row["median_difference_us"]),
            number(&row["interval_us"][0]),
            number(&row["interval_us"][1]),
            row["less"].as_f64().unwrap() * 100.0
        ));
    }
    table
}

#[test]
fn tables_are_made_from_results() {
    let path = root().join("docs/performance.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut made = text;
    for (bench, table) in [
        ("durable-put", durable_put()),
        ("follow-latency", follow_latency()),
        ("seed-folders", seed_folders()),
        ("compact-store", compact_store()),
        ("peers", serving::peers()),
        ("ghz", serving::ghz()),
        ("fan-out", serving::fan_out()),
        ("stalled-watchers", stalled_watchers()),
        ("abuse", abuse()),
        ("refusals", refusals()),
        ("clients", clients()),
        ("worst-case", judging::worst_case()),
        ("judges", judging::judges()),
        ("scale", scale::scale()),
        ("anchors", scale::anchors()),
    ] {
        let (begin, end) = (format!("<!-- {bench}: made from benches/results -->\n"), "<!-- end -->");
        let (before, rest) = made.split_once(&begin).expect("the place of the table");
        let (_, after) = rest.split_once(end).expect("the end of the table");
        made = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), made, "BLESS=1 writes the tables anew");
}
