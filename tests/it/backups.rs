//! A snapshot taken over the wire while writes go on is the store at one revision; a store made of it goes on as another history.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use persona_registry::domain::{Caller, Namespace, Persona, Revision, View};
use persona_registry::registry::{
    Entry, Freshness, History, List, ListAliases, Options, Registry, Selection, check, check_backup, restore,
};
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;
use tonic::transport::Channel;

use crate::crash_content::{caller, run};
use crate::harness::{PATIENCE, Server, delete, get, put, refused, soon};
use crate::journal_commits::Dice;

/// Takes a backup into a file; answers the revision that it was begun at.
async fn take(server: &Server, path: &Path) -> u64 {
    let mut stream = server.admin().await.backup_store(pb::BackupStoreRequest {}).await.unwrap().into_inner();
    let (mut bytes, mut begun) = (Vec::new(), None);
    while let Some(message) = soon(stream.message()).await.unwrap() {
        assert!(message.chunk.len() <= 256 * 1024);
        assert_eq!(message.header.is_some(), begun.is_none(), "the header comes first and once");
        begun = begun.or(message.header.map(|header| header.revision));
        bytes.extend_from_slice(&message.chunk);
    }
    fs::write(path, bytes).unwrap();
    begun.unwrap() as u64
}

/// Everything that can be read as of a revision; none: now.
#[derive(Debug, PartialEq)]
struct Whole {
    personas: Vec<Persona>,
    aliases: Vec<String>,
    histories: Vec<Vec<String>>,
}

