//! Words looked for in a text all at once, many bytes at a time.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

/// Some words.
pub(super) struct Words(Option<AhoCorasick>);

/// A place where one of them stands.
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    /// Which one, by its place among them.
    pub(super) word: usize,
}

impl Words {
    /// Of words at one place the one that stands first here is found.
    pub(super) fn new(words: impl IntoIterator<Item = &'static str>) -> Self {
        // Only searches of this kind look at many bytes at once.
        Self(AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).ok())
    }

    /// Whether any of them is in the text.
    pub(super) fn any_in(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|words| words.is_match(text))
    }

    /// All of them from left to right, none within another.
    pub(super) fn all_in(&self, text: &str) -> impl Iterator<Item = Hit> {
        let hits = self.0.iter().flat_map(move |words| words.find_iter(text));
        hits.map(|hit| Hit { range: hit.range(), word: hit.pattern().as_usize() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_from_left_to_right_and_the_first_of_one_place() {
        let words = Words::new(["sk-ant-", "sk-", "eyJ"]);
        let hits = |text: &str| words.all_in(text).map(|hit| (hit.range.start, hit.word)).collect::<Vec<_>>();
        assert_eq!(hits("a sk-1 eyJ sk-ant-2"), [(2, 1), (7, 2), (11, 0)]);
        assert!(words.any_in("ä eyJ") && !words.any_in("ä ey") && hits("").is_empty());
    }
}
