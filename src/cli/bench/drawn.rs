//! A measured load for people: how much, how fast, what failed, and how the times lie.

use indicatif::{HumanBytes, HumanCount};

use super::{Failure, Output, shape, table};
use crate::cli::output::{Paint, printable};

/// Cells of the longest bar.
const CELLS: usize = 40;

pub(super) fn draw(measured: &shape::Bench, out: &mut Output) -> Result<(), Failure> {
    for (key, value) in facts(measured) {
        let value =
            if key == "failed" && measured.failed > 0 { out.painted(Paint::Red, &value) } else { value };
        out.line(&format!("{} {value}", out.painted(Paint::Bold, &format!("{key:<10}"))))?;
    }
    if !measured.errors.is_empty() {
        out.line("")?;
        out.painted_table(&errors(measured, out.width()), |_| Some(Paint::Red))?;
    }
    let rows = times(measured);
    if !rows.is_empty() {
        out.line("")?;
        out.table(&table::layout(["MS", "MIN", "P50", "P90", "P99", "P99.9", "MAX"], &rows, None))?;
    }
    if let Some(latency) = &measured.latency_us {
        out.line("")?;
        out.table(&bars(latency))?;
    }
    Ok(())
}

fn facts(measured: &shape::Bench) -> Vec<(&'static str, String)> {
    let shape::Bench { connections, streams, rate, seconds, calls, bytes, .. } = measured;
    let (places, pace) = match (measured.what, rate) {
        ("watch", None) => ("streams", "each put when all have the last one".to_owned()),
        ("watch", Some(rate)) => ("streams", format!("{} puts a second", HumanCount(u64::from(*rate)))),
        (_, None) => ("calls in flight", "as fast as answers come".to_owned()),
        (_, Some(rate)) => ("calls in flight", format!("{} a second", HumanCount(u64::from(*rate)))),
    };
    let well = if measured.failed > 0 { " went well" } else { "" };
    let mut facts = vec![
        ("registry", measured.server.clone()),
        ("load", format!("{}: {connections} × {streams} {places}, {pace}", measured.what)),
        (
            "calls",
            format!(
                "{} in {seconds:.1} s, {} a second{well}",
                HumanCount(*calls),
                rate_of(measured.calls_per_second)
            ),
        ),
        (
            "bytes",
            format!("{}, {} a second", HumanBytes(*bytes), HumanBytes(whole(measured.bytes_per_second))),
        ),
        ("failed", HumanCount(measured.failed).to_string()),
    ];
    if let Some(late) = measured.not_begun {
        facts.push(("not begun", HumanCount(late).to_string()));
    }
    facts
}

fn errors(measured: &shape::Bench, width: Option<usize>) -> Vec<String> {
    let row = |error: &shape::BenchError| {
        let reason = error.reason.unwrap_or("-").to_owned();
        [HumanCount(error.count).to_string(), error.code.clone(), reason, printable(&error.message)]
    };
    let rows: Vec<_> = measured.errors.iter().map(row).collect();
    table::layout(["FAILED", "CODE", "REASON", "THE FIRST SAID"], &rows, width)
}

fn times(measured: &shape::Bench) -> Vec<[String; 7]> {
    let row = |what: &str, latency: &shape::Latency| {
        let shape::Latency { min, p50, p90, p99, p999, max, .. } = latency;
        let [min, p50, p90, p99, p999, max] = [min, p50, p90, p99, p999, max].map(|time| ms(*time));
        [what.to_owned(), min, p50, p90, p99, p999, max]
    };
    let first = if measured.last_latency_us.is_some() { "each stream" } else { measured.what };
    let latencies = [(first, &measured.latency_us), ("last stream", &measured.last_latency_us)];
    latencies.into_iter().filter_map(|(what, latency)| Some(row(what, latency.as_ref()?))).collect()
}

fn bars(latency: &shape::Latency) -> Vec<String> {
    let most = latency.histogram.iter().map(|bar| bar.count).max().unwrap_or_default().max(1);
    let row = |bar: &shape::Bar| {
        let share = bar.count as f64 * 100.0 / latency.count.max(1) as f64;
        [
            short(bar.up_to_us),
            HumanCount(bar.count).to_string(),
            format!("{share:.1} %"),
            cells(bar.count, most),
        ]
    };
    let rows: Vec<_> = latency.histogram.iter().map(row).collect();
    table::layout(["MS, UP TO", "COUNT", "SHARE", ""], &rows, None)
}

/// A bar to the eighth of a cell; what is there at all is seen.
fn cells(count: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = count.saturating_mul(8 * CELLS as u64).div_ceil(most);
    let eighths = usize::try_from(eighths).unwrap_or_default();
    let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{part}", "█".repeat(eighths / 8))
}

/// Microseconds as milliseconds, with as many digits as say something.
fn ms(micros: u64) -> String {
    let ms = micros as f64 / 1e3;
    match micros {
        0..10_000 => format!("{ms:.3}"),
        10_000..100_000 => format!("{ms:.2}"),
        100_000..1_000_000 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

/// The same of a bound, without needless zeros.
fn short(micros: u64) -> String {
    (micros as f64 / 1e3).to_string()
}

fn rate_of(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { HumanCount(whole(value)).to_string() }
}

fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(up_to_us: u64, count: u64) -> shape::Bar {
        shape::Bar { up_to_us, count }
    }

    #[test]
    fn a_load_is_one_page() {
        let latency = shape::Latency {
            count: 12_000,
            min: 87,
            mean: 300.0,
            p50: 214,
            p90: 790,
            p99: 12_345,
            p999: 123_456,
            max: 1_234_567,
            histogram: vec![bar(100, 1), bar(200, 4000), bar(500, 8000), bar(1000, 0)],
        };
        let refused = shape::BenchError {
            code: "NOT_FOUND".to_owned(),
            reason: Some("PERSONA_NOT_FOUND"),
            count: 345,
            message: "there is no persona\nx".to_owned(),
        };
        let measured = shape::Bench {
            what: "get",
            server: "http://127.0.0.1:50051".to_owned(),
            connections: 4,
            streams: 8,
            rate: Some(5000),
            seconds: 2.51,
            calls: 12_345,
            failed: 345,
            not_begun: Some(5),
            calls_per_second: 4780.9,
            bytes: 49_152_000,
            bytes_per_second: 19_660_800.0,
            errors: vec![refused],
            latency_us: Some(latency),
            last_latency_us: None,
        };
        let mut out = Output::captured();
        draw(&measured, &mut out).unwrap();
        let expected = "\
registry   http://127.0.0.1:50051
load       get: 4 × 8 calls in flight, 5,000 a second
calls      12,345 in 2.5 s, 4,781 a second went well
bytes      46.88 MiB, 18.75 MiB a second
failed     345
not begun  5

FAILED  CODE       REASON             THE FIRST SAID
345     NOT_FOUND  PERSONA_NOT_FOUND  there is no persona\\nx

MS   MIN    P50    P90    P99    P99.9  MAX
get  0.087  0.214  0.790  12.35  123.5  1235

MS, UP TO  COUNT  SHARE
0.1        1      0.0 %   ▏
0.2        4,000  33.3 %  ████████████████████
0.5        8,000  66.7 %  ████████████████████████████████████████
1          0      0.0 %
";
        assert_eq!(out.data(), expected);
    }
}
