//! The commands about versions and aliases beside a real registry: history, diff, restore, alias, promote, purge.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Server, delete, document, put};
use crate::program::{Ended, Program, beside, run, yaml_documents};
use crate::proxy::Proxy;

/// A server with `a` at version 3, and `b`.
async fn holding() -> Server {
    let server = Server::start().await;
    let mut client = server.client().await;
    for body in ["one", "two", "three"] {
        client.put_persona(put("a", body)).await.unwrap();
    }
    client.put_persona(put("b", "one")).await.unwrap();
    server
}

async fn ended(server: &Server, arguments: &[&str], code: i32) -> Ended {
    let ended = run(beside(server.address, arguments)).await;
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
    ended
}

/// What a command prints, which ends well.
async fn says(server: &Server, arguments: &[&str]) -> String {
    ended(server, arguments, 0).await.out
}

async fn json(server: &Server, arguments: &[&str]) -> Vec<Value> {
    let out = says(server, &[arguments, &["-o", "json"]].concat()).await;
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn get_reads_by_alias_as_of_a_revision_and_section_by_section() {
    let server = holding().await;
    says(&server, &["alias", "set", "a", "production", "1"]).await;
    assert_eq!(says(&server, &["get", "a", "--alias", "production"]).await.as_bytes(), document("a", "one"));
    assert_eq!(says(&server, &["get", "a", "--alias", "latest"]).await.as_bytes(), document("a", "three"));
    assert_eq!(says(&server, &["get", "a", "--at", "2"]).await.as_bytes(), document("a", "two"));
    assert_eq!(says(&server, &["get", "a", "--section", "a"]).await, "# a\n\nthree\n");
    let told = ended(&server, &["get", "a", "--section", "aa"], 1).await.err;
    assert!(
        told.starts_with("error[SECTION_NOT_FOUND]: ") && told.contains("help: did you mean `a`?"),
        "{told}"
    );
    let told = ended(&server, &["get", "a", "--alias", "prod"], 1).await.err;
    assert!(told.starts_with("error[ALIAS_NOT_FOUND]: "), "{told}");
    assert!(told.ends_with("help: did you mean `production`?\n"), "{told}");
    let told = ended(&server, &["get", "b", "--alias", "prod"], 1).await.err;
    assert!(
        told.ends_with("help: it has no aliases; `persona alias set b prod VERSION` makes one\n"),
        "{told}"
    );
    let told = ended(&server, &["get", "a", "--at", "99"], 1).await.err;
    assert!(told.contains("help: `persona status` tells the registry's revision"), "{told}");
    ended(&server, &["get", "a", "--alias", "production", "--version", "1"], 2).await;
}

#[tokio::test]
async fn list_shows_what_an_alias_names_and_what_was() {
    let server = holding().await;
    says(&server, &["alias", "set", "a", "production", "2"]).await;
    server.client().await.delete_persona(delete("b")).await.unwrap();
    let names = |lines: Vec<Value>| {
        let told = |line: &Value| format!("{} {}", line["name"].as_str().unwrap(), line["version"]);
        lines.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(names(json(&server, &["list"]).await), ["a 3"]);
    assert_eq!(names(json(&server, &["list", "--alias", "production"]).await), ["a 2"]);
    assert_eq!(names(json(&server, &["list", "--at", "4"]).await), ["a 3", "b 1"]);
    let none = ended(&server, &["list", "--alias", "canary"], 0).await;
    assert_eq!(none.out, "");
    assert!(none.err.starts_with("no personas are selected\n"), "{}", none.err);
}

#[tokio::test]
async fn watch_at_an_alias_tells_what_left() {
    let server = holding().await;
    says(&server, &["alias", "set", "a", "production", "1"]).await;
    let mut watch = Program::start(beside(server.address, &["watch", "--alias", "production"]));
    assert_eq!(watch.out.next().await, "revision 5  present  a  version 1  Use in tests.");
    watch.err.until("changes follow").await;
    says(&server, &["alias", "set", "a", "production", "3"]).await;
    assert_eq!(watch.out.next().await, "revision 6  updated  a  version 3  Use in tests.");
    says(&server, &["alias", "delete", "a", "production"]).await;
    assert_eq!(watch.out.next().await, "revision 7  left  a  version 3");
    watch.signal("-INT");
    assert_eq!(watch.end().await.code, Some(0));
}

#[tokio::test]
async fn history_tells_versions_deletions_and_what_was_purged() {
    let server = holding().await;
    says(&server, &["alias", "set", "a", "production", "2"]).await;
    says(&server, &["purge", "a", "--version", "1", "--yes", "-m", "held a key"]).await;
    says(&server, &["delete", "a", "-m", "split"]).await;
    server.client().await.put_persona(put("a", "four")).await.unwrap();
    let entries = json(&server, &["history", "a"]).await;
    let told = |entry: &Value| format!("{} {}", entry["type"].as_str().unwrap(), entry["version"]);
    let told: Vec<_> = entries.iter().map(told).collect();
    assert_eq!(told, ["version 4", "deletion 3", "version 3", "version 2", "purged 1"]);
    assert_eq!((&entries[1]["message"], &entries[1]["digest"]), (&"split".into(), &Value::Null));
    assert!(entries[4]["digest"].as_str().unwrap().starts_with("sha256:"), "its digest stays");
    let table = says(&server, &["history", "a", "--limit", "2"]).await;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("VERSION  REVISION  WHEN (UTC)"), "{table}");
    assert!(lines[1].starts_with("4        8  ") && lines[2].starts_with("deleted  7  "), "{table}");
    let told = ended(&server, &["get", "a", "--version", "1"], 1).await.err;
    assert!(told.contains("purged") && told.contains("help: `persona history a` shows"), "{told}");
    let told = ended(&server, &["history", "aa"], 1).await.err;
    assert!(told.ends_with("help: did you mean `a`?\n"), "{told}");
}

#[tokio::test]
async fn a_long_history_is_followed_over_its_pages() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for number in 0..510 {
        client.put_persona(put("a", &number.to_string())).await.unwrap();
    }
    let versions =
        |entries: &[Value]| entries.iter().map(|one| one["version"].as_i64().unwrap()).collect::<Vec<_>>();
    let all = json(&server, &["history", "a"]).await;
    assert_eq!(versions(&all), (1..=510).rev().collect::<Vec<_>>());
    let some = json(&server, &["history", "a", "--limit", "505"]).await;
    assert_eq!(versions(&some), versions(&all[..505]));
}

