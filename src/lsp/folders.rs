//! The folders of the workspace: which of their files are personas, and what those are called. A folder is walked once, on
//! a thread of its own; after that what the editor tells of is looked at file by file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::place::path_of;
use crate::document::{Glance, dialect_of, glance};
use crate::domain::limits::REQUEST_BYTES;
use crate::domain::{BodyMark, BoundWaiver, Name};
use crate::seed::{is_persona, slashed, walk};
use crate::validate::Others;

/// Personas of one folder that are known. In a folder of more nothing is said of neighbours.
const FILES: usize = 5_000;

/// The folder whose files are personas whatever is in them: the one that a server takes in when it is told of none.
const USUAL: &str = "personas";

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The folder of the workspace that it lies in.
    pub(super) root: Option<PathBuf>,
    /// Its path there, elsewhere all of it; none of a text that was never saved.
    pub(super) path: Option<String>,
    /// Its path on this machine.
    pub(super) full: Option<PathBuf>,
}

/// What is known of a persona of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    name: Name,
    body: Option<BodyMark>,
}

/// The personas of a folder by path; none of a folder with too many.
pub(super) type Surveyed = Option<BTreeMap<String, Known>>;

/// What a look at a file told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// Nothing that others are judged by.
    Same,
    /// It has another name, or is no persona any more.
    Renamed,
    /// It is a persona that no survey saw: another one tells whether git ignores it.
    New,
}

/// One folder.
#[derive(Debug, Default)]
struct Folder {
    root: PathBuf,
    /// None until they are known.
    files: Surveyed,
    /// All of them as the judge wants them; none until it is made.
    others: Option<Others>,
    /// A survey is under way.
    surveying: bool,
    /// And what it finds is out of date already.
    again: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Folders {
    folders: Vec<Folder>,
    /// Where in them personas are; empty for anywhere.
    only: Vec<PathBuf>,
    /// Findings that documents may carry.
    pub(super) waivers: Arc<[BoundWaiver]>,
}

impl Folders {
    pub(super) fn new(only: &[PathBuf], waivers: Arc<[BoundWaiver]>) -> Self {
        let plain = |path: &PathBuf| path.components().filter(|part| *part != Component::CurDir).collect();
        Self { folders: Vec::new(), only: only.iter().map(plain).collect(), waivers }
    }

    /// Takes in a folder.
    pub(super) fn add(&mut self, root: &Path) {
        if self.folders.iter().all(|folder| folder.root != root) {
            self.folders.push(Folder { root: root.to_owned(), ..Folder::default() });
        }
    }

    /// Lets go of a folder.
    pub(super) fn remove(&mut self, root: &Path) {
        self.folders.retain(|folder| folder.root != root);
    }

    /// What finds the personas of a folder, for a thread of its own; none while another one does.
    pub(super) fn survey(&mut self, root: &Path) -> Option<impl FnOnce() -> Surveyed + Send + use<>> {
        let only = self.only.clone();
        let folder = self.folder_mut(Some(root))?;
        folder.again = folder.surveying;
        let is_free = !std::mem::replace(&mut folder.surveying, true);
        let root = root.to_owned();
        is_free.then_some(move || survey(&root, &only))
    }

    /// Takes what was found in a folder. Tells whether it wants to be surveyed once more.
    pub(super) fn surveyed(&mut self, root: &Path, files: Surveyed) -> bool {
        let Some(folder) = self.folder_mut(Some(root)) else { return false };
        (folder.files, folder.others, folder.surveying) = (files, None, false);
        std::mem::take(&mut folder.again)
    }

    /// Where a document is.
    pub(super) fn place(&self, uri: &str) -> Place {
        let Some(full) = path_of(uri) else { return Place::default() };
        let roots = self.folders.iter().map(|folder| &folder.root).filter(|root| full.starts_with(root));
        let root = roots.max_by_key(|root| root.as_os_str().len()).cloned();
        let inner = root.as_ref().and_then(|root| full.strip_prefix(root).ok()).unwrap_or(&full);
        Place { path: Some(slashed(inner)), root, full: Some(full) }
    }

    /// Whether a document is judged.
    pub(super) fn is_judged(&self, place: &Place, has_front_matter: bool) -> bool {
        is_judged(&self.only, place, has_front_matter)
    }

    /// Takes what an open document is now. One that cannot be read for a moment stays what it was. Tells whether others may
    /// be judged differently for it.
    pub(super) fn learn(&mut self, place: &Place, content: &[u8]) -> bool {
        let known = known(&self.only, place, content);
        let Some((folder, path)) = self.folder_of(place) else { return false };
        let entry = folder.files.as_mut().and_then(|files| files.get_mut(path));
        let (Some(entry), Some(known)) = (entry, known) else { return false };
        let is_renamed = entry.name != known.name;
        *entry = known;
        if is_renamed {
            folder.others = None;
        }
        is_renamed
    }

    /// Looks at a file again.
    pub(super) fn look(&mut self, place: &Place) -> Looked {
        let content = place.full.as_deref().and_then(|full| read(full).ok());
        let known = content.and_then(|content| known(&self.only, place, &content));
        let Some((folder, path)) = self.folder_of(place) else { return Looked::Same };
        folder.again |= folder.surveying;
        let Some(files) = &mut folder.files else { return Looked::Same };
        let before = files.get(path).map(|known| known.name.clone());
        folder.others = None;
        match (before, known) {
            (None, None) => Looked::Same,
            (None, Some(_)) => Looked::New,
            (Some(_), None) => {
                files.remove(path);
                Looked::Renamed
            }
            (Some(before), Some(known)) => {
                let is_same = before == known.name;
                files.insert(path.to_owned(), known);
                if is_same { Looked::Same } else { Looked::Renamed }
            }
        }
    }

