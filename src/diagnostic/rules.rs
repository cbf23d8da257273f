//! From words to rules: a code, the beginning of some, or a name.

use super::{Code, did_you_mean, slips};

/// What codes of one family begin with.
const FAMILIES: [&str; 6] = ["SEC", "SYN", "SCH", "CNT", "REF", "REG"];
/// Characters of a word that an error shows.
const SHOWN: usize = 64;

/// A word that names no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} names no rule; {advice}")]
pub struct UnknownRule {
    /// The word, as far as it is worth showing.
    pub word: String,
    /// What would name one.
    pub advice: String,
}

/// The rules that a word names: a code such as `SYN008`, the beginning of some such as `SYN` or `SYN00`, or a name such
/// as `unquoted-colon`. Case does not matter.
///
/// # Errors
/// When it names none; with what it may have been meant for.
pub fn rules(word: &str) -> Result<Vec<Code>, UnknownRule> {
    let begins =
        |code: &Code| code.as_str().get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
    let matches = |code: &Code| begins(code) || code.name().eq_ignore_ascii_case(word);
    let named: Vec<_> = Code::ALL.iter().copied().filter(|_| !word.is_empty()).filter(matches).collect();
    if named.is_empty() { Err(unknown(word)) } else { Ok(named) }
}

fn unknown(word: &str) -> UnknownRule {
    let words = Code::ALL.iter().flat_map(|code| [code.as_str(), code.name()]);
    let word: String = word.chars().take(SHOWN).collect();
    let upper = word.to_ascii_uppercase();
    // Codes are written in capitals, names are not: whichever is nearer. Families are too short to be like anything.
    let near = did_you_mean(&word, words.clone()).or_else(|| did_you_mean(&upper, words));
    let family = || {
        let family = FAMILIES.into_iter().find(|family| slips(family, &upper) == 1)?;
        Some(format!("did you mean `{family}`?"))
    };
    let advice = near
        .or_else(family)
        .unwrap_or_else(|| "a rule is a code such as SYN008, its beginning, or its name".to_owned());
    UnknownRule { word, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_beginnings_and_names_name_rules() {
        assert_eq!(rules("SYN008"), Ok(vec![Code::SYN008]));
        assert_eq!(rules("syn008"), Ok(vec![Code::SYN008]));
        assert_eq!(rules("Unquoted-Colon"), Ok(vec![Code::SYN008]));
        assert_eq!(rules("SEC40").map(|codes| codes.len()), Ok(9));
        assert_eq!(rules("SEC").map(|codes| codes.len()), Ok(10));
    }

    #[test]
    fn others_are_answered_with_what_is_near() {
        for (word, advice) in [
            ("SYN088", "`SYN008`"),
            ("syn088", "`SYN008`"),
            ("unqoted-colon", "`unquoted-colon`"),
            ("SCE", "`SEC`"),
            ("", "a code such as"),
            ("rust", "a code such as"),
            ("SYN0088", "`SYN008`"),
            ("é", "a code such as"),
        ] {
            let error = rules(word).unwrap_err();
            assert!(error.advice.contains(advice), "{error}");
        }
    }
}
