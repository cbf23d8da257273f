//! `persona token`, `persona auth check` and a whole run with them, whose log says neither texts nor tokens.

use std::path::Path;

use crate::program::{Ended, Program, command, run};

/// A text that a log must not have.
const SECRET: &str = "the-very-private-instruction";

async fn done(folder: &Path, token: Option<&str>, arguments: &[&str]) -> Ended {
    let mut command = command(folder, arguments);
    if let Some(token) = token {
        command.env("PERSONA_TOKEN", token);
    }
    run(command).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_tokens_lets_in_who_may_and_logs_neither_texts_nor_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let create = |name: &'static str, grant: &'static str| {
        ["token", "create", name, "--grant", grant, "--data-dir", "data", "--days", "3"]
    };
    let made = done(folder, None, &create("ops", "admin")).await;
    assert_eq!(made.code, Some(0), "{}", made.err);
    let ops = made.out.trim().to_owned();
    assert!(ops.starts_with("prsn_") && !made.err.contains(&ops), "{}", made.err);
    assert_eq!(done(folder, None, &create("ops", "admin")).await.code, Some(1), "the name is taken");
    let reader = done(folder, None, &create("looker", "reader@default")).await.out.trim().to_owned();
    let mut serve = command(folder, &["serve", "--auth", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    serve.args(["--min-free", "1", "--log-format", "json"]).env("RUST_LOG", "debug,persona_registry=trace");
    let mut server = Program::start(serve);
    let address = server.out.next().await.trim_start_matches("listening on ").to_owned();
    let text = format!("---\nname: quiet\ndescription: Use in tests.\n---\n# Quiet\n{SECRET}\n");
    std::fs::write(folder.join("quiet.md"), text).unwrap();
    let with = |arguments: &[&str]| -> Vec<String> {
        let all = arguments.iter().copied().chain(["--server", address.as_str()]);
        all.map(ToOwned::to_owned).collect()
    };
    let call = async |token: Option<&str>, arguments: &[&str]| {
        let arguments = with(arguments);
        done(folder, token, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let refused = call(None, &["list"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("CREDENTIALS_MISSING"), "{}", refused.err);
    let put = call(Some(&ops), &["put", "quiet.md"]).await;
    assert_eq!(put.code, Some(0), "{}", put.err);
    std::fs::write(folder.join("token"), format!("{reader}\n")).unwrap();
    let got = call(None, &["get", "quiet", "--token-file", "token"]).await;
    assert!(got.code == Some(0) && got.out.contains(SECRET), "{}", got.err);
    let refused = call(Some(&reader), &["put", "quiet.md"]).await;
    assert!(refused.err.contains("PERMISSION_DENIED") && refused.err.contains("writer"), "{}", refused.err);
    let forged = format!("{}x", &ops[..ops.len() - 1]);
    assert!(call(Some(&forged), &["get", "quiet"]).await.err.contains("CREDENTIALS_INVALID"));
    // Refusals are written with the next tick.
    let audit = loop {
        let audit = call(Some(&ops), &["audit", "-o", "json"]).await;
        assert!(audit.code == Some(0) && audit.out.contains("token:ops"), "{}", audit.err);
        if audit.out.contains("PERMISSION_DENIED") {
            break audit;
        }
    };
    assert!(call(Some(&reader), &["audit"]).await.err.contains("PERMISSION_DENIED"));
    let list = done(folder, None, &["token", "list", "--data-dir", "data"]).await;
    assert!(list.out.contains("looker") && list.out.contains("live"), "{}", list.out);
    assert_eq!(done(folder, None, &["token", "revoke", "looker", "--data-dir", "data"]).await.code, Some(0));
    server.signal("-TERM");
    let ended = server.end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("\"principal\":\"token:ops\""), "who called is in the log");
    for secret in [SECRET, ops.rsplit('_').next().unwrap(), reader.rsplit('_').next().unwrap(), &forged] {
        for (place, text) in [("log", &ended.err), ("output", &ended.out), ("audit log", &audit.out)] {
            assert!(!text.contains(secret), "the {place} has {secret}");
        }
        for entry in std::fs::read_dir(folder.join("data/audit")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains(secret), "the audit log has {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_explained_by_the_grant_that_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let policy = "[auth]\nprotected-aliases = [\"production\"]\n\
                  [[auth.grants]]\nto = [\"corp:alice\"]\nrole = \"writer\"\nnamespaces = [\"payments\"]\n";
    std::fs::write(folder.join("persona.toml"), policy).unwrap();
    let check = async |arguments: &[&str]| {
        let all: Vec<_> =
            ["auth", "check", "--data-dir", "data"].into_iter().chain(arguments.iter().copied()).collect();
        done(folder, None, &all).await
    };
    let yes = check(&["--as", "corp:alice", "--may", "write", "--in", "payments"]).await;
    assert_eq!(yes.code, Some(0), "{}", yes.err);
    assert!(yes.out.starts_with("yes: ") && yes.out.contains("[[auth.grants]] number 1"), "{}", yes.out);
    for no in [
        &["--as", "corp:alice", "--may", "write", "--in", "other"][..],
        &["--as", "corp:alice", "--move", "production", "--in", "payments"],
        &["--as", "corp:bob"],
    ] {
        let told = check(no).await;
        assert!(told.code == Some(1) && told.out.starts_with("no: "), "{no:?}: {} {}", told.out, told.err);
    }
    let claim = check(&[
        "--as",
        "corp:bob",
        "--claim",
        "admin@team-a",
        "--may",
        "administer",
        "--in",
        "team-a",
        "-o",
        "json",
    ])
    .await;
    let told: serde_json::Value = serde_json::from_str(&claim.out).unwrap();
    assert_eq!(
        (told["allowed"].as_bool(), told["by"].as_str()),
        (Some(true), Some("admin@team-a (the token itself)"))
    );
    assert_eq!(check(&["--as", "token:nobody"]).await.code, Some(1));
    let wrong = policy.replace("writer", "owner");
    std::fs::write(folder.join("persona.toml"), wrong).unwrap();
    let told = check(&["--as", "corp:alice"]).await;
    assert!(
        told.code == Some(2) && told.err.contains("persona.toml:5:8") && told.err.contains("no role"),
        "{}",
        told.err
    );
}
