//! What several rooms need of the file system: files that are their owner's alone, and names that a power cut does not take back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// The folder that a path lies in; `.` when it has none.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Options under which a file that is made is its owner's alone.
#[must_use]
pub fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no permissions to set"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a directory, and those above it that are missing, for its owner alone and durable by name.
///
/// # Errors
/// The file system refused.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    let missing: Vec<_> =
        path.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists()).collect();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // A directory that a power cut takes back takes with it all that was synced inside.
    missing.into_iter().try_for_each(|made| sync_dir(folder_of(made)))
}

/// Makes the names in a directory durable.
///
/// # Errors
/// It cannot be opened or synced.
#[cfg(unix)]
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory is no file that could be opened and synced; its entries are journaled by the system.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a file so that a crash leaves the old or the new one and never half of it: beside it first, then in its place. The file is its
/// owner's alone, durable with its name, and what fails leaves nothing beside it.
///
/// # Errors
/// The file system refused.
pub fn replace(path: &Path, beside: &Path, content: &[u8]) -> io::Result<()> {
    // What was left behind may be open to others, and opening it would keep it so.
    drop(fs::remove_file(beside));
    let written = private().write(true).create_new(true).open(beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(beside, path)
    });
    if written.is_err() {
        drop(fs::remove_file(beside));
    }
    written?;
    sync_dir(folder_of(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_by_its_owner_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("it"), dir.path().join("it.new"));
        fs::write(&beside, "left behind, and open to all").unwrap();
        for text in ["one", "two"] {
            replace(&path, &beside, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!((mode(&path), beside.exists()), (0o600, false));
        }
        fs::create_dir(dir.path().join("taken")).unwrap();
        assert!(replace(&dir.path().join("taken"), &beside, b"three").is_err());
        assert!(!beside.exists());
    }

    #[test]
    fn directories_that_are_made_are_private_and_those_that_were_there_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let deep = dir.path().join("a/b");
        for _ in 0..2 {
            create_private_dir(&deep).unwrap();
        }
        assert_eq!((mode(dir.path()), mode(&dir.path().join("a")), mode(&deep)), (0o755, 0o700, 0o700));
    }
}
