//! A registry with a history, opened without a server, and all that can be read of it: for tests that damage its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use persona_registry::domain::{Caller, Namespace, Persona, Version, View};
use persona_registry::journal::Durability;
use persona_registry::registry::{
    Delete, Error, Event, Freshness, Get, List, Mode, Next, OpenError, OpenReport, Options, PersonaChange,
    Put, Registry, Selection, Selector, Start, Told, Validate, WatchRequest,
};

use crate::harness::{PATIENCE, document};
use crate::journal_commits::Dice;

/// Small files, and a view that keeps next to nothing in memory.
pub fn options(dir: &Path) -> Options {
    let mut options = Options::new(dir.join("data"));
    options.min_free_bytes = 0;
    options.store.cache_bytes = 256 * 1024;
    options.journal.segment_bytes = 2 << 20;
    options.journal.reserve_bytes = 64 << 10;
    options.tick = Duration::from_millis(20);
    options.heal_pause = Duration::ZERO;
    options
}

pub fn caller() -> Caller {
    Caller::internal("tester", "call")
}

/// The n-th write of the sample: some names, a deletion now and then, half of them with a request id.
fn write_of(n: usize, size: usize) -> (Option<Put>, Option<Delete>) {
    let name = format!("persona-{}", n * 7 % 23);
    let request_id = n.is_multiple_of(2).then(|| format!("request-{n}"));
    let namespace: Namespace = ["default", "ops"][n % 2].parse().unwrap();
    let message = format!("write {n}");
    if n % 11 == 10 {
        let name = name.parse().unwrap();
        return (
            None,
            Some(Delete { namespace, name, etag: None, message, request_id, validate_only: false }),
        );
    }
    let mut dice = Dice(n as u64);
    let text: String = (0..size / 16).map(|_| format!("{:016x}", dice.roll())).collect();
    let document = Validate { content: document(&name, &text).into(), ..Validate::default() };
    (Some(Put { namespace, document, message, request_id, ..Put::default() }), None)
}

/// What the writes with a request id were answered: version and revision by number of the write.
type Answers = BTreeMap<usize, (u64, u64)>;

async fn send(
    registry: &Registry,
    n: usize,
    size: usize,
    rehearse: bool,
) -> Option<Result<(u64, u64, bool), Error>> {
    let written = match write_of(n, size) {
        (Some(put), _) => {
            registry.put(&caller(), Put { validate_only: rehearse, ..put }).await.map(|done| done.done)
        }
        (_, Some(delete)) => registry.delete(&caller(), Delete { validate_only: rehearse, ..delete }).await,
        (None, None) => unreachable!(),
    };
    match written {
        Ok(done) => Some(Ok((done.outcome.version.0, done.outcome.revision.0, done.replayed))),
        Err(Error::PersonaNotFound { .. }) => None,
        Err(error) => Some(Err(error)),
    }
}

/// A stopped registry, kept for the whole run, and what it holds.
pub struct Sample {
    /// Its files, in memory: a static is never dropped, and so would leave a directory behind.
    files: Vec<(PathBuf, Vec<u8>)>,
    size: usize,
    writes: usize,
    answers: Answers,
    token: String,
    pub content: Content,
}

/// A revision, and each name changed at it with its new version, if that was no deletion.
type Revised = (u64, Vec<(String, Option<Persona>)>);

/// All that can be read.
#[derive(Debug, PartialEq)]
pub struct Content {
    listed: Vec<Persona>,
    versions: BTreeMap<(String, String, u64), Persona>,
    changes: Vec<Revised>,
    counts: (u64, u64, u64),
}