    /// The personas beside a document.
    pub(super) fn others(&mut self, place: &Place) -> Option<&Others> {
        let folder = self.folder_mut(place.root.as_deref())?;
        let files = folder.files.as_ref()?;
        Some(folder.others.get_or_insert_with(|| {
            let mut others = Others::default();
            // In the order of paths: the first of a name, or of a text, is the one that the others repeat.
            for (path, known) in files {
                others.add(&known.name, path);
                others.add_mark(&known.name, path, known.body);
            }
            others
        }))
    }

    /// The folder that a document lies in, and its path there.
    fn folder_of<'a>(&mut self, place: &'a Place) -> Option<(&mut Folder, &'a str)> {
        Some((self.folder_mut(place.root.as_deref())?, place.path.as_deref()?))
    }

    fn folder_mut(&mut self, root: Option<&Path>) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|folder| Some(folder.root.as_path()) == root)
    }
}

/// A README is never judged. Elsewhere every file is that lies where personas are said to be; when nothing is said, one with
/// front matter, and one without where its path says what it is: notes lie everywhere.
fn is_judged(only: &[PathBuf], place: &Place, has_front_matter: bool) -> bool {
    let Some(path) = place.path.as_deref() else { return has_front_matter };
    if !is_persona(Path::new(path)) {
        return false;
    }
    match (&place.root, &place.full) {
        (Some(root), Some(full)) if !only.is_empty() => {
            only.iter().any(|inner| full.starts_with(root.join(inner)))
        }
        _ => has_front_matter || dialect_of(path).is_some() || path.split('/').any(|part| part == USUAL),
    }
}

fn known(only: &[PathBuf], place: &Place, content: &[u8]) -> Option<Known> {
    let Glance { name, has_front_matter, body } = glance(content, place.path.as_deref());
    let name = name.filter(|_| is_judged(only, place, has_front_matter))?;
    Some(Known { name, body: BodyMark::of(content.get(body..).unwrap_or_default()) })
}

#[tracing::instrument(level = "debug", skip(only))]
fn survey(root: &Path, only: &[PathBuf]) -> Surveyed {
    if only.is_empty() && (root.parent().is_none() || std::env::home_dir().as_deref() == Some(root)) {
        tracing::warn!(root = %root.display(), "too much to look through: nothing is said of duplicate names");
        return None;
    }
    let mut files = BTreeMap::new();
    let tops =
        if only.is_empty() { vec![root.to_owned()] } else { only.iter().map(|it| root.join(it)).collect() };
    for full in tops.iter().flat_map(|top| walk(top).files) {
        let Ok(inner) = full.strip_prefix(root) else { continue };
        let path = slashed(inner);
        let place = Place { root: Some(root.to_owned()), path: Some(path.clone()), full: Some(full.clone()) };
        // What cannot be read is told of when it is opened.
        let Some(known) = read(&full).ok().and_then(|content| known(only, &place, &content)) else {
            continue;
        };
        files.insert(path, known);
        if files.len() > FILES {
            tracing::warn!(
                root = %root.display(),
                "over {FILES} personas: nothing is said of duplicate names; `persona lsp PATH` names fewer"
            );
            return None;
        }
    }
    tracing::debug!(personas = files.len(), "surveyed");
    Some(files)
}

/// As much of a file as is judged of any.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if !fs::metadata(path)?.is_file() {
        // A pipe would be waited for.
        return Err(io::ErrorKind::InvalidInput.into());
    }
    File::open(path)?.take(REQUEST_BYTES as u64).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_left_alone_where_nobody_said_where_personas_are() {
        let judged = |only: &[&str], path: &str, front: bool| {
            let mut folders =
                Folders::new(&only.iter().map(PathBuf::from).collect::<Vec<_>>(), Arc::default());
            folders.add(Path::new("/w"));
            folders.is_judged(&folders.place(&format!("file:///w/{path}")), front)
        };
        for (path, without_front_matter) in [
            ("personas/a.md", true),
            ("x/personas/deep/a.md", true),
            (".claude/agents/a.md", true),
            ("skills/pdf/SKILL.md", true),
            ("docs/a.md", false),
            ("agents/a.md", false),
        ] {
            assert_eq!(judged(&[], path, false), without_front_matter, "{path}");
            assert!(judged(&[], path, true), "{path}");
        }
        for path in ["README.md", "personas/readme.de.md", "personas/a.txt", ".git/a.md"] {
            assert!(!judged(&[], path, true), "{path}");
        }
        assert!(judged(&["./team"], "team/a.md", false) && judged(&["/w/team"], "team/a.md", false));
        assert!(!judged(&["team"], "team-two/a.md", true) && !judged(&["team"], "personas/a.md", true));
    }

    #[test]
    fn the_innermost_folder_is_a_documents_own() {
        let mut folders = Folders::default();
        ["/w", "/w/a", "/w"].iter().for_each(|root| folders.add(Path::new(root)));
        let place = folders.place("file:///w/a/b.md");
        assert_eq!((place.root.as_deref(), place.path.as_deref()), (Some(Path::new("/w/a")), Some("b.md")));
        folders.remove(Path::new("/w/a"));
        assert_eq!(folders.place("file:///w/a/b.md").path.as_deref(), Some("a/b.md"));
        let outside = folders.place("file:///x/b.md");
        assert_eq!((outside.root, outside.path.as_deref()), (None, Some("/x/b.md")));
        assert_eq!(folders.place("untitled:1"), Place::default());
    }
}
