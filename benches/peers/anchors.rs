//! Anchors that are products: etcd, nginx and MLflow, each with the same document of 4 KiB, as its own users would ask for it, and each
//! measured right beside the registry's Get in the same round. One that is not on the PATH is left out, and that is said.
//!
//! Debian has `etcd-server` and `nginx-light`; `pip install mlflow` into a virtual environment whose `bin` is on the PATH.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::common::{Failure, Program, document, rounded};
use crate::http_load::{Load, measure};
use crate::load::{Case, framed};
use crate::{SERVERS, spread};

const ROUNDS: usize = 5;
/// How long a server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(120);
const NAME: &str = "small";

/// Starts a product that has this document, in a directory and on a port.
type Start = fn(&Path, u16, &[u8]) -> Result<(Program, Load), Failure>;

/// A product beside the registry.
struct Anchor {
    /// As results call it.
    key: &'static str,
    program: &'static str,
    start: Start,
}

const ANCHORS: [Anchor; 3] = [
    Anchor { key: "nginx", program: "nginx", start: nginx },
    Anchor { key: "etcd", program: "etcd", start: etcd },
    Anchor { key: "mlflow", program: "mlflow", start: mlflow },
];

/// All anchors that are there, each beside this case of the registry.
pub fn compare(case: &Case, address: &str, dir: &Path) -> Result<Value, Failure> {
    // The one that the case gets.
    let document = document(NAME, 1, 4096);
    let ours = Load {
        url: format!("{address}/persona.registry.v1.PersonaService/{}", case.method),
        body: Some(case.request.clone()),
        answer: case.answer.len(),
        http1: false,
        connections: case.connections,
        streams: case.streams,
        requests: case.requests,
    };
    let mut rows = Vec::new();
    for anchor in ANCHORS {
        if Command::new(anchor.program).arg("--version").output().is_err() {
            println!("{} is not on the PATH: it is left out", anchor.program);
            continue;
        }
        let place = dir.join(anchor.key);
        fs::create_dir(&place)?;
        let (server, load) = (anchor.start)(&place, free_port()?, &document)?;
        // What a server still does after its start is over then.
        measure(&load, dir)?;
        let (mut per_second, mut registry, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut pair = [0.0; 2];
            for side in [round % 2, 1 - round % 2] {
                pair[side] = measure([&ours, &load][side], dir)?;
            }
            println!("round {round}, {}: {:.0} a second beside {:.0}", anchor.key, pair[0], pair[1]);
            registry.push(pair[0]);
            per_second.push(pair[1]);
            ratio.push(pair[0] / pair[1]);
        }
        rows.push(json!({
            "anchor": anchor.key, "connections": load.connections, "streams": load.streams,
            "requests": load.requests, "answer_bytes": load.answer, "rss_mib": rounded(server.memory()?.0),
            "per_second": spread(per_second), "registry_per_second": spread(registry), "ratio": spread(ratio),
        }));
        drop(server);
    }
    Ok(json!({
        "command": "cargo bench --bench peers -- anchors",
        "rounds": ROUNDS, "order": "min, median, max", "case": case.name, "rows": rows,
    }))
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program on the servers' core.
fn start(dir: &Path, arguments: &[&str]) -> Result<Program, Failure> {
    let mut command = Command::new("taskset");
    command.args(SERVERS).args(arguments);
    Program::run(command, dir, None)
}

/// Tries until it answers.
fn until<T>(mut ask: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
            answer => return answer,
        }
    }
}

