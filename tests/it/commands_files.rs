//! `persona export` and `pull`: files that read back as what they are, and nothing lost that only lies here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use persona_registry::diagnostic::Diagnostic;
use persona_registry::document::Input;
use persona_registry::domain::{Dialect, DialectReason, Namespace};
use persona_registry::seed::{self, Source};
use persona_registry::validate::judge;
use persona_registry::wire;
use persona_registry::wire::pb::{self, persona_service_client::PersonaServiceClient};
use proptest::prelude::*;
use serde_json::Value;
use tonic::transport::Channel;

use crate::harness::{Server, bytes_of, delete, document, get, put};
use crate::program::{Ended, beside, run};

async fn ended(server: &Server, arguments: &[&str], code: i32) -> Ended {
    let mut command = beside(server.address, arguments);
    command.current_dir(server.scratch());
    let ended = run(command).await;
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
    ended
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All files below a folder, with what they hold.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(dir: &Path, below: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, below, all);
            } else {
                let inside = seed::slashed(path.strip_prefix(below).unwrap());
                all.insert(inside, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    collect(dir, dir, &mut all);
    all
}

#[tokio::test]
async fn an_export_is_byte_for_byte_and_of_one_moment() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(put("a", "one")).await.unwrap();
    client.put_persona(put("b", "one")).await.unwrap();
    client.put_persona(put("a", "two")).await.unwrap();
    ended(&server, &["alias", "set", "a", "production", "1"], 0).await;
    let told = ended(&server, &["export", "out"], 0).await;
    assert_eq!(told.out, "create   a.md  version 2\ncreate   b.md  version 1\n");
    assert_eq!(told.err, "2 personas of namespace default at revision 4 in out\n");
    let out = server.scratch().join("out");
    assert_eq!(
        files(&out),
        BTreeMap::from([
            ("a.md".to_owned(), document("a", "two")),
            ("b.md".to_owned(), document("b", "one"))
        ])
    );
    let told = ended(&server, &["export", "out"], 2).await.err;
    assert!(told.contains("out is not empty; `persona pull out` brings it up to date"), "{told}");
    std::fs::write(out.join("mine.txt"), "x").unwrap();
    ended(&server, &["export", "out", "--force", "--at", "1"], 0).await;
    assert_eq!(files(&out).get("a.md"), Some(&document("a", "one")));
    assert_eq!(files(&out).len(), 3, "what is not in the way stays");
    let told = ended(&server, &["export", "live", "--alias", "production", "-o", "json"], 0).await;
    assert_eq!((&lines(&told.out)[0]["path"], &lines(&told.out)[0]["version"]), (&"a.md".into(), &1.into()));
    assert_eq!(files(&server.scratch().join("live")).len(), 1);
    ended(&server, &["purge", "a", "--version", "1", "--yes"], 1).await;
    ended(&server, &["alias", "delete", "a", "production"], 0).await;
    ended(&server, &["purge", "a", "--version", "1", "--yes"], 0).await;
    let told = ended(&server, &["export", "past", "--at", "1"], 1).await;
    assert_eq!(told.out, "skip     a  version 1  version 1 was purged\n");
}

