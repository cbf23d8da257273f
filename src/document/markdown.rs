//! The door to the Markdown parser: headings, bold labels, code spans and the first paragraph of a body.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::markup::{Collector, Markup};

/// Containers (quotes, list items) that one line may open. The parser's time grows with their number on every later
/// line, and nobody reads forty nested lists.
const OPENED_CONTAINERS: usize = 40;
/// Blanks before a list mark on one line, for the same reason.
const CONTAINER_INDENT: usize = 120;

/// What a body is made of, as offsets into it.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) headings: Vec<Heading>,
    pub(super) labels: Vec<Label>,
    /// Links, code and quotes.
    pub(super) markup: Markup,
    /// The first paragraph outside lists and quotes, markup taken out.
    pub(super) first_paragraph: Option<String>,
    /// The place where containers nest too deep; then nothing was read.
    pub(super) too_deep: Option<Range<usize>>,
}

/// A heading outside lists and quotes.
#[derive(Debug)]
pub(super) struct Heading {
    /// 1 to 6.
    pub(super) level: u8,
    /// Its text, markup taken out.
    pub(super) text: String,
    /// Its lines, from the first byte of the first; the line ending of the last not included.
    pub(super) range: Range<usize>,
}

/// Bold text at the start of a line: `**Input:** what follows`.
#[derive(Debug)]
pub(super) struct Label {
    /// The bold text, its colon taken off.
    pub(super) text: String,
    /// The bold text with its stars.
    pub(super) range: Range<usize>,
    /// What follows, to the next label or the end of the list item or paragraph.
    pub(super) value: Range<usize>,
    depth: usize,
}

/// Reads a body.
pub(super) fn read(body: &str) -> Outline {
    if let Some(range) = too_deep(body) {
        return Outline { too_deep: Some(range), ..Outline::default() };
    }
    let mut collector = Collector::default();
    let mut reader = Reader { body, ..Reader::default() };
    for (event, range) in Parser::new_ext(body, Options::empty()).into_offset_iter() {
        collector.event(body, &event, &range);
        reader.event(&event, range);
    }
    Outline { markup: collector.markup, ..reader.outline }
}

