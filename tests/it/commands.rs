//! The commands against registries, scripted ones and a real one: what goes to stdout, what to stderr, and how they end.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use persona_registry::wire::pb;
use tonic::Code;

use pb::persona_change::Type;
use pb::watch_personas_response::{Changes, Event};

use crate::harness::Server;
use crate::stub::{Stub, refusal, serve};

fn persona(name: &str) -> pb::Persona {
    pb::Persona {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        version: 2,
        dialect: pb::Dialect::Persona.into(),
        description: "Does things.".to_owned(),
        front_matter: "\u{feff}---\r\nname: x\r\n---\r\n".to_owned(),
        body: "# X\r\n\r\nno final newline".to_owned(),
        ..Default::default()
    }
}

fn stub(names: &[&str]) -> Stub {
    let stub = Stub::default();
    for name in names {
        stub.0.lock().unwrap().personas.insert((*name).to_owned(), persona(name));
    }
    stub
}

fn command(arguments: &[&str], server: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command.args(arguments).env("PERSONA_SERVER", server).stdin(Stdio::null());
    command
}

/// Runs the binary beside the scripted registry.
async fn run(stub: &Stub, arguments: &[&str]) -> Output {
    run_at(&serve(stub).await, arguments).await
}

/// Runs the binary off this test's runtime, since the registry that it asks lives on it.
async fn run_at(server: &str, arguments: &[&str]) -> Output {
    let mut command = command(arguments, server);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[tokio::test]
async fn get_prints_the_document_byte_for_byte() {
    let output = run(&stub(&["x"]), &["get", "x"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "\u{feff}---\r\nname: x\r\n---\r\n# X\r\n\r\nno final newline");
    assert_eq!(stderr(&output), "");
    let body = run(&stub(&["x"]), &["get", "x", "-o", "body"]).await;
    assert_eq!(stdout(&body), "# X\r\n\r\nno final newline");
}

#[tokio::test]
async fn a_document_makes_its_way_through_a_real_registry() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guide.md");
    let file = path.to_str().unwrap();
    let first = "\u{feff}---\r\nname: guide\r\ndescription: Guides.\r\n---\r\n# Guide\r\n\r\nGo on.  ";
    std::fs::write(&path, first).unwrap();
    let does = async |arguments: &[&str], code: i32, out: &str| {
        let output = run_at(&address, arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), out, "{arguments:?}");
        stderr(&output).to_owned()
    };
    does(&["put", file, "--dry-run"], 0, "would create guide version 1\n").await;
    does(&["get", "guide"], 1, "").await;
    does(&["put", file, "--request-id", "one"], 0, "created guide version 1 at revision 1\n").await;
    does(&["put", file, "--request-id", "one"], 0, "created guide version 1 at revision 1 already\n").await;
    does(&["put", file], 0, "unchanged guide version 1 at revision 1\n").await;
    does(&["get", "guide"], 0, first).await;
    std::fs::write(&path, "---\nname: guide\ndescription: Guides.\n---\n# Guide\n\nTurn.\n").unwrap();
    let told = does(&["put", file, "--etag", "1-0123456789abcdef"], 1, "").await;
    assert!(told.starts_with("error[ETAG_MISMATCH]: "), "{told}");
    does(&["put", file], 0, "stored guide version 2 at revision 2\n").await;
    does(&["get", "guide", "--version", "1"], 0, first).await;
    does(&["delete", "guide"], 0, "deleted guide (last version 2) at revision 3\n").await;
    does(&["get", "guide", "--version", "1"], 0, first).await;
    does(&["list"], 0, "").await;
    std::fs::write(&path, "no front matter").unwrap();
    let told = does(&["put", file], 1, "").await;
    assert!(told.starts_with("error[SYN005]: ") && told.contains("error[PERSONA_INVALID]: "), "{told}");
}

#[tokio::test]
async fn what_is_not_found_is_answered_with_what_is_near() {
    let output = run(&stub(&["backend_developer", "sre"]), &["get", "backend-developer"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "error[PERSONA_NOT_FOUND]: persona_not_found\n  help: did you mean `backend_developer`?\n"
    );
}

#[tokio::test]
async fn list_prints_a_table_and_json_lines() {
    let stub = stub(&["a", "b"]);
    let table = run(&stub, &["list"]).await;
    assert_eq!(
        stdout(&table),
        "NAME  VERSION  DIALECT  UPDATED (UTC)  DESCRIPTION\n\
         a     2        persona  -              Does things.\n\
         b     2        persona  -              Does things.\n"
    );
    let json = run(&stub, &["list", "-o", "json"]).await;
    assert_eq!(stdout(&json).lines().count(), 2);
    assert!(stdout(&json).starts_with(r#"{"namespace":"default","name":"a","version":2,"#));
}

#[tokio::test]
async fn a_refused_document_is_drawn_with_all_its_findings() {
    let stub = Stub::default();
    let finding = |code: &str, start: i32| pb::Diagnostic {
        code: code.to_owned(),
        severity: pb::Severity::Error.into(),
        message: format!("{code} is wrong"),
        span: Some(pb::Span { start, end: start + 3, ..Default::default() }),
        blocks_storing: true,
        ..Default::default()
    };
    {
        let mut script = stub.0.lock().unwrap();
        script.diagnostics = vec![finding("SCH101", 0), finding("CNT201", 4)];
        script.failures = VecDeque::from([refusal(Code::InvalidArgument, "PERSONA_INVALID")]);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.md");
    std::fs::write(&file, "---\nname: a\n---\n").unwrap();
    let output = run(&stub, &["put", file.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    for part in ["error[SCH101]: SCH101 is wrong", "2 | name: a", "error[CNT201]", "error[PERSONA_INVALID]"] {
        assert!(stderr(&output).contains(part), "{part} in {}", stderr(&output));
    }
}

#[tokio::test]
async fn put_says_what_happened_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.md");
    std::fs::write(&file, "---\nname: a\ndescription: d\n---\n# A\n").unwrap();
    let output = run(&Stub::default(), &["put", file.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "created a version 1 at revision 1\n");
    let missing = run(&Stub::default(), &["put", "/nowhere.md"]).await;
    assert_eq!(missing.status.code(), Some(2));
}

#[tokio::test]
async fn watch_prints_a_line_a_change_and_ends_cleanly_on_an_interrupt() {
    let stub = Stub::default();
    let change = pb::PersonaChange { r#type: Type::Updated.into(), persona: Some(persona("x")) };
    let changes = Changes { revision: 7, changes: vec![change], ..Default::default() };
    let message =
        pb::WatchPersonasResponse { event: Some(Event::Changes(changes)), resume_token: "t7".to_owned() };
    // The second stream stands and says nothing: the client is waiting when it is interrupted.
    stub.0.lock().unwrap().streams = VecDeque::from([vec![message]]);
    stub.0.lock().unwrap().then_silent = true;
    let server = serve(&stub).await;
    let mut child =
        command(&["watch"], &server).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        (line, child.wait_with_output().unwrap())
    });
    let (line, output) = output.await.unwrap();
    assert_eq!(line, "revision 7  updated  x  version 2  Does things.\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).ends_with("go on later with --resume t7\n"), "{}", stderr(&output));
}
