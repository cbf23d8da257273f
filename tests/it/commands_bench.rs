//! `persona bench` beside a real registry: what it counts, whom it calls, and that nothing of it stays.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{PATIENCE, Server, put};
use crate::program::{Ended, Program, beside, run, yaml_documents};

async fn holding(names: &[&str]) -> Server {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in names {
        client.put_persona(put(name, "1")).await.unwrap();
    }
    server
}

async fn ended(server: &Server, arguments: &[&str], code: i32) -> Ended {
    let ended = run(beside(server.address, &[&["bench"], arguments].concat())).await;
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
    ended
}

async fn json(server: &Server, arguments: &[&str], code: i32) -> Value {
    let out = ended(server, &[arguments, &["-o", "json"]].concat(), code).await.out;
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(&out).unwrap()
}

/// Whether nothing is in this namespace.
async fn is_empty(server: &Server, namespace: &str) -> bool {
    let listed = run(beside(server.address, &["list", "-n", namespace])).await;
    listed.code == Some(0) && listed.out.is_empty()
}

#[tokio::test]
async fn reads_are_counted_and_timed() {
    let server = holding(&["a", "b", "c"]).await;
    let head = server.registry.head();
    for what in [&["get"][..], &["get", "b"], &["get", "-n", "-"], &["list", "--documents"]] {
        let load = ["--calls", "300", "--connections", "2", "--streams", "3"];
        let told = json(&server, &[what, &load].concat(), 0).await;
        let keys: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = "what server connections streams rate seconds calls failed not_begun calls_per_second bytes \
                        bytes_per_second errors latency_us last_latency_us";
        let keys: BTreeSet<_> = keys.into_iter().collect();
        assert_eq!(keys, expected.split_whitespace().collect());
        assert_eq!(
            (&told["what"], &told["server"]),
            (&what[0].into(), &format!("http://{}", server.address).into())
        );
        assert_eq!((told["calls"].as_u64(), told["failed"].as_u64()), (Some(300), Some(0)), "{told}");
        assert_eq!(
            (&told["errors"], &told["rate"], &told["last_latency_us"]),
            (&Value::Array(vec![]), &Value::Null, &Value::Null)
        );
        // Each answer has a document, or all three.
        assert!(told["bytes"].as_u64().unwrap() > 300 * 60, "{told}");
        let latency = &told["latency_us"];
        let times: Vec<_> =
            ["min", "p50", "p90", "p99", "p999", "max"].map(|key| latency[key].as_u64().unwrap()).into();
        assert!(times.is_sorted() && times[0] > 0, "{latency}");
        let bars = latency["histogram"].as_array().unwrap();
        let counted: u64 = bars.iter().map(|bar| bar["count"].as_u64().unwrap()).sum();
        assert_eq!((latency["count"].as_u64(), counted), (Some(300), 300), "{latency}");
    }
    assert_eq!(server.registry.head(), head, "nothing was written");
    let yaml = ended(&server, &["list", "--calls", "1", "-o", "yaml"], 0).await;
    assert_eq!(yaml_documents(&yaml.out)[0]["calls"], 1);
}

#[tokio::test]
async fn people_get_a_page_and_a_pipe_no_progress() {
    let server = holding(&["a"]).await;
    let page = ended(&server, &["get", "--calls", "50", "--rate", "2000"], 0).await;
    assert_eq!(page.err, "");
    let first = format!(
        "registry   http://{}\nload       get: 4 × 8 calls in flight, 2,000 a second\n",
        server.address
    );
    assert!(page.out.starts_with(&first), "{}", page.out);
    for part in ["calls      50 in ", "failed     0\n", "MS   MIN ", "MS, UP TO  COUNT  SHARE\n", "█"] {
        assert!(page.out.contains(part), "{part}: {}", page.out);
    }
}

#[tokio::test]
async fn failures_are_counted_by_code_and_make_the_exit_code() {
    let server = holding(&["a"]).await;
    let told = json(&server, &["get", "a", "absent", "--calls", "40"], 1).await;
    assert_eq!((told["calls"].as_u64(), told["failed"].as_u64()), (Some(40), Some(20)));
    let errors = told["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{told}");
    let error = &errors[0];
    assert_eq!(
        (error["code"].as_str(), error["reason"].as_str()),
        (Some("NOT_FOUND"), Some("PERSONA_NOT_FOUND"))
    );
    assert_eq!(error["count"], 20);
    assert_eq!(error["message"], "there is no persona absent in namespace default");
    assert_eq!(told["latency_us"]["count"], 20, "failures have no times");
    let page = ended(&server, &["get", "absent", "--calls", "3"], 1).await.out;
    assert!(
        page.contains("\nfailed     3\n")
            && page.contains("\n3       NOT_FOUND  PERSONA_NOT_FOUND  there is "),
        "{page}"
    );
    // What is wrong with the command itself is told before anything is measured.
    let wrong = ended(&server, &["list", "--filter", "labels.team ="], 1).await;
    assert!(wrong.err.starts_with("error[FILTER_INVALID]: ") && wrong.out.is_empty(), "{}", wrong.err);
    let nothing = ended(&server, &["get", "-n", "defualt"], 1).await;
    assert_eq!(
        nothing.err,
        "error: there is nothing to read in namespace defualt\n  help: did you mean `default`?\n"
    );
    ended(&server, &["get", "a", "-n", "-"], 2).await;
}

