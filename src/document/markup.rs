//! What rules want to know of a body besides its headings: links, code, quotes. Collected while headings are read.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Tag, TagEnd};

use crate::diagnostic::Span;

/// Links and stretches of a body that are not plain prose. All spans are places in the document, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup {
    /// Links and images.
    pub links: Vec<Link>,
    /// Code blocks, by fences or by indentation.
    pub blocks: Vec<CodeBlock>,
    /// Code spans with their backticks.
    pub codes: Vec<Span>,
    /// Block quotes, the outermost only.
    pub quotes: Vec<Span>,
    /// Raw HTML, a piece each.
    pub html: Vec<Span>,
}

/// A link or an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, escapes resolved.
    pub target: String,
    /// All of it.
    pub span: Span,
    /// Where the target is written; all of it when it is written elsewhere or otherwise.
    pub target_span: Span,
    /// An image, not a link.
    pub image: bool,
}

/// A code block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBlock {
    /// All of it, fences included.
    pub span: Span,
    /// The line of the opening fence, from the fence to the end of the info string; none when indented.
    pub opener: Option<Span>,
    /// Whether it ends by a fence of its own.
    pub closed: bool,
}

impl Markup {
    /// Whether this place is code.
    #[must_use]
    pub fn is_code(&self, at: usize) -> bool {
        within(&self.codes, at, |span| *span) || within(&self.blocks, at, |block| block.span)
    }

    /// Whether this place is quoted by `>`.
    #[must_use]
    pub fn is_quote(&self, at: usize) -> bool {
        within(&self.quotes, at, |span| *span)
    }

    /// Whether this place is raw HTML.
    #[must_use]
    pub fn is_html(&self, at: usize) -> bool {
        within(&self.html, at, |span| *span)
    }

    /// The same with all places moved.
    pub(super) fn moved(mut self, offset: usize) -> Self {
        let shift = |span: &mut Span| {
            span.start += offset;
            span.end += offset;
        };
        for link in &mut self.links {
            shift(&mut link.span);
            shift(&mut link.target_span);
        }
        for block in &mut self.blocks {
            shift(&mut block.span);
            if let Some(opener) = &mut block.opener {
                shift(opener);
            }
        }
        [&mut self.codes, &mut self.quotes, &mut self.html].into_iter().flatten().for_each(shift);
        self
    }
}

/// Spans are disjoint and in order.
fn within<T>(all: &[T], at: usize, span: impl Fn(&T) -> Span) -> bool {
    let after = all.partition_point(|one| span(one).start <= at);
    after.checked_sub(1).and_then(|last| all.get(last)).is_some_and(|one| at < span(one).end)
}

/// Gathers [`Markup`] from the parser's events.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) markup: Markup,
    quotes: usize,
}

impl Collector {
    pub(super) fn event(&mut self, body: &str, event: &Event<'_>, range: &Range<usize>) {
        let span = Span { start: range.start, end: range.end };
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => self.link(body, dest_url, span, false),
            Event::Start(Tag::Image { dest_url, .. }) => self.link(body, dest_url, span, true),
            Event::Start(Tag::BlockQuote(_)) => {
                if self.quotes == 0 {
                    self.markup.quotes.push(span);
                }
                self.quotes += 1;
            }
            Event::End(TagEnd::BlockQuote(_)) => self.quotes = self.quotes.saturating_sub(1),
            Event::Start(Tag::CodeBlock(kind)) => {
                let fenced = matches!(kind, CodeBlockKind::Fenced(_));
                self.markup.blocks.push(code_block(body, span, fenced));
            }
            Event::Code(_) => self.markup.codes.push(span),
            Event::Html(_) | Event::InlineHtml(_) => match self.markup.html.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => self.markup.html.push(span),
            },
            _ => {}
        }
    }

    fn link(&mut self, body: &str, target: &CowStr<'_>, span: Span, image: bool) {
        let written = body.get(span.start..span.end).unwrap_or_default();
        // The target comes last but for its title, so the last place is the right one when the text repeats it. Of a
        // link by reference it is written elsewhere.
        let from = if written.starts_with('<') { Some(0) } else { written.rfind("](") };
        let place = from.and_then(|from| Some(from + written.get(from..)?.find(target.as_ref())?));
        let target_span = match place.filter(|_| !target.is_empty()) {
            Some(at) => Span { start: span.start + at, end: span.start + at + target.len() },
            None => span,
        };
        self.markup.links.push(Link { target: target.to_string(), span, target_span, image });
    }
}

fn code_block(body: &str, span: Span, fenced: bool) -> CodeBlock {
    if !fenced {
        return CodeBlock { span, opener: None, closed: true };
    }
    let written = body.get(span.start..span.end).unwrap_or_default();
    let first = written.lines().next().unwrap_or_default();
    let opener = Span { start: span.start, end: span.start + first.trim_end().len() };
    let mark = first.chars().next().unwrap_or('`');
    let length = first.chars().take_while(|letter| *letter == mark).count();
    let last = written.trim_end_matches(['\n', '\r']).rsplit('\n').next().unwrap_or_default();
    // Marks of quotes and blanks of lists stand before it.
    let last = last.trim_start_matches([' ', '\t', '>']).trim_end();
    let several = written.trim_end().contains('\n');
    let closed = several && last.chars().count() >= length && last.chars().all(|letter| letter == mark);
    CodeBlock { span, opener: Some(opener), closed }
}
