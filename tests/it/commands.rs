//! The commands beside a real registry: what goes to stdout, what to stderr, and how they end.

use std::path::Path;

use persona_registry::domain::Namespace;
use persona_registry::seed::Source;

use crate::harness::{Server, document, put};
use crate::program::{beside, command, run, yaml_documents};
use crate::proxy::Proxy;

/// A server with a persona of each of these names.
async fn holding(names: &[&str]) -> Server {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in names {
        client.put_persona(put(name, "1")).await.unwrap();
    }
    server
}

#[tokio::test]
async fn a_document_makes_its_way_through_the_registry() {
    let server = Server::start().await;
    let path = server.scratch().join("guide.md");
    let file = path.to_str().unwrap();
    let body = "# Guide\r\n\r\nGo on.  ";
    let first = format!("\u{feff}---\r\nname: guide\r\ndescription: Guides.\r\n---\r\n{body}");
    std::fs::write(&path, &first).unwrap();
    let does = async |arguments: &[&str], code: i32, out: &str| {
        let ended = run(beside(server.address, arguments)).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, out, "{arguments:?}");
        ended.err
    };
    does(&["put", file, "--dry-run"], 0, "would create guide version 1\n").await;
    does(&["get", "guide"], 1, "").await;
    does(&["put", file, "--request-id", "one"], 0, "created guide version 1 at revision 1\n").await;
    does(&["put", file, "--request-id", "one"], 0, "created guide version 1 at revision 1 already\n").await;
    does(&["put", file], 0, "unchanged guide version 1 at revision 1\n").await;
    assert_eq!(does(&["get", "guide"], 0, &first).await, "", "data only");
    does(&["get", "guide", "-o", "body"], 0, body).await;
    std::fs::write(&path, "---\nname: guide\ndescription: Guides.\n---\n# Guide\n\nTurn.\n").unwrap();
    let told = does(&["put", file, "--etag", "1-0123456789abcdef"], 1, "").await;
    assert!(told.starts_with("error[ETAG_MISMATCH]: "), "{told}");
    does(&["put", file], 0, "updated guide version 2 at revision 2\n").await;
    does(&["get", "guide", "--version", "1"], 0, &first).await;
    does(&["delete", "guide"], 0, "deleted guide (last version 2) at revision 3\n").await;
    does(&["get", "guide", "--version", "1"], 0, &first).await;
    let told = does(&["list"], 0, "").await;
    assert_eq!(told, "no personas in namespace default\n  help: `persona put FILE` stores a persona\n");
    does(&["put", "/nowhere.md"], 2, "").await;
}