#[tokio::test]
async fn diff_tells_what_changed_and_patch_takes_it() {
    let server = holding().await;
    says(&server, &["alias", "set", "a", "production", "1"]).await;
    let newest = ended(&server, &["diff", "a"], 1).await.out;
    assert_eq!(
        newest,
        "--- a/a.md\tversion 2\n+++ b/a.md\tversion 3\n@@ -4,4 +4,4 @@\n ---\n # a\n \n-two\n+three\n"
    );
    let against = ended(&server, &["diff", "a", "production"], 1).await.out;
    assert!(against.contains("version 1\n+++ b/a.md\tversion 3\n") && against.contains("-one\n+three\n"));
    assert_eq!(ended(&server, &["diff", "a", "1", "2", "--stat"], 1).await.out, "a  version 1 → 2  +1 -1\n");
    assert_eq!(says(&server, &["diff", "a", "production", "1"]).await, "", "equal");
    let one = ended(&server, &["diff", "b"], 0).await;
    assert_eq!(
        (one.out.as_str(), one.err.as_str()),
        ("", "b has one version that can be read, and none to compare it with\n")
    );
    let line = ended(&server, &["diff", "a", "1", "2", "-o", "json"], 1).await.out;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["from_version"], &line["added"], &line["removed"]), (&1.into(), &1.into(), &1.into()));
    let coloured = ended(&server, &["diff", "a", "--color", "always"], 1).await.out;
    assert!(coloured.contains("\u{1b}[1;32m+\u{1b}[0m"), "{coloured:?}");
    assert!(ended(&server, &["diff", "a", "1", "9"], 1).await.err.starts_with("error[VERSION_NOT_FOUND]: "));
    ended(&server, &["diff", "a", "0"], 2).await;

    let file = server.scratch().join("a.md");
    std::fs::write(&file, document("a", "one")).unwrap();
    let mut patch = std::process::Command::new("patch");
    let Ok(mut patch) = patch.arg(&file).stdin(Stdio::piped()).stdout(Stdio::null()).spawn() else {
        eprintln!("there is no patch(1) here: that it takes the text was not shown");
        return;
    };
    patch.stdin.take().unwrap().write_all(against.as_bytes()).unwrap();
    assert!(patch.wait().unwrap().success());
    assert_eq!(std::fs::read(&file).unwrap(), document("a", "three"));
}

