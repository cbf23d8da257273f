//! `persona apply` beside a real registry: the plan, the batches, lost races, sets and what they may delete.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Server, delete, document, put};
use crate::program::{Ended, beside, run};
use crate::proxy::Proxy;

/// A server, and a folder of its own to apply.
struct Bench {
    server: Server,
    folder: PathBuf,
}

impl Bench {
    async fn new() -> Self {
        let server = Server::start().await;
        let folder = server.scratch().join("team");
        std::fs::create_dir(&folder).unwrap();
        Self { server, folder }
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn persona(&self, name: &str, body: &str) {
        self.write(&format!("{name}.md"), document(name, body));
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.join(format!("{name}.md"))).unwrap();
    }

    /// Applies the folder, as it is called from beside it.
    async fn apply(&self, flags: &[&str], code: i32) -> Ended {
        self.run(&[&["apply", "team"], flags].concat(), code).await
    }

    async fn run(&self, arguments: &[&str], code: i32) -> Ended {
        let mut command = beside(self.server.address, arguments);
        command.current_dir(self.server.scratch());
        let ended = run(command).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
        ended
    }

    /// `action result name` of each line, sorted by name.
    async fn outcomes(&self, flags: &[&str], code: i32) -> Vec<String> {
        let ended = self.apply(&[flags, &["-o", "json"]].concat(), code).await;
        let lines = lines(&ended.out);
        let word = |line: &Value, key: &str| line[key].as_str().unwrap_or("?").to_owned();
        let told = |line: &Value| {
            format!("{} {} {}", word(line, "action"), word(line, "result"), word(line, "name"))
        };
        lines.iter().map(told).collect()
    }

