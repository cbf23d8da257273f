//! The audit log under crashes: every acknowledged write has exactly one record, however the process or the disk ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use persona_registry::registry::{Options, check};
use persona_registry::wire::pb::get_status_response::WriteState;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};
use serde_json::Value;
use tonic::Code;
use tonic::transport::Channel;

use crate::audit_chain::{by_hand, each_once, files};
use crate::crash_full::{Disk, on, until_state};
use crate::faulty::copy;
use crate::harness::{PATIENCE, Server, put, refused, soon};
use crate::journal_commits::Dice;

struct Process(Child);

impl Process {
    async fn start(dir: &Path) -> (Self, PersonaServiceClient<Channel>) {
        let arguments =
            ["serve", "--listen", "127.0.0.1:0", "--cache", "16", "--min-free", "1", "--checkpoint", "0"];
        let mut command = crate::program::command(dir, &arguments);
        command
            .args(["--snapshot-after", "0", "--segment-bytes", "16384", "--data-dir"])
            .arg(dir.join("data"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("it starts").to_owned();
        let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        (Self(child), PersonaServiceClient::new(endpoint.connect().await.unwrap()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn sound(data: &Path) -> (Vec<Value>, String) {
    let mut options = Options::new(data.to_owned());
    options.store.cache_bytes = 16 << 20;
    let checked = check(&options, false).unwrap();
    assert_eq!(checked.findings, []);
    let store_id = checked.store_id.unwrap().to_string();
    (by_hand(data, &store_id), store_id)
}

/// The revision and digest of every put that is recorded.
fn puts(lines: &[Value]) -> BTreeMap<i64, String> {
    let puts = lines.iter().filter(|line| line["action"] == "put");
    let all: Vec<_> = puts
        .map(|line| (line["revision"].as_i64().unwrap(), line["after"].as_str().unwrap().to_owned()))
        .collect();
    let count = all.len();
    let map: BTreeMap<_, _> = all.into_iter().collect();
    assert_eq!(map.len(), count, "each once");
    map
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_every_acknowledged_write_has_exactly_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(21);
    let mut acknowledged = Vec::new();
    for round in 0..8 {
        let (process, client) = Process::start(dir.path()).await;
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let mut client = client.clone();
            writers.spawn(async move {
                let mut done = Vec::new();
                for n in 0.. {
                    let request = put(&format!("p{}", (writer + n) % 7), &format!("{round} {writer} {n}"));
                    match client.put_persona(request).await {
                        Ok(answer) => {
                            let answer = answer.into_inner();
                            done.push((answer.revision, answer.digest));
                        }
                        Err(_) => break,
                    }
                }
                done
            });
        }
        tokio::time::sleep(Duration::from_millis(20 + dice.roll() % 150)).await;
        drop(process);
        acknowledged.extend(soon(writers.join_all()).await.into_iter().flatten());
        // What a power cut may take: the lines that were not synced, and half of one.
        if round % 2 == 1 {
            let newest = files(&dir.path().join("data")).pop().unwrap();
            let bytes = fs::read(&newest).unwrap();
            let keep = bytes.len() - dice.below(bytes.len().min(1500));
            if bytes[..keep].contains(&b'\n') {
                fs::write(&newest, &bytes[..keep]).unwrap();
            }
        }
    }
    let (process, _) = Process::start(dir.path()).await;
    drop(process);
    let (lines, _) = sound(&dir.path().join("data"));
    let commits = each_once(&lines);
    assert_eq!(commits, (1..=commits.len() as u64).collect::<Vec<_>>(), "no commit lacks its record");
    let recorded = puts(&lines);
    assert!(!acknowledged.is_empty());
    for (revision, digest) in acknowledged {
        assert_eq!(recorded.get(&revision), Some(&digest), "revision {revision}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_cut_leaves_nothing_unrecorded() {
    let server = Server::start_with(|options| {
        options.registry.journal.segment_bytes = 8 << 10;
        options.registry.journal.reserve_bytes = 4 << 10;
        options.registry.snapshot_bytes = 0;
        options.registry.checkpoint_interval = Duration::ZERO;
    })
    .await;
    let mut client = server.client().await;
    for n in 0..60 {
        client.put_persona(put(&format!("p{}", n % 5), &n.to_string())).await.unwrap();
    }
    let journal = server.data_dir().join("journal/journal-00000000000000000001.log");
    soon(async {
        while journal.exists() {
            client.put_persona(put("more", &format!("{:?}", std::time::Instant::now()))).await.unwrap();
        }
    })
    .await;
    // As a process that is killed leaves it.
    let dir = tempfile::tempdir().unwrap();
    copy(&server.data_dir(), &dir.path().join("data"));
    drop(server.stop().await);
    let data = dir.path().join("data");
    let server = Server::start_with(|options| options.registry.data_dir = data.clone()).await;
    let _kept = server.stop().await;
    let (lines, _) = sound(&data);
    let commits = each_once(&lines);
    assert_eq!(commits, (1..=commits.len() as u64).collect::<Vec<_>>());
    assert!(lines.iter().all(|line| line["action"] != "log.lost"));
}

/// A log that knows more than the journal: what a power cut leaves of relaxed durability.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_the_journal_lost_are_told_and_their_numbers_recorded_anew() {
    let server = Server::start_with(|options| {
        options.registry.journal.durability = persona_registry::journal::Durability::Relaxed;
    })
    .await;
    let mut client = server.client().await;
    for n in 0..5 {
        client.put_persona(put("a", &n.to_string())).await.unwrap();
    }
    let stopped = server.stop().await;
    let (data, before) = (stopped.data_dir(), tempfile::tempdir().unwrap());
    copy(&data, before.path());
    let server = stopped.start().await.unwrap();
    let mut client = server.client().await;
    for n in 5..9 {
        client.put_persona(put("a", &n.to_string())).await.unwrap();
    }
    let stopped = server.stop().await;
    for entry in fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("audit") {
            fs::remove_dir_all(&entry).unwrap();
            copy(&before.path().join(entry.file_name().unwrap()), &entry);
        }
    }
    fs::copy(before.path().join("CHECKPOINT"), data.join("CHECKPOINT")).unwrap();
    let server = stopped.start().await.unwrap();
    server.client().await.put_persona(put("a", "another")).await.unwrap();
    let _kept = server.stop().await;
    let (lines, _) = sound(&data);
    let commits: Vec<_> = lines.iter().filter_map(|line| line["commit"].as_u64()).collect();
    assert_eq!(commits, [1, 2, 3, 4, 5, 6, 7, 8, 9, 6]);
    let lost = lines.iter().find(|line| line["action"] == "log.lost").unwrap();
    assert!(
        lost["through"] == 5 && lost["detail"].as_str().unwrap().starts_with("commits 6 to 9 "),
        "{lost}"
    );
}

/// Lines that were taken away, of commits that the journal has let go of: that cannot be made good, and is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_are_nowhere_any_more_are_told_and_found() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for n in 0..20 {
        client.put_persona(put("a", &n.to_string())).await.unwrap();
    }
    let purge = pb::PurgePersonaVersionRequest { name: "a".to_owned(), version: 1, ..Default::default() };
    client.purge_persona_version(purge).await.unwrap();
    let stopped = server.stop().await;
    let data = stopped.data_dir();
    let path = files(&data).remove(0);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.lines().take(7).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let server = stopped.start().await.unwrap();
    server.client().await.put_persona(put("a", "later")).await.unwrap();
    let _kept = server.stop().await;
    let mut options = Options::new(data.clone());
    options.store.cache_bytes = 16 << 20;
    let found = check(&options, false).unwrap().findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].problem.contains("commits 6 to 21 are in no record"), "{found:?}");
}

/// The journal has its room ahead, and so it is the audit log that meets the end of the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_room_refuses_writes_and_lacks_nothing_once_there_is_room() {
    let Some(disk) = Disk::mount(40) else { return };
    let change = on(&disk);
    let server = Server::start_with(|options| {
        change(options);
        options.registry.min_free_bytes = 0;
    })
    .await;
    let mut client = server.client().await;
    client.put_persona(put("a", "first")).await.unwrap();
    disk.fill(0);
    let mut written = 1;
    let refusal = loop {
        match client.put_persona(put("a", &format!("{written}"))).await {
            Ok(_) => written += 1,
            Err(status) => break status,
        }
        assert!(written < 5000, "the log grows without room");
    };
    refused(Err::<(), _>(refusal), Code::ResourceExhausted, ErrorReason::StoreFull);
    until_state(&server, WriteState::Full).await;
    disk.empty();
    until_state(&server, WriteState::Writable).await;
    let last = client.put_persona(put("a", "last")).await.unwrap().into_inner().revision;
    let data = server.data_dir();
    let _kept = server.stop().await;
    let (lines, _) = sound(&data);
    assert_eq!(puts(&lines).len() as i64, last);
    assert_eq!(each_once(&lines), (1..=last as u64).collect::<Vec<_>>());
    println!("{written} written before the log had no room");
}