#[tokio::test]
async fn other_machines_are_left_alone_unless_it_is_said() {
    let server = holding(&["a"]).await;
    // The same server by an address that is not a loopback one.
    let there = format!("0.0.0.0:{}", server.address.port());
    for what in [&["get"][..], &["list"], &["put", "-n", "scratch"], &["watch", "-n", "scratch"]] {
        let command = [&["bench"], what, &["--calls", "1"]].concat();
        let refused = run(beside(&there, &command)).await;
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{what:?}");
        let told = format!(
            "error: http://{there} is not this machine, and load on a registry that is not yours is an attack"
        );
        assert!(refused.err.starts_with(&told) && refused.err.contains("--anywhere"), "{}", refused.err);
        let meant = run(beside(&there, &[&command[..], &["--anywhere"]].concat())).await;
        assert_eq!(meant.code, Some(0), "{what:?}: {}", meant.err);
    }
}

#[tokio::test]
async fn puts_want_a_namespace_that_is_named_and_leave_nothing_in_it() {
    let server = holding(&["a"]).await;
    for what in ["put", "watch"] {
        let mut unsaid = beside(server.address, &["bench", what, "--calls", "1"]);
        unsaid.env("PERSONA_NAMESPACE", "scratch");
        let unsaid = run(unsaid).await;
        assert_eq!(unsaid.code, Some(2));
        assert!(unsaid.err.contains("required") && unsaid.err.contains("--namespace <NS>"), "{}", unsaid.err);
    }
    assert_eq!(server.registry.head().0, 1, "nothing was written");
    let load =
        ["put", "-n", "scratch", "--calls", "60", "--connections", "2", "--streams", "2", "--size", "2048"];
    let told = json(&server, &load, 0).await;
    assert_eq!((told["calls"].as_u64(), told["failed"].as_u64()), (Some(60), Some(0)), "{told}");
    assert!((60 * 2048..60 * 2200).contains(&told["bytes"].as_u64().unwrap()), "{told}");
    assert!(is_empty(&server, "scratch").await);
    assert!(!is_empty(&server, "default").await, "what others have stays");
    // Each put made a version, and each persona was deleted once.
    let (head, status) = (server.registry.head().0, server.registry.status());
    assert!((62..=65).contains(&head), "{head}");
    assert_eq!(status.personas, 1);
}

#[tokio::test]
async fn puts_that_are_refused_are_counted_and_none_is_left() {
    let server = Server::start_with(|options| options.registry.read_only = true).await;
    let told = json(&server, &["put", "-n", "scratch", "--calls", "8", "--streams", "1"], 1).await;
    assert_eq!((told["failed"].as_u64(), &told["latency_us"]), (Some(8), &Value::Null), "{told}");
    let error = &told["errors"][0];
    assert_eq!(
        (error["count"].as_u64(), error["reason"].as_str()),
        (Some(8), Some("REGISTRY_READ_ONLY")),
        "{told}"
    );
}

#[tokio::test]
async fn an_interrupt_ends_a_load_and_cleans_up() {
    let server = Server::start().await;
    let load = ["bench", "put", "-n", "scratch", "--duration", "600", "--streams", "1", "-o", "json"];
    let mut program = Program::start(beside(server.address, &load));
    let mut head = server.registry.follow_head();
    tokio::time::timeout(PATIENCE, head.wait_for(|head| head.0 >= 20)).await.unwrap().unwrap();
    program.signal("-INT");
    let line = program.out.next().await;
    let ended = program.end().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let told: Value = serde_json::from_str(&line).unwrap();
    assert!(told["calls"].as_u64().unwrap() >= 20 && told["failed"] == 0, "{told}");
    assert!(is_empty(&server, "scratch").await);
}

#[tokio::test]
async fn a_rate_says_what_had_no_place() {
    let server = holding(&["a"]).await;
    let told = json(&server, &["get", "--rate", "500", "--calls", "50"], 0).await;
    assert_eq!((&told["rate"], &told["calls"], &told["not_begun"]), (&500.into(), &50.into(), &0.into()));
    // More than one call at a time over one connection can be: the rest is told as such.
    let load = ["get", "--rate", "1000000", "--duration", "0.2", "--connections", "1", "--streams", "1"];
    let late = ended(&server, &[&load[..], &["-o", "json"]].concat(), 0).await;
    let told: Value = serde_json::from_str(&late.out).unwrap();
    let (calls, not_begun) = (told["calls"].as_u64().unwrap(), told["not_begun"].as_u64().unwrap());
    assert_eq!(calls + not_begun, 200_000, "{told}");
    assert!(
        late.err.starts_with("warning: ") && late.err.contains(" had no place to begin in"),
        "{}",
        late.err
    );
}

#[tokio::test]
async fn a_put_is_timed_until_each_stream_has_it() {
    let server = Server::start().await;
    let load = ["watch", "-n", "scratch", "--connections", "2", "--streams", "3", "--calls", "5"];
    let told = json(&server, &load, 0).await;
    assert_eq!((told["calls"].as_u64(), told["failed"].as_u64()), (Some(5), Some(0)), "{told}");
    assert_eq!(told["latency_us"]["count"], 30, "five puts, six streams");
    assert_eq!(told["last_latency_us"]["count"], 5);
    assert!(is_empty(&server, "scratch").await);
    let page = ended(&server, &load, 0).await.out;
    assert!(
        page.contains("load       watch: 2 × 3 streams, each put when all have the last one\n"),
        "{page}"
    );
    assert!(page.contains("\neach stream ") && page.contains("\nlast stream "), "{page}");
}
