//! `persona watch`: every event in words and as JSON, over lost connections, until an interrupt.

use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use serde_json::Value;
use tonic::transport::Channel;

use crate::harness::{Server, delete, put};
use crate::program::{Lines, Program, beside, run};
use crate::proxy::Proxy;

async fn write(client: &mut PersonaServiceClient<Channel>, name: &str, body: &str) {
    client.put_persona(put(name, body)).await.unwrap();
}

#[tokio::test]
async fn watch_tells_people_a_line_a_change_and_ends_well_on_an_interrupt() {
    let server = Server::start().await;
    let mut client = server.client().await;
    write(&mut client, "old", "1").await;
    let proxy = Proxy::before(server.address);
    let mut watch = Program::start(beside(proxy.address(), &["watch"]));
    assert_eq!(watch.err.next().await, "watching from revision 1");
    assert_eq!(watch.out.next().await, "revision 1  present  old  version 1  Use in tests.");
    assert_eq!(watch.err.next().await, "1 persona is there at revision 1; changes follow");
    write(&mut client, "new", "1").await;
    assert_eq!(watch.out.next().await, "revision 2  created  new  version 1  Use in tests.");
    write(&mut client, "old", "2").await;
    assert_eq!(watch.out.next().await, "revision 3  updated  old  version 2  Use in tests.");
    client.delete_persona(delete("new")).await.unwrap();
    assert_eq!(watch.out.next().await, "revision 4  deleted  new  version 1");

    proxy.cut();
    let lost = watch.err.next().await;
    assert!(lost.starts_with("warning: ") && waits(&lost) <= 1.0, "a random part of a second: {lost}");
    assert_eq!(watch.err.next().await, "watching from revision 4");
    write(&mut client, "old", "3").await;
    assert_eq!(watch.out.next().await, "revision 5  updated  old  version 3  Use in tests.");

    drop(client);
    let stopped = server.stop().await;
    assert_eq!(watch.err.next().await, "the registry is about to shut down");
    let lost = watch.err.next().await;
    assert!(lost.starts_with("warning: the server is shutting down; "), "{lost}");
    assert!(
        (1.0..=2.0).contains(&waits(&lost)),
        "what the server asked for, and a random part of a second: {lost}"
    );
    watch.signal("-INT");
    let ended = watch.end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
    let token = ended.err.trim_end().rsplit("go on later with --resume ").next().unwrap().to_owned();

    let server = stopped.start().await.unwrap();
    write(&mut server.client().await, "old", "4").await;
    proxy.lead_to(server.address);
    let mut watch = Program::start(beside(proxy.address(), &["watch", "--resume", &token]));
    assert_eq!(watch.out.next().await, "revision 6  updated  old  version 4  Use in tests.");
    watch.signal("-TERM");
    assert_eq!(watch.end().await.code, Some(0));
}

/// The seconds at the end of a line that tells how long it waits.
fn waits(line: &str) -> f64 {
    let (_, wait) = line.split_once("; trying again in ").unwrap();
    wait.trim_end_matches(" s").parse().unwrap()
}

async fn json(lines: &mut Lines, event: &str) -> Value {
    let line: Value = serde_json::from_str(&lines.next().await).unwrap();
    assert_eq!(line["event"], event, "{line}");
    line
}

