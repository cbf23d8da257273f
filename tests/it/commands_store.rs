//! The commands that look after a store as a whole, as processes: backup, restore-store, check, compact, serve --read-only.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Server, document, put};
use crate::program::{Ended, Program, beside, command, run};

/// Runs a command in a folder and reads its one line of JSON.
async fn json(folder: &Path, arguments: &[&str]) -> Value {
    let ended = ends(folder, arguments, 0).await;
    assert_eq!(ended.out.lines().count(), 1, "{}", ended.out);
    serde_json::from_str(&ended.out).unwrap()
}

async fn ends(folder: &Path, arguments: &[&str], code: i32) -> Ended {
    let ended = run(command(folder, arguments)).await;
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
    ended
}

/// A stopped store of some versions below `data` of this folder, and a backup of it.
async fn backed_up(folder: &Path) -> Value {
    let data = folder.join("data");
    let server = Server::start_with(|options| options.registry.data_dir = data).await;
    let mut client = server.client().await;
    for n in 0..30 {
        client
            .put_persona(put(&format!("p{}", n % 3), &format!("{n} {}", "word ".repeat(50))))
            .await
            .unwrap();
    }
    let file = folder.join("a.backup");
    let ended = run(beside(server.address, &["backup", file.to_str().unwrap(), "-o", "json"])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!folder.join("a.backup.part").exists());
    // Into a pipe it is the same but for its time.
    let piped = beside(server.address, &["backup", "-"]).output().unwrap();
    assert_eq!(piped.stdout.len(), fs::metadata(&file).unwrap().len() as usize);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["bytes"], fs::metadata(&file).unwrap().len());
    assert_eq!(
        (&told["revision"], &told["store_id"]),
        (&30.into(), &server.registry.store_id().to_string().into())
    );
    server.stop().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_backed_up_made_anew_elsewhere_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let backup = backed_up(folder).await;
    let restored = json(folder, &["restore-store", "a.backup", "--data-dir", "new", "-o", "json"]).await;
    assert_eq!((&restored["revision"], &restored["versions"]), (&30.into(), &30.into()));
    assert_ne!(restored["store_id"], backup["store_id"]);
    assert_eq!(restored["backup"]["store_id"], backup["store_id"]);
    let again = ends(folder, &["restore-store", "a.backup", "--data-dir", "new"], 2).await;
    assert!(again.err.contains("is not empty"), "{}", again.err);
    let checked = json(folder, &["check", "--data-dir", "new", "-o", "json"]).await;
    assert_eq!(
        (&checked["documents"], &checked["snapshots"], &checked["records"]),
        (&30.into(), &1.into(), &0.into())
    );
    assert_eq!(checked["findings"], Value::Array(Vec::new()));

    let mut server = Program::start(command(
        folder,
        &["serve", "--data-dir", "new", "--listen", "127.0.0.1:0", "--min-free", "1"],
    ));
    let line = server.out.next().await;
    let address = line.strip_prefix("listening on ").unwrap();
    let got = run(beside(address, &["get", "p2"])).await;
    assert_eq!(got.out.as_bytes(), document("p2", &format!("29 {}", "word ".repeat(50))));
    let held = ends(folder, &["check", "--data-dir", "new"], 2).await;
    assert!(held.err.contains("in use by another registry"), "{}", held.err);
    server.signal("-TERM");
    assert_eq!(server.end().await.code, Some(0));

    // Damaged, it is refused, and nothing is there that could be taken for a store.
    let mut bytes = fs::read(folder.join("a.backup")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(folder.join("a.backup"), bytes).unwrap();
    let refused = ends(folder, &["restore-store", "a.backup", "--data-dir", "other"], 2).await;
    assert!(refused.err.contains("a.backup is no backup that can be used"), "{}", refused.err);
    assert!(!folder.join("other").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_cannot_be_taken_leaves_the_last_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.backup");
    fs::write(&file, "the last one").unwrap();
    let nobody = beside("http://127.0.0.1:9", &["backup", file.to_str().unwrap()]);
    assert_eq!(run(nobody).await.code, Some(2));
    assert_eq!(fs::read_to_string(&file).unwrap(), "the last one");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let server = Server::start().await;
    let nowhere = run(beside(server.address, &["backup", "/nowhere/a.backup"])).await;
    assert!(
        nowhere.code == Some(2) && nowhere.err.contains("cannot write /nowhere/a.backup"),
        "{}",
        nowhere.err
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_finds_what_is_damaged_and_makes_the_view_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    backed_up(folder).await;
    let sound = ends(folder, &["check", "--data-dir", "data"], 0).await;
    assert!(
        sound.out.contains("read 30 journal records, 0 snapshots, 30 documents")
            && sound.out.contains("sound")
    );
    fs::remove_dir_all(folder.join("data/view-1")).unwrap();
    let found = ends(folder, &["check", "--data-dir", "data"], 1).await;
    assert!(found.out.contains("view: it is not there") && found.err.contains("--rebuild"), "{found:?}");
    let told = json(folder, &["check", "--data-dir", "data", "--rebuild", "-o", "json"]).await;
    assert_eq!((&told["rebuilt"], &told["findings"][0]["part"]), (&true.into(), &"view".into()));
    ends(folder, &["check", "--data-dir", "data"], 0).await;
    let journal = folder.join("data/journal/journal-00000000000000000001.log");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[200] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let found = ends(folder, &["check", "--data-dir", "data", "-o", "json"], 1).await;
    let told: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(told["findings"][0]["part"], "journal");
    let none = ends(folder, &["check", "--data-dir", "nowhere"], 2).await;
    assert!(none.err.contains("holds no registry's data"), "{}", none.err);
    assert!(!folder.join("nowhere").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compact_leaves_what_can_be_read_and_less_of_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = folder.join("data");
    let server = Server::start_with(|options| {
        options.registry.data_dir = data.clone();
        // As the command has it.
        options.registry.journal.reserve_bytes = 4 << 20;
        // Nothing is pruned before the command does.
        options.registry.tick = std::time::Duration::from_secs(3600);
    })
    .await;
    let mut client = server.client().await;
    for n in 0..70 {
        client.put_persona(put("a", &format!("{n}"))).await.unwrap();
    }
    server.registry.compact(&crate::crash_content::caller(), None).await.unwrap();
    server.stop().await;
    let told = json(folder, &["compact", "--data-dir", "data", "-o", "json"]).await;
    assert_eq!((&told["revision"], &told["floor"]), (&70.into(), &70.into()));
    assert!(told["bytes_after"].as_u64() < told["bytes_before"].as_u64(), "{told}");
    let checked = json(folder, &["check", "--data-dir", "data", "-o", "json"]).await;
    assert_eq!((&checked["documents"], &checked["records"]), (&50.into(), &0.into()), "{checked}");
    let again = ends(folder, &["compact", "--data-dir", "data"], 0).await;
    assert!(again.out.contains(" before, ") && again.out.ends_with(" now\n"), "{}", again.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_registry_says_so_and_takes_nothing_in() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    backed_up(folder).await;
    fs::create_dir(folder.join("team")).unwrap();
    fs::write(folder.join("team/new.md"), document("new", "1")).unwrap();
    let arguments =
        ["serve", "--read-only", "--personas", "team", "--data-dir", "data", "--listen", "127.0.0.1:0"];
    let mut serve =
        command(folder, &[&arguments[..], &["--min-free", "1", "--log-format", "pretty"]].concat());
    serve.env("RUST_LOG", "off");
    let mut server = Program::start(serve);
    let line = server.out.next().await;
    let address = line.strip_prefix("listening on ").unwrap();
    let screen = server.err.until("grpcurl").await.join("\n");
    assert!(screen.contains("takes no writes") && screen.contains("new.md"), "{screen}");
    let status = run(beside(address, &["status", "-o", "json"])).await;
    let told: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(told["write_state"], "read_only");
    let written = run(beside(address, &["put", folder.join("team/new.md").to_str().unwrap()])).await;
    assert!(
        written.code == Some(2) && written.err.starts_with("error[REGISTRY_READ_ONLY]"),
        "{}",
        written.err
    );
    let refused = run(beside(address, &["refused", "-o", "json"])).await;
    assert!(refused.out.contains("new.md") && refused.out.contains("not_written"), "{}", refused.out);
    assert_eq!(run(beside(address, &["get", "new"])).await.code, Some(1));
    assert_eq!(run(beside(address, &["get", "p1"])).await.code, Some(0), "reads go on");
    let backup = folder.join("b.backup");
    assert_eq!(
        run(beside(address, &["backup", backup.to_str().unwrap()])).await.code,
        Some(0),
        "and backups"
    );
    server.signal("-TERM");
    assert_eq!(server.end().await.code, Some(0));
}
