//! What is told over plain HTTP, on a port of its own: metrics, and whether the process serves.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry as Exposition;

use crate::metrics::{Calls, Told, Writes};
use crate::registry::{Caches, Registry, WriteState};

/// The type of the text (OpenMetrics 1.0.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How the registry stands, read when it is asked for.
#[derive(Debug)]
struct Standing(Registry);

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.status();
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let gauges = [
            ("persona_registry_revision", "The newest revision", status.revision.0),
            ("persona_registry_floor", "The oldest revision that can be read as of", status.floor.0),
            ("persona_registry_namespaces", "Namespaces with a live persona", status.namespaces),
            ("persona_registry_personas", "Live personas", status.personas),
            ("persona_registry_versions", "Versions kept", status.versions),
            ("persona_registry_watches", "Watch streams now", status.watches),
            ("persona_registry_watches_limit", "Watch streams at most", status.watch_streams),
            (
                "persona_registry_writable",
                "1 while writes are taken",
                u64::from(matches!(status.write_state, WriteState::Writable)),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(signed(value)).encode(gauge)?;
        }
        Ok(())
    }
}

/// What is kept of answers, read when it is asked for.
#[derive(Debug)]
struct Kept(Caches);

impl Collector for Kept {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.0.counts();
        let help = "Bytes of answers that are kept, by what of them";
        let mut bytes =
            encoder.encode_descriptor("persona_registry_cache_bytes", help, None, MetricType::Gauge)?;
        for (cache, counts) in &counts {
            let value = i64::try_from(counts.bytes).unwrap_or(i64::MAX);
            ConstGauge::new(value).encode(bytes.encode_family(&[("cache", *cache)])?)?;
        }
        let hits = counts.map(|(cache, counts)| (cache, counts.hits));
        let misses = counts.map(|(cache, counts)| (cache, counts.misses));
        for (name, help, told) in [
            ("persona_registry_cache_hits", "Times that it was kept", hits),
            ("persona_registry_cache_misses", "Times that it was not", misses),
        ] {
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (cache, count) in told {
                ConstCounter::new(count).encode(counter.encode_family(&[("cache", cache)])?)?;
            }
        }
        Ok(())
    }
}

/// The pages of the port: `/metrics`, and `/healthz` for whoever cannot ask over gRPC.
pub fn pages(registry: &Registry, calls: Arc<Calls>, writes: &Writes, caches: Caches) -> Router {
    let mut exposition = Exposition::default();
    exposition.register_collector(Box::new(Told(calls)));
    exposition.register_collector(Box::new(Standing(registry.clone())));
    exposition.register_collector(Box::new(Kept(caches)));
    let counted = [
        ("group_size", "Writes that one sync made durable together", &writes.group_size),
        (
            "journal_sync_seconds",
            "Seconds of appending a group to the journal and syncing it",
            &writes.sync_seconds,
        ),
        ("apply_seconds", "Seconds of showing a durable group to readers", &writes.apply_seconds),
        (
            "watch_lag_seconds",
            "Seconds from a commit to its being handed to a stream",
            &writes.watch_lag_seconds,
        ),
    ];
    for (name, help, histogram) in counted {
        exposition.register(format!("persona_registry_{name}"), help, histogram.clone());
    }
    let standing = registry.clone();
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(Arc::new(exposition))
        .route("/healthz", get(move || std::future::ready(healthz(&standing))))
}

async fn metrics(State(exposition): State<Arc<Exposition>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &exposition) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A process that answers serves; one that takes no writes says so, and serves reads all the same.
fn healthz(registry: &Registry) -> &'static str {
    match registry.status().write_state {
        WriteState::Writable => "ok\n",
        _ => "ok, but no writes are taken\n",
    }
}
