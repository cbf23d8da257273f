//! From byte offsets to lines and columns.

use std::collections::HashMap;

use super::Diagnostic;

/// A place as people and editors count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in Unicode scalars; a byte that is no UTF-8 counts as one.
    pub column: u32,
}

/// Starts of all lines of a document. Lines end at LF; a CR before it belongs to the line.
#[derive(Debug, Clone)]
pub struct LineIndex<'a> {
    bytes: &'a [u8],
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Reads through the document once.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
        Self { bytes, starts }
    }

    /// The first byte of a 1-based line; of a line past the last the end.
    #[must_use]
    pub fn line_start(&self, line: usize) -> usize {
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.bytes.len())
    }

    /// The position of a byte offset; offsets past the end are the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.bytes.len());
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.bytes.get(start..offset).unwrap_or_default();
        let scalars: usize =
            before.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
        Position { line: to_u32(line + 1), column: to_u32(scalars + 1) }
    }
}

/// The positions that some findings name, for when the document is no longer at hand.
#[derive(Debug, Clone, Default)]
pub struct Places(HashMap<usize, Position>);

impl Places {
    /// All positions of these findings in their document.
    #[must_use]
    pub fn of(found: &[Diagnostic], content: &[u8]) -> Self {
        let lines = LineIndex::new(content);
        let spans = found.iter().flat_map(|one| {
            let labels = one.labels.iter().map(|label| label.span);
            let edits = one.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| edit.span);
            std::iter::once(one.span).chain(labels).chain(edits)
        });
        let offsets = spans.flat_map(|span| [span.start, span.end]);
        Self(offsets.map(|offset| (offset, lines.position(offset))).collect())
    }

    /// The position of an offset; of one that no finding names the beginning.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        self.0.get(&offset).copied().unwrap_or(Position { line: 1, column: 1 })
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_scalars_and_bad_bytes() {
        let bytes = b"a\xc3\xa9b\r\n\xffx";
        let index = LineIndex::new(bytes);
        assert_eq!(index.position(3), Position { line: 1, column: 3 });
        assert_eq!(index.position(6), Position { line: 2, column: 1 });
        assert_eq!(index.position(7), Position { line: 2, column: 2 });
        assert_eq!(index.position(99), Position { line: 2, column: 3 });
    }
}