impl Sample {
    /// With so many writes of so many bytes. The process does not end well unless told: what a kill leaves.
    async fn make(writes: usize, size: usize, well: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Registry::open(options(dir.path())).unwrap().0;
        let watch = WatchRequest { start: Start::Now, ..everything(Start::Now) };
        let mut watch = opened.watch(&caller(), watch, |persona, _| persona.content.len()).unwrap();
        let Some(Next::Event(_, token)) = watch.next(&Told::new(0)).await.unwrap() else { unreachable!() };
        // It holds the registry.
        drop(watch);
        let mut answers = Answers::new();
        for n in 0..writes {
            if n == writes / 2 {
                // A checkpoint and a snapshot of the engine's in the middle of the history.
                opened.close().await;
                drop(opened);
                opened = Registry::open(options(dir.path())).unwrap().0;
            }
            if let Some(answer) = send(&opened, n, size, false).await {
                let (version, revision, replayed) = answer.unwrap();
                assert!(!replayed);
                if n % 2 == 0 {
                    answers.insert(n, (version, revision));
                }
            }
        }
        let content = Content::read(&opened, &token).await.unwrap();
        let killed = files(dir.path(), dir.path());
        opened.close().await;
        let files = if well { files(dir.path(), dir.path()) } else { killed };
        Self { files, size, writes, answers, token, content }
    }

    /// A small one, killed long after its last checkpoint.
    pub fn killed() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(|| run(Self::make(120, 3000, false)))
    }

    /// A small one, stopped in good order.
    pub fn small() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(|| run(Self::make(120, 3000, true)))
    }

    /// One whose view takes several of the engine's segments, stopped in good order.
    pub fn large() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(|| run(Self::make(700, 20_000, true)))
    }

    /// A copy to be damaged.
    pub fn copy(&self) -> Copy {
        let dir = tempfile::tempdir().unwrap();
        lay_down(&self.files, dir.path());
        Copy { dir }
    }

    /// Whether the registry holds what it should: none, or what is wrong. DATA_LOSS is no wrong answer where allowed.
    pub async fn compare(&self, registry: &Registry) -> Result<(), Error> {
        let found = Content::read(registry, &self.token).await?;
        assert!(found.listed == self.content.listed, "the listing differs");
        for (key, persona) in &self.content.versions {
            assert!(found.versions.get(key) == Some(persona), "{key:?} differs");
        }
        assert!(found.changes == self.content.changes, "the watched changes differ");
        assert_eq!(found.counts, self.content.counts);
        assert!(found == self.content);
        for (n, (version, revision)) in &self.answers {
            let answer = send(registry, *n, self.size, true).await.expect("it was decided")?;
            assert_eq!(answer, (*version, *revision, true), "the retry of write {n}");
        }
        Ok(())
    }

    /// All of the above, and that it goes on and ends in good order.
    pub fn holds(&self, registry: &Registry) {
        run(async {
            self.compare(registry).await.unwrap();
            self.go_on(registry).await;
            registry.close().await;
        });
    }

    /// That it goes on: the next write follows the last.
    pub async fn go_on(&self, registry: &Registry) {
        let head = registry.head().0;
        let (version, revision, replayed) =
            send(registry, self.writes + 1, self.size, false).await.unwrap().unwrap();
        assert!(version > 0 && revision == head + 1 && !replayed);
    }
}

/// A data directory's files, to be laid down again.
pub struct Image(Vec<(PathBuf, Vec<u8>)>);

impl Image {
    pub fn copy(&self) -> Copy {
        let dir = tempfile::tempdir().unwrap();
        lay_down(&self.0, dir.path());
        Copy { dir }
    }
}

/// A data directory of one test's own.
pub struct Copy {
    dir: tempfile::TempDir,
}

