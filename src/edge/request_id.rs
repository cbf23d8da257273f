//! The id of a call: the client's where it is well formed, else a new one.

use std::sync::Arc;

use http::HeaderMap;

use super::REQUEST_ID;

/// Characters of a request id at most.
const MAX: usize = 128;

pub(super) fn of(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(given) if is_well_formed(given) => given.into(),
        _ => (&*uuid::Uuid::now_v7().hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())).into(),
    }
}

fn is_well_formed(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_id_is_kept_and_others_are_replaced() {
        for (given, kept) in [("abc-1.2:3_4", true), ("", false), ("a b", false), ("ä", false)] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = given.parse() {
                headers.insert(REQUEST_ID, value);
            }
            assert_eq!(&*of(&headers) == given, kept, "{given:?}");
        }
        assert!(is_well_formed(&"a".repeat(128)) && !is_well_formed(&"a".repeat(129)));
    }
}
