//! What was purged is nowhere under the data directory: not in the journal, the view, a snapshot or what was set aside, packed or
//! not; also when the process is killed in the middle of it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use persona_registry::wire::pb;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Server, bytes_of, get, metadata, put, reason, soon};

const SECRETS: [&str; 4] =
    ["body-7f1c93e0a2d4", "front-93ab17c04e55", "description-c04e5593ab17", "label-a2d47f1c93e0"];

/// A document with a secret in its body, front matter, description and labels. It is long, so that it is packed.
fn leaking(name: &str) -> Vec<u8> {
    let [body, front, description, label] = SECRETS;
    let filler = "Answer briefly, name the source, and ask when something is missing. ".repeat(20);
    format!(
        "---\nname: {name}\ndescription: Use with {description}.\nlabels: {{team: {label}}}\nkey: {front}\n---\n\
         # Rules for {body}\n\n{filler}\n\nThe token is {body}.\n"
    )
    .into_bytes()
}

/// Secrets found, each with the file that it was found in.
fn found(dir: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(found(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            all.extend(secrets_in(&bytes).into_iter().map(|secret| (path.clone(), secret)));
        }
    }
    all
}

fn secrets_in(bytes: &[u8]) -> Vec<&'static str> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let mut all: Vec<_> = SECRETS.into_iter().filter(|secret| holds(secret.as_bytes())).collect();
    for at in (0..bytes.len().saturating_sub(4)).filter(|at| bytes[*at..].starts_with(&MAGIC)) {
        let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(&bytes[at..]) else { continue };
        let mut unpacked = Vec::new();
        // What stands behind a frame is none, and what came before is kept.
        drop(decoder.single_frame().take(4 << 20).read_to_end(&mut unpacked));
        all.extend(secrets_in(&unpacked));
    }
    all
}

fn purge(name: &str) -> pb::PurgePersonaVersionRequest {
    pb::PurgePersonaVersionRequest {
        name: name.to_owned(),
        version: 1,
        request_id: "purge".to_owned(),
        ..Default::default()
    }
}

