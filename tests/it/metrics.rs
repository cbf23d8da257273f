//! What is told to whoever watches the process: calls, commits, streams and how the registry stands.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use persona_registry::server::ServeError;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;

use crate::harness::{Server, get, put, refused, soon};
use crate::program::{Program, command};

async fn page(address: &str, path: &str) -> (u16, String, String) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let answer = client.get(format!("http://{address}{path}").parse().unwrap()).await.unwrap();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
}

/// The value of a line.
fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn metrics_tell_calls_commits_streams_and_how_the_registry_stands() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["serve", "--data-dir", "data", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let mut program = Program::start(command(folder.path(), &arguments));
    let server = program.out.next().await;
    let server = server.strip_prefix("listening on ").unwrap();
    let metrics = program.out.next().await;
    let metrics = metrics.strip_prefix("metrics on http://").unwrap().strip_suffix("/metrics").unwrap();
    let mut client = PersonaServiceClient::connect(format!("http://{server}")).await.unwrap();
    let mut watch = client
        .watch_personas(pb::WatchPersonasRequest { namespace: "default".to_owned(), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    for number in 0..3 {
        client.put_persona(put(&format!("p-{number}"), "Text.")).await.unwrap();
    }
    for _ in 0..2 {
        client.list_personas(pb::ListPersonasRequest::default()).await.unwrap();
    }
    refused(client.get_persona(get("nobody")).await, Code::NotFound, ErrorReason::PersonaNotFound);
    // The last of the three has come to the stream, which runs.
    let is_last = |event| matches!(event, Some(Event::Changes(changes)) if changes.revision == 3);
    while !is_last(soon(watch.message()).await.unwrap().unwrap().event) {}

    let (status, kind, text) = page(metrics, "/metrics").await;
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let of = |name: &str, method: &str, more: &str| {
        let labels = format!("grpc_service=\"persona.registry.v1.PersonaService\",grpc_method=\"{method}\"");
        value(&text, &format!("{name}{{{labels}{more}}}"))
    };
    assert_eq!(of("grpc_server_handled_total", "PutPersona", ",grpc_code=\"OK\""), 3.0);
    assert_eq!(of("grpc_server_handled_total", "GetPersona", ",grpc_code=\"NotFound\""), 1.0);
    assert_eq!(of("grpc_server_started_total", "WatchPersonas", ""), 1.0);
    assert_eq!(of("grpc_server_handling_seconds_count", "PutPersona", ""), 3.0);
    for (line, expected) in [("revision", 3.0), ("personas", 3.0), ("watches", 1.0), ("writable", 1.0)] {
        assert_eq!(value(&text, &format!("persona_registry_{line}")), expected, "{line}");
    }
    assert_eq!(value(&text, "persona_registry_group_size_sum"), 3.0);
    for seconds in ["journal_sync", "apply", "watch_lag"] {
        assert!(value(&text, &format!("persona_registry_{seconds}_seconds_count")) >= 1.0, "{seconds}");
    }
    let cache =
        |what: &str, of: &str| value(&text, &format!("persona_registry_cache_{what}{{cache=\"{of}\"}}"));
    assert_eq!((cache("hits_total", "pages"), cache("misses_total", "pages")), (1.0, 1.0));
    for of in ["versions", "pages", "messages"] {
        assert!(cache("bytes", of) > 0.0 && cache("misses_total", of) >= 1.0, "{of}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(page(metrics, "/healthz").await, (200, "text/plain; charset=utf-8".into(), "ok\n".into()));
    assert_eq!(page(metrics, "/elsewhere").await.0, 404);
    drop(watch);
    program.signal("-TERM");
    assert_eq!(program.end().await.code, Some(0));
}

#[tokio::test]
async fn metrics_are_told_to_this_machine_only_and_on_a_port_that_is_free() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let started = |address: std::net::SocketAddr| {
        Server::try_start_with(move |options| {
            options.metrics = Some(address);
            options.grace = Duration::from_secs(1);
        })
    };
    let error = started(taken.local_addr().unwrap()).await.err().unwrap();
    assert!(error.to_string().contains("--metrics-listen"), "{error}");
    let error = started("0.0.0.0:0".parse().unwrap()).await.err().unwrap();
    assert!(matches!(error, ServeError::Exposed(_)), "{error}");
}
