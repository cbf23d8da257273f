//! URIs of files and their paths.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stands in a path as it is.
const IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The path of a `file:` URI on this machine; none for any other, such as that of a text that was never saved.
pub(super) fn path_of(uri: &str) -> Option<PathBuf> {
    let scheme = uri.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:"))?;
    let rest = uri.get(scheme.len()..)?.strip_prefix("//")?;
    let path = rest.get(rest.find('/')?..)?;
    let host = rest.strip_suffix(path).unwrap_or_default();
    if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
        return None;
    }
    let path = percent_decode_str(path.split(['?', '#']).next().unwrap_or_default());
    let path = path.decode_utf8().ok().filter(|path| !path.contains('\0'))?;
    // `/C:/a` is `C:/a`.
    let drive = cfg!(windows) && path.get(2..3) == Some(":");
    Some(PathBuf::from(path.get(usize::from(drive)..)?))
}

/// The URI of a file; none of a path that is no text.
pub(super) fn uri_of(path: &Path) -> Option<String> {
    let path = path.to_str()?.replace(std::path::MAIN_SEPARATOR, "/");
    let root = if path.starts_with('/') { "" } else { "/" };
    Some(format!("file://{root}{}", utf8_percent_encode(&path, IN_PATHS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_paths() {
        for (uri, path) in [
            ("file:///a/b%20c.md", Some("/a/b c.md")),
            ("FILE://localhost/k%C3%BCche.md", Some("/küche.md")),
            ("file:///a.md?x#y", Some("/a.md")),
            ("file://elsewhere/a.md", None),
            ("file:///a%00b.md", None),
            ("file:///a%FF.md", None),
            ("file:a.md", None),
            ("untitled:Untitled-1", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(path_of(uri), path.map(PathBuf::from), "{uri}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn and_paths_have_uris() {
        let uri = uri_of(Path::new("/a/b c#é.md"));
        assert_eq!(uri.as_deref(), Some("file:///a/b%20c%23%C3%A9.md"));
        assert_eq!(path_of(&uri.unwrap()), Some(PathBuf::from("/a/b c#é.md")));
    }
}