impl Copy {
    pub fn image(&self) -> Image {
        Image(files(self.dir.path(), self.dir.path()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("data").join(name)
    }

    /// Puts the directory of this name here in place of the one that is there.
    pub fn replace(&self, name: &str, from: &Path) {
        drop(fs::remove_dir_all(self.path(name)));
        fs::create_dir_all(self.path(name)).unwrap();
        lay_down(&files(from, from), &self.path(name));
    }

    /// Changes the bytes of a file.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path(name), bytes).unwrap();
    }

    /// The names of the files there that begin so, sorted.
    pub fn files(&self, dir: &str, prefix: &str) -> Vec<String> {
        let names =
            fs::read_dir(self.path(dir)).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names.into_iter().map(|name| format!("{dir}/{name}")).collect()
    }

    /// Opens it, on a thread, since an engine on damaged files may never come back.
    pub fn open(&self) -> Result<(Registry, OpenReport), OpenError> {
        self.open_with(Durability::Strict)
    }

    pub fn open_with(&self, durability: Durability) -> Result<(Registry, OpenReport), OpenError> {
        let mut options = self.options();
        options.journal.durability = durability;
        Self::open_as(options)
    }

    /// How it is opened.
    pub fn options(&self) -> Options {
        options(self.dir.path())
    }

    pub fn open_as(options: Options) -> Result<(Registry, OpenReport), OpenError> {
        let (done, opened) = mpsc::channel();
        std::thread::spawn(move || drop(done.send(Registry::open(options))));
        opened.recv_timeout(PATIENCE).expect("opening comes to an end")
    }
}

fn everything(start: Start) -> WatchRequest {
    WatchRequest {
        selection: Selection::default(),
        start,
        mode: Mode::EveryVersion,
        view: View::Full,
        progress_interval: Duration::from_secs(60),
    }
}

impl Content {
    async fn read(registry: &Registry, token: &str) -> Result<Self, Error> {
        let mut listed = Vec::new();
        let mut page_token = String::new();
        loop {
            let (view, freshness) = (View::Full, Freshness::default());
            let list = List { selection: Selection::default(), page_size: 10, page_token, view, freshness };
            let page = registry.list(&caller(), list, |persona, _| persona.content.len()).await?;
            listed.extend(page.personas);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let mut watch =
            registry.watch(&caller(), everything(Start::Resume(token.to_owned())), |persona, _| {
                persona.content.len()
            })?;
        let (mut changes, mut versions, head) = (Vec::new(), BTreeMap::new(), registry.head().0);
        while changes.last().map_or(0, |(revision, _)| *revision) < head {
            let next = watch.next(&Told::new(0)).await?.unwrap();
            let Next::Event(Event::Changes { revision, changes: told, .. }, _) = next else { continue };
            let mut row = Vec::new();
            for change in told {
                let (PersonaChange::Created(persona) | PersonaChange::Updated(persona)) = change else {
                    let PersonaChange::Deleted(namespace, name, ..) = change else { unreachable!() };
                    row.push((format!("{namespace}/{name}"), None));
                    continue;
                };
                let Persona { namespace, name, version, .. } = &*persona;
                let get = Get {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    selector: Selector::Version(Version(version.0)),
                    view: View::Full,
                    if_none_match: None,
                    freshness: Freshness::default(),
                };
                let got = registry.get(&caller(), get).await?.persona.unwrap();
                versions.insert((namespace.to_string(), name.to_string(), version.0), got);
                row.push((format!("{namespace}/{name}"), Some((*persona).clone())));
            }
            changes.push((revision.0, row));
        }
        let status = registry.status();
        let counts = (status.personas, status.versions, status.namespaces);
        Ok(Self { listed, versions, changes, counts })
    }
}

/// Runs to the end, within patience.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(PATIENCE * 4, future).await });
    // A read that never comes back must not keep the test from failing.
    runtime.shutdown_background();
    done.expect("it comes within patience")
}

/// Every file under a directory, by its path from `top`.
fn files(dir: &Path, top: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, top));
        } else {
            found.push((path.strip_prefix(top).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn lay_down(files: &[(PathBuf, Vec<u8>)], to: &Path) {
    for (path, bytes) in files {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Where a damaged file's bytes matter: a place that is not zero, by chance.
pub fn place(bytes: &[u8], dice: &mut Dice) -> usize {
    loop {
        let at = dice.below(bytes.len());
        if bytes[at] != 0 {
            return at;
        }
    }
}
