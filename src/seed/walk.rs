//! Which files of a folder are persona files: never outside the folder, never twice, in path order.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

/// What a walk over a folder found.
#[derive(Debug, Default)]
pub struct Found {
    /// Persona files, sorted.
    pub files: Vec<PathBuf>,
    /// Folders that were walked, the root included; none when it is not there.
    pub dirs: Vec<PathBuf>,
    /// Folders above, up to the repository's own, in which git looks for what it ignores.
    pub above: Vec<PathBuf>,
    /// Files beside personas that are none, such as a README.
    pub skipped: usize,
    /// Places that could not be looked at, and why.
    pub errors: Vec<(PathBuf, String)>,
}

/// Files beside personas that are none, however they are spelt; without extension.
const NEVER_PERSONAS: &[&str] = &["readme", "code_of_conduct", "copilot-instructions"];

/// Files that are none when written in capitals: `SECURITY.md` is a policy, `security.md` may be a persona.
const NOT_IN_CAPITALS: &[&str] = &[
    "CHANGELOG",
    "LICENSE",
    "LICENCE",
    "CONTRIBUTING",
    "SECURITY",
    "SUPPORT",
    "AGENTS",
    "CLAUDE",
    "GEMINI",
    "TODO",
    "AUTHORS",
    "MAINTAINERS",
];

/// Walks a folder, hidden places such as `.claude/agents` included; what git ignores is left out. A root that is not
/// there is an error of the walk.
#[must_use]
pub fn walk(root: &Path) -> Found {
    let mut walk =
        Walk { inside: fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()), ..Walk::default() };
    walk.found.above = above(&walk.inside);
    walk.folder(root);
    // A link to a folder may lead to more links.
    while let Some(link) = walk.folders.pop() {
        walk.linked_folder(&link);
    }
    walk.links.sort();
    for link in std::mem::take(&mut walk.links) {
        walk.linked_file(link);
    }
    walk.found.files.sort();
    walk.found.dirs.sort();
    walk.found
}

/// The folders from the one above `root` to the repository's own; none where there is no repository.
fn above(root: &Path) -> Vec<PathBuf> {
    if root.join(".git").exists() {
        return Vec::new();
    }
    let mut above = Vec::new();
    for dir in root.ancestors().skip(1) {
        above.push(dir.to_owned());
        if dir.join(".git").exists() {
            return above;
        }
    }
    Vec::new()
}