/// A log that cannot be written for another reason takes the writes with it until a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_stops_writes_and_a_restart_makes_good() {
    let server = Server::start_with(|options| options.registry.audit.segment_bytes = 2000).await;
    let mut client = server.client().await;
    client.put_persona(put("a", "0")).await.unwrap();
    // The next file cannot be made: there is something in its place.
    let audit = server.data_dir().join("audit");
    for seq in 2..40 {
        let name = format!("audit-{seq:020}.jsonl");
        if !audit.join(&name).exists() {
            fs::create_dir(audit.join(name)).unwrap();
        }
    }
    let mut written = 1;
    let refusal = tokio::time::timeout(PATIENCE, async {
        loop {
            match client.put_persona(put("a", &format!("{written}"))).await {
                Ok(_) => written += 1,
                Err(status) => break status,
            }
        }
    });
    let refusal = refusal.await.unwrap();
    refused(Err::<(), _>(refusal), Code::FailedPrecondition, ErrorReason::RegistryReadOnly);
    let (data, stopped) = (server.data_dir(), server.stop().await);
    for seq in 2..40 {
        drop(fs::remove_dir(audit.join(format!("audit-{seq:020}.jsonl"))));
    }
    let server = stopped.start().await.unwrap();
    let mut client = server.client().await;
    let last = client.put_persona(pb::PutPersonaRequest { ..put("a", "last") }).await.unwrap().into_inner();
    assert_eq!(last.version, written + 1);
    let _kept = server.stop().await;
    let (lines, _) = sound(&data);
    assert_eq!(each_once(&lines), (1..=written as u64 + 1).collect::<Vec<_>>());
}
