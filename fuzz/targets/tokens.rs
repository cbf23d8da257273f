//! The estimate of a model's tokens: none for nothing, never more than there are characters, and more for more text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use persona_registry_fuzz::document::{Input, parse, text};
use persona_registry_fuzz::domain::Dialect;

fn estimate(content: &[u8]) -> usize {
    let input = Input { content, dialect: Some(Dialect::Markdown), ..Input::default() };
    parse(&input).0.derived.token_estimate as usize
}

fuzz_target!(|data: &[u8]| {
    let tokens = estimate(data);
    let letters = text(data);
    assert!(tokens <= letters.chars().count(), "{tokens} tokens");
    assert!(tokens > 0 || letters.chars().all(char::is_whitespace));
    // What is appended on a line of its own counts for itself.
    let longer = estimate(&[data, b"\nword 12 {}"].concat());
    assert!((tokens + 3..=tokens + 5).contains(&longer), "{longer} after {tokens}");
});
