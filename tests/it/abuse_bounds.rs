//! What floods may write into the log and take of others' time, and how many calls may wait for their token to be looked at.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use persona_registry::auth::{self, KeySource, NewToken, Policy};
use persona_registry::domain::{Clock as _, SystemClock};
use persona_registry::wire::pb::ErrorReason;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tonic::Code;

use crate::abuse::kinds::frames::{
    self, ACK, END_HEADERS, END_STREAM, HEADERS, Heard, PING, RST_STREAM, frame, head,
};
use crate::abuse::kinds::{Target, Tokens, calls, floods};
use crate::harness::{Server, get, refused};
use crate::issuer::{self, Signer, claims};
use crate::program::{Program, command};
use crate::raw;

fn token(file: &std::path::Path) -> String {
    let new = NewToken { name: "good".to_owned(), grants: vec!["admin".parse().unwrap()], expires: None };
    auth::create(file, &new, SystemClock.now()).unwrap()
}

/// Lines of the log, and those that were left out, of this kind: until there were so many.
async fn logged(program: &mut Program, what: &str, is_one: impl Fn(&str) -> bool, all: u64) -> u64 {
    let (mut logged, mut left_out) = (0, 0);
    while logged + left_out < all {
        let line = program.err.next().await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let message = line["message"].as_str().unwrap();
        assert!(!line["target"].as_str().unwrap().starts_with("h2"), "peers do not write the log: {line}");
        if message == "more of these came than are logged" && line["what"] == what {
            left_out += line["left_out"].as_u64().unwrap();
        }
        logged += u64::from(is_one(message));
    }
    assert_eq!(logged + left_out, all);
    logged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abuse_floods_are_logged_in_few_lines_and_counted() {
    const CALLS: usize = 2000;
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let serve = ["serve", "--data-dir", "data", "--listen", "127.0.0.1:0", "--log-format", "json"];
        let mut command = command(folder.path(), &[&serve[..], more].concat());
        command.env("RUST_LOG", "info");
        Program::start(command)
    };
    let mut program = run(&["--auth"]);
    let target = |address: &str| Target {
        address: address.strip_prefix("listening on ").unwrap().parse().unwrap(),
        ca: None,
        auth: true,
        tokens: Arc::new(Tokens::default()),
    };
    let target_of_auth = target(&program.out.next().await);
    floods::pongs(target_of_auth.clone(), 1000).await;
    calls::no_token(target_of_auth, CALLS).await;
    // Each refused call has two lines: why, and that it is over.
    let is_one = |message: &str| ["the call ended at the edge", "done"].contains(&message);
    let lines = logged(&mut program, "refused calls", is_one, 2 * CALLS as u64).await;
    assert!((50..CALLS as u64).contains(&lines), "{lines}");
    program.signal("-TERM");
    assert_eq!(program.end().await.code, Some(0));

    let made = command(folder.path(), &["dev-certs", "certs"]).output().unwrap();
    assert!(made.status.success());
    let mut program = run(&["--tls-cert", "certs/server.pem", "--tls-key", "certs/server-key.pem"]);
    let target = target(&program.out.next().await);
    floods::no_tls(target, 300).await;
    let is_one = |message: &str| message == "a TLS handshake failed";
    let lines = logged(&mut program, "TLS handshakes that failed", is_one, 300).await;
    assert!((50..300).contains(&lines), "{lines}");
    program.signal("-TERM");
    assert_eq!(program.end().await.code, Some(0));
}

#[tokio::test]
async fn abuse_calls_that_wait_for_an_issuer_are_bounded_and_known_callers_go_on() {
    // An issuer that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = KeySource::Url(format!("http://{}/keys.json", silent.local_addr().unwrap()));
    let mut good = String::new();
    let server = Server::start_with(|options| {
        std::fs::create_dir_all(&options.registry.data_dir).unwrap();
        let file = options.registry.data_dir.join("tokens.json");
        good = format!("Bearer {}", token(&file));
        let policy = Policy { issuers: vec![issuer::believed(keys)], ..Policy::default() };
        options.auth = Some(auth::Options::new(policy, file));
        options.limits.unverified = 2;
    })
    .await;
    let known = [("authorization", good.as_bytes())];
    let found = raw::send(server.address, raw::GET, &known, &get("a")).await;
    refused(found.result(), Code::NotFound, ErrorReason::PersonaNotFound);

    let waiting = format!("Bearer {}", Signer::ed("one").token(&claims("admin")));
    let headers = [("authorization", waiting.as_bytes())];
    let request = get("a");
    let mut calls: FuturesUnordered<_> =
        (0..3).map(|_| raw::send(server.address, raw::GET, &headers, &request)).collect();
    let first = calls.next().await.unwrap();
    refused(first.result(), Code::ResourceExhausted, ErrorReason::Overloaded);
    let found = raw::send(server.address, raw::GET, &known, &get("a")).await;
    refused(found.result(), Code::NotFound, ErrorReason::PersonaNotFound);
}

/// What serves nobody, as much as is read at once, and how many frames answer it.
fn in_vain() -> [(&'static str, Vec<u8>, usize); 3] {
    let call = |number: u32| frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &head(raw::GET));
    let open = |number: u32| frame(HEADERS, END_HEADERS, 2 * number + 1, &head(raw::GET));
    [
        ("calls without a token", (0..40).flat_map(call).collect(), 40),
        ("streams too many", (0..41).flat_map(open).collect(), 40),
        ("PING", frame(PING, 0, 0, b"a ping!!").repeat(400), 400),
    ]
}

#[tokio::test]
async fn abuse_a_connection_that_serves_nobody_waits_and_no_other_does() {
    for (what, flood, answers) in in_vain() {
        let server = Server::start_with(|options| {
            // What each flood costs is forgiven after eight seconds and more.
            options.vain_each_second = Duration::from_micros(100);
            if what == "streams too many" {
                options.streams_per_connection = 1;
            } else {
                let file = options.registry.data_dir.join("tokens.json");
                options.auth = Some(auth::Options::new(Policy::default(), file));
            }
        })
        .await;
        let (mut mouth, mut ear) = frames::open(server.address, &[]).await;
        mouth.write_all(&flood).await.unwrap();
        let is_answer = |heard: &Heard| match what {
            "PING" => heard.kind == PING && heard.flags == ACK,
            _ => heard.flags & END_STREAM != 0 && heard.kind == HEADERS || heard.kind == RST_STREAM,
        };
        for _ in 0..answers {
            ear.until(is_answer).await.expect("the connection goes on");
        }
        let last = frame(PING, 0, 0, b"the last");
        mouth.write_all(&last).await.unwrap();
        let waits = ear.until(|heard| heard.payload == b"the last");
        tokio::pin!(waits);
        for _ in 0..20 {
            let (mut other, mut hears) = frames::open(server.address, &[]).await;
            other.write_all(&last).await.unwrap();
            tokio::select! {
                heard = hears.until(|heard| heard.payload == b"the last") => assert!(heard.is_some(), "{what}"),
                _ = &mut waits => panic!("{what}: it is read before it is forgiven"),
            }
        }
    }
}
