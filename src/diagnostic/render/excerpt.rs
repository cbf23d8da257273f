//! One line of a document made fit to show: unseen characters escaped, long lines clipped, spans carried along.

use std::ops::Range;

use crate::diagnostic::Span;

/// Bytes of a line that are shown before the span.
const BEFORE: usize = 80;
/// Bytes of a line that are shown in all.
const SHOWN: usize = 160;

/// The line around `span` as shown, and where the span is in it. A span over several lines ends with the first.
pub(super) fn line(content: &[u8], span: Span) -> (String, Range<usize>) {
    let start = span.start.min(content.len());
    let until = |at: usize| content.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'));
    let from = content.get(..start).and_then(|before| before.iter().rposition(|byte| *byte == b'\n'));
    let from = from.map_or(0, |newline| newline + 1);
    let end = until(start).map_or(content.len(), |length| start + length);
    let first = boundary(content, from.max(start.saturating_sub(BEFORE)));
    let last = boundary(content, end.min(first + SHOWN));
    let mut shown = String::new();
    if first > from {
        shown.push('…');
    }
    let mut place = None;
    let mut finish = None;
    let mut at = first;
    let mut put = |shown: &mut String, length: usize, text: &str| {
        if at >= start && place.is_none() {
            place = Some(shown.len());
        }
        if at >= span.end && finish.is_none() {
            finish = Some(shown.len());
        }
        shown.push_str(text);
        at += length;
    };
    let visible = content.get(first..last).unwrap_or_default();
    for chunk in visible.strip_suffix(b"\r").unwrap_or(visible).utf8_chunks() {
        for letter in chunk.valid().chars() {
            put(&mut shown, letter.len_utf8(), &escape(letter));
        }
        for byte in chunk.invalid() {
            put(&mut shown, 1, &format!("\\x{byte:02x}"));
        }
    }
    let place = place.unwrap_or(shown.len());
    let finish = finish.unwrap_or(shown.len()).max(place);
    if last < end {
        shown.push('…');
    }
    (shown, place..finish)
}

/// Moves back to where a character begins.
fn boundary(content: &[u8], at: usize) -> usize {
    let continues = |at: usize| content.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|at| !continues(*at)).unwrap_or(at)
}

/// What a terminal would hide or act on is shown by its number.
pub(super) fn escape(letter: char) -> String {
    let unseen = matches!(u32::from(letter),
        0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe0fff);
    if (letter.is_control() && letter != '\t') || unseen {
        letter.escape_unicode().collect()
    } else {
        letter.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &[u8], start: usize, end: usize) -> (String, String) {
        let (line, range) = line(content, Span { start, end });
        let marked = line[range].to_owned();
        (line, marked)
    }

    #[test]
    fn unseen_characters_are_escaped() {
        let text = "a\u{0}b\u{202e}c";
        assert_eq!(shown(text.as_bytes(), 1, 2), ("a\\u{0}b\\u{202e}c".into(), "\\u{0}".into()));
        assert_eq!(shown(b"a\xffb\r\nc", 1, 2), ("a\\xffb".into(), "\\xff".into()));
        assert_eq!(shown(b"ab\ncd", 1, 5), ("ab".into(), "b".into()));
        assert_eq!(shown(b"", 0, 0), (String::new(), String::new()));
        assert_eq!(shown(b"ab\n", 3, 3), (String::new(), String::new()));
    }

    #[test]
    fn long_lines_are_clipped() {
        let text = "é".repeat(1000);
        let (line, marked) = shown(text.as_bytes(), 1000, 1002);
        assert_eq!(marked, "é");
        assert!(line.starts_with('…') && line.ends_with('…') && line.len() < 200);
    }
}
