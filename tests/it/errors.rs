//! Every reason of the public enum, provoked, against the table of `docs/errors.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use persona_registry::edge::{self, Edge, Gate};
use persona_registry::grpc::status::at_edge;
use persona_registry::metrics::Calls;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Service as _, service_fn};

use crate::aliases::set;
use crate::batches::{batch, puts};
use crate::faulty::{Disk, Mood};
use crate::harness::{Server, get, put, reason, soon};
use crate::raw;

/// A row of the table: the code, and the sets of metadata keys that may come.
type Row = (String, Vec<BTreeSet<String>>);

/// The table of the page, by reason.
fn table() -> BTreeMap<String, Row> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [reason, code, when, keys, remedy] = cells[..] else { panic!("{line}") };
        assert!(!when.is_empty() && !remedy.is_empty(), "{line}");
        let keys = keys.split(" or ").map(|set| {
            let keys = set.split(", ").filter(|key| *key != "–");
            keys.map(|key| key.trim_matches('`').to_owned()).collect()
        });
        let row = (code.to_owned(), keys.collect());
        assert!(
            rows.insert(reason.trim_matches('`').to_owned(), row).is_none(),
            "{reason} stands there twice"
        );
    }
    rows
}

/// A gate that lets everybody in.
pub fn open() -> Gate {
    Gate::new(None, edge::Limits::default(), std::sync::Arc::new(|_| {}))
}

/// The words of the enum, without the value that is not used.
fn words() -> BTreeSet<String> {
    let all = (1..1000).filter_map(|number| ErrorReason::try_from(number).ok());
    all.map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned()).collect()
}

#[test]
fn errors_each_reason_has_a_row_and_no_row_is_without() {
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), words());
}

/// `INVALID_ARGUMENT` for [`Code::InvalidArgument`].
fn code_word(code: Code) -> String {
    let mut word = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(letter.to_uppercase());
    }
    word
}

#[tokio::test]
async fn errors_are_as_the_table_says() {
    let table = table();
    let mut provoked = BTreeSet::new();
    let mut statuses = Vec::new();
    let server = Server::start().await;
    statuses.extend(by_requests(&mut server.client().await).await);
    statuses.extend(by_tokens_and_revisions(&server).await);
    statuses.extend(by_history(&server).await);
    statuses.extend(by_bytes(&server).await);
    statuses.extend(by_a_stop(server).await);
    statuses.extend(by_limits_of_the_server().await);
    statuses.extend(by_a_broken_disk().await);
    statuses.extend(by_callers().await);
    statuses.push(by_damage().await);
    statuses.push(by_a_panic().await);
    for status in statuses {
        let word = reason(&status).as_str_name().trim_start_matches("ERROR_REASON_").to_owned();
        let (code, keys) = &table[&word];
        assert_eq!(&code_word(status.code()), code, "{status:?}");
        let details = status.get_error_details();
        let found = details.error_info().unwrap().metadata.keys().cloned().collect();
        assert!(keys.contains(&found), "{word}: {found:?}");
        assert_eq!(details.retry_info().is_some(), status.code() == Code::ResourceExhausted);
        let fields =
            matches!(&*word, "NAME_INVALID" | "ARGUMENT_INVALID" | "PERSONA_INVALID" | "FILTER_INVALID");
        assert_eq!(details.bad_request().is_some(), fields, "{status:?}");
        assert!(!status.message().is_empty());
        provoked.insert(word);
    }
    assert_eq!(provoked, words(), "each reason is provoked here");
}

