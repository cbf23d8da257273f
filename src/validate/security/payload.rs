//! SEC408: text in base64 or hexadecimal that says something, and commands that decode and run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::diagnostic::{Code, Diagnostic, Severity, Span};

use crate::validate::FINDINGS;
use crate::validate::subject::{Found, Subject, quoted};

/// Characters of the shortest payload.
const SHORTEST: usize = 40;
/// Characters of encoded bytes that say nothing readable and are still worth a word.
const OPAQUE: usize = 100;
/// Bytes before a run that tell whether it is part of an address.
const NEAR: usize = 200;
/// Characters that are decoded to see whether they say something.
const LOOKED_AT: usize = 4096;

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let text = subject.text;
    let bytes = text.as_bytes();
    let mut at = subject.body_start();
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let first = found.len();
    while let Some(rest) = bytes.get(at..).filter(|_| found.len() < first + FINDINGS) {
        let Some(start) = rest.get(..SHORTEST) else { break };
        // Most runs are words: from behind, most of their letters are never looked at.
        if let Some(gap) = start.iter().rposition(|byte| !is_letter(byte)) {
            at += gap + 1;
            continue;
        }
        let length = rest.iter().take_while(|byte| is_letter(byte)).count();
        let padding = rest.iter().skip(length).take(2).take_while(|byte| **byte == b'=').count();
        let span = Span { start: at, end: at + length + padding };
        at = span.end;
        let before = text.get(..span.start).unwrap_or_default();
        if before.ends_with("base64,")
            || before.ends_with(['-', '_', '.', '%', '=']) && !before.ends_with("==")
        {
            continue;
        }
        let written = subject.slice(span);
        let message = match decoded(written) {
            Some(decoded) => format!("encoded text says \"{}\"", quoted(&decoded)),
            None if is_opaque(written, before) => format!("{} characters of encoded bytes", written.len()),
            None => continue,
        };
        found.push(Diagnostic {
            help: Some("write it out; nobody reviews what nobody can read".into()),
            ..Diagnostic::new(Code::SEC408, Severity::Warning, span, message)
        });
    }
    commands(subject, first, found);
}

/// Whether a run is base64 of something, and no word, path or number: all kinds of letters, evenly mixed.
fn is_opaque(written: &str, before: &str) -> bool {
    let count = |kind: fn(&u8) -> bool| written.bytes().filter(kind).count();
    let (capitals, digits) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_digit));
    let lowers = count(u8::is_ascii_lowercase);
    let fifth = written.len() / 5;
    let mut from = before.len().saturating_sub(NEAR);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let near = before.get(from..).unwrap_or_default();
    let word = near.rsplit([' ', '\n', '\t', '"', '(']).next().unwrap_or_default();
    written.len() >= OPAQUE
        && capitals > fifth
        && lowers > fifth
        && digits > written.len() / 20
        && !word.contains("://")
        && !word.contains('.')
}

/// What the letters say, when that is text.
fn decoded(written: &str) -> Option<String> {
    let hex = written.len().is_multiple_of(2) && written.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = if hex {
        let pairs = (0..written.len().min(LOOKED_AT) / 2).map(|pair| written.get(pair * 2..pair * 2 + 2));
        pairs.map(|pair| u8::from_str_radix(pair.unwrap_or_default(), 16).unwrap_or(0)).collect()
    } else {
        let letters = written.trim_end_matches('=');
        let whole = letters.len().min(LOOKED_AT) / 4 * 4;
        STANDARD.decode(letters.get(..whole)?).ok()?
    };
    let text = String::from_utf8(bytes).ok()?;
    let plain = text
        .chars()
        .filter(|letter| letter.is_ascii_graphic() || matches!(letter, ' ' | '\n' | '\t'))
        .count();
    let words = text.chars().filter(|letter| matches!(letter, ' ' | '\n')).count();
    (plain == text.chars().count() && words >= 2).then_some(text)
}

/// Commands that decode and run in one go, on lines where nothing was decoded.
fn commands(subject: &Subject<'_>, first: usize, found: &mut Found) {
    if !subject.body().contains("base64") {
        return;
    }
    for (span, line) in subject.body_lines() {
        if found.len() >= first + 2 * FINDINGS {
            return;
        }
        let Some(at) = line
            .find("base64 -d")
            .or_else(|| line.find("base64 --decode"))
            .or_else(|| line.find("base64 -D"))
        else {
            continue;
        };
        let rest = line.get(at..).unwrap_or_default();
        let Some(pipe) = rest.find('|') else { continue };
        let after = rest.get(pipe + 1..).unwrap_or_default().trim_start();
        let shells = ["sh", "bash", "zsh", "python", "python3", "node", "sudo", "eval"];
        let word: String = after.chars().take_while(|letter| letter.is_ascii_alphanumeric()).collect();
        let told =
            found.iter().skip(first).any(|one| span.start <= one.span.start && one.span.start < span.end);
        if told || !shells.contains(&word.as_str()) {
            continue;
        }
        let start = span.start + at;
        let end = start + pipe + 1 + (rest.len() - pipe - 1 - after.len()) + word.len();
        let place = Span { start, end };
        found.push(Diagnostic {
            help: Some("run what can be read; nobody reviews what nobody can read".into()),
            ..Diagnostic::new(
                Code::SEC408,
                Severity::Warning,
                place,
                format!("\"{}\" runs what it decodes", quoted(subject.slice(place))),
            )
        });
    }
}
