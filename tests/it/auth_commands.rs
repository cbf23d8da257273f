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
    assert_eq!(done(folder, None, &["dev-certs", "certs"]).await.code, Some(0));
    let mut serve = command(folder, &["serve", "--auth", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    serve.args(["--tls-cert", "certs/server.pem", "--tls-key", "certs/server-key.pem"]);
    serve.args(["--min-free", "1", "--log-format", "json"]).env("RUST_LOG", "trace");
    let mut server = Program::start(serve);
    let address = format!("https://{}", server.out.next().await.trim_start_matches("listening on "));
    let text = format!("---\nname: quiet\ndescription: Use in tests.\n---\n# Quiet\n{SECRET}\n");
    std::fs::write(folder.join("quiet.md"), text).unwrap();
    let with = |arguments: &[&str]| -> Vec<String> {
        let all =
            arguments.iter().copied().chain(["--server", address.as_str(), "--ca-cert", "certs/ca.pem"]);
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
    let unsigned = crate::issuer::unsigned(&crate::issuer::claims("the-private-subject"));
    for wrong in [forged.as_str(), &unsigned, &format!("{}\n", "not-a-token-but-private")] {
        let refused = call(Some(wrong), &["get", "quiet"]).await;
        assert!(refused.err.contains("CREDENTIALS_INVALID"), "{}", refused.err);
    }
    // A write that is refused for what it says, a stream that follows one that is taken, and a search for what it says.
    let broken = format!("---\nname: quiet\n---\n# Quiet\n{SECRET}\n");
    std::fs::write(folder.join("broken.md"), broken).unwrap();
    let refused = call(Some(&ops), &["put", "broken.md"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("PERSONA_INVALID"), "{}", refused.err);
    let mut watch = command(folder, &["watch", "--from-now", "-o", "json", "--token-file", "token"]);
    watch.args(["--server", address.as_str(), "--ca-cert", "certs/ca.pem"]);
    let mut watch = Program::start(watch);
    watch.out.until("opened").await;
    let text = std::fs::read_to_string(folder.join("quiet.md")).unwrap() + "More.\n";
    std::fs::write(folder.join("quiet.md"), text).unwrap();
    assert_eq!(call(Some(&ops), &["put", "quiet.md"]).await.code, Some(0));
    watch.out.until(SECRET).await;
    watch.signal("-TERM");
    drop(watch.end().await);
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
    assert!(
        ended.err.contains("a connection is secure") && ended.err.lines().count() > 100,
        "it was all logged"
    );
    let key = std::fs::read_to_string(folder.join("certs/server-key.pem")).unwrap();
    let secrets = [
        SECRET,
        ops.rsplit('_').next().unwrap(),
        reader.rsplit('_').next().unwrap(),
        &forged,
        &unsigned,
        "the-private-subject",
        "not-a-token-but-private",
        key.lines().nth(1).unwrap(),
    ];
    for secret in secrets {
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
async fn a_token_is_not_sent_to_another_machine_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody is asked, so that no machine of this address is needed.
    let there = ["list", "--server", "http://192.0.2.1:1", "--connect-timeout", "0.1"];
    let kept = done(dir.path(), Some("prsn_a_b"), &there).await;
    assert_eq!(kept.code, Some(2), "{}", kept.err);
    assert!(kept.err.contains("the token is not sent to http://192.0.2.1:1"), "{}", kept.err);
    assert!(kept.err.contains("https://") && kept.err.contains("--insecure-token"), "{}", kept.err);
    assert!(!kept.err.contains("prsn_a_b"), "{}", kept.err);
    for arguments in [&["--insecure-token"][..], &[]] {
        let token = Some("prsn_a_b").filter(|_| !arguments.is_empty());
        let tried = done(dir.path(), token, &[&there[..], arguments].concat()).await;
        assert!(tried.err.contains("no registry answers at"), "{}", tried.err);
    }
    let created =
        done(dir.path(), None, &["token", "create", "ci", "--days", "36500", "--data-dir", "d"]).await;
    assert_eq!(created.code, Some(0), "{}", created.err);
    let listed = done(dir.path(), None, &["token", "list", "-o", "json", "--data-dir", "d"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    for moment in ["create_time", "expire_time"] {
        let moment = listed[moment].as_str().unwrap();
        assert!(moment.len() == 20 && moment.ends_with('Z'), "{moment}");
    }
    let created = done(dir.path(), None, &["token", "create", "x", "--days", "4000000000"]).await;
    assert_eq!(created.code, Some(2), "{}", created.err);
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
