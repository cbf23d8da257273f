//! Files written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::Failure;

/// Writes a file in place of whatever is there: whoever reads it gets the old or the new one.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    put(path, content).map_err(|source| Failure::io(format!("cannot write {}", path.display()), source))
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that folders that are followed do not look at.
    let beside = folder.join(format!(".#{file}.{}", std::process::id()));
    let written = (|| {
        let mut new = fs::File::create(&beside)?;
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
}