/// A static file over HTTP/2, by one worker.
fn nginx(dir: &Path, port: u16, document: &[u8]) -> Result<(Program, Load), Failure> {
    fs::create_dir(dir.join("html"))?;
    fs::write(dir.join("html").join(NAME), document)?;
    let config = format!(
        "worker_processes 1; daemon off; pid nginx.pid; error_log stderr;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; open_file_cache max=100;\n\
         server {{ listen 127.0.0.1:{port} http2; root html; keepalive_requests 1000000000; }} }}\n"
    );
    fs::write(dir.join("nginx.conf"), config)?;
    let folder = dir.to_string_lossy();
    // Where root starts it, its worker would be another user, who does not reach the file.
    let user = if fs::metadata(dir)?.uid() == 0 { "user root;" } else { "pcre_jit off;" };
    let server = start(dir, &["nginx", "-p", &folder, "-c", "nginx.conf", "-g", user])?;
    let load = Load::get(format!("http://127.0.0.1:{port}/{NAME}"), document.len(), 160_000);
    until(|| measure(&Load { requests: 1, connections: 1, ..load.clone() }, dir))?;
    Ok((server, load))
}

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdPut {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdPutDone {}

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdRange {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bool, tag = "7")]
    serializable: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdRangeDone {
    #[prost(message, repeated, tag = "2")]
    kvs: Vec<EtcdPair>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EtcdPair {
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
}

/// A serializable range of one key, which asks no quorum: the fastest read that it has.
fn etcd(dir: &Path, port: u16, document: &[u8]) -> Result<(Program, Load), Failure> {
    let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", free_port()?));
    let cluster = format!("bench={peer}");
    let server = start(
        dir,
        &[
            "etcd",
            "--name",
            "bench",
            "--log-level",
            "error",
            "--data-dir",
            "data",
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &cluster,
        ],
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let range = EtcdRange { key: NAME.into(), serializable: true };
    let found = until(|| {
        runtime.block_on(async {
            let channel = Channel::from_shared(client.clone())?.connect().await?;
            let mut grpc = tonic::client::Grpc::new(channel);
            grpc.ready().await?;
            let put = EtcdPut { key: NAME.into(), value: document.to_vec() };
            let codec = tonic_prost::ProstCodec::<EtcdPut, EtcdPutDone>::default();
            let path = http::uri::PathAndQuery::from_static("/etcdserverpb.KV/Put");
            grpc.unary(tonic::Request::new(put), path, codec).await?;
            grpc.ready().await?;
            let codec = tonic_prost::ProstCodec::<EtcdRange, EtcdRangeDone>::default();
            let path = http::uri::PathAndQuery::from_static("/etcdserverpb.KV/Range");
            Ok(grpc.unary(tonic::Request::new(range.clone()), path, codec).await?.into_inner())
        })
    })?;
    if found.kvs.first().is_none_or(|pair| pair.value != document) {
        return Err("etcd has another document".into());
    }
    let mut load = Load::get(format!("{client}/etcdserverpb.KV/Range"), document.len(), 40_000);
    load.body = Some(framed(&range));
    Ok((server, load))
}

/// A version of a prompt by its REST interface, with one worker.
fn mlflow(dir: &Path, port: u16, document: &[u8]) -> Result<(Program, Load), Failure> {
    let port = port.to_string();
    let server = start(
        dir,
        &[
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--workers",
            "1",
            "--backend-store-uri",
            "sqlite:///mlflow.db",
        ],
    )?;
    let api = format!("http://127.0.0.1:{port}/api/2.0/mlflow");
    let post = |what: &str, body: Value| {
        let output = Command::new("curl")
            .args(["--fail", "--silent", "--show-error", "--json", &body.to_string()])
            .arg(format!("{api}/{what}"))
            .output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Failure::from(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    };
    let is_prompt = json!({ "key": "mlflow.prompt.is_prompt", "value": "true" });
    let text = json!({ "key": "mlflow.prompt.text", "value": String::from_utf8_lossy(document) });
    until(|| post("registered-models/create", json!({ "name": NAME, "tags": [is_prompt] })))?;
    let version = json!({ "name": NAME, "source": "dummy-source", "tags": [is_prompt, text] });
    post("model-versions/create", version)?;
    let mut load = Load::get(format!("{api}/model-versions/get?name={NAME}&version=1"), document.len(), 240);
    (load.http1, load.streams) = (true, 1);
    Ok((server, load))
}
