//! A document that is open in the editor: its text as the editor has it, and what was found in it.

use std::path::Path;

use gen_lsp_types::TextDocumentContentChangeEvent as Change;

use super::folders::{Folders, Place};
use super::position::{Encoding, Lines};
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::document::{Document, Input, glance, parse};
use crate::domain::limits::DOCUMENT_BYTES;
use crate::domain::{BoundWaiver, Digest};
use crate::validate::{Beside, Judged, Neighbours, Options, judge_among, waive};

/// The largest text that is kept and followed. What is larger than a registry takes is kept up to here, so that it can be
/// cut down in the editor.
pub(super) const TEXT_BYTES: usize = 4 * DOCUMENT_BYTES;

/// The text of a document.
#[derive(Debug)]
pub(super) enum Text {
    /// As the editor has it.
    Kept(String),
    /// Too large to keep; it had so many bytes.
    TooLarge(usize),
}

/// What was found in a text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// The document as read; none where it is not judged.
    pub(super) document: Option<Document>,
    pub(super) found: Vec<Diagnostic>,
}

/// An open document.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) version: i32,
    pub(super) place: Place,
    pub(super) text: Text,
    /// Of the text as it is; none until it is judged.
    pub(super) verdict: Option<Verdict>,
    /// The version whose findings the editor has, and those.
    pub(super) told: Option<(i32, Vec<Diagnostic>)>,
}

impl Open {
    pub(super) fn new(version: i32, place: Place, text: String) -> Self {
        let mut open = Self { version, place, text: Text::Kept(text), verdict: None, told: None };
        open.bound();
        open
    }

    /// Makes the changes, in their order: each refers to the text that those before it made.
    pub(super) fn change(&mut self, version: i32, changes: Vec<Change>, encoding: Encoding) {
        (self.version, self.verdict) = (version, None);
        for change in changes {
            match (change, &mut self.text) {
                (Change::TextDocumentContentChangeWholeDocument(whole), text) => {
                    *text = Text::Kept(whole.text)
                }
                (Change::TextDocumentContentChangePartial(part), Text::Kept(text)) => {
                    let span = Lines::new(text, encoding).span(part.range);
                    text.replace_range(span.start..span.end, &part.text);
                }
                // Nobody knows what the text is that is changed.
                (Change::TextDocumentContentChangePartial(_), Text::TooLarge(_)) => {}
            }
            self.bound();
        }
    }

    fn bound(&mut self) {
        if let Text::Kept(text) = &self.text
            && text.len() > TEXT_BYTES
        {
            self.text = Text::TooLarge(text.len());
        }
    }

    /// The text, when it is kept.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.text {
            Text::Kept(text) => Some(text),
            Text::TooLarge(_) => None,
        }
    }

    /// The text and its document, when they are read and judged.
    pub(super) fn judged(&self) -> Option<(&str, &Document, &[Diagnostic])> {
        let verdict = self.verdict.as_ref()?;
        Some((self.text()?, verdict.document.as_ref()?, &verdict.found))
    }

    /// Judges the document among its neighbours.
    pub(super) fn judge(&self, folders: &mut Folders, options: &Options) -> Verdict {
        let has_front_matter = match &self.text {
            Text::Kept(text) => glance(text.as_bytes(), self.place.path.as_deref()).has_front_matter,
            Text::TooLarge(_) => true,
        };
        if !folders.is_judged(&self.place, has_front_matter) {
            return Verdict::default();
        }
        match &self.text {
            Text::Kept(text) => {
                let Judged { document, mut diagnostics } = judge(text.as_bytes(), &self.place, folders);
                options.apply(&mut diagnostics);
                Verdict { document: Some(document), found: diagnostics }
            }
            Text::TooLarge(size) => {
                let message = format!(
                    "the document has {size} bytes, at most {DOCUMENT_BYTES} can be stored; it is not followed any more"
                );
                let start = Span { start: 0, end: 0 };
                let found = vec![Diagnostic {
                    help: Some("cut it down, then close it and open it again".to_owned()),
                    ..Diagnostic::new(Code::SYN011, Severity::Error, start, message)
                }];
                Verdict { document: None, found }
            }
        }
    }
}

