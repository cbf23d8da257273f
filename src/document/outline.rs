//! Headings to sections with addresses, and what the house format says inside them.

use std::collections::HashSet;
use std::ops::Range;

use crate::diagnostic::Span;
use crate::domain::limits::{OUTLINE_ENTRIES, OUTLINE_LEVELS, SECTION_SLUG_BYTES, SECTION_TITLE_BYTES};
use crate::domain::{Interaction, Section};

use super::markdown;
use super::markup::Markup;
use super::slug::section_slug;
use super::source::cut;

/// The sections that the house format asks for, besides the title.
pub(super) const HOUSE_SECTIONS: [&str; 4] =
    ["Identity", "Implementation Guidelines", "System Patterns", "Interaction Protocol"];

/// A heading of any level, with what rules want to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Its text without markup, numbering and emoji.
    pub title: String,
    /// Its line or lines in the document.
    pub span: Span,
    /// What it covers in the document, itself and subsections included.
    pub section: Span,
    /// Whether anything but blanks and headings stands below it, subsections included.
    pub empty: bool,
}

impl Heading {
    /// Whether the heading says this, whatever its case.
    #[must_use]
    pub fn is(&self, title: &str) -> bool {
        let own = self.title.trim_end_matches([':', '：']).trim_end();
        // No allocation: a body may have tens of thousands of headings.
        own.chars().flat_map(char::to_lowercase).eq(title.chars().flat_map(char::to_lowercase))
    }
}

/// A part of the house format that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The label or heading that names it.
    pub span: Span,
    /// Its text; empty when nothing follows.
    pub text: String,
}

/// Everything that the body's structure says.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pub(super) headings: Vec<Heading>,
    pub(super) sections: Vec<Section>,
    /// How many headings have no address, and the first of them.
    pub(super) unaddressed: Option<(usize, Span)>,
    pub(super) too_deep: Option<Span>,
    pub(super) input: Option<Part>,
    pub(super) output: Option<Part>,
    pub(super) tag: Option<Part>,
    pub(super) first_paragraph: Option<String>,
    pub(super) markup: Markup,
}

/// Reads the structure of the body that starts at `offset`.
pub(super) fn read(text: &str, offset: usize) -> Structure {
    let body = text.get(offset..).unwrap_or_default();
    let outline = markdown::read(body);
    let moved = |range: &Range<usize>| Span { start: offset + range.start, end: offset + range.end };
    let headings = headings(body, offset, &outline.headings);
    let (sections, unaddressed) = sections(&headings, offset);
    let mut structure = Structure {
        sections,
        unaddressed,
        too_deep: outline.too_deep.as_ref().map(moved),
        first_paragraph: outline.first_paragraph,
        markup: outline.markup.moved(offset),
        ..Structure::default()
    };
    let labels: Vec<(String, Part)> = outline
        .labels
        .iter()
        .map(|label| {
            let text = body.get(label.value.clone()).unwrap_or_default();
            let text = text.trim_start_matches([':', '：', ' ', '\t']).trim();
            (plain_title(&label.text), Part { span: moved(&label.range), text: text.to_owned() })
        })
        .collect();
    let within = |span: Span, place: Span| span.start <= place.start && place.start < span.end;
    let protocol = headings.iter().find(|heading| heading.is("Interaction Protocol"));
    let part = |name: &str| {
        let protocol = protocol?;
        let label = labels
            .iter()
            .find(|(text, part)| text.eq_ignore_ascii_case(name) && within(protocol.section, part.span));
        label.map(|(_, part)| part.clone()).or_else(|| {
            let below = |heading: &&Heading| {
                heading.is(name) && heading.level > protocol.level && within(protocol.section, heading.span)
            };
            headings.iter().find(below).map(|heading| Part {
                span: heading.span,
                text: text.get(heading.span.end..heading.section.end).unwrap_or_default().trim().to_owned(),
            })
        })
    };
    structure.input = part("Input");
    structure.output = part("Output");
    let markup = &structure.markup;
    let code_in = |span: Span| {
        let inside = |code: &&Span| span.start <= code.start && code.end <= span.end;
        let code = markup.codes.iter().find(inside)?;
        Some(text.get(code.start..code.end)?.trim_matches('`').trim().to_owned())
    };
    let label = outline.labels.iter().find(|label| plain_title(&label.text).eq_ignore_ascii_case("Tag"));
    let tag = label
        .map(|label| Part {
            span: moved(&label.range),
            text: code_in(moved(&label.value)).unwrap_or_default(),
        })
        .or_else(|| {
            let heading = headings.iter().find(|heading| heading.is("Tag"))?;
            Some(Part { span: heading.span, text: code_in(heading.section).unwrap_or_default() })
        });
    structure.tag = tag;
    structure.headings = headings;
    structure
}