/// What single requests get wrong.
async fn by_requests(client: &mut PersonaServiceClient<Channel>) -> Vec<Status> {
    let first = client.put_persona(put("a", "1")).await.unwrap().into_inner();
    let used = |body| pb::PutPersonaRequest { request_id: "id".to_owned(), ..put("a", body) };
    client.put_persona(used("2")).await.unwrap();
    let body = "word ".repeat(50 * 1024);
    let large: Vec<String> = (0..13).map(|number| format!("large{number}")).collect();
    for name in &large {
        client.put_persona(put(name, &body)).await.unwrap();
    }
    let mut statuses = Vec::new();
    for request in [
        pb::PutPersonaRequest { name: "No Name".to_owned(), ..put("a", "3") },
        pb::PutPersonaRequest { message: "m".repeat(2000), ..put("a", "3") },
        pb::PutPersonaRequest { content: "---\nname: a\n---\n".into(), ..Default::default() },
        put("a", &"x".repeat(256 * 1024)),
        used("3"),
        pb::PutPersonaRequest { create_only: true, ..put("a", "3") },
        pb::PutPersonaRequest { etag: first.etag, ..put("a", "3") },
    ] {
        statuses.push(client.put_persona(request).await.unwrap_err());
    }
    let selector = Some(pb::get_persona_request::Selector::Version(9));
    for request in [get("nobody"), pb::GetPersonaRequest { selector, ..get("a") }] {
        statuses.push(client.get_persona(request).await.unwrap_err());
    }
    for names in [vec!["nobody".to_owned()], large] {
        let batch = pb::BatchGetPersonasRequest { names, ..Default::default() };
        statuses.push(client.batch_get_personas(batch).await.unwrap_err());
    }
    let message = pb::ValidatePersonaRequest { content: vec![0; 5 << 20].into(), ..Default::default() };
    statuses.push(client.validate_persona(message).await.unwrap_err());
    statuses
}

async fn by_tokens_and_revisions(server: &Server) -> Vec<Status> {
    let mut client = server.client().await;
    let list = pb::ListPersonasRequest { page_token: "nonsense".to_owned(), ..Default::default() };
    let start = Some(pb::watch_personas_request::Start::ResumeToken("nonsense".to_owned()));
    let watch = pb::WatchPersonasRequest { start, ..Default::default() };
    let options =
        |store_id: String| Some(pb::ReadOptions { store_id, min_revision: 1_000_000, at_revision: 0 });
    let future =
        pb::GetPersonaRequest { read_options: options(server.registry.store_id().to_string()), ..get("a") };
    let foreign = pb::GetPersonaRequest { read_options: options("0".repeat(32)), ..get("a") };
    vec![
        client.list_personas(list).await.unwrap_err(),
        client.watch_personas(watch).await.map(|_| ()).unwrap_err(),
        client.get_persona(future).await.unwrap_err(),
        client.get_persona(foreign).await.unwrap_err(),
    ]
}

/// What aliases, versions, sections and the floor refuse.
async fn by_history(server: &Server) -> Vec<Status> {
    let (mut client, mut admin) = (server.client().await, server.admin().await);
    for body in ["1", "2", "3"] {
        client.put_persona(put("history", body)).await.unwrap();
    }
    client.set_persona_alias(set("history", "canary", 2)).await.unwrap();
    let at_alias = Some(pb::get_persona_request::Selector::Alias("production".to_owned()));
    let no_alias = pb::GetPersonaRequest { selector: at_alias, ..get("history") };
    let no_aliases = pb::BatchGetPersonasRequest {
        names: vec!["history".to_owned()],
        alias: "production".to_owned(),
        ..Default::default()
    };
    let no_section = pb::GetPersonaRequest { sections: vec!["nowhere".to_owned()], ..get("history") };
    let moved = pb::SetPersonaAliasRequest { expected_version: Some(1), ..set("history", "canary", 3) };
    let purge = |version| pb::PurgePersonaVersionRequest {
        name: "history".to_owned(),
        version,
        ..Default::default()
    };
    let filter = pb::ListPersonasRequest { filter: "(".repeat(5000), ..Default::default() };
    let body = "word ".repeat(48 * 1024);
    let large = batch(["x", "y", "z"].map(|name| puts(name, &body)).into());
    admin.compact_history(pb::CompactHistoryRequest::default()).await.unwrap();
    let store_id = server.registry.store_id().to_string();
    let read_options = Some(pb::ReadOptions { store_id, min_revision: 0, at_revision: 1 });
    let compacted = pb::GetPersonaRequest { read_options, ..get("history") };
    vec![
        client.get_persona(no_alias).await.unwrap_err(),
        client.batch_get_personas(no_aliases).await.unwrap_err(),
        client.get_persona(no_section).await.unwrap_err(),
        client.set_persona_alias(moved).await.unwrap_err(),
        client.purge_persona_version(purge(2)).await.unwrap_err(),
        client.purge_persona_version(purge(3)).await.unwrap_err(),
        client.list_personas(filter).await.unwrap_err(),
        client.batch_write_personas(large).await.unwrap_err(),
        client.get_persona(compacted).await.unwrap_err(),
    ]
}