#[tokio::test]
async fn a_pull_updates_what_was_pulled_and_keeps_what_was_changed_here() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["changed", "edited", "gone", "moved", "both", "stale"] {
        client.put_persona(put(name, "one")).await.unwrap();
    }
    ended(&server, &["export", "out"], 0).await;
    let out = server.scratch().join("out");
    std::fs::create_dir(out.join("sub")).unwrap();
    std::fs::rename(out.join("moved.md"), out.join("sub/moved.md")).unwrap();
    for name in ["edited", "both", "stale"] {
        std::fs::write(out.join(format!("{name}.md")), document(name, "here")).unwrap();
    }
    std::fs::write(out.join("mine.md"), document("mine", "never applied")).unwrap();
    std::fs::write(out.join("notes.md"), "nobody's\n").unwrap();
    for name in ["changed", "moved", "both", "new"] {
        client.put_persona(put(name, "two")).await.unwrap();
    }
    for name in ["gone", "stale"] {
        client.delete_persona(delete(name)).await.unwrap();
    }
    let before = files(&out);
    let dry = ended(&server, &["pull", "out", "--dry-run"], 1).await;
    assert_eq!(files(&out), before);
    let told = ended(&server, &["pull", "out"], 1).await;
    assert_eq!(told.out, dry.out);
    let kept =
        "it holds what the registry does not have; `persona apply` brings it in, --force overwrites it";
    assert_eq!(
        told.out,
        format!(
            "keep     both.md  version 2  {kept}\nupdate   changed.md  version 2\nkeep     edited.md  version 1  {kept}\n\
             update   sub/moved.md  version 2\ncreate   new.md  version 1\ndelete   gone.md\nkeep     stale.md  {kept}\n"
        )
    );
    assert_eq!(
        told.err,
        "1 created, 2 updated, 1 deleted, 3 kept as they are here; namespace default at revision 12\n"
    );
    let now = files(&out);
    let names: Vec<_> = now.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["both.md", "changed.md", "edited.md", "mine.md", "new.md", "notes.md", "stale.md", "sub/moved.md"]
    );
    assert_eq!(now["both.md"], document("both", "here"));
    assert_eq!(now["sub/moved.md"], document("moved", "two"));
    ended(&server, &["pull", "out", "--force"], 0).await;
    let now = files(&out);
    assert_eq!(now["both.md"], document("both", "two"));
    assert!(!now.contains_key("stale.md") && now.contains_key("mine.md") && now.contains_key("notes.md"));
    let again = ended(&server, &["pull", "out"], 0).await;
    assert_eq!(
        (again.out.as_str(), again.err.as_str()),
        ("", "5 unchanged; namespace default at revision 12\n")
    );
    ended(&server, &["pull", "nowhere"], 2).await;
}

#[tokio::test]
async fn a_pull_takes_a_folder_that_was_applied_and_what_git_ignores_is_not_overwritten() {
    let server = Server::start().await;
    let out = server.scratch().join("team");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("first.md"), document("a", "one")).unwrap();
    ended(&server, &["apply", "team"], 0).await;
    let mut client = server.client().await;
    client.put_persona(put("a", "two")).await.unwrap();
    client.put_persona(put("b", "one")).await.unwrap();
    std::fs::write(out.join(".gitignore"), "b.md\n").unwrap();
    std::fs::write(out.join("b.md"), "precious\n").unwrap();
    let told = ended(&server, &["pull", "team"], 1).await;
    assert!(told.out.starts_with("update   first.md  version 2\nkeep     b.md  version 1  "), "{}", told.out);
    assert_eq!(std::fs::read(out.join("b.md")).unwrap(), b"precious\n");
    assert_eq!(std::fs::read(out.join("first.md")).unwrap(), document("a", "two"));
}

/// A document, as its author gave it and how.
#[derive(Debug, Clone)]
struct Given {
    name: String,
    dialect: Dialect,
    content: String,
}

fn given() -> impl Strategy<Value = Given> {
    let names = prop_oneof![
        "[a-c][a-z]{0,4}",
        Just("readme".to_owned()),
        Just("skill".to_owned()),
        Just("index".to_owned()),
        Just("system".to_owned()),
        Just("x.agent".to_owned()),
        Just("x".to_owned()),
        Just("x.md".to_owned()),
        Just("v1.2".to_owned()),
        Just("a_b-c.d".to_owned()),
        Just("copilot-instructions".to_owned()),
    ];
    let dialects = prop::sample::select(Dialect::ALL.to_vec());
    let keys = prop::sample::select(vec![
        "",
        "model: opus\n",
        "globs: x\n",
        "mode: ask\n",
        "max_turns: 3\n",
        "compatibility: x\n",
        "odd: ' x '\n",
    ]);
    let body = prop::collection::vec(
        prop::sample::select(vec![
            "# Head",
            "",
            "text  ",
            "## Identity",
            "```",
            "é 漢 🦀",
            "---",
            "\ttab",
            "## Identity",
            "- item",
        ]),
        0..8,
    );
    let newline = prop::sample::select(vec!["\n", "\r\n"]);
    (names, dialects, any::<(bool, bool, bool, bool)>(), keys, body, newline).prop_map(
        |(name, dialect, (bom, named, fenced, ended), keys, body, newline)| {
            let mut text = String::new();
            if fenced {
                let named = if named { format!("name: {name}\n") } else { String::new() };
                text.push_str(&format!("---\n{named}description: Does things.\n{keys}---\n"));
            }
            text.push_str("Words first.\n");
            text.push_str(&body.join("\n"));
            if ended {
                text.push('\n');
            }
            let text = text.replace('\n', newline);
            let content = if bom { format!("\u{feff}{text}") } else { text };
            Given { name, dialect, content }
        },
    )
}