#[tokio::test]
async fn restore_puts_an_old_version_once_more() {
    let server = holding().await;
    let restore = ["restore", "a", "--version", "1"];
    assert_eq!(
        says(&server, &[&restore[..], &["--dry-run"]].concat()).await,
        "would restore a version 1 as version 4\n"
    );
    assert_eq!(says(&server, &restore).await, "restored a version 1 as version 4 at revision 5\n");
    assert_eq!(says(&server, &restore).await, "unchanged a version 4 at revision 5 is what version 1 was\n");
    assert_eq!(says(&server, &["get", "a"]).await.as_bytes(), document("a", "one"));
    assert_eq!(json(&server, &["history", "a", "--limit", "1"]).await[0]["message"], "restored version 1");
    // Files whose path told what they are have no other way to tell.
    std::fs::write(server.scratch().join("rule.mdc"), "Be brief.\n").unwrap();
    let rule = server.scratch().join("rule.mdc");
    says(&server, &["put", rule.to_str().unwrap()]).await;
    says(&server, &["delete", "rule"]).await;
    let restored = json(&server, &["restore", "rule", "--version", "1", "-m", "back"]).await;
    assert_eq!((&restored[0]["version"], &restored[0]["restored_version"]), (&2.into(), &1.into()));
    assert_eq!(restored[0]["created"], true);
    assert_eq!(json(&server, &["get", "rule"]).await[0]["dialect"], "cursor");
    ended(&server, &["restore", "a", "--version", "9"], 1).await;
}

#[tokio::test]
async fn aliases_are_set_listed_promoted_and_deleted() {
    let server = holding().await;
    assert_eq!(
        says(&server, &["alias", "set", "a", "staging", "2", "--request-id", "one"]).await,
        "set a staging to version 2 (a new alias) at revision 5\n"
    );
    assert_eq!(
        says(&server, &["alias", "set", "a", "staging", "2", "--request-id", "one"]).await,
        "set a staging to version 2 (a new alias) at revision 5 already\n"
    );
    assert_eq!(
        says(&server, &["alias", "set", "a", "staging", "2"]).await,
        "unchanged a staging is version 2 since revision 5\n"
    );
    let promote = ["promote", "a", "--from", "staging", "--to", "production"];
    assert_eq!(
        says(&server, &[&promote[..], &["--dry-run"]].concat()).await,
        "would set a production to version 2 (a new alias), where staging is\n"
    );
    assert_eq!(
        says(&server, &promote).await,
        "set a production to version 2 (a new alias) at revision 6, where staging is\n"
    );
    assert_eq!(
        says(&server, &promote).await,
        "unchanged a production is version 2 since revision 6, where staging is\n"
    );
    let latest = json(&server, &["promote", "a", "--from", "latest", "--to", "production"]).await;
    assert_eq!((&latest[0]["previous_version"], &latest[0]["version"]), (&2.into(), &3.into()));
    assert_eq!(latest[0]["from"], "latest");
    let told = ended(&server, &["alias", "set", "a", "production", "1", "--expect", "2"], 1).await.err;
    assert!(
        told.starts_with("error[ALIAS_MOVED]: ") && told.contains("--expect 3 goes on from there"),
        "{told}"
    );
    let told = ended(&server, &["promote", "a", "--from", "stagin", "--to", "production"], 1).await.err;
    assert_eq!(told, "error: a has no alias stagin\n  help: did you mean `staging`?\n");
    ended(&server, &["alias", "set", "a", "latest", "1"], 1).await;

    let listed = json(&server, &["alias", "list", "a"]).await;
    let told: Vec<_> =
        listed.iter().map(|one| (one["alias"].as_str().unwrap(), one["version"].as_i64().unwrap())).collect();
    assert_eq!(told, [("production", 3), ("staging", 2)]);
    assert_eq!(listed[0]["message"], "promoted from latest");
    let table = says(&server, &["alias", "list", "-n", "-"]).await;
    assert!(table.starts_with("NAMESPACE/NAME  ALIAS       VERSION  SINCE (UTC)"), "{table}");
    assert!(table.contains("\ndefault/a       production  3  "), "{table}");
    assert_eq!(
        says(&server, &["alias", "delete", "a", "staging", "--expect", "2"]).await,
        "deleted a staging (was version 2) at revision 8\n"
    );
    let told = ended(&server, &["alias", "delete", "a", "staging"], 1).await.err;
    assert!(told.ends_with("help: its aliases are production\n"), "{told}");
    let none = ended(&server, &["alias", "list", "b"], 0).await;
    assert_eq!(none.err, "no aliases\n  help: `persona alias set b ALIAS VERSION` makes one\n");
}