#[derive(Default)]
struct Walk {
    /// The root without links.
    inside: PathBuf,
    found: Found,
    /// Files and folders that were reached, without links: nothing is reached twice.
    reached: BTreeSet<PathBuf>,
    /// Links to files, and to folders, that wait until all that is reached without them is known.
    links: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Walk {
    /// Walks what lies below `top`.
    fn folder(&mut self, top: &Path) {
        let real = fs::canonicalize(top).unwrap_or_else(|_| top.to_owned());
        let in_repository = !self.found.above.is_empty() || self.inside.join(".git").exists();
        let walk = WalkBuilder::new(top)
            .hidden(false)
            .ignore(false)
            // Outside of a repository the folder's own .gitignore counts, and nobody else's.
            .require_git(in_repository)
            .parents(in_repository)
            .follow_links(false)
            .filter_entry(|entry| entry.depth() == 0 || !is_private(&entry.file_name().to_string_lossy()))
            .build();
        for entry in walk {
            match entry {
                Ok(entry) => self.entry(entry, top, &real),
                // A line of an ignore file that git would pass over too.
                Err(error) if error.is_partial() => {
                    tracing::debug!(%error, "an ignore file is not understood")
                }
                Err(error) => {
                    let place = place(&error).unwrap_or(top).to_owned();
                    self.found.errors.push((place, reason(&error)));
                }
            }
        }
    }

    fn entry(&mut self, entry: DirEntry, top: &Path, real: &Path) {
        let path = entry.path();
        let kind = entry.file_type();
        let real = path.strip_prefix(top).map_or_else(|_| real.to_owned(), |path| real.join(path));
        // The top may itself be a link to a folder.
        if entry.depth() == 0 || kind.is_some_and(|kind| kind.is_dir()) {
            if self.reached.insert(real) {
                self.found.dirs.push(entry.into_path());
            }
        } else if kind.is_some_and(|kind| kind.is_symlink()) && path.is_dir() {
            self.folders.push(entry.into_path());
        } else if is_markdown(path) {
            match kind {
                _ if is_beside(path) => self.found.skipped += 1,
                Some(kind) if kind.is_symlink() => self.links.push(entry.into_path()),
                Some(kind) if kind.is_file() && self.reached.insert(real) => {
                    self.found.files.push(entry.into_path());
                }
                // Reached already, or a pipe or device, which are not read.
                _ => self.found.skipped += 1,
            }
        }
    }

    /// Walks the folder behind a link, when it lies inside the root and was not walked yet.
    fn linked_folder(&mut self, link: &Path) {
        match fs::canonicalize(link) {
            Ok(real) if real.starts_with(&self.inside) && !self.reached.contains(&real) => self.folder(link),
            Ok(_) => {}
            Err(error) => self.found.errors.push((link.to_owned(), error.to_string())),
        }
    }

    /// Takes the regular file behind a link, when it lies inside the root and was not taken yet.
    fn linked_file(&mut self, link: PathBuf) {
        let file = fs::canonicalize(&link).and_then(|file| Ok((fs::metadata(&file)?.is_file(), file)));
        match file {
            Ok((true, file)) if file.starts_with(&self.inside) && !self.reached.contains(&file) => {
                self.reached.insert(file);
                self.found.files.push(link);
            }
            Ok(_) => self.found.skipped += 1,
            Err(error) => self.found.errors.push((link, error.to_string())),
        }
    }
}

/// Where a walk failed.
fn place(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => place(err),
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

/// Why, without the place.
fn reason(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => reason(err),
        other => other.to_string(),
    }
}

/// Entries that hold no personas of the folder: of git, of package managers, locks of an editor, and the versions of
/// itself that a mounted volume keeps in folders such as `..2026_01_31`, which its links reach.
fn is_private(name: &str) -> bool {
    name == ".git" || name == "node_modules" || name.starts_with(".#") || name.starts_with("..")
}

pub(super) fn is_markdown(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["md", "mdc", "markdown"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether a walk takes a file at this path, inside of the folder, for a persona: by its name and its folders'.
#[must_use]
pub fn is_persona(path: &Path) -> bool {
    let is_private = |part: &std::ffi::OsStr| is_private(&part.to_string_lossy());
    is_markdown(path) && !is_beside(path) && !path.iter().any(is_private)
}

fn is_beside(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // `README.de.md` is a README too.
    let stem = stem.split('.').next().unwrap_or_default();
    NEVER_PERSONAS.iter().any(|known| stem.eq_ignore_ascii_case(known)) || NOT_IN_CAPITALS.contains(&stem)
}

/// A path as documents know theirs: `/`-separated.
#[must_use]
pub fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_hidden_ones_too_and_readmes_counted() {
        let root = tempfile::tempdir().unwrap();
        let files = [".claude/agents/a.md", "b.MD", "README.md", "readme.de.md", "c.txt", ".git/d.md"];
        for name in files.into_iter().chain(["SECURITY.md", "sub/security.md"]) {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let found = walk(root.path());
        let names: Vec<_> =
            found.files.iter().map(|path| slashed(path.strip_prefix(root.path()).unwrap())).collect();
        assert_eq!(names, [".claude/agents/a.md", "b.MD", "sub/security.md"]);
        assert_eq!((found.skipped, found.errors.len()), (3, 0));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_the_folder_only() {
        use std::os::unix::fs::symlink;
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret.md"), "x").unwrap();
        fs::write(root.path().join("a.md"), "x").unwrap();
        symlink(outside.path().join("secret.md"), root.path().join("b.md")).unwrap();
        symlink("a.md", root.path().join("c.md")).unwrap();
        symlink("nowhere.md", root.path().join("d.md")).unwrap();
        let found = walk(root.path());
        let names: Vec<_> = found.files.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.md"], "the other way to it is the same file");
        assert_eq!((found.skipped, found.errors.len()), (2, 1));
    }

    #[cfg(unix)]
    #[test]
    fn a_mounted_volume_that_changes_by_one_link_is_read_through_its_links() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("..2026_01_31")).unwrap();
        fs::write(root.path().join("..2026_01_31/a.md"), "x").unwrap();
        symlink("..2026_01_31", root.path().join("..data")).unwrap();
        symlink("..data/a.md", root.path().join("a.md")).unwrap();
        let found = walk(root.path());
        assert_eq!(found.files, [root.path().join("a.md")]);
        assert_eq!((found.skipped, found.errors.len(), found.dirs.len()), (0, 0, 1));
    }

    #[cfg(unix)]
    #[test]
    fn folders_behind_links_are_walked_once_and_inside_only() {
        use std::os::unix::fs::symlink;
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret.md"), "x").unwrap();
        fs::create_dir_all(root.path().join("..2026_01_31/agents")).unwrap();
        fs::write(root.path().join("..2026_01_31/agents/a.md"), "x").unwrap();
        symlink("..2026_01_31", root.path().join("..data")).unwrap();
        // What a volume makes of a path in folders, the same once more, one outward and one around.
        symlink("..data/agents", root.path().join("agents")).unwrap();
        symlink("..data/agents", root.path().join("again")).unwrap();
        symlink(outside.path(), root.path().join("out")).unwrap();
        symlink("..", root.path().join("..2026_01_31/agents/around")).unwrap();
        let found = walk(root.path());
        let names: Vec<_> = found.files.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["a.md"], "{:?}", found.files);
        assert_eq!(found.errors, []);
    }

    #[test]
    fn what_git_ignores_is_left_out_and_what_lies_above_a_repository_counts_for_nothing() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let found = |folder: &str| {
            let found = walk(&home.path().join(folder));
            assert_eq!(found.errors, []);
            let names =
                found.files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
            (names.collect::<Vec<_>>(), found.above.len())
        };
        write(".gitignore", "*\n");
        for folder in ["repo/team", "plain"] {
            write(&format!("{folder}/a.md"), "x");
            write(&format!("{folder}/draft-b.md"), "x");
            write(&format!("{folder}/own-c.md"), "x");
            write(&format!("{folder}/.gitignore"), "own-*\n[broken\n");
            write(&format!("{folder}/.ignore"), "a.md\n");
        }
        fs::create_dir(home.path().join("repo/.git")).unwrap();
        write("repo/.gitignore", "draft-*\n");
        assert_eq!(found("repo/team"), (vec!["a.md".to_owned()], 1));
        assert_eq!(found("plain"), (vec!["a.md".to_owned(), "draft-b.md".to_owned()], 0));
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let found = walk(&root.path().join("nowhere"));
        assert_eq!((found.files.len(), found.errors.len()), (0, 1));
    }
}
