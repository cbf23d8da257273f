//! A linear look at YAML before any parser sees it: refuses what expands (anchors, aliases, tags, merge keys) and
//! what nests too deep. Walks the text the way YAML scanners do, so that `*` in `globs: **/*.js`, `&` in prose and
//! anything inside quotes or block text passes.

mod multiline;

use crate::diagnostic::Span;
use crate::domain::limits::FRONT_MATTER_DEPTH;

/// Why a text does not reach the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A feature that expands: its place and its name.
    Feature(Span, &'static str),
    /// Nesting above [`FRONT_MATTER_DEPTH`], at this place.
    Depth(Span),
    /// Not one plain YAML document; a parser would only disagree.
    NotOne,
}

/// Looks through the text once.
pub(super) fn inspect(text: &str) -> Result<(), Verdict> {
    let mut scan = Scan { text: text.as_bytes(), at: 0, line: 0, blocks: Vec::new(), plain: None };
    while scan.at < scan.text.len() {
        scan.one_line()?;
    }
    Ok(())
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the present line starts.
    line: usize,
    /// Columns of the block collections around the present place.
    blocks: Vec<usize>,
    /// A plain value is open: lines that are indented deeper than this go on with it.
    plain: Option<Option<usize>>,
}

impl Scan<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(b'\n')
    }

    /// The length of the line break at `at`; YAML 1.1 has more of them than LF, and the parser believes in all.
    fn break_length(&self, at: usize) -> usize {
        match (self.byte(at), self.byte(at + 1), self.byte(at + 2)) {
            (b'\r', b'\n', _) | (0xc2, 0x85, _) => 2,
            (b'\r' | b'\n', ..) => 1,
            (0xe2, 0x80, 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    fn is_blank(&self, at: usize) -> bool {
        matches!(self.byte(at), b' ' | b'\t') || self.break_length(at) > 0
    }

    fn skip_blanks(&mut self) {
        while self.at < self.text.len() && matches!(self.byte(self.at), b' ' | b'\t') {
            self.at += 1;
        }
    }

    /// Moves behind the present line. Says whether a comment was on it.
    fn skip_line(&mut self) -> bool {
        let mut comment = false;
        while self.at < self.text.len() {
            let length = self.break_length(self.at);
            self.at += length.max(1);
            if length > 0 {
                self.line = self.at;
                break;
            }
            comment |= self.byte(self.at) == b'#' && self.is_blank(self.at - 1);
        }
        comment
    }

    fn one_line(&mut self) -> Result<(), Verdict> {
        self.line = self.at;
        while self.byte(self.at) == b' ' {
            self.at += 1;
        }
        let indent = self.at - self.line;
        self.skip_blanks();
        if self.break_length(self.at) > 0 {
            self.skip_line();
            return Ok(());
        }
        if let Some(parent) = self.plain
            && parent.is_none_or(|parent| indent > parent)
            && self.byte(self.at) != b'#'
        {
            if self.skip_line() {
                self.plain = None;
            }
            return Ok(());
        }
        self.plain = None;
        if self.byte(self.at) == b'#' {
            self.skip_line();
            return Ok(());
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let marker = rest.starts_with(b"---") || rest.starts_with(b"...");
        if indent == 0 && (rest.starts_with(b"%") || (marker && self.is_blank(self.at + 3))) {
            return Err(Verdict::NotOne);
        }
        while self.blocks.last().is_some_and(|column| *column > indent) {
            self.blocks.pop();
        }
        self.nodes()
    }

    /// The nodes that begin on one line: list marks, a key, then its value.
    fn nodes(&mut self) -> Result<(), Verdict> {
        let mut in_value = false;
        loop {
            self.skip_blanks();
            if self.break_length(self.at) > 0 || self.at >= self.text.len() {
                self.skip_line();
                return Ok(());
            }
            let (start, first) = (self.at, self.byte(self.at));
            let mark = matches!(first, b'-' | b'?' | b':') && self.is_blank(start + 1);
            if mark && !in_value {
                if first != b':' {
                    self.enter(start)?;
                }
                self.at += 1;
                continue;
            }
            self.refuse_feature(false)?;
            match first {
                b'#' => {
                    self.skip_line();
                    return Ok(());
                }
                b'|' | b'>' => {
                    self.skip_block_text();
                    return Ok(());
                }
                b'"' | b'\'' => self.skip_quoted(),
                b'[' | b'{' => self.skip_flow()?,
                _ => {
                    return self
                        .plain_text(start, in_value)
                        .and_then(|more| if more { self.nodes_after_key() } else { Ok(()) });
                }
            }
            self.skip_blanks();
            if in_value || self.byte(self.at) != b':' {
                self.skip_line();
                return Ok(());
            }
            self.enter(start)?;
            self.at += 1;
            in_value = true;
        }
    }

    /// The value on the line of its plain key.
    fn nodes_after_key(&mut self) -> Result<(), Verdict> {
        self.skip_blanks();
        let start = self.at;
        if self.break_length(start) > 0 || start >= self.text.len() || self.byte(start) == b'#' {
            self.skip_line();
            return Ok(());
        }
        self.refuse_feature(false)?;
        match self.byte(start) {
            b'|' | b'>' => {
                self.skip_block_text();
                return Ok(());
            }
            b'"' | b'\'' => self.skip_quoted(),
            b'[' | b'{' => self.skip_flow()?,
            _ => return self.plain_text(start, true).map(drop),
        }
        self.skip_line();
        Ok(())
    }

    /// A plain scalar in block context. True when it was a key, then the place is behind its colon.
    fn plain_text(&mut self, start: usize, in_value: bool) -> Result<bool, Verdict> {
        let mut at = start;
        while !in_value && at < self.text.len() && self.break_length(at) == 0 {
            if self.byte(at) == b'#' && at > start && self.is_blank(at - 1) {
                break;
            }
            if self.byte(at) == b':' && self.is_blank(at + 1) {
                self.merge_key(start, at)?;
                self.enter(start)?;
                self.at = at + 1;
                return Ok(true);
            }
            at += 1;
        }
        self.at = start;
        self.plain = if self.skip_line() { None } else { Some(self.blocks.last().copied()) };
        Ok(false)
    }

    fn merge_key(&self, start: usize, end: usize) -> Result<(), Verdict> {
        if self.text.get(start..end).is_some_and(|key| key.trim_ascii_end() == b"<<") {
            return Err(Verdict::Feature(Span { start, end: start + 2 }, "merge key"));
        }
        Ok(())
    }

    /// A block collection begins at this place of the line.
    fn enter(&mut self, start: usize) -> Result<(), Verdict> {
        let column = start.saturating_sub(self.line);
        if self.blocks.last() != Some(&column) {
            self.blocks.push(column);
        }
        self.depth(self.blocks.len(), start)
    }

    fn depth(&self, depth: usize, at: usize) -> Result<(), Verdict> {
        if depth > FRONT_MATTER_DEPTH { Err(Verdict::Depth(Span { start: at, end: at + 1 })) } else { Ok(()) }
    }

    /// At the start of a node: an anchor or a tag. An alias needs an anchor, so a lone `*` is left to the parser.
    fn refuse_feature(&self, flow: bool) -> Result<(), Verdict> {
        let start = self.at;
        let mut end = start + 1;
        match self.byte(start) {
            b'!' => {
                while end < self.text.len() && !self.is_blank(end) {
                    end += 1;
                }
                Err(Verdict::Feature(Span { start, end }, "tag"))
            }
            b'&' => {
                while self.byte(end).is_ascii_alphanumeric() || matches!(self.byte(end), b'_' | b'-') {
                    end += 1;
                }
                let closed = self.is_blank(end)
                    || end >= self.text.len()
                    || matches!(self.byte(end), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
                if end > start + 1 && (closed || flow) {
                    return Err(Verdict::Feature(Span { start, end }, "anchor"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<&str> {
        match inspect(text) {
            Err(Verdict::Feature(span, _) | Verdict::Depth(span)) => Some(&text[span.start..span.end]),
            _ => None,
        }
    }

    #[test]
    fn what_expands_is_refused() {
        for (text, offender) in [
            ("a: &x [1]\nb: *x\n", "&x"),
            ("a: [1, &x 2]\n", "&x"),
            ("- &x b\n", "&x"),
            ("&x a: b\n", "&x"),
            ("a: !!str x\n", "!!str"),
            ("a: {b: !t x}\n", "!t"),
            ("a:\n  <<: b\n", "<<"),
            ("a: {<<: b}\n", "<<"),
            ("# c\r&x a: b\n", "&x"),
            ("a: b\n\u{85}&x c: d\n", "&x"),
            ("a: x\n  # c\n  &x b\n", "&x"),
            ("a: |\n  text\nb: &x c\n", "&x"),
            ("'a': &x c\n", "&x"),
            ("[a, ?&x b]", "&x"),
        ] {
            assert_eq!(refused(text), Some(offender), "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        for text in [
            "globs: **/*.js\ntools: *\n",
            "a: this & that !important *bold*\n",
            "a: '&x' \nb: \"!t\"\nc: \"multi\n  &x\"\n",
            "a: |\n  &x\n  !t\n  <<: b\n",
            "a: >-\n\n   !t\nb: c\n",
            "a: plain\n  &x goes on\n  !t\n",
            "a: & b\nb: &nbsp; c\n",
            "a: [x & y, b!, R&D]\n",
            "# &x !t\na: b # !t\n",
            "a: b: c: d: e: f: g: h: i: j: k: l: m: n: o: p: q: r: s\n",
            "",
        ] {
            assert_eq!(inspect(text), Ok(()), "{text:?}");
        }
    }

    /// Texts of the pieces that matter to scanners, most of them broken. Whatever passes the guard and then the parser
    /// holds no alias that was followed: the marked value is there no more often than it was written.
    #[test]
    fn no_alias_slips_through() {
        use proptest::prelude::*;
        let pieces = [
            "a: ", "b: ", "- ", "? ", ": ", "&x Z9", "&x ", "Z9", "*x", "*x", "[", "]", "{", "}", ", ", "\"",
            "'", "|", ">-", "|2", "\n", "\n", "\n", "\n  ", "\n  ", "\n    ", "# c", " #", " ", "t",
            "\u{85}", "\r", "\t", "<<: ", "\\",
        ];
        let text =
            prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..20).prop_map(|all| all.concat());
        let config = ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(text in text)| {
            if inspect(&text).is_ok() && let Ok(field) = super::super::yaml::parse(&text) {
                let read = format!("{field:?}").matches("Z9").count();
                prop_assert!(read <= text.matches("Z9").count(), "{text:?} {field:?}");
            }
        });
    }

    #[test]
    fn nesting_has_a_limit() {
        assert_eq!(inspect(&format!("a: {}{}", "[".repeat(15), "]".repeat(15))), Ok(()));
        assert!(matches!(inspect(&format!("a: {}", "[".repeat(16))), Err(Verdict::Depth(_))));
        assert!(matches!(inspect(&"- ".repeat(17)), Err(Verdict::Depth(_))));
        let ladder: String = (0..17).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(matches!(inspect(&ladder), Err(Verdict::Depth(_))));
    }
}
