//! Which files of a folder are persona files: never outside the folder, never twice, in path order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

/// What a walk over a folder found.
#[derive(Debug, Default)]
pub struct Found {
    /// Persona files, sorted.
    pub files: Vec<PathBuf>,
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

/// Walks a folder, hidden places such as `.claude/agents` included; what git ignores is left out.
#[must_use]
pub fn walk(root: &Path) -> Found {
    let mut found = Found::default();
    let inside = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git" && entry.file_name() != "node_modules")
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
        if !is_markdown(path) || entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        if is_beside(path) {
            found.skipped += 1;
            continue;
        }
        match is_file_inside(path, &inside) {
            Ok(true) => found.files.push(entry.into_path()),
            Ok(false) => found.skipped += 1,
            Err(error) => found.errors.push((path.to_owned(), error.to_string())),
        }
    }
    found.files.sort();
    found
}

/// A regular file, by itself or through a link that stays inside the folder. Pipes and devices are not read.
fn is_file_inside(path: &Path, inside: &Path) -> io::Result<bool> {
    Ok(fs::canonicalize(path)?.starts_with(inside) && fs::metadata(path)?.is_file())
}

fn is_markdown(path: &Path) -> bool {
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
        assert_eq!(names, ["a.md", "c.md"]);
        assert_eq!((found.skipped, found.errors.len()), (1, 1));
    }
}