    async fn live(&self) -> Vec<String> {
        let listed = self.run(&["list", "-o", "json"], 0).await;
        let told = |line: &Value| format!("{} {}", line["name"].as_str().unwrap(), line["version"]);
        lines(&listed.out).iter().map(told).collect()
    }
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_plan_is_shown_then_done_and_a_second_time_nothing_is_left() {
    let bench = Bench::new().await;
    bench.persona("a", "one");
    bench.persona("sub/ignored", "one");
    bench.write("README.md", "x");
    std::fs::rename(bench.folder.join("sub/ignored.md"), bench.folder.join("sub/b.md")).unwrap();
    bench.write("sub/b.md", document("b", "one"));
    let dry = bench.apply(&["--dry-run"], 0).await;
    assert_eq!(dry.out, "create   a  +7 -0  team/a.md\ncreate   b  +7 -0  team/sub/b.md\n");
    assert_eq!(dry.err, "this would be: 2 created; 1 passed over (README and the like)\n");
    assert_eq!(bench.server.registry.head().0, 0);
    let done = bench.apply(&["-m", "first"], 0).await;
    assert_eq!(done.out, dry.out, "the plan is the same for a look and for the deed");
    assert_eq!(done.err, "2 created; 1 passed over (README and the like)\n");
    assert_eq!(bench.server.registry.head().0, 1, "one batch, one revision");
    bench.persona("a", "two\nthree");
    let again = bench.apply(&[], 0).await;
    assert_eq!(again.out, "update   a  +2 -1  version 1  team/a.md\n");
    assert_eq!(again.err, "1 updated, 1 unchanged; 1 passed over (README and the like)\n");
    let still = bench.apply(&[], 0).await;
    assert_eq!((still.out.as_str(), bench.server.registry.head().0), ("", 2));
    let history = bench.run(&["history", "b", "-o", "json"], 0).await;
    assert_eq!(lines(&history.out)[0]["message"], "first");
    let line = &lines(&bench.apply(&["-o", "json"], 0).await.out)[0];
    assert_eq!(
        (&line["action"], &line["from_version"], &line["path"]),
        (&"unchanged".into(), &2.into(), &"team/a.md".into())
    );
}

#[tokio::test]
async fn a_bad_file_stops_no_other_unless_all_or_none_is_asked_for() {
    let bench = Bench::new().await;
    bench.persona("a", "one");
    bench.write("bad.md", "---\nname: bad\ntools: 7\n---\n# Bad\n\nx\n");
    let atomic = bench.apply(&["--atomic"], 1).await;
    assert!(atomic.err.contains("error: nothing was applied: 1 file cannot be taken"), "{}", atomic.err);
    assert!(bench.live().await.is_empty());
    let told = bench.apply(&[], 1).await;
    assert_eq!(
        told.out,
        "create   a    +7 -0  team/a.md\nrefused  bad  team/bad.md  1 finding blocks storing\n"
    );
    assert!(
        told.err.contains(" --> team/bad.md:") && told.err.ends_with("1 created, 1 refused\n"),
        "{}",
        told.err
    );
    assert_eq!(bench.live().await, ["a 1"]);
    let lost = bench.run(&["apply", "team", "nowhere.md"], 2).await;
    assert!(lost.err.contains("error: cannot read nowhere.md"), "{}", lost.err);
    let line = &lines(&bench.apply(&["-o", "json"], 1).await.out)[1];
    assert_eq!((&line["action"], &line["result"]), (&"refused".into(), &"refused".into()));
    assert_eq!(line["diagnostics"][0]["blocks_storing"], true);
}

#[tokio::test]
async fn a_document_over_the_limit_is_refused_before_it_is_sent() {
    let bench = Bench::new().await;
    bench.persona("a", "one");
    bench.persona("b", "one");
    bench.write("large.md", document("large", &"word ".repeat(60 * 1024)));
    let told = bench.apply(&[], 1).await;
    assert!(told.err.ends_with("2 created, 1 refused\n"), "{}", told.err);
    assert_eq!(bench.live().await, ["a 1", "b 1"]);
}

#[tokio::test]
async fn all_or_none_is_one_batch() {
    let bench = Bench::new().await;
    for number in 0..41 {
        bench.persona(&format!("p{number:02}"), "one");
    }
    let told = bench.apply(&["--atomic"], 2).await;
    assert!(
        told.err.contains("41 writes with 3 KiB of documents are more than one batch takes (40 and 640 KiB)"),
        "{}",
        told.err
    );
    assert_eq!(bench.server.registry.head().0, 0);
    bench.apply(&[], 0).await;
    assert_eq!(bench.server.registry.head().0, 2, "two batches");
    for number in 0..40 {
        bench.persona(&format!("p{number:02}"), "two");
    }
    bench.apply(&["--atomic"], 0).await;
    assert_eq!(bench.server.registry.head().0, 3);
    // Documents of 200 KiB: three of them are more than 640 KiB with a fourth.
    for name in ["p00", "p01", "p02", "p03"] {
        bench.persona(name, &"word ".repeat(40 * 1024));
    }
    assert!(bench.apply(&["--atomic"], 2).await.err.contains("4 writes with 801 KiB"));
    bench.apply(&[], 0).await;
    assert_eq!(bench.server.registry.head().0, 5);
}

#[tokio::test]
async fn files_are_read_as_folders_are_seeded_and_a_copy_takes_no_name_away() {
    let bench = Bench::new().await;
    bench.write("rules/brief.mdc", "Be brief.\n");
    bench.write("pdf/SKILL.md", "---\nname: pdf\ndescription: Reads.\n---\n# Pdf\n\nx\n");
    bench.apply(&[], 0).await;
    let listed = lines(&bench.run(&["list", "-o", "json"], 0).await.out);
    let told: Vec<_> =
        listed.iter().map(|one| (one["name"].as_str().unwrap(), one["dialect"].as_str().unwrap())).collect();
    assert_eq!(told, [("brief", "cursor"), ("pdf", "skill")]);
    bench.persona("a", "one");
    bench.apply(&[], 0).await;
    std::fs::copy(bench.folder.join("a.md"), bench.folder.join("a-new.md")).unwrap();
    bench.write("a-new.md", document("a", "draft"));
    let told = bench.apply(&[], 1).await;
    assert_eq!(told.out, "refused  a  team/a-new.md  team/a.md has the same name, a; rename one of them\n");
    assert_eq!(
        bench.outcomes(&[], 1).await,
        ["refused refused a", "unchanged none a", "unchanged none pdf", "unchanged none brief"]
    );
}

#[tokio::test]
async fn a_set_deletes_what_it_brought_and_nobody_changed() {
    let bench = Bench::new().await;
    let mut client = bench.server.client().await;
    client.put_persona(put("foreign", "one")).await.unwrap();
    for name in ["kept", "gone", "changed", "renewed"] {
        bench.persona(name, "one");
    }
    let set = ["--set", "team", "--prune"];
    bench.apply(&set, 0).await;
    client.put_persona(put("changed", "by hand")).await.unwrap();
    client.delete_persona(delete("renewed")).await.unwrap();
    client.put_persona(put("renewed", "by hand")).await.unwrap();
    bench.run(&["alias", "set", "gone", "production", "1"], 0).await;
    for name in ["gone", "changed", "renewed"] {
        bench.remove(name);
    }
    let before = bench.server.registry.head();
    let dry = bench.apply(&[&set[..], &["--dry-run"]].concat(), 0).await;
    assert_eq!(
        dry.out,
        "delete   gone     version 1  production with it\n\
         keep     changed  version 2  set team brought version 1, and anonymous changed it since\n"
    );
    assert_eq!(bench.server.registry.head(), before);
    let other = bench.apply(&["--set", "other", "--prune"], 0).await;
    assert_eq!(other.out, "", "another set has brought none of them");
    // From a machine that never saw the files: the registry remembers.
    let done = bench.apply(&set, 0).await;
    assert_eq!(done.err, "1 deleted, 1 unchanged, 1 kept without a file\n");
    assert_eq!(bench.live().await, ["changed 2", "foreign 1", "kept 1", "renewed 2"]);
    let history = lines(&bench.run(&["history", "gone", "-o", "json"], 0).await.out);
    assert_eq!((&history[0]["type"], &history[0]["message"]), (&"deletion".into(), &"[set: team]".into()));
}

#[tokio::test]
async fn nothing_is_pruned_by_a_folder_that_does_not_tell() {
    let bench = Bench::new().await;
    let set = ["--set", "team", "--prune"];
    for name in ["a", "b"] {
        bench.persona(name, "one");
    }
    bench.apply(&set, 0).await;
    bench.remove("a");
    bench.write("odd.md", "no front matter, and so no name that could be trusted\n");
    bench.write("odd/index.md", "---\nname: 漢\n---\n");
    std::fs::remove_file(bench.folder.join("odd.md")).unwrap();
    let told = bench.apply(&set, 1).await;
    assert!(
        told.err.contains("warning: nothing is pruned: team/odd/index.md may be any of them"),
        "{}",
        told.err
    );
    std::fs::remove_file(bench.folder.join("odd/index.md")).unwrap();
    // A refused file that says whose it is holds its persona.
    bench.write("a.md", "---\nname: a\n---\n# A\n\nx\n");
    assert_eq!(bench.outcomes(&set, 1).await, ["refused refused a", "unchanged none b"]);
    bench.remove("a");
    bench.remove("b");
    let told = bench.apply(&set, 1).await;
    assert!(told.err.contains("warning: nothing is pruned: no persona file was found"), "{}", told.err);
    std::fs::remove_dir_all(&bench.folder).unwrap();
    let told = bench.apply(&set, 2).await;
    assert!(told.err.contains("warning: nothing is pruned: team cannot be read"), "{}", told.err);
    assert_eq!(bench.live().await, ["a 1", "b 1"]);
}

#[tokio::test]
async fn a_reader_that_has_enough_undoes_nothing() {
    let bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.persona(name, "one");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = beside(bench.server.address, &["apply", "team"]);
    command.current_dir(bench.server.scratch()).stdout(writer).stderr(std::process::Stdio::null());
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(bench.live().await, ["a 1", "b 1"]);
}

#[tokio::test]
async fn usage_that_makes_no_sense_is_told_before_anything_is_done() {
    let bench = Bench::new().await;
    bench.persona("a", "one");
    bench.apply(&["--prune"], 2).await;
    let told = bench.run(&["apply", "team/a.md", "--set", "x", "--prune"], 2).await;
    assert!(told.err.contains("--prune goes by what is missing from folders"), "{}", told.err);
    let long = "x".repeat(1020);
    assert!(bench.apply(&["-m", &long, "--set", "x"], 2).await.err.contains("at most 1024"));
    assert_eq!(bench.server.registry.head().0, 0);
}

#[tokio::test]
async fn a_lost_race_is_told_and_the_rest_goes_on() {
    let bench = Bench::new().await;
    for name in ["a", "b", "c"] {
        bench.persona(name, "one");
    }
    bench.apply(&["--set", "team"], 0).await;
    for name in ["a", "b", "new"] {
        bench.persona(name, "two");
    }
    bench.remove("c");
    // What the plan sees is on its way while somebody else is faster.
    let proxy = Proxy::before(bench.server.address);
    proxy.hold(true);
    let mut command = beside(proxy.address(), &["apply", "team", "--set", "team", "--prune", "-o", "json"]);
    command.current_dir(bench.server.scratch());
    let running = tokio::spawn(run(command));
    proxy.until(|state| state.answered > 0).await;
    let mut client = bench.server.client().await;
    for name in ["a", "c", "new"] {
        client.put_persona(put(name, "by hand")).await.unwrap();
    }
    proxy.hold(false);
    let ended = running.await.unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let told =
        |line: &Value| format!("{} {} {}", line["action"], line["result"], line["name"]).replace('"', "");
    let told: Vec<_> = lines(&ended.out).iter().map(told).collect();
    assert_eq!(told, ["update lost a", "update done b", "create lost new", "delete lost c"]);
    assert!(
        ended.err.contains("warning: a was changed after the plan was made, and is left as it is: "),
        "{}",
        ended.err
    );
    assert!(ended.err.ends_with("1 updated, 3 changed meanwhile\n"), "{}", ended.err);
    assert_eq!(bench.live().await, ["a 2", "b 2", "c 2", "new 1"]);
    // All or none: the same race takes all of them back.
    bench.persona("b", "three");
    bench.persona("d", "one");
    proxy.hold(true);
    let mut command = beside(proxy.address(), &["apply", "team", "--atomic"]);
    command.current_dir(bench.server.scratch());
    let before = proxy.seen().answered;
    let running = tokio::spawn(run(command));
    proxy.until(|state| state.answered > before).await;
    client.put_persona(put("b", "by hand")).await.unwrap();
    proxy.hold(false);
    let ended = running.await.unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(
        ended.err.contains("error[ETAG_MISMATCH]: ") && ended.err.contains("help: nothing was applied"),
        "{}",
        ended.err
    );
    assert_eq!(bench.live().await, ["a 2", "b 3", "c 2", "new 1"]);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice() {
    let bench = Bench::new().await;
    bench.persona("a", "one");
    let proxy = Proxy::before(bench.server.address);
    // The listing's answer comes on the second try, and so does the batch's.
    let apply = |flags: &[&str]| {
        let mut command = beside(proxy.address(), &[&["apply", "team"], flags].concat());
        command.current_dir(bench.server.scratch());
        run(command)
    };
    proxy.lose_answers(2);
    let ended = apply(&[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "1 created\n"));
    assert_eq!(bench.server.registry.head().0, 1);
    proxy.lose_answers(usize::MAX);
    let ended = apply(&[]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.err);
}
