//! The copy on disk, for a start without the registry: one file, the same in all languages.
//!
//! A line with the digest of all that follows, a line of JSON about what was selected and when, and a line a persona, by name:
//! the message in base64.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Shared;
use super::options::{Checked, Part};
use super::view::{Map, Origin, View};
use crate::disk;
use crate::domain::Digest;
use crate::wire::pb;

const MARK: &str = "persona-snapshot 1 ";

/// What the second line says.
#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    #[serde(flatten)]
    selected: Selected,
    store_id: String,
    revision: String,
    resume_token: String,
    time: String,
}

/// What a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Selected {
    target: String,
    namespace: String,
    alias: String,
    filter: String,
    names: Vec<String>,
}

impl Selected {
    pub(super) fn of(checked: &Checked) -> Self {
        let options = &checked.options;
        Self {
            target: checked.server.url(),
            namespace: options.namespace.clone(),
            alias: options.alias.clone(),
            filter: options.filter.clone(),
            names: options.names.clone(),
        }
    }
}

/// A copy that was read.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) personas: Map,
    pub(super) store_id: String,
    pub(super) revision: i64,
    pub(super) token: String,
    pub(super) time: SystemTime,
}

/// Why a copy is left out.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error("it is of another target, namespace, alias, filter or other names")]
    Other,
}

/// The copy in this file; none where there is none of use.
pub(super) fn read(path: &Path, selected: &Selected) -> Option<Copy> {
    match fs::read(path).map_err(Unusable::from).and_then(|content| decode(&content, selected)) {
        Ok(copy) => Some(copy),
        Err(Unusable::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the copy of personas on disk is left out");
            None
        }
    }
}

fn decode(content: &[u8], selected: &Selected) -> Result<Copy, Unusable> {
    let text = std::str::from_utf8(content).map_err(|_| Unusable::Damaged("it is no text"))?;
    let (first, rest) = text.split_once('\n').ok_or(Unusable::Damaged("it has no first line"))?;
    let digest = first.strip_prefix(MARK).ok_or(Unusable::Damaged("it does not begin as it should"))?;
    if digest != Digest::of(rest.as_bytes()).to_string() {
        return Err(Unusable::Damaged("its digest is another"));
    }
    let (meta, lines) = rest.split_once('\n').ok_or(Unusable::Damaged("it has no second line"))?;
    let mut meta: Meta = serde_json::from_str(meta).map_err(|_| Unusable::Damaged("its second line"))?;
    // The same names are the same selection, whatever their order.
    meta.selected.names.sort_unstable();
    if meta.selected != *selected {
        return Err(Unusable::Other);
    }
    let revision = meta.revision.parse().map_err(|_| Unusable::Damaged("its revision"))?;
    let time: Timestamp = meta.time.parse().map_err(|_| Unusable::Damaged("its time"))?;
    let time = SystemTime::try_from(time).map_err(|_| Unusable::Damaged("its time"))?;
    let mut personas = Map::new();
    for line in lines.lines() {
        let bytes = STANDARD.decode(line).map_err(|_| Unusable::Damaged("a persona"))?;
        let persona = pb::Persona::decode(bytes.as_slice()).map_err(|_| Unusable::Damaged("a persona"))?;
        if personas.insert(persona.name.clone(), Arc::new(persona)).is_some() {
            return Err(Unusable::Damaged("a name stands twice"));
        }
    }
    let (store_id, token) = (meta.store_id, meta.resume_token);
    Ok(Copy { personas, store_id, revision, token, time })
}

fn encode(view: &View, selected: Selected) -> Result<Vec<u8>, serde_json::Error> {
    let time =
        SystemTime::now().checked_sub(view.age().unwrap_or_default()).unwrap_or(SystemTime::UNIX_EPOCH);
    let meta = Meta {
        selected,
        store_id: view.store_id.clone(),
        revision: view.revision.to_string(),
        resume_token: view.token.clone(),
        time: Timestamp::from(time).to_string(),
    };
    let mut rest = serde_json::to_vec(&meta)?;
    rest.push(b'\n');
    for persona in view.personas.values() {
        rest.extend_from_slice(STANDARD.encode(persona.encode_to_vec()).as_bytes());
        rest.push(b'\n');
    }
    let mut content = format!("{MARK}{}\n", Digest::of(&rest)).into_bytes();
    content.append(&mut rest);
    Ok(content)
}

