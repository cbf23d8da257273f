//! SEC410: images and links whose query is filled in by a model (following them tells a server what it was told), and
//! addresses of services that do nothing but collect what is sent to them.

use std::sync::LazyLock;

use memchr::memmem;

use crate::diagnostic::{Code, Diagnostic, Severity, Span};

use crate::validate::subject::{Found, Subject, quoted};
use crate::validate::words::Words;

/// What stands before the address of a link or image.
const OPENERS: [&str; 7] = ["](", "](<", "src=\"", "src='", "href=\"", "href='", "]: "];

/// Services that show whoever made an address what was sent to it.
const COLLECTORS: [&str; 12] = [
    "webhook.site",
    "requestbin.",
    "pipedream.net",
    "hookbin.com",
    "requestcatcher.com",
    "beeceptor.com",
    "interact.sh",
    "oast.fun",
    "oast.pro",
    "oast.live",
    "burpcollaborator.net",
    "canarytokens.com",
];

static COLLECTOR: LazyLock<Words> = LazyLock::new(|| Words::new(COLLECTORS));

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let body = subject.body();
    let collected = COLLECTOR.any_in(body);
    for at in memmem::find_iter(body.as_bytes(), "http") {
        let before = body.get(..at).unwrap_or_default();
        let rest = body.get(at..).unwrap_or_default();
        let scheme = rest.starts_with("https://") || rest.starts_with("http://");
        if !scheme {
            continue;
        }
        let url = url(rest);
        let host = url
            .split_once("://")
            .map_or("", |(_, host)| host)
            .split(['/', '?', '`'])
            .next()
            .unwrap_or_default();
        let start = subject.body_start() + at;
        if collected
            && COLLECTORS
                .iter()
                .any(|collector| host.ends_with(collector) || host.contains(&format!(".{collector}")))
            && !subject.document.markup.is_quote(start)
        {
            let span = Span { start, end: start + url.trim_end_matches(['.', ',', '`', ';']).len() };
            found.push(Diagnostic {
                help: Some("send it to a service of your own, or take it out".into()),
                ..Diagnostic::new(
                    Code::SEC410,
                    Severity::Warning,
                    span,
                    format!(
                        "\"{}\" is a place that collects what is sent to it",
                        quoted(subject.slice(span))
                    ),
                )
            });
            continue;
        }
        if !OPENERS.iter().any(|opener| before.ends_with(opener)) {
            continue;
        }
        let Some((_, query)) = url.split_once('?') else { continue };
        if !is_template(query) || !subject.is_prose(start) {
            continue;
        }
        let span = Span { start, end: start + url.len() };
        found.push(Diagnostic {
            help: Some("link to a fixed address; whoever serves it reads the query".into()),
            ..Diagnostic::new(
                Code::SEC410,
                Severity::Warning,
                span,
                format!("\"{}\" carries what is filled in to its server", quoted(url)),
            )
        });
    }
}

/// The address up to what closes it. Blanks inside braces belong to it.
fn url(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices().take(500) {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '\n' => return text.get(..at).unwrap_or_default(),
            ')' | '"' | '\'' | ' ' if depth == 0 => return text.get(..at).unwrap_or_default(),
            _ => {}
        }
    }
    let end = text.char_indices().nth(500).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

fn is_template(query: &str) -> bool {
    let letter_after = |mark: char| {
        query.match_indices(mark).any(|(at, _)| {
            let rest = query.get(at + 1..).unwrap_or_default().trim_start_matches(['{', ' ', '%']);
            rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        })
    };
    letter_after('{')
        || letter_after('<')
        || query.contains("%7B")
        || letter_after('$')
        || query.contains("[DATA]")
}
