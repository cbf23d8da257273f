//! Files written whole or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::Path;

use super::Failure;

/// Writes a file in place of whatever is there: whoever reads it gets the old or the new one.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| put(path, content, None)).map_err(|source| unwritable(path, source))
}

/// Writes a file anew that held `before`. Its permissions stay, and a link goes on leading to it. What is read-only, or
/// was changed by somebody meanwhile, is left as it is.
pub(super) fn rewrite(path: &Path, before: &[u8], content: &[u8]) -> Result<(), Failure> {
    let rewritten = (|| {
        let real = fs::canonicalize(path)?;
        // A new file in its place would not ask whether the old one may be written.
        let permissions = OpenOptions::new().write(true).open(&real)?.metadata()?.permissions();
        match fs::read(&real)? {
            now if now == content => Ok(()),
            now if now != before => Err(io::Error::other("it was changed meanwhile; run this again")),
            _ => put(&real, content, Some(permissions)),
        }
    })();
    rewritten.map_err(|source| unwritable(path, source))
}

fn unwritable(path: &Path, source: io::Error) -> Failure {
    Failure::io(format!("cannot write {}", path.display()), source)
}

fn put(path: &Path, content: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that folders that are followed do not look at.
    let beside = folder.join(format!(".#{file}.{}", std::process::id()));
    let written = (|| {
        let mut new = fs::File::create(&beside)?;
        if let Some(permissions) = permissions {
            // Before anything is in it that others may not read.
            new.set_permissions(permissions)?;
        }
        new.write_all(content)?;
        if path.exists() {
            // Or a power cut may leave neither: the new name without its bytes.
            new.sync_all()?;
        }
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}

/// Removes a file, and the folders up to `root` that it leaves empty.
pub(super) fn remove(path: &Path, root: &Path) -> Result<(), Failure> {
    fs::remove_file(path)
        .map_err(|source| Failure::io(format!("cannot remove {}", path.display()), source))?;
    let above = path.ancestors().skip(1).take_while(|folder| *folder != root && folder.starts_with(root));
    for folder in above {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c.md");
        for content in [&b"one"[..], b"2"] {
            replace(&path, content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::write(root.path().join("a/d.md"), "x").unwrap();
        remove(&path, root.path()).unwrap();
        assert!(!root.path().join("a/b").exists() && root.path().join("a/d.md").exists());
        assert!(matches!(replace(&root.path().join("a/d.md/e.md"), b"x"), Err(Failure::Io { .. })));
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.md");
        fs::write(&path, "theirs").unwrap();
        let failure = rewrite(&path, b"old", b"new").unwrap_err();
        assert!(failure.to_string().ends_with("it was changed meanwhile; run this again"), "{failure}");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        rewrite(&path, b"old", b"theirs").unwrap();
        rewrite(&path, b"theirs", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::PermissionsExt as _;

        let root = tempfile::tempdir().unwrap();
        let (path, link) = (root.path().join("a.md"), root.path().join("link.md"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.md", &link).unwrap();
        rewrite(&link, b"old", b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
