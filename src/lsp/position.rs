//! Positions as the protocol counts them, in three encodings, and byte offsets. Any position and any offset is taken:
//! what points outside of the text or into a character is moved back to the nearest place before it.

use std::ops::Range as Bytes;

use gen_lsp_types::{Position, PositionEncodingKind, Range, TextEdit};

use crate::diagnostic::{Edit, Span};

/// What a column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16: what holds where nothing was agreed on.
    #[default]
    Utf16,
    /// Unicode scalars.
    Utf32,
}

impl Encoding {
    /// The encoding of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        }
    }

    /// Its name in the protocol.
    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    /// How many columns a text takes. Counts bytes instead of decoding them: lines may be hundreds of kilobytes long.
    fn width(self, text: &str) -> usize {
        let count = |is: fn(u8) -> bool| text.bytes().filter(|byte| is(*byte)).count();
        let begins = |byte: u8| byte & 0xc0 != 0x80;
        match self {
            Self::Utf8 => text.len(),
            Self::Utf16 => count(begins) + count(|byte| byte >= 0xf0),
            Self::Utf32 => count(begins),
        }
    }

    fn width_of(self, letter: char) -> usize {
        match self {
            Self::Utf8 => letter.len_utf8(),
            Self::Utf16 => letter.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A text by lines. They end at LF, CRLF or a lone CR, unlike those that people are told of, which end at LF only.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'a> Lines<'a> {
    /// Reads through the text once.
    pub(super) fn new(text: &'a str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let ends = |(at, byte): (usize, &u8)| match byte {
            b'\n' => Some(at + 1),
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
            _ => None,
        };
        let starts = std::iter::once(0).chain(bytes.iter().enumerate().filter_map(ends)).collect();
        Self { text, starts, encoding }
    }

    /// The text of a line without its ending, in bytes.
    fn line(&self, line: usize) -> Option<Bytes<usize>> {
        let start = *self.starts.get(line)?;
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or_default();
        let kept = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let kept = if kept.len() == text.len() { text.strip_suffix('\r').unwrap_or(text) } else { kept };
        Some(start..start + kept.len())
    }

    /// The position of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let own = self.line(line).unwrap_or_default();
        let before = self.text.get(own.start..offset.min(own.end)).unwrap_or_default();
        Position { line: to_u32(line), character: to_u32(self.encoding.width(before)) }
    }

    /// The byte offset of a position.
    pub(super) fn offset(&self, position: Position) -> usize {
        let Some(own) = self.line(position.line as usize) else { return self.text.len() };
        let text = self.text.get(own.clone()).unwrap_or_default();
        let mut left = position.character as usize;
        if self.encoding.width(text) <= left {
            return own.end;
        }
        for (at, letter) in text.char_indices() {
            let width = self.encoding.width_of(letter);
            if width > left {
                return own.start + at;
            }
            left -= width;
        }
        own.end
    }

    /// The positions of a span.
    pub(super) fn range(&self, span: Span) -> Range {
        Range { start: self.position(span.start), end: self.position(span.end.max(span.start)) }
    }

    /// The offsets of a range, in order whatever the order of its ends.
    pub(super) fn span(&self, range: Range) -> Span {
        let (one, other) = (self.offset(range.start), self.offset(range.end));
        Span { start: one.min(other), end: one.max(other) }
    }

    /// Edits, which are sorted and disjoint, as an editor makes them. No position lies between the two bytes of a CRLF, so
    /// an edit that begins or ends there takes in all of it and puts back its other half.
    pub(super) fn edits(&self, edits: &[Edit]) -> Vec<TextEdit> {
        let mut wide: Vec<Edit> = Vec::with_capacity(edits.len());
        for edit in edits {
            match wide.last_mut() {
                Some(last) if last.span.end == edit.span.start && self.splits(edit.span.start) => {
                    last.span.end = edit.span.end;
                    last.text.push_str(&edit.text);
                }
                _ => wide.push(edit.clone()),
            }
        }
        let whole = |mut edit: Edit| {
            if self.splits(edit.span.start) {
                edit.span.start -= 1;
                edit.text.insert(0, '\r');
            }
            if self.splits(edit.span.end) {
                edit.span.end += 1;
                edit.text.push('\n');
            }
            TextEdit { range: self.range(edit.span), new_text: edit.text }
        };
        wide.into_iter().map(whole).collect()
    }

    /// Whether an offset lies between the two bytes of a CRLF.
    fn splits(&self, offset: usize) -> bool {
        let bytes = self.text.as_bytes();
        offset > 0 && bytes.get(offset - 1) == Some(&b'\r') && bytes.get(offset) == Some(&b'\n')
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn columns_count_what_was_agreed_on() {
        let text = "a😀é\r\nx\ry\n";
        for (encoding, behind_the_face, behind_the_accent) in
            [(Encoding::Utf8, 5, 7), (Encoding::Utf16, 3, 4), (Encoding::Utf32, 2, 3)]
        {
            let lines = Lines::new(text, encoding);
            assert_eq!(lines.position(5), at(0, behind_the_face));
            assert_eq!(lines.position(7), at(0, behind_the_accent));
            assert_eq!(lines.position(8), at(0, behind_the_accent), "between CR and LF");
            assert_eq!(lines.offset(at(0, behind_the_accent)), 7);
            assert_eq!(
                [lines.position(9), lines.position(11), lines.position(13)],
                [at(1, 0), at(2, 0), at(3, 0)]
            );
        }
    }

    #[test]
    fn what_is_nowhere_is_the_nearest_place_before() {
        let lines = Lines::new("a😀b\ncd", Encoding::Utf16);
        assert_eq!(lines.offset(at(0, 2)), 1, "half a character");
        assert_eq!(lines.offset(at(0, 99)), 6);
        assert_eq!(lines.offset(at(1, u32::MAX)), 9);
        assert_eq!(lines.offset(at(u32::MAX, 3)), 9);
        assert_eq!([lines.position(2), lines.position(99)], [at(0, 1), at(1, 2)]);
        assert_eq!(lines.span(Range { start: at(1, 1), end: at(0, 0) }), Span { start: 0, end: 8 });
        assert_eq!(Lines::new("", Encoding::Utf8).offset(at(0, 1)), 0);
    }

    #[test]
    fn half_a_line_ending_is_edited_as_a_whole_one() {
        let lines = Lines::new("a\r\nb\r\n", Encoding::Utf16);
        let edit = |start, end, text: &str| Edit { span: Span { start, end }, text: text.into() };
        let edits = lines.edits(&[edit(1, 2, ""), edit(4, 5, "")]);
        assert_eq!(
            edits,
            [
                TextEdit { range: Range { start: at(0, 1), end: at(1, 0) }, new_text: "\n".into() },
                TextEdit { range: Range { start: at(1, 1), end: at(2, 0) }, new_text: "\n".into() },
            ]
        );
    }

    fn texts() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a", "b", "\r", "\n", "\r\n", "é", "漢", "😀", "\u{301}", "\u{feff}", " ",
        ]);
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    /// The offset of a position, found the slow way: line by line, character by character.
    fn slow(text: &str, encoding: Encoding, wanted: Position) -> usize {
        let (mut line, mut column, mut before) = (0, 0, '\0');
        for (at, letter) in text.char_indices() {
            if letter == '\n' && before == '\r' {
                before = letter;
                continue;
            }
            let ends = matches!(letter, '\n' | '\r');
            let width = match encoding {
                Encoding::Utf8 => letter.len_utf8(),
                Encoding::Utf16 => letter.encode_utf16(&mut [0; 2]).len(),
                Encoding::Utf32 => 1,
            };
            if line == wanted.line as usize && (ends || column + width > wanted.character as usize) {
                return at;
            }
            (line, column) = if ends { (line + 1, 0) } else { (line, column + width) };
            before = letter;
        }
        text.len()
    }

    /// What an editor makes of the edits: positions refer to the text before all of them.
    fn edited(text: &str, encoding: Encoding, edits: &[TextEdit]) -> String {
        let mut edited = String::new();
        let mut from = 0;
        for edit in edits {
            let (start, end) = (slow(text, encoding, edit.range.start), slow(text, encoding, edit.range.end));
            assert!(from <= start && start <= end, "overlapping");
            edited.push_str(&text[from..start]);
            edited.push_str(&edit.new_text);
            from = end;
        }
        edited + &text[from..]
    }

    proptest! {
        #[test]
        fn every_place_comes_back(text in texts()) {
            for encoding in ALL {
                let lines = Lines::new(&text, encoding);
                for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                    let back = lines.offset(lines.position(at));
                    prop_assert_eq!(back, if lines.splits(at) { at - 1 } else { at });
                }
            }
        }

        #[test]
        fn every_position_is_taken(text in texts(), line in 0..30_u32, character in 0..30_u32) {
            for encoding in ALL {
                let lines = Lines::new(&text, encoding);
                let offset = lines.offset(at(line, character));
                prop_assert_eq!(offset, slow(&text, encoding, at(line, character)));
                let nearest = lines.position(offset);
                prop_assert!(nearest <= at(line, character));
                prop_assert_eq!(lines.offset(nearest), offset);
            }
        }

        #[test]
        fn editors_make_the_same_edits(text in texts(), cuts in prop::collection::vec((0..60_usize, "[xy\r\n]{0,2}"), 0..4)) {
            let mut cuts: Vec<_> = cuts
                .into_iter()
                .filter(|(at, _)| text.is_char_boundary(*at))
                .collect();
            cuts.sort();
            cuts.dedup_by_key(|(at, _)| *at);
            // From one cut to the next, every other stretch.
            let edits: Vec<_> = cuts
                .chunks(2)
                .map(|pair| Edit { span: Span { start: pair[0].0, end: pair[pair.len() - 1].0 }, text: pair[0].1.clone() })
                .collect();
            let mut wanted = text.clone();
            for edit in edits.iter().rev() {
                wanted.replace_range(edit.span.start..edit.span.end, &edit.text);
            }
            for encoding in ALL {
                prop_assert_eq!(&edited(&text, encoding, &Lines::new(&text, encoding).edits(&edits)), &wanted);
            }
        }
    }
}
