//! Reading: any bytes make a document whose places are places of the bytes, the same every time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use persona_registry_fuzz::document::{NameSource, glance, parse, text};
use persona_registry_fuzz::domain::limits;
use persona_registry_fuzz::{places_hold, question};

fuzz_target!(|data: &[u8]| {
    let input = question(data);
    let content = input.content;
    let (document, found) = parse(&input);
    places_hold(content, &found);

    let read = text(content);
    assert_eq!(read.len(), content.len().min(read.len()));
    assert!(content.len() > limits::DOCUMENT_BYTES || read.len() == content.len());

    // Front matter and body are all of it.
    assert_eq!(document.front_matter.map_or(0, |front| front.end), document.body.start);
    assert_eq!(document.body.end, content.len());
    assert!(document.body.start <= content.len());
    assert!(document.derived.token_estimate as usize <= read.chars().count());
    assert!(document.derived.outline.len() <= limits::OUTLINE_ENTRIES);

    let spans = document.opener.into_iter().chain(document.unaddressed.map(|(_, span)| span));
    let spans = spans
        .chain(document.too_deep)
        .chain(document.entries.iter().flat_map(|entry| [entry.key_span, entry.value_span]));
    let spans = spans.chain(document.headings.iter().flat_map(|heading| [heading.span, heading.section]));
    let parts = [&document.input, &document.output, &document.tag];
    let spans = spans.chain(parts.into_iter().flatten().map(|part| part.span));
    let markup = &document.markup;
    let spans = spans.chain(markup.links.iter().flat_map(|link| [link.span, link.target_span]));
    let spans =
        spans.chain(markup.blocks.iter().flat_map(|block| std::iter::once(block.span).chain(block.opener)));
    let spans = spans.chain(markup.codes.iter().chain(&markup.quotes).chain(&markup.html).copied());
    for span in spans {
        assert!(read.get(span.start..span.end).is_some(), "{span:?} is no place of the text");
    }
    let body = &read[document.body.start..];
    for section in &document.derived.outline {
        assert!(body.get(section.start as usize..section.end as usize).is_some(), "{section:?}");
    }

    // The same again, and the glance sees the same. Floats that are no numbers differ from themselves.
    let (again, found_again) = parse(&input);
    assert_eq!(format!("{document:?}"), format!("{again:?}"));
    assert_eq!(found, found_again);
    if input.dialect.is_none() {
        let glance = glance(content, input.path);
        assert_eq!(glance.body, document.body.start);
        assert_eq!(glance.has_front_matter, document.front_matter.is_some());
        assert_eq!(glance.name, document.name);
    }
    assert!(document.name_source != NameSource::Path || input.path.is_some());
});