impl Structure {
    /// The Interaction Protocol, when input or output say anything.
    pub(super) fn interaction(&self) -> Option<Interaction> {
        let text = |part: &Option<Part>| part.as_ref().map(|part| part.text.clone()).unwrap_or_default();
        let interaction = Interaction { input: text(&self.input), output: text(&self.output) };
        (interaction != Interaction::default()).then_some(interaction)
    }
}

fn headings(body: &str, offset: usize, found: &[markdown::Heading]) -> Vec<Heading> {
    // Where each section ends: at the next heading of its level or above. One walk from the end.
    let mut ends: Vec<usize> = vec![body.len(); found.len()];
    let mut next_at_most = [body.len(); 7];
    for (heading, end) in found.iter().zip(ends.iter_mut()).rev() {
        let level = usize::from(heading.level.min(6));
        *end = next_at_most.get(level).copied().unwrap_or(body.len());
        for next in next_at_most.iter_mut().skip(level) {
            *next = heading.range.start;
        }
    }
    // Text directly below a heading counts for it and for all above; again from the end.
    let mut filled_until = [usize::MAX; 7];
    let mut fill: Vec<bool> = vec![false; found.len()];
    let mut following = body.len();
    for ((heading, end), full) in found.iter().zip(&ends).zip(fill.iter_mut()).rev() {
        let own = body.get(heading.range.end..following).is_some_and(|text| !text.trim().is_empty());
        let level = usize::from(heading.level.min(6));
        let below = filled_until.iter().skip(level + 1).any(|place| *place < *end);
        *full = own || below;
        if *full && let Some(place) = filled_until.get_mut(level) {
            *place = heading.range.start;
        }
        following = heading.range.start;
    }
    found
        .iter()
        .zip(ends)
        .zip(fill)
        .map(|((heading, end), full)| Heading {
            level: heading.level,
            title: plain_title(&heading.text),
            span: Span { start: offset + heading.range.start, end: offset + heading.range.end },
            section: Span { start: offset + heading.range.start, end: offset + end },
            empty: !full,
        })
        .collect()
}

/// Sections with addresses. A title of level 1 is addressed by its own slug and is part of no path below it, so that
/// a document with one title, several or none has the same addresses. A repeated path gets `-2`, `-3` and so on.
fn sections(headings: &[Heading], offset: usize) -> (Vec<Section>, Option<(usize, Span)>) {
    let mut sections = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut parent = String::new();
    let mut without: Option<(usize, Span)> = None;
    for heading in headings {
        if usize::from(heading.level) > OUTLINE_LEVELS || sections.len() >= OUTLINE_ENTRIES {
            without = Some(without.map_or((1, heading.span), |(count, first)| (count + 1, first)));
            continue;
        }
        let above = if heading.level == 3 { parent.as_str() } else { "" };
        let path = free_path(above, &section_slug(&heading.title), &taken);
        taken.insert(path.clone());
        match heading.level {
            1 => parent.clear(),
            2 => parent.clone_from(&path),
            _ => {}
        }
        let title = cut(&heading.title, SECTION_TITLE_BYTES);
        sections.push(Section {
            title: title.to_owned(),
            level: heading.level,
            path,
            start: to_u32(heading.section.start - offset),
            end: to_u32(heading.section.end - offset),
        });
    }
    (sections, without)
}

fn free_path(above: &str, slug: &str, taken: &HashSet<String>) -> String {
    let join = |slug: &str| if above.is_empty() { slug.to_owned() } else { format!("{above}/{slug}") };
    let plain = join(slug);
    if !taken.contains(&plain) {
        return plain;
    }
    // At most OUTLINE_ENTRIES paths are taken, so a free number is near.
    let numbered = (2..=OUTLINE_ENTRIES + 1).map(|number| {
        let mark = format!("-{number}");
        join(&format!("{}{mark}", cut(slug, SECTION_SLUG_BYTES - mark.len())))
    });
    numbered.into_iter().find(|path| !taken.contains(path)).unwrap_or(plain)
}

