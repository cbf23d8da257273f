//! Values that go on over line ends: quoted ones, flow collections (`[…]`, `{…}`) and block text (`|`, `>`).

use crate::diagnostic::Span;

use super::{Scan, Verdict};

impl Scan<'_> {
    pub(super) fn skip_quoted(&mut self) {
        let quote = self.byte(self.at);
        self.at += 1;
        while self.at < self.text.len() {
            let byte = self.byte(self.at);
            let doubled = quote == b'\'' && byte == quote && self.byte(self.at + 1) == quote;
            let escaped = quote == b'"' && byte == b'\\';
            self.at += if doubled || escaped { 2 } else { 1 };
            if byte == quote && !doubled {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
    }

    pub(super) fn skip_flow(&mut self) -> Result<(), Verdict> {
        let mut depth = 0_usize;
        let mut token_start = true;
        while self.at < self.text.len() {
            let (at, byte) = (self.at, self.byte(self.at));
            if self.is_blank(at) {
                self.at += 1;
                continue;
            }
            match byte {
                b'[' | b'{' => {
                    depth += 1;
                    self.depth(self.blocks.len() + depth, at)?;
                    token_start = true;
                }
                b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                    token_start = false;
                }
                b',' => token_start = true,
                b'?' if token_start => {}
                b':' if token_start || self.flow_key_ends(at) => token_start = true,
                b'#' if at > 0 && self.is_blank(at - 1) => {
                    self.skip_line();
                    continue;
                }
                b'"' | b'\'' if token_start => {
                    self.skip_quoted();
                    // A property after a quoted value is an error for the parser; refusing it is as good.
                    continue;
                }
                _ if token_start => {
                    self.refuse_feature(true)?;
                    if self.text.get(at..at + 2) == Some(b"<<") && matches!(self.byte(at + 2), b':' | b' ') {
                        return Err(Verdict::Feature(Span { start: at, end: at + 2 }, "merge key"));
                    }
                    token_start = false;
                }
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    fn flow_key_ends(&self, at: usize) -> bool {
        self.is_blank(at + 1) || matches!(self.byte(at + 1), b',' | b'[' | b']' | b'{' | b'}' | b'?')
    }

    /// Block text (`|`, `>`): all lines that are indented deeper than what it belongs to.
    pub(super) fn skip_block_text(&mut self) {
        let parent = self.blocks.last().copied();
        let mut header = self.at + 1;
        let mut content = None;
        while matches!(self.byte(header), b'+' | b'-' | b'0'..=b'9') {
            if self.byte(header).is_ascii_digit() {
                content = Some(parent.unwrap_or(0) + usize::from(self.byte(header) - b'0'));
            }
            header += 1;
        }
        self.skip_line();
        while self.at < self.text.len() {
            let line = self.at;
            let mut at = line;
            while self.byte(at) == b' ' && at < self.text.len() {
                at += 1;
            }
            let indent = at - line;
            if self.break_length(at) == 0 {
                let least = *content.get_or_insert(indent.max(parent.map_or(0, |parent| parent + 1)));
                if indent < least {
                    return;
                }
            }
            self.skip_line();
        }
    }
}