async fn whole(registry: &Registry, at: Option<Revision>) -> Whole {
    let freshness = Freshness { store_id: at.map(|_| registry.store_id()), min: Revision(0), at };
    let (mut personas, mut page_token) = (Vec::new(), String::new());
    loop {
        let list =
            List { selection: Selection::default(), page_size: 100, page_token, view: View::Full, freshness };
        let page = registry.list(&caller(), list, |persona, _| persona.content.len()).await.unwrap();
        personas.extend(page.personas);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let (namespace, page_token) = (None, String::new());
    let list = ListAliases { namespace, name: None, page_size: 500, page_token, freshness };
    let aliases = registry.list_aliases(&caller(), list).await.unwrap().aliases;
    let mut histories = Vec::new();
    for persona in &personas {
        let (namespace, name) = (persona.namespace.clone(), persona.name.clone());
        let history = History { namespace, name, page_size: 500, page_token: String::new(), freshness };
        let page = registry.history(&caller(), history).await.unwrap();
        let entries = page.entries.iter().map(|entry| match &entry.entry {
            Entry::Version(persona) => format!("{persona:?} {:?}", entry.aliases),
            Entry::Deletion(tombstone) => format!("{tombstone:?}"),
        });
        histories.push(entries.collect());
    }
    Whole { personas, aliases: aliases.iter().map(|moved| format!("{moved:?}")).collect(), histories }
}

fn options(dir: &Path) -> Options {
    let mut options = Options::new(dir.to_owned());
    options.min_free_bytes = 0;
    options.store.cache_bytes = 16 << 20;
    options.journal.reserve_bytes = 64 << 10;
    options
}

/// Writes of all kinds until told to stop.
async fn write(server: &Server, writer: u64, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<usize> {
    let mut client = server.client().await;
    tokio::spawn(async move {
        let (mut dice, mut writes) = (Dice(writer), 0);
        while !stop.load(Ordering::Relaxed) {
            let name = format!("p{}", dice.below(40));
            let done = match dice.below(8) {
                0 => client.delete_persona(delete(&name)).await.map(drop),
                1 => {
                    let request = pb::SetPersonaAliasRequest {
                        name: name.clone(),
                        alias: "production".to_owned(),
                        version: 1,
                        ..Default::default()
                    };
                    client.set_persona_alias(request).await.map(drop)
                }
                _ => {
                    let text = format!("{:016x} ", dice.roll()).repeat(1 + dice.below(200));
                    client.put_persona(put(&name, &text)).await.map(drop)
                }
            };
            if let Err(status) = done {
                assert!(matches!(status.code(), Code::NotFound | Code::Aborted), "{status:?}");
            }
            writes += 1;
        }
        writes
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_writes_go_on_is_the_store_at_one_revision() {
    let server = Server::start_with(|options| {
        options.registry.journal.segment_bytes = 64 << 10;
        // Snapshots of the registry's own come in between.
        options.registry.snapshot_bytes = 256 << 10;
        options.registry.checkpoint_interval = std::time::Duration::ZERO;
    })
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers = [write(&server, 1, Arc::clone(&stop)).await, write(&server, 2, Arc::clone(&stop)).await];
    let (mut taken, mut behind) = (Vec::new(), 0);
    // As often as it takes until a write came in between a backup's beginning and its end.
    while taken.len() < 6 || (behind == 0 && taken.len() < 60) {
        let path = server.scratch().join(format!("{}.backup", taken.len()));
        soon(server.registry.follow_head().wait_for(|head| head.0 > 300 * taken.len() as u64)).await.unwrap();
        // One of the registry's own may be under way.
        let begun = match server.admin().await.backup_store(pb::BackupStoreRequest {}).await {
            Err(status) => {
                refused::<()>(Err(status), Code::ResourceExhausted, ErrorReason::Overloaded);
                continue;
            }
            Ok(given_up) => {
                drop(given_up);
                loop {
                    let mut admin = server.admin().await;
                    let Ok(stream) = admin.backup_store(pb::BackupStoreRequest {}).await else { continue };
                    break into(stream.into_inner(), &path).await;
                }
            }
        };
        let facts = check_backup(&path).unwrap();
        assert!(facts.revision.0 >= begun && facts.store_id == server.registry.store_id());
        behind += usize::from(facts.revision.0 > begun);
        taken.push((path, facts.revision));
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 100);
    }
    assert!(behind > 0, "writes went on meanwhile");
    for (path, revision) in &taken {
        let dir = path.with_extension("data");
        let restored = restore(path, &options(&dir)).unwrap();
        assert_ne!(restored.store_id, server.registry.store_id());
        let (registry, report) = Registry::open(options(&dir)).unwrap();
        assert!(report.rebuilt.is_none() && registry.head() == *revision, "{report:?}");
        let (found, expected) =
            (whole(&registry, None).await, whole(&server.registry, Some(*revision)).await);
        assert!(found.personas == expected.personas && found.aliases == expected.aliases, "{path:?}");
        assert_eq!(found.histories, expected.histories);
        registry.close().await;
        drop(registry);
        let checked = check(&options(&dir), false).unwrap();
        assert!(checked.findings.is_empty() && checked.documents > 0, "{checked:?}");
    }
}

async fn into(mut stream: tonic::Streaming<pb::BackupStoreResponse>, path: &Path) -> u64 {
    let (mut bytes, mut begun) = (Vec::new(), 0);
    while let Some(message) = soon(stream.message()).await.unwrap() {
        begun += message.header.map_or(0, |header| header.revision as u64);
        bytes.extend_from_slice(&message.chunk);
    }
    fs::write(path, bytes).unwrap();
    begun
}

/// A server with some megabytes that do not shrink, and a backup of it that nobody reads.
async fn stalled(server: &Server) -> tonic::Streaming<pb::BackupStoreResponse> {
    let mut client = server.client().await;
    let mut dice = Dice(9);
    for n in 0..60 {
        let text: String = (0..8_000).map(|_| format!("{:016x}", dice.roll())).collect();
        client.put_persona(put(&format!("p{n}"), &text)).await.unwrap();
    }
    let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut admin = pb::admin_service_client::AdminServiceClient::new(endpoint.connect().await.unwrap());
    admin.backup_store(pb::BackupStoreRequest {}).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_backup_is_taken_at_a_time_and_a_stalled_one_delays_no_write_and_ends() {
    let server =
        Server::start_with(|options| options.stall_limit = std::time::Duration::from_millis(500)).await;
    let stream = stalled(&server).await;
    let mut admin = server.admin().await;
    let again = admin.backup_store(pb::BackupStoreRequest {}).await;
    refused(again.map(drop), Code::ResourceExhausted, ErrorReason::Overloaded);
    soon(server.client().await.put_persona(put("meanwhile", "x"))).await.unwrap();
    // Cut off for taking nothing, it makes room.
    let next = async {
        loop {
            match admin.backup_store(pb::BackupStoreRequest {}).await {
                Ok(stream) => break stream.into_inner(),
                Err(status) => {
                    drop(refused::<()>(Err(status), Code::ResourceExhausted, ErrorReason::Overloaded))
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let path = server.scratch().join("next.backup");
    into(soon(next).await, &path).await;
    assert_eq!(check_backup(&path).unwrap().revision.0, 61);
    drop(stream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_does_not_wait_for_a_backup_which_is_given_up() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(put("leaky", "secret")).await.unwrap();
    client.put_persona(put("leaky", "clean")).await.unwrap();
    let mut stream = stalled(&server).await;
    let purge = pb::PurgePersonaVersionRequest { name: "leaky".to_owned(), version: 1, ..Default::default() };
    soon(client.purge_persona_version(purge)).await.unwrap();
    let end = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("half a snapshot ends well"),
                Err(status) => break status,
            }
        }
    };
    refused::<()>(Err(soon(end).await), Code::ResourceExhausted, ErrorReason::Overloaded);
    let path = server.scratch().join("next.backup");
    take(&server, &path).await;
    assert!(check_backup(&path).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_ends_when_the_server_does() {
    let mut server = Server::start().await;
    let mut stream = stalled(&server).await;
    server.begin_stop();
    let end = async { while let Ok(Some(_)) = stream.message().await {} };
    soon(end).await;
    tokio::time::timeout(PATIENCE, server.stop()).await.unwrap();
}

/// Everything under a directory, by path and length.
fn listing(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_damaged_backup_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (backup, target) = (dir.path().join("a.backup"), dir.path().join("new"));
    run(async {
        let server = Server::start().await;
        let mut client = server.client().await;
        for n in 0..30 {
            client.put_persona(put(&format!("p{}", n % 5), &"word ".repeat(n))).await.unwrap();
        }
        take(&server, &backup).await;
        server.stop().await;
    });
    let whole = fs::read(&backup).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&backup, bytes).unwrap();
        let error = restore(&backup, &options(&target)).unwrap_err().to_string();
        assert!(error.contains("a.backup"), "{what}: {error}");
        assert!(!target.exists(), "{what}");
    };
    for at in (0..whole.len()).step_by(whole.len() / 200 + 1) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        refused(&bytes, &format!("a bit at {at}"));
        refused(&whole[..at], &format!("cut at {at}"));
    }
    refused(&[&whole[..], b"x"].concat(), "something behind it");
    refused(b"", "empty");
    let mut newer = whole.clone();
    newer[8] = 9;
    let crc = crc32c::crc32c(&newer[..68]).to_le_bytes();
    newer[68..72].copy_from_slice(&crc);
    fs::write(&backup, &newer).unwrap();
    let error = restore(&backup, &options(&target)).unwrap_err().to_string();
    assert!(error.contains("newer version"), "{error}");
    // What is there is never written over.
    fs::write(&backup, &whole).unwrap();
    fs::create_dir(&target).unwrap();
    fs::write(target.join("thesis.txt"), "years of work").unwrap();
    let error = restore(&backup, &options(&target)).unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
    assert_eq!(listing(&target), [target.join("thesis.txt")]);
    fs::remove_file(target.join("thesis.txt")).unwrap();
    restore(&backup, &options(&target)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_is_another_history_and_its_numbers_go_on() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let token =
        client.list_personas(pb::ListPersonasRequest::default()).await.unwrap().into_inner().resume_token;
    client.put_persona(put("a", "1")).await.unwrap();
    let with_id = pb::PutPersonaRequest { request_id: "once".to_owned(), ..put("a", "2") };
    client.put_persona(with_id.clone()).await.unwrap();
    let path = server.scratch().join("a.backup");
    assert_eq!(take(&server, &path).await, 2);
    let mut stopped = server.stop().await;
    stopped.options.registry.data_dir = path.with_extension("data");
    let restored = restore(&path, &stopped.options.registry).unwrap();
    assert_eq!((restored.versions, restored.backup.revision), (2, Revision(2)));
    let server = stopped.start().await.unwrap();
    let mut client = server.client().await;
    let start = Some(pb::watch_personas_request::Start::ResumeToken(token));
    let watch = client.watch_personas(pb::WatchPersonasRequest { start, ..Default::default() }).await;
    refused(watch.map(drop), Code::FailedPrecondition, ErrorReason::StoreMismatch);
    assert!(client.put_persona(with_id).await.unwrap().into_inner().replayed, "request ids are kept");
    let done = client.put_persona(put("a", "3")).await.unwrap().into_inner();
    assert_eq!((done.version, done.revision), (3, 3));
    let server = server.restart().await;
    let persona = server.client().await.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(persona.version, 3);
    let of_other = Freshness { store_id: Some(restored.backup.store_id), min: Revision(1), at: None };
    let list = ListAliases {
        namespace: Some(Namespace::default()),
        name: None,
        page_size: 1,
        page_token: String::new(),
        freshness: of_other,
    };
    assert!(server.registry.list_aliases(&Caller::internal("a", "b"), list).await.is_err());
}