/// Puts what can be put; how many that were.
async fn put_all(client: &mut PersonaServiceClient<Channel>, all: &[Given]) -> usize {
    let mut stored = 0;
    for given in all {
        let request = pb::PutPersonaRequest {
            name: given.name.clone(),
            content: given.content.clone().into(),
            dialect: wire::dialect(given.dialect).into(),
            ..Default::default()
        };
        stored += usize::from(client.put_persona(request).await.is_ok());
    }
    stored
}

/// Exports, and holds the files against the registry in every way in which they may come back.
async fn goes_round(server: &Server) {
    let mut client = server.client().await;
    let told = ended(server, &["export", "out", "-o", "json"], 0).await;
    let exported = lines(&told.out);
    let out = server.scratch().join("out");
    let now = files(&out);
    assert_eq!(now.len(), exported.len(), "a file a persona: {exported:?}");
    for line in &exported {
        let (name, path) = (line["name"].as_str().unwrap(), line["path"].as_str().unwrap());
        let persona = client.get_persona(get(name)).await.unwrap().into_inner().persona.unwrap();
        assert_eq!(now[path], bytes_of(&persona), "{name} at {path}");
    }
    let head = server.registry.head();
    let unchanged = |out: &str| lines(out).iter().filter(|line| line["action"] == "unchanged").count();
    let applied = ended(server, &["apply", "out", "-o", "json"], 0).await;
    assert_eq!(unchanged(&applied.out), exported.len(), "{}", applied.out);
    let pulled = ended(server, &["pull", "out", "-o", "json"], 0).await;
    assert_eq!(unchanged(&pulled.out), exported.len(), "{}", pulled.out);
    assert_eq!((server.registry.head(), files(&out)), (head, now));

    // Another registry that is fed by the folder serves the same.
    let source = Source { namespace: Namespace::default(), dir: out };
    let other = Server::start_with(|options| options.sources.push(source)).await;
    let mut others = other.client().await;
    for line in &exported {
        let name = line["name"].as_str().unwrap();
        let own = client.get_persona(get(name)).await.unwrap().into_inner().persona.unwrap();
        let seeded = others.get_persona(get(name)).await;
        let seeded = seeded.unwrap_or_else(|status| panic!("{line}: {status}")).into_inner().persona.unwrap();
        assert_eq!(bytes_of(&seeded), bytes_of(&own), "{line}");
        // No path says `persona` of a document whose keys say something else.
        if own.dialect() != pb::Dialect::Persona {
            assert_eq!(seeded.dialect, own.dialect, "{line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn pulled_and_applied_again_every_persona_is_unchanged(all in prop::collection::vec(given(), 30..60)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            let stored = put_all(&mut server.client().await, &all).await;
            assert!(stored >= 10, "most documents can be stored: {stored} of {}", all.len());
            goes_round(&server).await;
        });
    }
}

#[tokio::test]
async fn the_corpus_goes_round_too() {
    let Some(root) = std::env::var_os("PERSONA_CORPUS").map(PathBuf::from) else {
        eprintln!("PERSONA_CORPUS is not set: no corpus was read, and this test has shown nothing");
        return;
    };
    let mut all: BTreeMap<String, Given> = BTreeMap::new();
    for file in seed::walk(&root).files {
        let path = seed::slashed(file.strip_prefix(&root).unwrap());
        let Ok(content) = String::from_utf8(std::fs::read(&file).unwrap()) else { continue };
        let input = Input { content: content.as_bytes(), path: Some(&path), ..Input::default() };
        let judged = judge(&input);
        let storable = !judged.diagnostics.iter().any(Diagnostic::blocks_storing);
        let document = judged.document;
        if let (true, Some(name)) = (storable, document.name) {
            // As a put of the file: what the path tells goes along.
            let by_path = document.dialect_reason == DialectReason::Path;
            let dialect = document.derived.dialect;
            assert!(by_path || dialect != Dialect::Markdown);
            all.entry(name.to_string()).or_insert(Given { name: name.to_string(), dialect, content });
        }
    }
    let server = Server::start().await;
    let all: Vec<_> = all.into_values().collect();
    let stored = put_all(&mut server.client().await, &all).await;
    eprintln!("{stored} of {} documents stored", all.len());
    assert_eq!(stored, all.len());
    goes_round(&server).await;
}
