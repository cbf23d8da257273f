//! The audit log's files: the chain over rotation and retention, whatever is changed in it found, and what a start does
//! with an end that is torn or a middle that is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use persona_registry::audit::verify;
use persona_registry::registry::{Checked, Options, check, restore};
use persona_registry::wire::pb;
use persona_registry::wire::pb::audit_record::Action;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::audit::log;
use crate::harness::{Server, Stopped, delete, put};
use crate::journal_commits::Dice;
use crate::program::{command, run};

/// The log's files, oldest first.
pub fn files(data: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(data.join("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All lines, held against the drawing in docs/audit.md by hand.
pub fn by_hand(data: &Path, store_id: &str) -> Vec<Value> {
    let (mut lines, mut last) = (Vec::new(), None);
    for path in files(data) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n'));
        for (at, line) in text.lines().enumerate() {
            let record: Value = serde_json::from_str(line).unwrap();
            assert!(line.starts_with(&format!("{{\"hash\":{},\"prev\":{}", record["hash"], record["prev"])));
            assert_eq!(record["hash"], hex(&Sha256::digest(&line.as_bytes()[75..])));
            let expected = last.unwrap_or_else(|| match record["seq"].as_u64() {
                Some(1) => hex(&Sha256::digest(store_id.as_bytes())).into(),
                _ => record["prev"].clone(),
            });
            assert_eq!(record["prev"], expected, "{name} line {}", at + 1);
            if at == 0 {
                assert_eq!(name, format!("audit-{:020}.jsonl", record["seq"].as_u64().unwrap()));
            }
            last = Some(record["hash"].clone());
            lines.push(record);
        }
    }
    assert!(
        lines.windows(2).all(|pair| pair[0]["seq"].as_u64().unwrap() + 1 == pair[1]["seq"].as_u64().unwrap())
    );
    lines
}

/// How often each commit was recorded: once, and all of them.
pub fn each_once(lines: &[Value]) -> Vec<u64> {
    let mut places: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((line["commit"].as_u64()?, line["part"].as_u64().unwrap_or(1))))
        .collect();
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
    places.into_iter().filter(|(_, part)| *part == 1).map(|(commit, _)| commit).collect()
}

/// A stopped store with 40 commits and some more records, in files of about this many bytes.
async fn stopped(segment_bytes: u64, max_bytes: u64) -> (Stopped, String) {
    let server = Server::start_with(|options| {
        options.registry.audit.segment_bytes = segment_bytes;
        options.registry.audit.max_bytes = max_bytes;
    })
    .await;
    let mut client = server.client().await;
    for n in 0..38 {
        client.put_persona(put(&format!("p{}", n % 5), &n.to_string())).await.unwrap();
    }
    client.delete_persona(delete("p1")).await.unwrap();
    client.delete_persona(delete("p1")).await.unwrap_err();
    client.put_persona(put("p1", "again")).await.unwrap();
    let store_id = server.registry.store_id().to_string();
    (server.stop().await, store_id)
}

fn options(data: &Path) -> Options {
    let mut options = Options::new(data.to_owned());
    options.store.cache_bytes = 16 << 20;
    options
}

fn checked(data: &Path) -> Checked {
    check(&options(data), false).unwrap()
}

fn problems(checked: &Checked) -> Vec<String> {
    checked.findings.iter().map(|found| format!("{}: {}", found.part, found.problem)).collect()
}

#[tokio::test]
async fn the_chain_goes_on_over_files_and_restarts_and_holds_by_hand() {
    let (stopped, store_id) = stopped(4000, 0).await;
    let data = stopped.data_dir();
    assert!(files(&data).len() > 3);
    let server = stopped.start().await.unwrap();
    server.client().await.put_persona(put("later", "1")).await.unwrap();
    let _kept = server.stop().await;
    let lines = by_hand(&data, &store_id);
    assert_eq!(each_once(&lines), (1..=41).collect::<Vec<_>>());
    let checked = checked(&data);
    assert_eq!(problems(&checked), Vec::<String>::new());
    let audit = checked.audit.unwrap();
    let last = lines.last().unwrap();
    assert_eq!(audit.head, Some((last["seq"].as_u64().unwrap(), last["hash"].as_str().unwrap().to_owned())));
    assert_eq!((audit.records, audit.behind), (lines.len() as u64, 0));
    #[cfg(unix)]
    for path in files(&data) {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn the_oldest_files_go_with_a_record_of_it_and_what_is_kept_verifies() {
    let (stopped, store_id) = stopped(2000, 6000).await;
    let data = stopped.data_dir();
    let total: u64 = files(&data).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(total < 8000, "{total}");
    let lines = by_hand(&data, &store_id);
    assert!(lines[0]["seq"].as_u64().unwrap() > 1);
    let removed: Vec<_> = lines.iter().filter(|line| line["action"] == "log.removed").collect();
    assert!(removed.iter().any(|line| line["last_hash"] == lines[0]["prev"]), "{removed:?}");
    assert_eq!(problems(&checked(&data)), Vec::<String>::new());
    // What somebody else took away is missed.
    fs::remove_file(&files(&data)[0]).unwrap();
    let found = problems(&checked(&data));
    assert!(found.iter().any(|found| found.contains("the records before it are gone")), "{found:?}");
}

#[tokio::test]
async fn one_byte_changed_anywhere_is_found_and_named() {
    let (stopped, _) = stopped(4000, 0).await;
    let (data, files) = (stopped.data_dir(), files(&stopped.data_dir()));
    let store_id = checked(&data).store_id.unwrap();
    let mut dice = Dice(11);
    for round in 0..400 {
        let path = &files[dice.below(files.len())];
        let sound = fs::read(path).unwrap();
        let (at, flip) = (dice.below(sound.len()), 1 + dice.below(255) as u8);
        let mut bytes = sound.clone();
        bytes[at] ^= flip;
        fs::write(path, &bytes).unwrap();
        let found = verify(&data.join("audit"), store_id, 1).unwrap().unwrap().findings;
        let line = sound[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let name = path.file_name().unwrap().to_string_lossy();
        let named = |(file, problem): &(String, String)| {
            *file == name && problem.starts_with(&format!("line {line}, record "))
        };
        assert!(found.iter().any(named), "round {round}: byte {at} of {name}, line {line}: {found:?}");
        fs::write(path, sound).unwrap();
    }
    // And the command says so.
    let path = &files[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[200] ^= 1;
    fs::write(path, bytes).unwrap();
    let ended = run(command(data.parent().unwrap(), &["check", "--data-dir", "data"])).await;
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let name = path.file_name().unwrap().to_string_lossy();
    assert!(ended.out.contains(&format!("audit/{name}: line 1, record ")), "{}", ended.out);
    assert!(ended.out.contains("does not match its hash"), "{}", ended.out);
}

#[tokio::test]
async fn a_line_taken_out_swapped_or_put_in_is_found() {
    let (stopped, _) = stopped(1 << 20, 0).await;
    let data = stopped.data_dir();
    let store_id = checked(&data).store_id.unwrap();
    let path = &files(&data)[0];
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let of = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let (mut out, mut swapped, mut twice) = (lines.clone(), lines.clone(), lines.clone());
    out.remove(10);
    swapped.swap(10, 11);
    twice.insert(10, lines[9]);
    for (what, changed) in
        [("taken out", out), ("swapped", swapped), ("twice", twice), ("none", lines[1..].to_vec())]
    {
        fs::write(path, of(&changed)).unwrap();
        let found = verify(&data.join("audit"), store_id, 1).unwrap().unwrap().findings;
        assert!(!found.is_empty(), "{what}");
    }
    // A log whose newest lines are gone is a chain; the journal tells.
    fs::write(path, of(&lines[..20])).unwrap();
    let checked = checked(&data);
    assert!(problems(&checked).is_empty() && checked.audit.unwrap().behind > 20);
}

#[tokio::test]
async fn an_end_that_is_torn_anywhere_is_cut_and_recorded_again() {
    let (stopped, store_id) = stopped(1 << 20, 0).await;
    let data = stopped.data_dir();
    let sound = fs::read(&files(&data)[0]).unwrap();
    let originals = by_hand(&data, &store_id);
    let mut dice = Dice(3);
    let mut stopped = stopped;
    for round in 0..10 {
        // Within the last lines, now and then exactly between two; or zeros where they were.
        let keep = sound.len() - 1 - dice.below(2500);
        let mut bytes = sound[..keep].to_vec();
        if round % 3 == 1 {
            bytes.extend(std::iter::repeat_n(0, dice.below(700)));
            bytes.push(b'\n');
        }
        for path in files(&data) {
            fs::remove_file(path).unwrap();
        }
        fs::write(data.join("audit/audit-00000000000000000001.jsonl"), &bytes).unwrap();
        let again = stopped.again();
        let server = stopped.start().await.unwrap();
        server.stop().await;
        let lines = by_hand(&data, &store_id);
        assert_eq!(each_once(&lines), (1..=40).collect::<Vec<_>>(), "round {round}");
        assert_eq!(problems(&checked(&data)), Vec::<String>::new(), "round {round}");
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1) == Some(bytes.len());
        let cut = lines.iter().filter(|line| line["action"] == "log.cut").count();
        assert_eq!(cut, usize::from(!whole || round % 3 == 1), "round {round}");
        // What is recorded again says what it said the first time.
        let facts = |line: &Value| {
            let mut line = line.clone();
            for key in ["hash", "prev", "seq", "time"] {
                line.as_object_mut().unwrap().remove(key);
            }
            line
        };
        let of_commits = |lines: &[Value]| {
            lines.iter().filter(|line| line["commit"].is_u64()).map(facts).collect::<Vec<_>>()
        };
        assert_eq!(of_commits(&lines), of_commits(&originals), "round {round}");
        stopped = again;
    }
}

#[tokio::test]
async fn a_file_that_was_begun_and_has_no_whole_record_is_taken_away() {
    let (mut stopped, store_id) = stopped(1 << 20, 0).await;
    let data = stopped.data_dir();
    for begun in ["", "{\"hash\":\"0123", "\0\0\0\0\n"] {
        let again = stopped.again();
        let next = by_hand(&data, &store_id).len() + 1;
        let path = data.join(format!("audit/audit-{next:020}.jsonl"));
        fs::write(&path, begun).unwrap();
        let _kept = stopped.start().await.unwrap().stop().await;
        assert!(!path.exists());
        let lines = by_hand(&data, &store_id);
        let told = lines[next - 1]["action"] == "log.cut";
        assert_eq!(told, !begun.is_empty(), "{begun:?}");
        assert_eq!(problems(&checked(&data)), Vec::<String>::new());
        stopped = again;
    }
}

#[tokio::test]
async fn a_damaged_middle_stays_as_it_is_and_the_log_says_so_and_goes_on() {
    let (stopped, store_id) = stopped(1 << 20, 0).await;
    let data = stopped.data_dir();
    let path = files(&data)[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    let starts: Vec<_> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    bytes[starts[9] + 300] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let server = stopped.start().await.unwrap();
    server.client().await.put_persona(put("later", "1")).await.unwrap();
    let told = log(&server).await;
    let broken =
        told.iter().find(|record| record.action() == Action::LogBroken && record.sequence > 0).unwrap();
    assert!(
        broken.what == "audit-00000000000000000001.jsonl" && broken.detail.starts_with("line 11 "),
        "{broken:?}"
    );
    assert!(told.iter().any(|record| record.sequence == 0), "the line itself is told of too");
    let _kept = server.stop().await;
    assert_eq!(fs::read(&path).unwrap(), bytes, "it is evidence");
    let lines: Vec<Value> = files(&data)
        .iter()
        .flat_map(|path| fs::read_to_string(path).unwrap().lines().map(ToOwned::to_owned).collect::<Vec<_>>())
        .enumerate()
        .filter(|(at, _)| *at != 10)
        .map(|(_, line)| serde_json::from_str(&line).unwrap())
        .collect();
    assert_eq!(each_once(&lines), (1..=41).collect::<Vec<_>>(), "the one that was damaged is recorded again");
    let found = problems(&checked(&data));
    let expected = ["audit/audit-00000000000000000001.jsonl: line 11, record 11: ", "goes on behind damage"];
    assert!(
        found.len() == 2 && found[0].starts_with(expected[0]) && found[1].contains(expected[1]),
        "{found:?}"
    );
    assert!(!store_id.is_empty());
}

#[tokio::test]
async fn a_store_without_a_log_begins_one_where_it_is() {
    let (stopped, _) = stopped(1 << 20, 0).await;
    let data = stopped.data_dir();
    fs::remove_dir_all(data.join("audit")).unwrap();
    assert_eq!(checked(&data).audit, None);
    let server = stopped.start().await.unwrap();
    let first = log(&server).await.remove(0);
    assert_eq!((first.action(), first.revision), (Action::LogBegun, 40));
    assert!(first.detail.contains("revision 40"), "{first:?}");
    server.client().await.put_persona(put("later", "1")).await.unwrap();
    let _kept = server.stop().await;
    assert_eq!(problems(&checked(&data)), Vec::<String>::new());
}

#[tokio::test]
async fn a_restored_store_begins_a_log_that_names_its_backup() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for n in 0..3 {
        client.put_persona(put("a", &n.to_string())).await.unwrap();
    }
    let mut stream = server.admin().await.backup_store(pb::BackupStoreRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        bytes.extend_from_slice(&message.chunk);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.backup"), bytes).unwrap();
    let data = dir.path().join("new");
    let restored = restore(&dir.path().join("a.backup"), &options(&data)).unwrap();
    let lines = by_hand(&data, &restored.store_id.to_string());
    let detail = lines[0]["detail"].as_str().unwrap();
    assert_eq!((lines.len(), &lines[0]["action"]), (1, &"log.begun".into()));
    assert!(detail.contains("at revision 3") && detail.contains(&server.registry.store_id().to_string()));
    assert_eq!(problems(&checked(&data)), Vec::<String>::new());
    let stop = run(command(dir.path(), &["compact", "--data-dir", "new"])).await;
    assert_eq!(stop.code, Some(0), "{}", stop.err);
    assert_eq!(by_hand(&data, &restored.store_id.to_string())[0], lines[0], "compacting leaves it alone");
}
