//! Calls by method and code, and how long they took; named as other servers of gRPC name theirs.

use std::collections::HashMap;
use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::{Histogram, SECONDS};

/// Codes by number, as dashboards for gRPC know them.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The number of a call that ended without a status: its client went away.
const CANCELED: usize = 1;

/// All calls.
#[derive(Debug)]
pub struct Calls {
    methods: HashMap<String, Arc<Method>>,
    /// Whatever else was asked for.
    other: Arc<Method>,
}

/// The calls of one method.
#[derive(Debug)]
pub struct Method {
    service: String,
    name: String,
    started: AtomicU64,
    handled: [AtomicU64; CODES.len()],
    seconds: Histogram,
}

impl Method {
    fn new(service: &str, name: &str) -> Arc<Self> {
        Arc::new(Self {
            service: service.to_owned(),
            name: name.to_owned(),
            started: AtomicU64::new(0),
            handled: Default::default(),
            seconds: Histogram::new(&SECONDS),
        })
    }

    /// A call is over: with this `grpc-status`, or without any.
    pub fn ended(&self, status: &str, took: Duration) {
        let code = status.parse().unwrap_or(CANCELED);
        if let Some(count) = self.handled.get(code).or(self.handled.get(CANCELED)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.seconds.observe_time(took);
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [("grpc_service", &self.service), ("grpc_method", &self.name)]
    }
}

impl Calls {
    /// Of methods by their paths, such as `/persona.registry.v1.PersonaService/GetPersona`.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = String>) -> Self {
        let method = |path: String| {
            let (service, name) = path.trim_start_matches('/').split_once('/')?;
            let method = Method::new(service, name);
            Some((path, method))
        };
        let methods = paths.into_iter().filter_map(method).collect();
        Self { methods, other: Method::new("", "other") }
    }

    /// A call of this path begins.
    #[must_use]
    pub fn begin(&self, path: &str) -> Arc<Method> {
        let method = self.methods.get(path).unwrap_or(&self.other);
        method.started.fetch_add(1, Ordering::Relaxed);
        Arc::clone(method)
    }
}

/// Calls as they are told.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) Arc<Calls>);

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut methods: Vec<_> = self.0.methods.values().chain([&self.0.other]).collect();
        methods.sort_by_key(|method| (&method.service, &method.name));
        methods.retain(|method| method.started.load(Ordering::Relaxed) > 0);
        if methods.is_empty() {
            return Ok(());
        }
        let mut started =
            encoder.encode_descriptor("grpc_server_started", "Calls begun", None, MetricType::Counter)?;
        for method in &methods {
            let count = ConstCounter::new(method.started.load(Ordering::Relaxed));
            count.encode(started.encode_family(&method.labels())?)?;
        }
        let mut handled =
            encoder.encode_descriptor("grpc_server_handled", "Calls ended", None, MetricType::Counter)?;
        for method in &methods {
            for (code, count) in CODES.iter().zip(&method.handled) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let [service, name] = method.labels();
                    let labels = [service, name, ("grpc_code", code)];
                    ConstCounter::new(count).encode(handled.encode_family(&labels)?)?;
                }
            }
        }
        let help = "Seconds from a call's head to its end; a stream's are its life";
        let mut seconds =
            encoder.encode_descriptor("grpc_server_handling_seconds", help, None, MetricType::Histogram)?;
        for method in &methods {
            method.seconds.encode(seconds.encode_family(&method.labels())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn calls_are_told_by_method_and_code() {
        let calls = Arc::new(Calls::new(["/p.S/Get".to_owned(), "/p.S/Never".to_owned()]));
        let get = calls.begin("/p.S/Get");
        get.ended("0", Duration::from_micros(70));
        for (path, status) in [("/p.S/Get", "5"), ("/p.S/Get", "cut"), ("/made/up", "99"), ("", "12")] {
            calls.begin(path).ended(status, Duration::from_secs(20));
        }
        let _runs = calls.begin("/p.S/Get");
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Told(calls)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"grpc_server_started_total{grpc_service="p.S",grpc_method="Get"} 4"#,
            r#"grpc_server_started_total{grpc_service="",grpc_method="other"} 2"#,
            r#"grpc_server_handled_total{grpc_service="p.S",grpc_method="Get",grpc_code="OK"} 1"#,
            r#"grpc_server_handled_total{grpc_service="p.S",grpc_method="Get",grpc_code="NotFound"} 1"#,
            r#"grpc_server_handled_total{grpc_service="p.S",grpc_method="Get",grpc_code="Canceled"} 1"#,
            r#"grpc_server_handled_total{grpc_service="",grpc_method="other",grpc_code="Canceled"} 1"#,
            r#"grpc_server_handling_seconds_bucket{le="0.0001",grpc_service="p.S",grpc_method="Get"} 1"#,
            r#"grpc_server_handling_seconds_bucket{le="+Inf",grpc_service="p.S",grpc_method="Get"} 3"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("Never"), "{text}");
    }
}