/// Judges a text that lies at this place by every rule. One that is too large to be stored is told to be so, and
/// nothing else.
#[tracing::instrument(level = "debug", skip_all, fields(path = place.path, bytes = content.len()))]
pub(super) fn judge(content: &[u8], place: &Place, folders: &mut Folders) -> Judged {
    let input = Input { content, path: place.path.as_deref(), ..Input::default() };
    if content.len() > DOCUMENT_BYTES {
        let (document, mut diagnostics) = parse(&input);
        diagnostics.retain(|one| one.code == Code::SYN011);
        return Judged { document, diagnostics };
    }
    let base =
        place.root.as_deref().or(place.full.as_deref().and_then(Path::parent)).unwrap_or(Path::new(""));
    let exists = |path: &str| base.join(path).exists();
    let files: Option<&dyn Fn(&str) -> bool> = if place.full.is_some() { Some(&exists) } else { None };
    let others = folders.others(place).map(|others| others as &dyn Beside);
    let neighbours = Neighbours { others, files, ..Neighbours::default() };
    let mut judged = judge_among(&input, &Options::default(), neighbours);
    if !folders.waivers.is_empty() {
        let waivers = BoundWaiver::holding_for(&folders.waivers, Digest::of(content));
        waive(&mut judged.diagnostics, &waivers);
    }
    judged
}

#[cfg(test)]
mod tests {
    use gen_lsp_types::{Position, Range};
    use serde_json::json;

    use super::*;

    fn changes(list: serde_json::Value) -> Vec<Change> {
        serde_json::from_value(list).unwrap()
    }

    #[test]
    fn changes_are_made_in_their_order() {
        let mut open = Open::new(1, Place::default(), "a😀\r\nb\n".into());
        let range = |line: u32, from: u32, to: u32| Range {
            start: Position { line, character: from },
            end: Position { line, character: to },
        };
        open.change(
            2,
            changes(json!([
                { "range": range(0, 1, 3), "text": "x\n" },
                { "range": range(1, 0, 99), "text": "y" },
                { "range": range(9, 0, 0), "text": "z", "rangeLength": 0 },
            ])),
            Encoding::Utf16,
        );
        assert_eq!((open.version, open.text()), (2, Some("ax\ny\r\nb\nz")));
        open.change(
            3,
            changes(json!([{ "text": "whole" }, { "range": range(0, 5, 5), "text": "!" }])),
            Encoding::Utf8,
        );
        assert_eq!(open.text(), Some("whole!"));
    }

    #[test]
    fn what_is_too_large_is_told_and_not_kept() {
        let place = Place { path: Some("personas/a.md".into()), ..Place::default() };
        let mut open = Open::new(1, place, "x".repeat(TEXT_BYTES + 1));
        let verdict = open.judge(&mut Folders::default(), &Options::default());
        assert_eq!((open.text(), verdict.found[0].code), (None, Code::SYN011));
        assert!(verdict.found[0].message.contains("1048577 bytes"), "{}", verdict.found[0].message);
        let start = json!({ "line": 0, "character": 0 });
        open.change(
            2,
            changes(json!([{ "range": { "start": start, "end": start }, "text": "y" }])),
            Encoding::Utf8,
        );
        assert_eq!(open.text(), None);
        open.change(3, changes(json!([{ "text": "---\nname: a\n" }])), Encoding::Utf8);
        assert_eq!(open.text(), Some("---\nname: a\n"));
        let mut large = Open::new(1, open.place.clone(), "# A\n".repeat(DOCUMENT_BYTES / 4 + 1));
        large.verdict = Some(large.judge(&mut Folders::default(), &Options::default()));
        let codes: Vec<_> = large.judged().unwrap().2.iter().map(|one| one.code).collect();
        assert_eq!(codes, [Code::SYN011]);
    }
}
