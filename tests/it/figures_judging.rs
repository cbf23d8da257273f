//! The tables of judging, as `figures.rs` puts them into `docs/performance.md`.

use serde_json::Value;

use crate::figures::{newest, spread};

pub fn worst_case() -> String {
    /// Those that take less are told together.
    const SHOWN: usize = 12;
    let (file, result) = newest("worst-case");
    let rows = result["rows"].as_array().unwrap();
    let mut table = format!(
        "From `benches/results/{file}`, on {}: the least of {} rounds, of {} cases the slowest {SHOWN}.\n\n\
         | much of | KiB | ms |\n| --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["rounds"],
        rows.len()
    );
    let ms = |row: &Value| format!("{:.1}", row["ms"].as_f64().unwrap());
    for row in &rows[..SHOWN] {
        table.push_str(&format!("| {} | {} | {} |\n", row["case"].as_str().unwrap(), row["kib"], ms(row)));
    }
    table.push_str(&format!("\nAll others take at most {} ms.\n", ms(&rows[SHOWN])));
    table
}

pub fn judges() -> String {
    let (file, result) = newest("judges");
    let mut table = format!(
        "From `benches/results/{file}`, on {}, beside {}: least / median / most of {} rounds, {} bytes a file.\n\n\
         | files | persona, s | memory, MiB | agnix, s | memory, MiB | agnix's time to persona's |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        result["machine"].as_str().unwrap(),
        result["peer"].as_str().unwrap(),
        result["rounds"],
        result["bytes"],
    );
    for row in result["rows"].as_array().unwrap() {
        let cell = |key: &str, digits| spread(&row[key], digits);
        table.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row["files"],
            cell("persona_seconds", 3),
            cell("persona_mib", 0),
            cell("agnix_seconds", 3),
            cell("agnix_mib", 0),
            cell("ratio", 1)
        ));
    }
    let alone = &result["one_thread"];
    let number = |key: &str| alone[key].as_f64().unwrap();
    table.push_str(&format!(
        "\nOne thread judges {:.0} documents a second, {:.1} MB.\n",
        number("documents_per_second"),
        number("mb_per_second")
    ));
    table
}