/// What no generated client sends.
async fn by_bytes(server: &Server) -> Vec<Status> {
    let address = server.address;
    let unknown = raw::call(address, "/persona.registry.v1.PersonaService/Guess", &[], Bytes::new()).await;
    let malformed = raw::call(address, raw::GET, &[], raw::framed(0, b"\xff\xff\xff")).await;
    let packed = raw::call(address, raw::GET, &[("grpc-encoding", b"gzip")], raw::framed(1, b"x")).await;
    let watch = pb::WatchPersonasRequest::default();
    let late = raw::send(address, raw::WATCH, &[("grpc-timeout", b"1m")], &watch).await;
    [unknown, malformed, packed, late].iter().map(|answer| answer.result().unwrap_err()).collect()
}

async fn by_a_stop(server: Server) -> Option<Status> {
    let mut client = server.client().await;
    let mut stream = client.watch_personas(pb::WatchPersonasRequest::default()).await.unwrap().into_inner();
    soon(stream.message()).await.unwrap().unwrap();
    let reading = async move {
        loop {
            if let Err(status) = soon(stream.message()).await {
                return Some(status);
            }
        }
    };
    let (status, _stopped) = tokio::join!(reading, server.stop());
    status
}

async fn by_limits_of_the_server() -> Vec<Status> {
    let full = Server::start_with(|options| options.registry.min_free_bytes = u64::MAX).await;
    let full = full.client().await.put_persona(put("a", "1")).await.unwrap_err();

    let few = Server::start_with(|options| options.registry.watch_streams = 1).await;
    let mut client = few.client().await;
    let watch = pb::WatchPersonasRequest::default();
    let _first = client.watch_personas(watch.clone()).await.unwrap();
    let crowded = client.watch_personas(watch).await.map(|_| ()).unwrap_err();

    let mut disk = None;
    let slow = Server::start_with(|options| {
        disk = Some(Disk::of(options));
        options.registry.queue = 1;
    })
    .await;
    let disk = disk.unwrap();
    disk.set(Mood::Hold);
    let mut writers = tokio::task::JoinSet::new();
    // One is being written, one may wait; the first answer is that of one too many.
    for number in 0..3 {
        let mut client = slow.client().await;
        writers.spawn(async move { client.put_persona(put(&format!("p{number}"), "1")).await });
    }
    let overloaded = soon(writers.join_next()).await.unwrap().unwrap().unwrap_err();
    disk.set(Mood::Well);
    soon(writers.join_all()).await;
    vec![full, crowded, overloaded]
}

async fn by_a_broken_disk() -> Vec<Status> {
    let mut disk = None;
    let server = Server::start_with(|options| disk = Some(Disk::of(options))).await;
    disk.unwrap().set(Mood::FailSync);
    let mut client = server.client().await;
    let unknown = client.put_persona(put("a", "1")).await.unwrap_err();
    vec![unknown, client.put_persona(put("a", "1")).await.unwrap_err()]
}

