//! How long things take with each client: from the answer of a put to the new text being read, and from making a client to
//! its first persona.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use persona_registry::client::{self, Client};
use persona_registry::wire::pb;
use serde_json::{Map, Value, json};

use crate::common::rounded;
use crate::driver::Driver;
use crate::server::Server;
use crate::{common, paper};

const PUTS: usize = 200;
const STARTS: usize = 20;

/// Measures each, prints it, and writes all beside the results of benches.
pub async fn measure(clients: &Path, languages: &[String]) -> Result<()> {
    let mut rows = Vec::new();
    println!(
        "{:12} {:>10} {:>10} {:>10} {:>14} {:>14}",
        "", "p50 ms", "p99 ms", "most ms", "first up ms", "first down ms"
    );
    for language in languages {
        let row = one(&clients.join(language), language).await.with_context(|| language.clone())?;
        let cell = |key: &str| row[key].as_f64().unwrap_or_default();
        println!(
            "{language:12} {:>10.1} {:>10.1} {:>10.1} {:>14.1} {:>14.1}",
            cell("read_p50_ms"),
            cell("read_p99_ms"),
            cell("read_max_ms"),
            cell("first_up_p50_ms"),
            cell("first_down_p50_ms"),
        );
        rows.push(row);
    }
    let build = if cfg!(debug_assertions) { "" } else { " --release" };
    let command =
        format!("cargo test{build} --test conformance -- --measure --clients {}", languages.join(","));
    let result = json!({ "command": command, "puts": PUTS, "starts": STARTS, "rows": rows });
    common::write("clients", result).map_err(|error| anyhow!("{error}"))
}

async fn one(folder: &Path, language: &str) -> Result<Value> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut server = Server::new(dir.path())?;
    server.start().await?;
    let target = format!("http://{}", server.address);
    let address: client::Server = target.parse()?;
    let writer = Client::connect(&address, client::Options::default()).await?;
    let put = async |version: usize| {
        let content = paper::document("a", &format!("number {version}"), "").into();
        writer.put(pb::PutPersonaRequest { content, ..Default::default() }).await
    };
    put(1).await?;
    let mut driver = Driver::start(folder).await?;
    let copy = dir.path().join("copy");
    let open = json!({ "do": "open", "target": target, "snapshot_path": copy, "first_sync_timeout": 15000 });

    let mut up = Vec::new();
    for _ in 0..STARTS {
        std::fs::remove_file(&copy).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        up.push(first(&mut driver, &open, "LIVE").await?);
    }

    ask(&mut driver, &open, "c").await?;
    ask(&mut driver, &json!({ "do": "ready", "timeout": 15000 }), "c").await?;
    let mut reads = Vec::new();
    for version in 2..PUTS + 2 {
        let wait = json!({ "do": "await", "name": "a", "version": version, "timeout": 15000 });
        let answered = async {
            // The driver should be waiting by then.
            tokio::time::sleep(Duration::from_millis(5)).await;
            put(version).await?;
            Ok::<_, anyhow::Error>(now())
        };
        let (read, answered) = tokio::join!(ask(&mut driver, &wait, "c"), answered);
        let read = read?["time_ns"].as_f64().context("no time")?;
        // It may be there before the one who wrote it has the answer.
        reads.push(((read - answered?) / 1e6).max(0.0));
    }
    ask(&mut driver, &json!({ "do": "close" }), "c").await?;

    server.stop("KILL").await?;
    let mut down = Vec::new();
    for _ in 0..STARTS {
        down.push(first(&mut driver, &open, "DISK").await?);
    }
    driver.stop().await?;
    let at = |row: &mut Vec<f64>, percent: usize| {
        row.sort_by(f64::total_cmp);
        rounded(row[(row.len() * percent).div_ceil(100) - 1])
    };
    Ok(json!({
        "client": language,
        "read_p50_ms": at(&mut reads, 50), "read_p99_ms": at(&mut reads, 99), "read_max_ms": at(&mut reads, 100),
        "first_up_p50_ms": at(&mut up, 50), "first_up_max_ms": at(&mut up, 100),
        "first_down_p50_ms": at(&mut down, 50), "first_down_max_ms": at(&mut down, 100),
    }))
}

/// Milliseconds from before a client is made to its first persona.
async fn first(driver: &mut Driver, open: &Value, source: &str) -> Result<f64> {
    let begun = Instant::now();
    ask(driver, open, "first").await?;
    let read = ask(driver, &json!({ "do": "get", "name": "a" }), "first").await?;
    let took = begun.elapsed();
    if read["source"] != source {
        return Err(anyhow!("the first persona is {}, not {source}", read["source"]));
    }
    ask(driver, &json!({ "do": "close" }), "first").await?;
    Ok(took.as_secs_f64() * 1000.0)
}

async fn ask(driver: &mut Driver, command: &Value, client: &str) -> Result<Value> {
    let mut command: Map<_, _> = command.as_object().cloned().unwrap_or_default();
    command.insert("client".to_owned(), client.into());
    let mut answer = driver.call(command).await?;
    match answer.get("ok") {
        Some(_) => Ok(answer["ok"].take()),
        None => Err(anyhow!("the driver says: {}", answer["error"])),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a tenth of a microsecond is of no interest")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as f64
}