/// Writes beside the file and takes its place, so that there is always a whole one.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    disk::replace(path, Path::new(&beside), content)
}

/// Keeps the copy up with what is held, until the client is closed.
pub(super) async fn keep(path: PathBuf, shared: Arc<Shared>, mut closing: watch::Receiver<bool>) {
    let mut view = shared.view.subscribe();
    let mut written = 0;
    let interval = shared.checked.options.snapshot_interval.max(Duration::from_millis(1));
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => break,
            changed = view.wait_for(|view| view.edition != written && view.is_live()) => {
                if changed.is_err() {
                    break;
                }
            }
        }
        written = save(&path, &shared).await;
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => break,
            () = tokio::time::sleep(interval) => {}
        }
    }
    if shared.view.borrow().origin == Origin::Stream {
        save(&path, &shared).await;
    }
}

/// Writes what is held now, and says which edition that was.
async fn save(path: &Path, shared: &Arc<Shared>) -> u64 {
    let mut held = shared.view.borrow().clone();
    if shared.checked.lacks(Part::Resume) {
        held.token.clear();
    }
    let (edition, selected) = (held.edition, Selected::of(&shared.checked));
    let target = path.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let content = encode(&held, selected).map_err(io::Error::other)?;
        write(&target, &content)
    });
    match done.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(path = %path.display(), %error, "the copy of personas cannot be written")
        }
        Err(error) => tracing::error!(%error, "writing the copy of personas failed"),
    }
    edition
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::options::Options;
    use super::super::view::Known;
    use super::*;

    fn selected() -> Selected {
        let names = vec!["b".to_owned(), "a".to_owned()];
        Selected::of(&Checked::new("localhost:1", Options { names, ..Options::default() }).unwrap())
    }

    fn persona(name: &str) -> Arc<pb::Persona> {
        Arc::new(pb::Persona {
            name: name.to_owned(),
            version: 3,
            body: "é\r\n".to_owned(),
            ..Default::default()
        })
    }

    fn view() -> View {
        let personas = ["a", "b"].map(|name| (name.to_owned(), persona(name)));
        View {
            personas: Arc::new(personas.into()),
            revision: 12,
            store_id: "store".to_owned(),
            token: "token".to_owned(),
            known: Known::Now,
            ..View::default()
        }
    }

    /// The same content under the digest that belongs to it.
    fn sealed(rest: &str) -> Vec<u8> {
        format!("{MARK}{}\n{rest}", Digest::of(rest.as_bytes())).into_bytes()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let content = encode(&view(), selected()).unwrap();
        let text = String::from_utf8(content.clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("persona-snapshot 1 sha256:") && lines[0].len() == 19 + 7 + 64,
            "{}",
            lines[0]
        );
        assert!(
            lines[1].starts_with(
                r#"{"target":"http://localhost:1","namespace":"default","alias":"","filter":"","names":["a","b"],"store_id":"store","revision":"12","resume_token":"token","time":""#
            ),
            "{}",
            lines[1]
        );
        assert_eq!(lines.len(), 4);
        let copy = decode(&content, &selected()).unwrap();
        assert_eq!(copy.personas, *view().personas);
        assert_eq!((copy.store_id.as_str(), copy.revision, copy.token.as_str()), ("store", 12, "token"));
        assert!(copy.time.elapsed().unwrap() < Duration::from_secs(60));
    }

    #[test]
    fn damage_and_other_selections_are_found() {
        let content = encode(&view(), selected()).unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged, &selected()).is_err(), "byte {at}");
            assert!(decode(&content[..at], &selected()).is_err(), "cut at {at}");
        }
        let other = Selected { alias: "production".to_owned(), ..selected() };
        assert!(matches!(decode(&content, &other), Err(Unusable::Other)));
        let text = String::from_utf8(content).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        assert!(decode(&sealed(rest), &selected()).is_ok());
        let last = rest.lines().last().unwrap();
        let twice = decode(&sealed(&format!("{rest}{last}\n")), &selected());
        assert!(matches!(twice, Err(Unusable::Damaged("a name stands twice"))), "{twice:?}");
    }

    #[test]
    fn a_copy_is_its_owners_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("copy");
        for text in ["one", "two"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write(&dir.path().join("none/copy"), b"").is_err());
        assert!(read(&path, &selected()).is_none(), "what is no copy is left out");
    }
}