/// A document damaged in the view, and a journal that cannot be read to mend it; other documents are not affected.
async fn by_damage() -> Status {
    let mut disk = None;
    let server = Server::start_with(|options| {
        disk = Some(Disk::of(options));
        options.registry.heal_pause = std::time::Duration::ZERO;
    })
    .await;
    let disk = disk.unwrap();
    let mut client = server.client().await;
    for name in ["damaged", "sound"] {
        client.put_persona(put(name, "1")).await.unwrap();
    }
    drop(client);
    let stopped = server.stop().await;
    let path = stopped.data_dir().join("view-1");
    let view = soon(async {
        loop {
            // A program that another test starts holds the lock too, until it has become that program.
            match sled::Config::new().path(&path).segment_size(8 << 20).open() {
                Err(error) if error.to_string().contains("could not acquire lock") => {
                    tokio::task::yield_now().await;
                }
                opened => break opened.unwrap(),
            }
        }
    })
    .await;
    let documents = view.open_tree("documents").unwrap();
    let (key, value) = documents.first().unwrap().unwrap();
    let mut value = value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    documents.insert(key, value).unwrap();
    view.flush().unwrap();
    drop((documents, view));
    let server = stopped.start().await.unwrap();
    let mut client = server.client().await;
    disk.set(Mood::FailRead);
    let status = client.get_persona(get("damaged")).await.unwrap_err();
    assert!(client.get_persona(get("sound")).await.is_ok());
    disk.set(Mood::Well);
    assert!(client.get_persona(get("damaged")).await.is_ok(), "it is mended once the journal can be read");
    status
}

/// Who is not let in, may not, or asks for too much.
async fn by_callers() -> Vec<Status> {
    let (server, signer, shared) = crate::auth::seeded().await;
    let token = |subject: &str| signer.token(&crate::issuer::claims(subject));
    let call = async |token: Option<String>| {
        let mut caller = crate::auth::caller(&server, token.as_deref()).await;
        caller.personas.put_persona(put("a", "by callers")).await.unwrap_err()
    };
    let mut statuses =
        vec![call(None).await, call(Some("nonsense".to_owned())).await, call(Some(token("reader"))).await];
    let mut reader = crate::auth::caller(&server, Some(&token("reader"))).await;
    let watch = pb::WatchPersonasRequest::default();
    let mut stream = reader.personas.watch_personas(watch).await.unwrap().into_inner();
    soon(stream.message()).await.unwrap().unwrap();
    shared.lock().unwrap().grants.push(crate::auth::grant("corp:reader", "writer@team-a"));
    statuses.push(loop {
        match soon(stream.message()).await {
            Ok(Some(_)) => {}
            ended => break ended.unwrap_err(),
        }
    });
    let nowhere = persona_registry::auth::KeySource::File("/nowhere/keys.json".into());
    let (server, _) = crate::auth::server(nowhere).await;
    let mut caller = crate::auth::caller(&server, Some(&token("reader"))).await;
    statuses.push(caller.personas.get_persona(get("a")).await.unwrap_err());
    let keys = crate::issuer::KeyServer::start(crate::issuer::set(&[&signer])).await;
    let policy = crate::auth::policy(crate::issuer::believed(keys.source()));
    let shared = std::sync::Arc::new(std::sync::Mutex::new(policy));
    let server = crate::auth::server_of(&shared, |options| options.limits.streams = 1).await;
    let mut caller = crate::auth::caller(&server, Some(&token("reader"))).await;
    let watch = pb::WatchPersonasRequest::default();
    let _held = caller.personas.watch_personas(watch.clone()).await.unwrap();
    statuses.push(caller.personas.watch_personas(watch).await.map(drop).unwrap_err());
    statuses
}

/// Code that panics, behind the edge. No request makes the registry's own code do so.
async fn by_a_panic() -> Status {
    let broken = service_fn(|_: http::Request<()>| async {
        if true {
            panic!("as a fault would");
        }
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
    });
    let answer = Edge::new(broken, open(), at_edge, Arc::new(Calls::new([])))
        .call(http::Request::new(()))
        .await
        .unwrap();
    Status::from_header_map(answer.headers()).unwrap()
}
