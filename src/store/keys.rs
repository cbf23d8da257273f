//! The keys of every table. Names hold no NUL, so a NUL ends each part and order is (namespace, name) bytewise.

use crate::domain::{Alias, Name, Namespace, RequestKey, Revision, SourceId, Timestamp, Version};
use crate::filter::Term;

/// In `Meta`: how far the view is.
pub(super) const APPLIED: &[u8] = b"applied";
/// In `Meta`: the floor.
pub(super) const FLOOR: &[u8] = b"floor";
/// In `Meta`: bytes of a purged version may still stand somewhere on disk.
pub(super) const UNPURGED: &[u8] = b"unpurged";

/// `namespace 00 name`: the key of a head, and what all keys of the persona begin with.
pub(super) fn persona(namespace: &Namespace, name: &Name) -> Vec<u8> {
    let (namespace, name) = (namespace.as_str().as_bytes(), name.as_str().as_bytes());
    let mut key = Vec::with_capacity(namespace.len() + name.len() + 10);
    key.extend_from_slice(namespace);
    key.push(0);
    key.extend_from_slice(name);
    key
}

/// `namespace 00`: what the keys of a namespace begin with.
pub(super) fn namespace(namespace: &Namespace) -> Vec<u8> {
    let mut key = namespace.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

/// `namespace 00 name 00 revision(8)`: a row.
pub(super) fn row(namespace: &Namespace, name: &Name, revision: Revision) -> Vec<u8> {
    numbered(persona(namespace, name), revision.0)
}

/// `revision(8) namespace 00 name`: a document. By revision, so that documents are laid down in the order they come
/// and no page that holds some is written again for others.
pub(super) fn content(namespace: &Namespace, name: &Name, revision: Revision) -> Vec<u8> {
    let mut key = revision.0.to_be_bytes().to_vec();
    key.extend_from_slice(&persona(namespace, name));
    key
}

/// `namespace 00 name 00 version(8)`: where a version's row is.
pub(super) fn version(namespace: &Namespace, name: &Name, version: Version) -> Vec<u8> {
    numbered(persona(namespace, name), version.0)
}

fn numbered(mut key: Vec<u8>, number: u64) -> Vec<u8> {
    key.push(0);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// `namespace 00 name 00 alias 00 revision(8)`: where an alias was moved to.
pub(super) fn alias(namespace: &Namespace, name: &Name, alias: &Alias, revision: Revision) -> Vec<u8> {
    let mut key = persona(namespace, name);
    key.push(0);
    key.extend_from_slice(alias.as_str().as_bytes());
    numbered(key, revision.0)
}

/// `term namespace 00 name 00 revision(8)`: a version that has a term, or a revision that gave it one.
pub(super) fn index(term: &Term, namespace: &Namespace, name: &Name, revision: Revision) -> Vec<u8> {
    let mut key = term.as_bytes().to_vec();
    key.extend_from_slice(&row(namespace, name, revision));
    key
}

/// `namespace 00 name 00`: what the keys of all rows, versions and aliases of a persona begin with.
pub(super) fn of_persona(namespace: &Namespace, name: &Name) -> Vec<u8> {
    let mut key = persona(namespace, name);
    key.push(0);
    key
}

/// `revision(8)`: an entry of the change log.
pub(super) fn log(revision: Revision) -> [u8; 8] {
    revision.0.to_be_bytes()
}

/// `time(8) request(32)`: when a request record may go. Times before 1970 sort first.
pub(super) fn expiry(time: Timestamp, request: &RequestKey) -> Vec<u8> {
    let mut key = expiry_prefix(time).to_vec();
    key.extend_from_slice(&request.0);
    key
}

/// `time(8)`: what the expiry keys of a moment begin with.
pub(super) fn expiry_prefix(time: Timestamp) -> [u8; 8] {
    (time.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// `source 00 namespace 00 name`: what a folder last brought.
pub(super) fn base(source: &SourceId, namespace: &Namespace, name: &Name) -> Vec<u8> {
    let mut key = bases(source);
    key.extend_from_slice(&persona(namespace, name));
    key
}

/// `source 00`: what the keys of all that a folder brought begin with.
pub(super) fn bases(source: &SourceId) -> Vec<u8> {
    let mut key = source.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

/// The first key behind every key that begins with `prefix`; `None` when there is none.
pub(super) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Namespace and name of a head's key.
pub(super) fn parse_persona(key: &[u8]) -> Option<(Namespace, Name)> {
    let text = std::str::from_utf8(key).ok()?;
    let (namespace, name) = text.split_once('\0')?;
    Some((namespace.parse().ok()?, name.parse().ok()?))
}

/// Namespace, name and number of a row's or a version's key.
pub(super) fn parse_numbered(key: &[u8]) -> Option<(Namespace, Name, u64)> {
    let (persona, number) = key.split_last_chunk::<8>()?;
    let (namespace, name) = parse_persona(persona.strip_suffix(&[0])?)?;
    Some((namespace, name, u64::from_be_bytes(*number)))
}

/// Folder, namespace and name of a base's key. A folder's identity may hold anything but NUL.
pub(super) fn parse_base(key: &[u8]) -> Option<(SourceId, Namespace, Name)> {
    let (source, persona) = std::str::from_utf8(key).ok()?.split_once('\0')?;
    let (namespace, name) = parse_persona(persona.as_bytes())?;
    Some((SourceId::new(source), namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word() -> impl Strategy<Value = String> {
        "[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,3}"
    }

    proptest! {
        #[test]
        fn keys_sort_as_namespace_then_name_then_number(
            a in (word(), word(), any::<u64>()), b in (word(), word(), any::<u64>())
        ) {
            let key = |(namespace, name, number): &(String, String, u64)| {
                row(&namespace.parse().unwrap(), &name.parse().unwrap(), Revision(*number))
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn a_head_key_reads_back(namespace in word(), name in word()) {
            let (namespace, name) = (namespace.parse().unwrap(), name.parse().unwrap());
            prop_assert_eq!(parse_persona(&persona(&namespace, &name)), Some((namespace, name)));
        }

        #[test]
        fn moments_sort_as_numbers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(
                expiry_prefix(Timestamp(a)).cmp(&expiry_prefix(Timestamp(b))),
                a.cmp(&b)
            );
        }

        #[test]
        fn the_successor_is_behind_the_prefix_and_nothing_else(
            prefix in prop::collection::vec(any::<u8>(), 1..6), tail in prop::collection::vec(any::<u8>(), 0..4)
        ) {
            let key: Vec<u8> = prefix.iter().chain(&tail).copied().collect();
            if let Some(end) = successor(&prefix) {
                prop_assert!(key < end);
            }
        }
    }
}