#[tokio::test]
async fn what_is_not_found_is_answered_with_what_is_near() {
    let server = holding(&["backend_developer", "sre"]).await;
    for asked in [&["get", "backend-developer"][..], &["delete", "backend-developer"]] {
        let ended = run(beside(server.address, asked)).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
        assert_eq!(
            ended.err,
            "error[PERSONA_NOT_FOUND]: there is no persona backend-developer in namespace default\n  \
             help: did you mean `backend_developer`?\n"
        );
    }
    let ended = run(beside(server.address, &["get", "sre", "--version", "7"])).await;
    assert!(ended.err.starts_with("error[VERSION_NOT_FOUND]: "), "{}", ended.err);
    let ended = run(beside(server.address, &["get", "x", "-n", "empty"])).await;
    assert!(
        ended.err.ends_with(
            "help: namespace empty is empty; `persona put FILE` stores a persona; there are personas in `default`\n"
        ),
        "{}",
        ended.err
    );
    for form in ["table", "json", "yaml"] {
        let ended = run(beside(server.address, &["list", "-n", "defualt", "-o", form])).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""));
        assert_eq!(ended.err, "no personas in namespace defualt\n  help: did you mean `default`?\n");
    }
    let ended = run(beside(server.address, &["get", "sre", "-n", "defualt"])).await;
    assert!(
        ended.err.ends_with("help: namespace defualt is empty; did you mean `default`?\n"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn list_shows_all_pages_as_a_table_or_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..60 {
        let name = format!("p{number:02}");
        std::fs::write(folder.path().join(format!("{name}.md")), document(&name, "x")).unwrap();
    }
    let source = Source { namespace: Namespace::default(), dir: folder.path().to_owned() };
    let server = Server::start_with(|options| options.sources.push(source)).await;
    let table = run(beside(server.address, &["list"])).await;
    let lines: Vec<_> = table.out.lines().collect();
    assert_eq!(lines[0], "NAME  VERSION  DIALECT  UPDATED (UTC)     DESCRIPTION");
    assert_eq!(lines.len(), 61);
    assert!(lines[60].starts_with("p59   1        persona  20") && lines[60].ends_with("  Use in tests."));
    let json = run(beside(server.address, &["list", "-n", "-", "-o", "json"])).await;
    let names = json.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let names: Vec<_> = names.map(|line| line["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, (0..60).map(|number| format!("p{number:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_document_is_drawn_with_all_its_findings_as_validate_draws_them() {
    let server = Server::start().await;
    let bad = "---\nname: a\nname: b\ntools: 7\n---\n\n";
    std::fs::write(server.scratch().join("bad.md"), bad).unwrap();
    let mut judge = command(server.scratch(), &["put", "bad.md"]);
    judge.env("PERSONA_SERVER", server.address.to_string());
    let refused = run(judge).await;
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    let judged = run(command(server.scratch(), &["validate", "bad.md"])).await;
    assert_eq!(judged.code, Some(1));
    assert!(judged.out.matches("\nerror[").count() > 0, "several findings: {}", judged.out);
    let drawn = refused.err.split("error[PERSONA_INVALID]: ").next().unwrap();
    assert_eq!(drawn.trim_end(), judged.out.trim_end());
    assert!(drawn.contains(" --> bad.md:3:1"), "{drawn}");
    let last = refused.err.lines().last().unwrap();
    assert!(last.starts_with("error[PERSONA_INVALID]: ") && last.contains("block"), "{last}");
}

#[tokio::test]
async fn a_write_of_unknown_outcome_tells_how_to_learn_it() {
    let server = holding(&["a"]).await;
    let proxy = Proxy::before(server.address);
    std::fs::write(server.scratch().join("b.md"), document("b", "1")).unwrap();
    let file = server.scratch().join("b.md");
    for arguments in [&["put", file.to_str().unwrap()][..], &["delete", "a"]] {
        proxy.lose_answers(usize::MAX);
        let ended = run(beside(proxy.address(), arguments)).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
        let id = ended.err.split("--request-id ").nth(1).unwrap_or_else(|| panic!("{}", ended.err));
        let id = id.split(' ').next().unwrap();
        proxy.lose_answers(0);
        let again = run(beside(proxy.address(), &[arguments, &["--request-id", id]].concat())).await;
        assert_eq!(again.code, Some(0), "{}", again.err);
        assert!(again.out.ends_with(" already\n"), "{}", again.out);
    }
    assert_eq!(server.registry.head().0, 3, "each was done once");
}

#[tokio::test]
async fn status_tells_how_the_registry_stands() {
    let server = holding(&["a", "b"]).await;
    let ended = run(beside(server.address, &["status", "-o", "json"])).await;
    let status: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(status["store_id"], server.registry.store_id().to_string());
    assert_eq!((&status["revision"], &status["counts"]["personas"]), (&2.into(), &2.into()));
    let unknown = run(command(Path::new("/"), &["status", "--server", "ftp://x"])).await;
    assert_eq!(unknown.code, Some(2));
}

#[tokio::test]
async fn yaml_says_what_json_says() {
    let server = holding(&["a", "b"]).await;
    let odd = "---\nname: odd\ndescription: \"yes\"\nlevel: 0.5\n---\n\n# Odd  \r\n\u{2028} \n\n\n";
    std::fs::write(server.scratch().join("odd.md"), odd).unwrap();
    let file = server.scratch().join("odd.md");
    let file = file.to_str().unwrap();
    for arguments in [
        &["put", file, "--request-id", "one"][..],
        &["get", "odd"],
        &["get", "b"],
        &["list"],
        &["status"],
        &["delete", "a", "--request-id", "two"],
    ] {
        // The first attempt of a write differs from its repetitions.
        run(beside(server.address, arguments)).await;
        let json = run(beside(server.address, &[arguments, &["-o", "json"]].concat())).await;
        let yaml = run(beside(server.address, &[arguments, &["-o", "yaml"]].concat())).await;
        assert_eq!((json.code, yaml.code), (Some(0), Some(0)), "{arguments:?}: {} {}", json.err, yaml.err);
        let lines: Vec<serde_json::Value> =
            json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(yaml_documents(&yaml.out), lines, "{arguments:?}: {}", yaml.out);
        assert_eq!(yaml.out.lines().filter(|line| *line == "---").count(), lines.len() - 1, "{}", yaml.out);
    }
    let whole = run(beside(server.address, &["get", "odd", "-o", "yaml"])).await.out;
    assert!(whole.contains("\nname: odd\n") && whole.contains("\ndescription: \"yes\"\n"), "{whole}");
}

#[tokio::test]
async fn colours_are_for_people_who_want_them() {
    let server = holding(&["a"]).await;
    let coloured = async |arguments: &[&str], variable: &str| {
        let mut asked = beside(server.address, arguments);
        asked.env("NO_COLOR", variable);
        let ended = run(asked).await;
        (ended.out.contains('\u{1b}'), ended.err.contains('\u{1b}'))
    };
    let always = |arguments: &[&'static str]| [arguments, &["--color", "always"]].concat();
    for people in [&["list"][..], &["status"], &["config", "show"]] {
        assert_eq!(coloured(people, "").await, (false, false), "{people:?} into a pipe");
        assert_eq!(
            coloured(&always(people), "1").await,
            (true, false),
            "{people:?}: a flag goes before NO_COLOR"
        );
    }
    for machines in
        [&["list", "-o", "json"][..], &["list", "-o", "yaml"], &["status", "-o", "json"], &["get", "a"]]
    {
        assert_eq!(coloured(&always(machines), "").await, (false, false), "{machines:?}");
    }
    assert_eq!(coloured(&always(&["get", "b"]), "").await, (false, true));
    assert_eq!(coloured(&["get", "b", "--color", "never"], "").await, (false, false));
}
