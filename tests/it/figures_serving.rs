//! The tables of serving beside an anchor, as `figures.rs` puts them into `docs/performance.md`.

use crate::figures::{newest, spread};

pub fn peers() -> String {
    let (file, result) = newest("peers");
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} rounds.\n\n\
         | case | server | requests/s | CPU, µs | p50, ms | p99, ms | p99.9, ms | system calls an answer | memory, MiB | to bare tonic: requests/s | p50 |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"]
    );
    for row in result["rows"].as_array().unwrap() {
        for (side, words) in [("registry", "registry"), ("bare_tonic", "bare tonic")] {
            let of = |key: &str, digits: usize| spread(&row[side][key], digits);
            let ratio = |key: &str| match side {
                "registry" => spread(&row[key], 2),
                _ => String::new(),
            };
            table.push_str(&format!(
                "| {} | {words} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                row["case"].as_str().unwrap(),
                of("per_second", 0),
                of("cpu_us", 1),
                of("p50_ms", 2),
                of("p99_ms", 2),
                of("p999_ms", 2),
                row[side]["system_calls"].as_f64().map_or("–".to_owned(), |calls| format!("{calls:.2}")),
                of("rss_mib", 0),
                ratio("ratio"),
                ratio("p50_ratio")
            ));
        }
    }
    table
}

pub fn ghz() -> String {
    let (file, result) = newest("ghz");
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} rounds.\n\n\
         | server | CPU, µs | p50, ms | p99, ms | answers/s that ghz takes |\n| --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"]
    );
    for (side, words) in [("registry", "registry"), ("bare_tonic", "bare tonic")] {
        let of = |key: &str, digits: usize| spread(&result[side][key], digits);
        table.push_str(&format!(
            "| {words} | {} | {} | {} | {} |\n",
            of("cpu_us", 1),
            of("p50_ms", 1),
            of("p99_ms", 1),
            of("per_second", 0)
        ));
    }
    let (cpu, p50) = (spread(&result["cpu_ratio"], 2), spread(&result["p50_ratio"], 2));
    table.push_str(&format!("\nThe registry's to bare tonic's: processor time {cpu}, p50 {p50}.\n"));
    table
}

pub fn fan_out() -> String {
    let (file, result) = newest("fan-out");
    let mut table = format!(
        "From `benches/results/{file}`, on {}; least / median / most of {} rounds.\n\n\
         | watchers | told by | until the last has it, ms | CPU of the server, µs a watcher | memory, KiB a watcher | registry's time to it |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"]
    );
    for case in result["cases"].as_array().unwrap() {
        let (connections, streams) =
            (case["connections"].as_u64().unwrap(), case["streams"].as_u64().unwrap());
        for side in case["sides"].as_array().unwrap() {
            let name = match side["side"].as_str().unwrap() {
                "registry" => "registry",
                "broadcast" => "bare tonic, broadcast channel",
                _ => "bare loop of writes",
            };
            let is_ours = name == "registry";
            let ratio = if is_ours { String::new() } else { spread(&side["ratio"], 2) };
            table.push_str(&format!(
                "| {} on {connections} connections | {name} | {} | {} | {:.1} | {ratio} |\n",
                connections * streams,
                spread(&side["ms"], 1),
                spread(&side["cpu_us"], 1),
                side["kib"].as_f64().unwrap(),
            ));
        }
    }
    table
}
