//! The tables of judging, as `figures.rs` puts them into `docs/performance.md`.

use serde_json::Value;

use crate::figures::newest;

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
