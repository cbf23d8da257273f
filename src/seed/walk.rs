//! Which files of a folder are persona files: never outside the folder, never twice, in path order.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

/// What a walk over a folder found.
#[derive(Debug, Default)]
pub struct Found {
    /// Persona files, sorted.
    pub files: Vec<PathBuf>,
    /// Folders that were walked, the root included.
    pub dirs: Vec<PathBuf>,
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
    let mut found = Found::default();
    let inside = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let mut links = Vec::new();
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.depth() == 0 || !is_private(&entry.file_name().to_string_lossy()))
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.errors.push((root.to_owned(), error.to_string()));
                continue;
            }
        };
        let path = entry.path();
        // The root may itself be a link to a folder.
        let kind = entry.file_type();
        if kind.is_some_and(|kind| kind.is_dir()) || entry.depth() == 0 {
            found.dirs.push(entry.into_path());
        } else if is_markdown(path) {
            match kind {
                _ if is_beside(path) => found.skipped += 1,
                Some(kind) if kind.is_file() => found.files.push(entry.into_path()),
                Some(kind) if kind.is_symlink() => links.push(entry.into_path()),
                // Pipes and devices are not read.
                _ => found.skipped += 1,
            }
        }
    }
    links.sort();
    let mut reached: BTreeSet<PathBuf> = BTreeSet::new();
    if !links.is_empty() {
        let inner = found.files.iter().filter_map(|path| path.strip_prefix(root).ok());
        reached.extend(inner.map(|path| inside.join(path)));
    }
    for link in links {
        match file_inside(&link, &inside) {
            Ok(file) => match file.is_some_and(|file| reached.insert(file)) {
                true => found.files.push(link),
                false => found.skipped += 1,
            },
            Err(error) => found.errors.push((link, error.to_string())),
        }
    }
    found.files.sort();
    found
}

/// Entries that hold no personas of the folder: of git, of package managers, locks of an editor, and the versions of
/// itself that a mounted volume keeps in folders such as `..2026_01_31`, which its links reach.
fn is_private(name: &str) -> bool {
    name == ".git" || name == "node_modules" || name.starts_with(".#") || name.starts_with("..")
}

/// The regular file behind a link, when it lies inside the folder.
fn file_inside(link: &Path, inside: &Path) -> io::Result<Option<PathBuf>> {
    let file = fs::canonicalize(link)?;
    Ok((file.starts_with(inside) && fs::metadata(&file)?.is_file()).then_some(file))
}

pub(super) fn is_markdown(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["md", "mdc", "markdown"].iter().any(|known| extension.eq_ignore_ascii_case(known))
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

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let found = walk(&root.path().join("nowhere"));
        assert_eq!((found.files.len(), found.errors.len()), (0, 1));
    }
}
