//! "Did you mean": which of the words that exist are near one that does not.

/// Words less alike than this are another word, not a slip.
const ALIKE: f64 = 0.85;

/// At most this many of the words that are like `word`, the likest first.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let mut near: Vec<_> = words
        .into_iter()
        .map(|other| (strsim::jaro_winkler(word, other), other))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by_key(|(_, other)| *other);
    near.into_iter().take(most).map(|(_, other)| other).collect()
}

/// The question that offers up to three of them; none when nothing is near.
#[must_use]
pub fn did_you_mean<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near: Vec<_> = nearest(word, words, 3).into_iter().map(|other| format!("`{other}`")).collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// How many slips of the pen (a letter left out, put in, changed, or swapped with the next) lie between two words.
#[must_use]
pub fn slips(one: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_come_first_and_strangers_not_at_all() {
        let words = ["backend_developer", "backend-developer", "security_reviewer", "backend_developer"];
        assert_eq!(
            did_you_mean("backend_develper", words).as_deref(),
            Some("did you mean `backend_developer` or `backend-developer`?")
        );
        assert_eq!(did_you_mean("zzz", words), None);
        assert_eq!(nearest("backend_develper", words, 1), ["backend_developer"]);
    }
}