#[tokio::test]
async fn watch_tells_machines_a_json_line_an_event() {
    let server = Server::start().await;
    let store = server.registry.store_id().to_string();
    let mut client = server.client().await;
    write(&mut client, "old", "1").await;
    let proxy = Proxy::before(server.address);
    let mut watch = Program::start(beside(proxy.address(), &["watch", "--namespace", "-", "-o", "json"]));
    let opened = json(&mut watch.out, "opened").await;
    assert_eq!((&opened["store_id"], &opened["revision"]), (&store.into(), &1.into()));
    assert_eq!(opened["resume_token"], Value::Null);
    let snapshot = json(&mut watch.out, "snapshot").await;
    assert_eq!(
        (&snapshot["persona"]["name"], &snapshot["persona"]["body"]),
        (&"old".into(), &"# old\n\n1\n".into())
    );
    let synced = json(&mut watch.out, "synced").await;
    assert_eq!((&synced["revision"], &synced["count"]), (&1.into(), &1.into()));
    write(&mut client, "new", "1").await;
    let created = json(&mut watch.out, "created").await;
    assert_eq!((&created["revision"], &created["persona"]["version"]), (&2.into(), &1.into()));
    assert!(created["commit_time"].as_str().unwrap().ends_with('Z'));
    write(&mut client, "old", "2").await;
    assert_eq!(json(&mut watch.out, "updated").await["persona"]["version"], 2);
    client.delete_persona(delete("new")).await.unwrap();
    let deleted = json(&mut watch.out, "deleted").await;
    assert_eq!(
        (&deleted["name"], &deleted["last_version"], &deleted["revision"]),
        (&"new".into(), &1.into(), &4.into())
    );
    let token = deleted["resume_token"].as_str().unwrap().to_owned();

    drop(client);
    let stopped = server.stop().await;
    let closing = json(&mut watch.out, "closing").await;
    assert_eq!(
        (&closing["retry_delay_ms"], &closing["resume_token"]),
        (&1000.into(), &token.as_str().into())
    );
    let lost = json(&mut watch.out, "lost").await;
    assert!(lost["cause"].is_string() && lost["retry_delay_ms"].as_u64().unwrap() >= 1000, "{lost}");
    let server = stopped.start().await.unwrap();
    proxy.lead_to(server.address);
    assert_eq!(json(&mut watch.out, "opened").await["resume_token"], token);
    assert_eq!(json(&mut watch.out, "progress").await["revision"], 4, "it has caught up");
    write(&mut server.client().await, "old", "3").await;
    assert_eq!(json(&mut watch.out, "updated").await["revision"], 5);
    watch.signal("-INT");
    let ended = watch.end().await;
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", ""), "data only");
}

#[tokio::test]
async fn a_watch_that_cannot_go_on_says_how_to_begin_again() {
    let (server, other) = (Server::start().await, Server::start().await);
    let proxy = Proxy::before(server.address);
    let mut watch = Program::start(beside(proxy.address(), &["watch", "-o", "json"]));
    json(&mut watch.out, "opened").await;
    let token = json(&mut watch.out, "synced").await["resume_token"].as_str().unwrap().to_owned();

    let ended = run(beside(server.address, &["watch", "a", "--resume", &token])).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with("error[RESUME_TOKEN_INVALID]: "), "{}", ended.err);
    assert!(
        ended.err.contains("help: resume with the same names, namespace, filter and alias"),
        "{}",
        ended.err
    );

    proxy.lead_to(other.address);
    proxy.cut();
    json(&mut watch.out, "lost").await;
    let ended = watch.end().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.starts_with("error[STORE_MISMATCH]: this registry is store "), "{}", ended.err);
    assert!(ended.err.contains("leave out --resume to begin with a snapshot"), "{}", ended.err);
}

#[tokio::test]
async fn a_watch_without_a_place_says_so() {
    let server = Server::start_with(|options| options.registry.watch_streams = 1).await;
    let mut first = Program::start(beside(server.address, &["watch", "--from-now"]));
    assert_eq!(first.err.next().await, "watching from revision 0");
    let second = run(beside(server.address, &["watch"])).await;
    assert_eq!(second.code, Some(2));
    assert!(
        second.err.starts_with("error[TOO_MANY_WATCHES]: the registry serves 1 watch streams already\n"),
        "{}",
        second.err
    );
    first.signal("-INT");
    let ended = first.end().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.starts_with("go on later with --resume "), "{}", ended.err);
}

#[tokio::test]
async fn colours_tell_what_happened_to_people_alone() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let arguments = ["watch", "--from-now", "--color", "always"];
    let mut watch = Program::start(beside(server.address, &arguments));
    let mut machine = Program::start(beside(server.address, &[&arguments[..], &["-o", "json"]].concat()));
    watch.err.until("watching from").await;
    machine.out.until("opened").await;
    write(&mut client, "a", "1").await;
    write(&mut client, "a", "2").await;
    client.delete_persona(delete("a")).await.unwrap();
    for (colour, word) in [("32", "created"), ("33", "updated"), ("31", "deleted")] {
        let line = watch.out.next().await;
        assert!(line.contains(&format!("  \u{1b}[1;{colour}m{word}\u{1b}[0m  a")), "{line:?}");
        assert!(!machine.out.next().await.contains('\u{1b}'));
    }
}
