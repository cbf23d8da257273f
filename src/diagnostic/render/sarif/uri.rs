//! Paths as the URIs that SARIF wants.

/// A relative path as a relative reference, an absolute one as a `file` URI.
pub(super) fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let drive = path.get(1..3) == Some(":/");
    let start = match path.starts_with('/') {
        true => "file://",
        false if drive => "file:///",
        false => "",
    };
    let mut uri = String::from(start);
    for byte in path.bytes() {
        match byte {
            b'/' => uri.push('/'),
            b':' if drive && uri.len() == start.len() + 1 => uri.push(':'),
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            ("personas/a.md", "personas/a.md"),
            ("./a b.md", "a%20b.md"),
            ("../x/é:#?.md", "../x/%C3%A9%3A%23%3F.md"),
            ("/tmp/100%.md", "file:///tmp/100%25.md"),
            ("C:/a/b:c.md", "file:///C:/a/b%3Ac.md"),
            ("<stdin>", "%3Cstdin%3E"),
            ("a:b.md", "a%3Ab.md"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
