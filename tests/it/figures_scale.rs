//! The tables of growth and of other products, as `figures.rs` puts them into `docs/performance.md`.

use serde_json::Value;

use crate::figures::{newest, newest_if_any, number, spread};

/// The rows of all sizes that were measured; a million takes long and is measured for itself.
pub fn scale_rows() -> Vec<Value> {
    let results = [Some(newest("scale")), newest_if_any("scale-million")];
    results.into_iter().flatten().flat_map(|(_, result)| result["rows"].as_array().unwrap().clone()).collect()
}

pub fn scale() -> String {
    let (file, result) = newest("scale");
    let rows = scale_rows();
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} starts or rounds.",
        result["machine"].as_str().unwrap(),
        result["rounds"],
    );
    if let Some((file, million)) = newest_if_any("scale-million") {
        table.push_str(&format!(
            " The last column is from `{file}`, on {}: of it only ratios compare with the others.",
            million["machine"].as_str().unwrap()
        ));
    }
    table.push_str("\n\n|");
    let heads = rows.iter().map(|row| {
        format!(
            " {} personas of {} KiB |",
            number(&row["personas"]),
            row["document_size"].as_i64().unwrap() / 1024
        )
    });
    table.push_str(&format!(" |{}\n|", heads.collect::<String>()));
    table.push_str(&format!("{}\n", " --- |".repeat(rows.len() + 1)));
    let mut row = |what: &str, cell: &dyn Fn(&Value) -> String| {
        let cells = rows.iter().map(|row| format!(" {} |", cell(row)));
        table.push_str(&format!("| {what} |{}\n", cells.collect::<String>()));
    };
    let one =
        |value: &Value, digits: usize| value.as_f64().map_or("–".to_owned(), |it| format!("{it:.digits$}"));
    let mib = |value: &Value| format!("{:.0}", value.as_f64().unwrap() / f64::from(1 << 20));
    row("documents, MiB", &|row| mib(&row["document_bytes"]));
    row("filled by batches of 40, s", &|row| one(&row["batch_seconds"], 1));
    row("seeded from a folder, s", &|row| one(&row["folder_seconds"], 2));
    row("a backup taken, s", &|row| one(&row["backup_seconds"], 1));
    row("a store made of the backup, s", &|row| one(&row["restore_seconds"], 1));
    row("on the disk, MiB: journal", &|row| mib(&row["disk"]["journal"]));
    row("view", &|row| mib(&row["disk"]["view"]));
    row("start after a stop, s", &|row| spread(&row["start_seconds"], 2));
    row("start after a kill, s", &|row| spread(&row["killed_seconds"], 2));
    row("memory after the start, MiB", &|row| spread(&row["start_mib"], 0));
    row("after all was read", &|row| one(&row["read_mib"], 0));
    row("most until then", &|row| one(&row["read_peak_mib"], 0));
    row("after all calls below", &|row| one(&row["end_mib"], 0));
    row("bound of the goal", &|row| one(&row["bound_mib"], 0));
    for (key, what) in [
        ("get", "Get of any"),
        ("get_few", "Get of one in a hundred"),
        ("list", "List, any page"),
        ("list_first", "List, first page"),
        ("put", "Put"),
        ("watch", "Put to watcher"),
    ] {
        row(&format!("{what}: p50, ms"), &|row| spread(&row[key]["p50_ms"], 2));
        row("p99, ms", &|row| spread(&row[key]["p99_ms"], 2));
        row("p50 to that of 1,000", &|row| spread(&row[key]["ratio"], 2));
    }
    table
}

pub fn anchors() -> String {
    let Some((file, result)) = newest_if_any("anchors") else {
        return "There is no result yet.\n".to_owned();
    };
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} rounds.\n\n\
         | beside | connections × streams | its answers/s | the registry's | ratio | its memory, MiB |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"]
    );
    for row in result["rows"].as_array().unwrap() {
        let what = match row["anchor"].as_str().unwrap() {
            "nginx" => "nginx, a static file over HTTP/2",
            "etcd" => "etcd, a serializable range",
            "mlflow" => "MLflow, a prompt by REST, one worker",
            other => panic!("no words for {other}"),
        };
        table.push_str(&format!(
            "| {what} | {} × {} | {} | {} | {} | {:.0} |\n",
            row["connections"],
            row["streams"],
            spread(&row["per_second"], 0),
            spread(&row["registry_per_second"], 0),
            spread(&row["ratio"], 2),
            row["rss_mib"].as_f64().unwrap()
        ));
    }
    table.push_str(
        "\n![Answers of the registry to those of other products, with the goals](plots/anchors.svg)\n",
    );
    table
}
