//! From paths to documents: folders walked, README-like files left out and counted, sizes capped before reading.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::Failure;
use super::remote::Source;
use crate::config;
use crate::domain::limits;
use crate::seed;
pub(super) use crate::seed::slashed;

/// What a walk over some paths found, sorted.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files to look at.
    pub(super) files: Vec<PathBuf>,
    /// Files beside personas that are none.
    pub(super) skipped: usize,
}

/// Collects the files that the paths name. A file named itself is always taken.
///
/// # Errors
/// A path that is not there or cannot be read.
pub(super) fn find(paths: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Found::default();
    for path in paths {
        let kind = std::fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if kind.is_dir() {
            find_in(path, &mut found)?;
        } else {
            found.files.push(path.clone());
        }
    }
    found.files.sort();
    found.files.dedup();
    Ok(found)
}

fn find_in(root: &Path, found: &mut Found) -> Result<(), Failure> {
    let walked = seed::walk(root);
    if let Some((path, problem)) = walked.errors.into_iter().next() {
        let what = format!("cannot walk {}", path.display());
        return Err(Failure::io(what, io::Error::other(problem)));
    }
    found.files.extend(walked.files);
    found.skipped += walked.skipped;
    Ok(())
}

/// Reads a document. More than a request could carry is not read: what is over the limit is so already.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(source: &Source) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let most = limits::REQUEST_BYTES as u64;
    match source {
        Source::Stdin => io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut content)
            .map_err(|source| Failure::io("cannot read stdin", source))?,
        Source::Path(path) => File::open(path)
            .and_then(|file| file.take(most).read_to_end(&mut content))
            .map_err(|source| unreadable(path, source))?,
    };
    Ok(content)
}

fn unreadable(path: &Path, source: io::Error) -> Failure {
    let help = match source.kind() {
        io::ErrorKind::NotFound => {
            config::nearest_path(path).map(|near| format!("did you mean `{}`?", near.display()))
        }
        io::ErrorKind::IsADirectory => Some(format!(
            "to judge all of it: `persona validate {}`; to serve it: `persona serve --personas {}`",
            path.display(),
            path.display()
        )),
        _ => None,
    };
    Failure::Io { what: format!("cannot read {}", path.display()), source, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_named_is_taken_whatever_it_is_called() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a.md", "README.md"] {
            std::fs::write(root.path().join(name), "x").unwrap();
        }
        let found = find(&[root.path().to_owned(), root.path().join("README.md")]).unwrap();
        let names: Vec<_> =
            found.files.iter().map(|path| slashed(path.strip_prefix(root.path()).unwrap())).collect();
        assert_eq!(names, ["README.md", "a.md"]);
        assert_eq!(found.skipped, 1);
    }

    #[test]
    fn a_missing_path_is_an_error() {
        assert!(matches!(find(&["/nowhere/at/all.md".into()]), Err(Failure::Io { .. })));
    }
}