#[tokio::test]
async fn a_purge_is_asked_for_twice_and_says_what_it_does_not_reach() {
    let server = holding().await;
    let told = ended(&server, &["purge", "a", "--version", "1"], 2).await.err;
    assert!(told.contains("for good") && told.contains("repeat with --yes"), "{told}");
    assert_eq!(
        says(&server, &["purge", "a", "--version", "1", "--dry-run"]).await,
        "would purge a version 1\n"
    );
    says(&server, &["get", "a", "--version", "1"]).await;
    let told = ended(&server, &["purge", "a", "--version", "3", "--yes"], 1).await.err;
    assert!(told.starts_with("error[VERSION_IN_USE]: "), "{told}");
    let done = ended(&server, &["purge", "a", "--version", "1", "--yes"], 0).await;
    assert_eq!(done.out, "purged a version 1 at revision 5\n");
    assert!(done.err.contains("backups, clients that read it, and files"), "{}", done.err);
    assert!(ended(&server, &["diff", "a"], 1).await.out.contains("version 2\n+++"));
}

#[tokio::test]
async fn yaml_says_what_json_says_and_colours_are_for_people() {
    let server = holding().await;
    says(&server, &["alias", "set", "a", "production", "1"]).await;
    says(&server, &["delete", "b"]).await;
    for (arguments, code) in [
        (&["history", "a"][..], 0),
        (&["history", "b"], 0),
        (&["diff", "a", "production"], 1),
        (&["diff", "a", "--stat"], 1),
        (&["alias", "list"], 0),
        (&["namespaces"], 0),
        (&["compact-history", "--to", "1"], 0),
        (&["restore", "a", "--version", "2", "--dry-run"], 0),
        (&["promote", "a", "--from", "production", "--to", "canary", "--dry-run"], 0),
        (&["purge", "a", "--version", "2", "--dry-run"], 0),
    ] {
        let form = async |form: &str| {
            ended(&server, &[arguments, &["-o", form, "--color", "always"]].concat(), code).await
        };
        let (json, yaml) = (form("json").await.out, form("yaml").await.out);
        let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(yaml_documents(&yaml), lines, "{arguments:?}: {yaml}");
        assert!(!json.contains('\u{1b}') && !yaml.contains('\u{1b}'), "{arguments:?}");
    }
    for people in [&["history", "b"][..], &["alias", "list"], &["namespaces"]] {
        let coloured = says(&server, &[people, &["--color", "always"]].concat()).await;
        assert!(coloured.contains('\u{1b}') && !says(&server, people).await.contains('\u{1b}'), "{people:?}");
    }
}

#[tokio::test]
async fn a_write_whose_outcome_is_unknown_is_done_once() {
    let server = holding().await;
    let proxy = Proxy::before(server.address);
    for arguments in [
        &["alias", "set", "a", "canary", "1"][..],
        &["alias", "delete", "a", "canary"],
        &["purge", "a", "--version", "1", "--yes"],
    ] {
        proxy.lose_answers(usize::MAX);
        let ended = run(beside(proxy.address(), arguments)).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
        let id = ended.err.split("--request-id ").nth(1).unwrap_or_else(|| panic!("{}", ended.err));
        let id = id.split(' ').next().unwrap();
        proxy.lose_answers(0);
        let again = says(&server, &[arguments, &["--request-id", id]].concat()).await;
        assert!(again.ends_with(" already\n"), "{again}");
    }
    assert_eq!(server.registry.head().0, 7);
}

#[tokio::test]
async fn namespaces_and_the_floor_are_told() {
    let server = holding().await;
    std::fs::write(server.scratch().join("c.md"), document("c", "1")).unwrap();
    let file = server.scratch().join("c.md");
    says(&server, &["put", file.to_str().unwrap(), "-n", "ops"]).await;
    assert_eq!(says(&server, &["namespaces"]).await, "NAMESPACE  PERSONAS\ndefault    2\nops        1\n");
    assert_eq!(
        json(&server, &["namespaces"]).await[1],
        serde_json::json!({"namespace": "ops", "personas": 1})
    );
    assert_eq!(says(&server, &["compact-history", "--to", "2"]).await, "the floor is at revision 2\n");
    let again = ended(&server, &["compact-history", "--to", "1"], 0).await;
    assert_eq!(
        (again.out.as_str(), again.err.as_str()),
        ("the floor is at revision 2\n", "  note: it was there already, and never falls\n")
    );
    let told = ended(&server, &["get", "a", "--at", "1"], 1).await.err;
    assert!(
        told.starts_with("error[REVISION_COMPACTED]: ") && told.contains("can be read as of is 2"),
        "{told}"
    );
    assert_eq!(json(&server, &["compact-history"]).await[0]["floor"], 5);
    ended(&server, &["compact-history", "--to", "99"], 1).await;
}
