//! A folder of persona files for tests of seeding, and what a server makes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use persona_registry::registry::OnConflict;
use persona_registry::seed::{self, Source};
use persona_registry::server::Options;
use persona_registry::wire::pb;
use tonic::Code;

use crate::harness::{PATIENCE, Server, bytes_of, document, get};

/// A folder on disk, gone with its handle.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("personas")
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file as most programs do: in place.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes the persona `name` into `name.md`.
    pub fn persona(&self, name: &str, body: &str) {
        self.write(&format!("{name}.md"), document(name, body));
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.file(path)).unwrap();
    }

    pub fn source(&self) -> Source {
        Source { namespace: "default".parse().unwrap(), dir: self.path() }
    }

    /// A server that takes in this folder.
    pub async fn serve(&self, seeding: seed::Options) -> Server {
        std::fs::create_dir_all(self.path()).unwrap();
        Server::start_with(|options| self.feed(options, seeding)).await
    }

    /// Makes a server take in this folder.
    pub fn feed(&self, options: &mut Options, seeding: seed::Options) {
        options.sources = vec![self.source()];
        options.seeding = seeding;
    }
}

/// Read at the start, nothing pruned, conflicts reported.
pub fn plain() -> seed::Options {
    seed::Options::default()
}

pub fn pruning() -> seed::Options {
    seed::Options { prune: true, ..plain() }
}

pub fn files_win() -> seed::Options {
    seed::Options { on_conflict: OnConflict::FileWins, ..plain() }
}

/// Followed and pruned, with short waits. Only what the system tells is a reason to look.
pub fn following() -> seed::Options {
    seed::Options {
        prune: true,
        follow: true,
        quiet: Duration::from_millis(10),
        doubt: Duration::from_millis(60),
        gone: Duration::from_millis(100),
        root: Duration::from_millis(50),
        writing: Duration::from_millis(200),
        rescan: Duration::from_secs(3600),
        ..plain()
    }
}

/// A persona's document as it is now; none when there is no such persona.
pub async fn stored(server: &Server, name: &str) -> Option<Vec<u8>> {
    match server.client().await.get_persona(get(name)).await {
        Ok(answer) => Some(bytes_of(&answer.into_inner().persona.unwrap())),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            None
        }
    }
}

/// What the registry's folders refuse, by path.
pub async fn refused(server: &Server) -> Vec<pb::RefusedSource> {
    let request = pb::ListRefusedSourcesRequest { namespace: "-".to_owned(), ..Default::default() };
    let answer = server.admin().await.list_refused_sources(request).await.unwrap().into_inner();
    assert_eq!(answer.next_page_token, "");
    answer.refused_sources
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "not within patience: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a persona holds this document, or is not there.
pub async fn until_stored(server: &Server, name: &str, content: Option<&[u8]>) {
    until(name, || async { stored(server, name).await.as_deref() == content }).await;
}

/// How the one folder stands.
pub async fn state(server: &Server) -> pb::get_status_response::Folder {
    let status = server.admin().await.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    status.folders.into_iter().next().unwrap()
}

/// Moves a folder or file as a rename does.
pub fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}