/// A title without emoji, numbering (`1.`, `2.3`, `A.`, `IV)`) and surplus blanks.
pub(super) fn plain_title(text: &str) -> String {
    // A keycap such as 1️⃣ is a number and a pictograph in one.
    let text =
        text.split_once('\u{20e3}').map_or(text, |(before, rest)| if before.len() < 8 { rest } else { text });
    let letters: String = text.chars().filter(|letter| !is_emoji(*letter)).collect();
    let words: Vec<&str> = letters.split_whitespace().collect();
    let skip = usize::from(words.len() > 1 && words.first().is_some_and(|word| is_number(word)));
    // `1 - Title`: the dash belongs to the number.
    let numbered_dash = words.len() > 2
        && words.first().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
        && words.get(1).is_some_and(|word| matches!(*word, "-" | "–" | "—"));
    let skip = if numbered_dash { 2 } else { skip };
    words.get(skip..).unwrap_or_default().join(" ")
}

fn is_number(word: &str) -> bool {
    let inner = word.trim_start_matches('(');
    let bare = inner.trim_end_matches(['.', ')', ':']);
    let marked = bare.len() < inner.len();
    let digits = !bare.is_empty()
        && bare.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let letter = matches!(bare.as_bytes(), [b'A'..=b'Z'] | [b'a'..=b'z']);
    let roman = !bare.is_empty() && bare.bytes().all(|byte| matches!(byte, b'I' | b'V' | b'X'));
    (digits && (marked || bare.contains('.'))) || (marked && !word.ends_with(':') && (letter || roman))
}

/// Pictographs and what joins them. Letters, arrows and mathematical signs are none.
fn is_emoji(letter: char) -> bool {
    matches!(u32::from(letter),
        0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0x231a..=0x231b | 0x23e9..=0x23fa
        | 0x200d | 0x20e3 | 0xfe0e..=0xfe0f | 0xe0020..=0xe007f)
}

pub(super) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_numbers_and_emoji() {
        for (text, expected) in [
            ("1. Rust (High Performance & Safety)", "Rust (High Performance & Safety)"),
            ("A. Database Migrations", "Database Migrations"),
            ("2.3 Scope", "Scope"),
            ("IV) End", "End"),
            ("1 - Start", "Start"),
            ("🧠  Your Identity & Memory ✨", "Your Identity & Memory"),
            ("1️⃣ First", "First"),
            ("3 Rules", "3 Rules"),
            ("2024 Plan", "2024 Plan"),
            ("A Title", "A Title"),
            ("1.", "1."),
        ] {
            assert_eq!(plain_title(text), expected);
        }
    }

    #[test]
    fn paths_leave_the_title_out() {
        let body = "# T\n## System Patterns\n### B. API Design\nx\n### API design\n# T\n### Deep\n## System Patterns\n### a\n#### no\n";
        let structure = read(body, 0);
        let paths: Vec<_> = structure.sections.iter().map(|section| section.path.as_str()).collect();
        let expected = [
            "t",
            "system-patterns",
            "system-patterns/api-design",
            "system-patterns/api-design-2",
            "t-2",
            "deep",
            "system-patterns-2",
            "system-patterns-2/a",
        ];
        assert_eq!(paths, expected);
        assert_eq!(structure.unaddressed.map(|(count, _)| count), Some(1));
        let empty: Vec<_> = structure.headings.iter().map(|heading| heading.empty).collect();
        assert_eq!(empty, [false, false, false, true, true, true, true, true, true]);
    }

    #[test]
    fn sections_reach_to_the_next_of_their_level() {
        let body = "## A\na\n### B\nb\n## C\nc";
        let texts: Vec<_> = read(body, 0)
            .sections
            .iter()
            .map(|section| &body[section.start as usize..section.end as usize])
            .collect();
        assert_eq!(texts, ["## A\na\n### B\nb\n", "### B\nb\n", "## C\nc"]);
    }
}
