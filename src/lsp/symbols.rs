//! The outline of a document: the keys of its front matter, and its headings with the addresses of their sections.

use std::collections::HashMap;

use gen_lsp_types::{DocumentSymbol, SymbolKind};
use serde_json::{Value, json};

use super::position::Lines;
use crate::diagnostic::Span;
use crate::document::{Document, Heading};

/// Symbols that are told of a document.
const MOST: usize = 2_000;

/// Of a value so many characters are shown.
const VALUE: usize = 60;

/// The outline as a tree.
pub(super) fn tree(document: &Document, text: &str, lines: &Lines<'_>) -> Vec<DocumentSymbol> {
    let mut tree: Vec<_> = front_matter(document, text, lines).into_iter().collect();
    // The sections that are open, from the outermost: each waits for those inside of it.
    let mut open: Vec<(u8, DocumentSymbol)> = Vec::new();
    let addresses: HashMap<usize, &str> = (document.derived.outline.iter())
        .map(|section| (document.body.start + section.start as usize, section.path.as_str()))
        .collect();
    for heading in document.headings.iter().take(MOST) {
        close(&mut open, heading.level, &mut tree);
        let address = addresses.get(&heading.section.start).copied();
        open.push((heading.level, symbol(heading, address, lines)));
    }
    close(&mut open, 0, &mut tree);
    tree
}

/// Puts open sections of this level and below where they belong.
fn close(open: &mut Vec<(u8, DocumentSymbol)>, level: u8, tree: &mut Vec<DocumentSymbol>) {
    while let Some((_, symbol)) = open.pop_if(|(own, _)| *own >= level) {
        match open.last_mut() {
            Some((_, outer)) => outer.children.get_or_insert_default().push(symbol),
            None => tree.push(symbol),
        }
    }
}

fn symbol(heading: &Heading, address: Option<&str>, lines: &Lines<'_>) -> DocumentSymbol {
    let detail = address.map(|address| format!("#{address}"));
    new(&heading.title, detail, SymbolKind::String, heading.section, heading.span, lines)
}

fn front_matter(document: &Document, text: &str, lines: &Lines<'_>) -> Option<DocumentSymbol> {
    let all = document.front_matter?;
    let keys = document.entries.iter().take(MOST).map(|entry| {
        let value = text.get(entry.value_span.start..entry.value_span.end).unwrap_or_default();
        let whole = Span { start: entry.key_span.start, end: entry.value_span.end.max(entry.key_span.end) };
        new(&entry.key, Some(brief(value)), SymbolKind::Key, whole, entry.key_span, lines)
    });
    let children = keys.collect();
    let detail = Some(document.derived.dialect.to_string());
    let opener = document.opener.unwrap_or(all);
    let mut symbol = new("front matter", detail, SymbolKind::Namespace, all, opener, lines);
    symbol.children = Some(children);
    Some(symbol)
}

fn new(
    name: &str,
    detail: Option<String>,
    kind: SymbolKind,
    whole: Span,
    own: Span,
    lines: &Lines<'_>,
) -> DocumentSymbol {
    // Editors take no nameless symbols, and none that begins or ends outside of itself.
    let name = if name.trim().is_empty() { "(no title)" } else { name };
    let own =
        Span { start: own.start.clamp(whole.start, whole.end), end: own.end.clamp(whole.start, whole.end) };
    #[expect(deprecated, reason = "the field is part of the struct")]
    DocumentSymbol {
        name: name.to_owned(),
        detail: detail.filter(|detail| !detail.is_empty()),
        kind,
        tags: None,
        deprecated: None,
        range: lines.range(whole),
        selection_range: lines.range(own),
        children: None,
    }
}

/// A value on one line.
fn brief(value: &str) -> String {
    let mut words = String::new();
    for word in value.split_whitespace() {
        if words.chars().count() > VALUE {
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().take(VALUE));
    }
    match words.char_indices().nth(VALUE) {
        Some((cut, _)) => format!("{}…", words.get(..cut).unwrap_or_default()),
        None => words,
    }
}

/// The same for editors that know no trees.
pub(super) fn list(tree: &[DocumentSymbol], uri: &str) -> Vec<Value> {
    let mut list = Vec::new();
    let mut next: Vec<(&DocumentSymbol, Option<&str>)> =
        tree.iter().rev().map(|symbol| (symbol, None)).collect();
    while let Some((symbol, container)) = next.pop() {
        list.push(json!({
            "name": symbol.name,
            "kind": symbol.kind,
            "location": { "uri": uri, "range": symbol.range },
            "containerName": container,
        }));
        let inner = symbol.children.iter().flatten().rev();
        next.extend(inner.map(|inner| (inner, Some(symbol.name.as_str()))));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Input, parse};
    use crate::lsp::position::Encoding;

    fn drawn(symbols: &[DocumentSymbol], depth: usize, into: &mut String) {
        for symbol in symbols {
            let detail = symbol.detail.as_deref().unwrap_or("-");
            into.push_str(&format!("{}{} {detail}\n", "  ".repeat(depth), symbol.name));
            assert!(symbol.range.start <= symbol.selection_range.start);
            assert!(symbol.selection_range.end <= symbol.range.end);
            drawn(symbol.children.as_deref().unwrap_or_default(), depth + 1, into);
        }
    }

    #[test]
    fn headings_nest_and_have_addresses() {
        let text = format!(
            "---\nname: a\ndescription: {}\n---\n#### Deep first\n# T\n## 1. One\n#### Four\n### Two\n##\n# T\n",
            "word ".repeat(40)
        );
        let document = parse(&Input { content: text.as_bytes(), ..Input::default() }).0;
        let lines = Lines::new(&text, Encoding::Utf8);
        let tree = tree(&document, &text, &lines);
        let mut picture = String::new();
        drawn(&tree, 0, &mut picture);
        let description = format!("{}…", "word ".repeat(12));
        let expected = format!(
            "front matter persona\n  name a\n  description {description}\nDeep first -\nT #t\n  One #one\n    Four -\n    Two \
             #one/two\n  (no title) #section\nT #t-2\n"
        );
        assert_eq!(picture, expected);
        let list = list(&tree, "file:///a.md");
        let names: Vec<_> = list.iter().map(|symbol| symbol["name"].as_str().unwrap()).collect();
        assert_eq!(names[..4], ["front matter", "name", "description", "Deep first"]);
        assert_eq!(list[1]["containerName"], "front matter");
    }
}