fn content(name: &str) -> pb::PutPersonaRequest {
    pb::PutPersonaRequest { content: leaking(name).into(), ..put("", "") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_purged_bytes_are_nowhere_on_the_disk() {
    let server = Server::start_with(|options| {
        options.registry.checkpoint_interval = Duration::ZERO;
        options.registry.journal.segment_bytes = 16 << 10;
        options.registry.snapshot_bytes = 0;
    })
    .await;
    let mut client = server.client().await;
    let follow = |token: String| pb::WatchPersonasRequest {
        start: Some(pb::watch_personas_request::Start::ResumeToken(token)),
        mode: pb::WatchMode::EveryVersion.into(),
        ..Default::default()
    };
    let now = Some(pb::watch_personas_request::Start::FromNow(true));
    let mut stream = client
        .watch_personas(pb::WatchPersonasRequest { start: now, ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    let token = soon(stream.message()).await.unwrap().unwrap().resume_token;
    drop(stream);
    client.put_persona(content("leaky")).await.unwrap();
    for n in 0..60 {
        client
            .put_persona(put(&format!("other-{}", n % 7), &format!("{n} {}", "word ".repeat(100))))
            .await
            .unwrap();
    }
    client.put_persona(put("leaky", "clean")).await.unwrap();
    let data = server.data_dir();
    // The view set aside, as after damage.
    crate::faulty::copy(&data.join("view-1"), &data.join("view-broken"));
    let before = found(&data);
    for secret in SECRETS {
        let files: Vec<_> =
            before.iter().filter(|(_, found)| *found == secret).map(|(path, _)| path).collect();
        assert!(files.len() >= 2, "the search finds {secret}: {files:?}");
    }
    let revision = client.purge_persona_version(purge("leaky")).await.unwrap().into_inner().revision;
    assert_eq!(found(&data), [], "once it is answered");
    assert!(!data.join("view-broken").exists());
    let is_as_it_was = async |server: &Server| {
        let mut client = server.client().await;
        let status = client
            .get_persona(pb::GetPersonaRequest {
                selector: Some(pb::get_persona_request::Selector::Version(1)),
                ..get("leaky")
            })
            .await
            .unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::NotFound, pb::ErrorReason::VersionNotFound));
        assert_eq!(metadata(&status, "cause"), "purged");
        let persona = client.get_persona(get("leaky")).await.unwrap().into_inner().persona.unwrap();
        assert!(persona.version == 2 && bytes_of(&persona).ends_with(b"clean\n"));
        for n in 53..60 {
            let name = format!("other-{}", n % 7);
            let persona = client.get_persona(get(&name)).await.unwrap().into_inner().persona.unwrap();
            assert_eq!(
                bytes_of(&persona),
                crate::harness::document(&name, &format!("{n} {}", "word ".repeat(100)))
            );
        }
        // A stream from the beginning comes through, and the ring has nothing of it.
        let mut stream = client.watch_personas(follow(token.clone())).await.unwrap().into_inner();
        loop {
            let message = soon(stream.message()).await.unwrap().unwrap();
            let text = format!("{message:?}");
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
            let Some(pb::watch_personas_response::Event::Changes(changes)) = message.event else { continue };
            if changes.revision >= revision - 1 {
                break;
            }
        }
    };
    is_as_it_was(&server).await;
    // The retry is told the same.
    let again = client.purge_persona_version(purge("leaky")).await.unwrap().into_inner();
    assert!(again.replayed && again.revision == revision);
    client.put_persona(put("later", "goes on")).await.unwrap();
    let server = server.restart().await;
    is_as_it_was(&server).await;
    assert_eq!(found(&data), []);
    // And a view that is made anew brings nothing back.
    let stopped = server.stop().await;
    for entry in fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_string_lossy().starts_with("view-") {
            fs::remove_dir_all(entry).unwrap();
        }
    }
    let server = stopped.start().await.unwrap();
    is_as_it_was(&server).await;
    assert_eq!(found(&data), []);
}

struct Process(Child);

impl Process {
    async fn start(dir: &Path) -> (Self, PersonaServiceClient<Channel>) {
        let mut command =
            crate::program::command(dir, &["serve", "--listen", "127.0.0.1:0", "--cache", "16"]);
        command.args(["--min-free", "1", "--data-dir"]).arg(dir.join("data"));
        command.args(["--segment-bytes", "16384", "--checkpoint", "0", "--snapshot-after", "0"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_f_a_purge_that_is_killed_anywhere_is_done_by_its_retry() {
    // From before it begins to behind its end, as long as the first one took that nobody cut.
    let (mut cut, rounds, mut whole) = (0, 14, None);
    for round in 0..=rounds {
        let dir = tempfile::tempdir().unwrap();
        let (process, mut client) = Process::start(dir.path()).await;
        client.put_persona(content("leaky")).await.unwrap();
        for n in 0..20 {
            client
                .put_persona(put(&format!("other-{}", n % 3), &format!("{n} {}", "word ".repeat(300))))
                .await
                .unwrap();
        }
        client.put_persona(put("leaky", "clean")).await.unwrap();
        let (mut purging, begun) = (client.clone(), Instant::now());
        let asked = tokio::spawn(async move { purging.purge_persona_version(purge("leaky")).await });
        let answered = match whole {
            None => {
                let answered = asked.await.unwrap();
                whole = Some(begun.elapsed());
                drop(process);
                answered
            }
            Some(whole) => {
                std::thread::sleep(whole * (round - 1) * 6 / (rounds * 5));
                drop(process);
                asked.await.unwrap()
            }
        };
        cut += usize::from(answered.is_err());
        if answered.is_ok() {
            assert_eq!(found(&dir.path().join("data")), [], "round {round}: it was answered");
        }
        let (_process, mut client) = Process::start(dir.path()).await;
        let done = client.purge_persona_version(purge("leaky")).await.unwrap().into_inner();
        assert!(done.replayed || answered.is_err());
        assert_eq!(found(&dir.path().join("data")), [], "round {round}");
        let status = client.get_persona(get("leaky")).await.unwrap().into_inner();
        assert_eq!(status.persona.unwrap().version, 2);
        let listed = client.list_personas(pb::ListPersonasRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.personas.len(), 4);
    }
    println!("{cut} of {rounds} cut, of {whole:?}");
    assert!(cut > 0);
}
