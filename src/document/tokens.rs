//! A rough count of model tokens, without any model's vocabulary. `docs/ci.md` tells how far off it is.

/// Tenths of a token that a letter outside of ASCII costs, where it is no ideograph.
const OTHER_LETTER: usize = 7;
/// Letters of a word that cost one token together.
const WORD: usize = 9;

/// What a run of characters is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    let of_byte = |byte: u8| ASCII.get(usize::from(byte)).copied().unwrap_or(Kind::Other);
    let of_letter =
        |letter: char| u8::try_from(letter).ok().filter(u8::is_ascii).map_or_else(|| kind(letter), of_byte);
    let tenths =
        if text.is_ascii() { tenths(text.bytes().map(of_byte)) } else { tenths(text.chars().map(of_letter)) };
    super::outline::to_u32(tenths.div_ceil(10))
}

fn tenths(kinds: impl Iterator<Item = Kind>) -> usize {
    // No blanks cost nothing.
    let (mut tenths, mut run, mut length) = (0_usize, Kind::Blanks, 0_usize);
    for kind in kinds {
        if kind == run {
            length += 1;
        } else {
            tenths += cost(run, length);
            (run, length) = (kind, 1);
        }
    }
    tenths + cost(run, length)
}

/// The kinds of letters in ASCII, by byte: as long as bytes are many, so that no look needs a bound.
#[allow(clippy::indexing_slicing, reason = "by a constant expression")]
static ASCII: [Kind; 256] = {
    let mut kinds = [Kind::Marks; 256];
    let mut letter = 0;
    while letter < 128 {
        kinds[letter as usize] = match letter {
            b'a'..=b'z' | b'A'..=b'Z' => Kind::Word,
            b'0'..=b'9' => Kind::Digits,
            b'\n' => Kind::Lines,
            b' ' | b'\t' | 0x0b | 0x0c | b'\r' => Kind::Blanks,
            _ => Kind::Marks,
        };
        letter += 1;
    }
    kinds
};

/// That of any other.
fn kind(letter: char) -> Kind {
    match letter {
        letter if letter.is_whitespace() => Kind::Blanks,
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
fn cost(kind: Kind, length: usize) -> usize {
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
    fn every_letter_of_ascii_is_of_its_kind() {
        for (byte, kind) in (0_u8..128).zip(ASCII) {
            let letter = char::from(byte);
            let expected = match letter {
                '\n' => Kind::Lines,
                _ if letter.is_alphabetic() => Kind::Word,
                _ if letter.is_numeric() => Kind::Digits,
                _ if letter.is_whitespace() => Kind::Blanks,
                _ => Kind::Marks,
            };
            assert_eq!(kind, expected, "{letter:?}");
        }
    }

    #[test]
    fn plain_text_counts_alike_beside_other_letters() {
        let plain = "You test 2026 things.\n\n- `a_b`:  \t x!!! 12345\r\n";
        // An ideograph is a token by itself, wherever it stands.
        assert_eq!(tokens(&format!("{plain}設")), tokens(plain) + 1);
    }

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