#[derive(Default)]
struct Reader<'a> {
    body: &'a str,
    outline: Outline,
    /// Quotes, lists and items around the present place.
    depth: usize,
    heading: Option<Heading>,
    paragraph: Option<String>,
    label: Option<Label>,
    /// Nothing but blanks stands before the present place on its line.
    line_start: bool,
    /// End of the list item whose first text comes next.
    item: Option<usize>,
    /// End of the text block around the present place.
    block_end: usize,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(*tag, range),
            Event::Text(text) => self.text(text),
            Event::Code(text) => self.text(text),
            Event::SoftBreak | Event::HardBreak => {
                self.text(" ");
                self.line_start = true;
            }
            _ => self.line_start = false,
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::BlockQuote(_) | Tag::List(_) => self.depth += 1,
            Tag::Item => {
                self.depth += 1;
                self.item = Some(range.end);
                self.block_end = range.end;
                self.line_start = true;
            }
            Tag::Paragraph => {
                self.block_end = self.item.take().unwrap_or(range.end);
                self.line_start = true;
                if self.depth == 0 && self.outline.first_paragraph.is_none() {
                    self.paragraph = Some(String::new());
                }
            }
            Tag::Heading { level, .. } => {
                let start = self
                    .body
                    .get(..range.start)
                    .map_or(0, |before| before.rfind('\n').map_or(0, |at| at + 1));
                let written = self.body.get(range.clone()).unwrap_or_default();
                let end = range.start + written.trim_end().len();
                self.heading =
                    Some(Heading { level: number(*level), text: String::new(), range: start..end });
            }
            Tag::Strong if self.line_start && self.heading.is_none() => {
                let value = range.end..self.block_end.max(range.end);
                self.label = Some(Label { text: String::new(), range, value, depth: self.depth });
                self.line_start = false;
            }
            _ => self.line_start = false,
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::List(_) => self.depth = self.depth.saturating_sub(1),
            TagEnd::Item => {
                self.depth = self.depth.saturating_sub(1);
                self.item = None;
            }
            TagEnd::Paragraph => {
                if let Some(text) = self.paragraph.take().filter(|text| !text.trim().is_empty()) {
                    self.outline.first_paragraph = Some(text.trim().to_owned());
                }
            }
            TagEnd::Heading(_) => {
                if let Some(heading) = self.heading.take() {
                    // Several lines above a rule are a paragraph that ran into it, not a title.
                    let written = self.body.get(heading.range.clone()).unwrap_or_default();
                    let setext = !written.trim_start().starts_with('#');
                    if self.depth == 0 && !(setext && written.lines().count() > 2) {
                        self.outline.headings.push(heading);
                    }
                }
            }
            TagEnd::Strong => {
                if let Some(mut label) = self.label.take_if(|label| label.range == range) {
                    label.text = label.text.trim().trim_end_matches([':', '：']).trim_end().to_owned();
                    if let Some(last) = self.outline.labels.last_mut()
                        && last.depth == label.depth
                        && last.value.end > label.range.start
                    {
                        last.value.end = label.range.start;
                    }
                    self.outline.labels.push(label);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(heading) = &mut self.heading {
            heading.text.push_str(text);
        }
        if let Some(paragraph) = &mut self.paragraph {
            paragraph.push_str(text);
        }
        if let Some(label) = &mut self.label {
            label.text.push_str(text);
        }
        self.line_start = false;
        self.item = None;
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The first line that opens more containers than is good.
fn too_deep(body: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in body.split_inclusive('\n') {
        let bytes = line.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(b'\n');
        let (mut at, mut opened, mut blanks) = (0, 0, 0);
        loop {
            match byte(at) {
                b' ' => blanks += 1,
                b'\t' => blanks += 4,
                b'>' => opened += 1,
                b'-' | b'*' | b'+' if matches!(byte(at + 1), b' ' | b'\t' | b'\n' | b'\r') => opened += 1,
                b'0'..=b'9' => {
                    let digits = bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
                    if digits > 9 || !matches!(byte(at + digits), b'.' | b')') {
                        break;
                    }
                    at += digits;
                    opened += 1;
                }
                _ => break,
            }
            at += 1;
        }
        let rule = line.bytes().all(|byte| matches!(byte, b'-' | b' ' | b'\t' | b'\r' | b'\n'))
            || line.bytes().all(|byte| matches!(byte, b'*' | b' ' | b'\t' | b'\r' | b'\n'));
        if !rule && (opened > OPENED_CONTAINERS || (opened > 0 && blanks > CONTAINER_INDENT)) {
            return Some(start..start + at.min(line.trim_end().len()));
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_lose_their_markup() {
        let outline = read("# A `b` **c**\n\nText\n\n> # quoted\n\nSet\n---\n\ntwo\nlines\n---\n");
        let found: Vec<_> =
            outline.headings.iter().map(|heading| (heading.level, heading.text.as_str())).collect();
        assert_eq!(found, [(1, "A b c"), (2, "Set")]);
        assert_eq!(outline.first_paragraph.as_deref(), Some("Text"));
    }

    #[test]
    fn labels_reach_to_the_next() {
        let body =
            "* **Input:** a\n  * more\n* **Output**: b\n\n**Tag**: say `[X]`\n**Next** c\n\nno **bold**\n";
        let outline = read(body);
        let found: Vec<_> = outline
            .labels
            .iter()
            .map(|label| (label.text.as_str(), body[label.value.clone()].trim()))
            .collect();
        assert_eq!(
            found,
            [("Input", "a\n  * more"), ("Output", ": b"), ("Tag", ": say `[X]`"), ("Next", "c")]
        );
    }

    #[test]
    fn rules_are_no_nesting() {
        assert!(too_deep(&format!("{}\n{}\n", "- ".repeat(60), "* ".repeat(60))).is_none());
        assert!(too_deep(&format!("{}a\n", "- ".repeat(60))).is_some());
        assert!(too_deep(&">".repeat(60)).is_some());
    }
}
