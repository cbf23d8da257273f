//! A rough count of model tokens, without any model's vocabulary. `docs/ci.md` tells how far off it is.

/// Tenths of a token that a letter outside of ASCII costs, where it is no ideograph.
const OTHER_LETTER: usize = 7;
/// Letters of a word that cost one token together.
const WORD: usize = 9;

/// What a run of characters is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Digits,
    Blanks,
    Lines,
    Marks,
    Wide,
    Other,
}

/// Words count one token, long ones more; digits one for each three; line ends, wide gaps and marks one a run and more
/// for long runs of marks; an ideograph, syllable or pictograph one each; other letters less than one.
pub(super) fn tokens(text: &str) -> u32 {
    let mut tenths = 0_usize;
    let mut run: Option<(Kind, usize)> = None;
    for letter in text.chars() {
        let kind = kind(letter);
        match &mut run {
            Some((same, length)) if *same == kind => *length += 1,
            _ => {
                tenths += run.map_or(0, cost);
                run = Some((kind, 1));
            }
        }
    }
    tenths += run.map_or(0, cost);
    super::outline::to_u32(tenths.div_ceil(10))
}

fn kind(letter: char) -> Kind {
    match letter {
        'a'..='z' | 'A'..='Z' => Kind::Word,
        '0'..='9' => Kind::Digits,
        '\n' => Kind::Lines,
        letter if letter.is_whitespace() => Kind::Blanks,
        letter if letter.is_ascii() => Kind::Marks,
        // Kana, CJK, Hangul, their full-width forms, and the planes of pictographs and rare ideographs.
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{1f000}'.. => Kind::Wide,
        _ => Kind::Other,
    }
}

/// Tenths of a token.
fn cost((kind, length): (Kind, usize)) -> usize {
    match kind {
        Kind::Word => 10 + length.saturating_sub(WORD) * 2,
        Kind::Digits => length.div_ceil(3) * 10,
        Kind::Lines => 10,
        // A single blank belongs to the word behind it.
        Kind::Blanks => usize::from(length > 1) * 10,
        Kind::Marks => 10 + (length - 1) / 3 * 10,
        Kind::Wide => length * 10,
        Kind::Other => length * OTHER_LETTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_count_scripts_apart() {
        for (text, expected) in [
            ("", 0),
            ("You test things.", 4),
            ("a b", 2),
            ("internationalization", 4),
            ("2026", 2),
            ("\n\n\n", 1),
            ("a    b", 3),
            ("----", 2),
            ("設計する", 4),
            ("café", 2),
            ("привет", 5),
            ("🦀🦀", 2),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }
}
