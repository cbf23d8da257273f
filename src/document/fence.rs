//! Where the front matter stands. Looks at lines only; what is between the fences is read elsewhere.

use crate::diagnostic::Span;

/// Text before a misplaced front matter is searched no further than this many lines.
const SEARCHED_LINES: usize = 40;

/// The front matter's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fences {
    /// The opening fence, without its line ending.
    pub(super) opener: Span,
    /// The text between the fences.
    pub(super) yaml: Span,
    /// First byte of the body.
    pub(super) body: usize,
    /// What is wrong with the fences.
    pub(super) fault: Option<Fault>,
}

/// What can be wrong with fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing but blanks stands before the opener.
    BlankBefore,
    /// Text stands before the opener.
    TextBefore,
    /// There is no closer; the body is taken to begin where it was expected.
    Unclosed,
}

/// One line: where it begins, where its text ends, where the next begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) next: usize,
}

/// The lines of `text` from the offset `from`. A line ends at LF or CRLF.
pub(super) fn lines(text: &str, from: usize) -> impl Iterator<Item = Line> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let length = rest.find('\n').unwrap_or(rest.len());
        let end = start + rest.get(..length).map_or(0, |line| line.strip_suffix('\r').unwrap_or(line).len());
        at = (start + length + 1).min(text.len());
        Some(Line { start, end, next: at })
    })
}

/// The front matter of `text`, if there is one. Only the first closing fence counts.
pub(super) fn find(text: &str) -> Option<Fences> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let first = lines(text, start).next()?;
    if is_fence(slice(text, first)) {
        return close(text, first, None).or_else(|| unclosed(text, first));
    }
    misplaced(text, start)
}

fn close(text: &str, opener: Line, fault: Option<Fault>) -> Option<Fences> {
    let closer = lines(text, opener.next).find(|line| is_fence(slice(text, *line)))?;
    Some(Fences {
        opener: Span { start: opener.start, end: opener.end },
        yaml: Span { start: opener.next, end: closer.start },
        body: closer.next,
        fault,
    })
}

/// Without a closer the front matter goes on as long as lines look like YAML.
fn unclosed(text: &str, opener: Line) -> Option<Fences> {
    let mut end = None;
    for line in lines(text, opener.next) {
        let content = slice(text, line);
        let fits = is_key_line(content)
            || (end.is_some() && (content.starts_with([' ', '\t']) || content.starts_with("- ")));
        match (fits, content.trim().is_empty()) {
            (true, _) => end = Some(line.next),
            (false, true) => {}
            (false, false) => break,
        }
    }
    let end = end?;
    Some(Fences {
        opener: Span { start: opener.start, end: opener.end },
        yaml: Span { start: opener.next, end },
        body: end,
        fault: Some(Fault::Unclosed),
    })
}

/// Front matter below the first line: behind blank lines, or behind a title, a comment or a code fence around it all.
fn misplaced(text: &str, start: usize) -> Option<Fences> {
    let mut seen_text = false;
    for line in lines(text, start).take(SEARCHED_LINES) {
        let content = slice(text, line);
        let is_key = |line: Line| {
            let content = slice(text, line);
            // Behind text a rule may be followed by anything; only a telling key makes it front matter.
            let telling = ["name:", "description:", "globs:", "mode:", "model:", "tools:"];
            if seen_text { telling.iter().any(|key| content.starts_with(key)) } else { is_key_line(content) }
        };
        if is_fence(content.trim_start()) {
            let follows = lines(text, line.next).find(|line| !slice(text, *line).trim().is_empty());
            if follows.is_some_and(is_key) {
                let fault = if seen_text { Fault::TextBefore } else { Fault::BlankBefore };
                return close(text, line, Some(fault));
            }
            if !seen_text {
                return None;
            }
        } else if !content.trim().is_empty() {
            // A code fence after prose holds an example; only one around the whole document is a wrapper.
            if seen_text && content.trim_start().starts_with("```") {
                return None;
            }
            seen_text = true;
        }
    }
    None
}

fn slice(text: &str, line: Line) -> &str {
    text.get(line.start..line.end).unwrap_or_default()
}

fn is_fence(line: &str) -> bool {
    line.trim_end_matches([' ', '\t']) == "---"
}

/// Whether a line opens a top-level key: a word, a colon, then a blank or the end.
pub(super) fn is_key_line(line: &str) -> bool {
    key_length(line).is_some()
}

/// The length of the plain key that opens the line.
pub(super) fn key_length(line: &str) -> Option<usize> {
    let length = line.find(':')?;
    let (key, rest) = line.split_at_checked(length)?;
    let word = key.trim_end_matches([' ', '\t']);
    let plain = word.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'));
    let ended = rest.get(1..).is_none_or(|after| after.is_empty() || after.starts_with([' ', '\t']));
    (plain && ended).then_some(word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(&str, &str, Option<Fault>)> {
        find(text).map(|found| (&text[found.yaml.start..found.yaml.end], &text[found.body..], found.fault))
    }

    #[test]
    fn the_first_closing_fence_counts() {
        assert_eq!(parts("---\na: 1\n---\nb\n---\nc"), Some(("a: 1\n", "b\n---\nc", None)));
        assert_eq!(parts("\u{feff}---\r\na: 1\r\n---\r\nb"), Some(("a: 1\r\n", "b", None)));
        assert_eq!(parts("---\na: 1\n---"), Some(("a: 1\n", "", None)));
        assert_eq!(parts("---\n---\n"), Some(("", "", None)));
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(parts("\n\n---\na: 1\n---\nb"), Some(("a: 1\n", "b", Some(Fault::BlankBefore))));
        assert_eq!(parts("# T\n---\nname: x\n---\nb"), Some(("name: x\n", "b", Some(Fault::TextBefore))));
        assert_eq!(parts("---\na: 1\n\n# T\n"), Some(("a: 1\n", "\n# T\n", Some(Fault::Unclosed))));
        assert_eq!(parts("# T\n\n---\n\nNote: no front matter\n\n---\n"), None);
        assert_eq!(parts("Like this:\n\n```\n---\nname: x\n---\n```\n"), None);
        assert_eq!(parts(""), None);
    }
}
