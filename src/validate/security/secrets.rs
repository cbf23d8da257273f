//! SEC405: credentials in the shapes that providers give them. No pattern engine: a prefix, then letters of one kind.
//! Shapes written down in November 2026; to be checked against the providers' documentation.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

use crate::diagnostic::{Code, Diagnostic, Severity, Span};

use crate::validate::subject::{Found, Subject};
use crate::validate::words::Words;

/// Which characters follow a prefix.
#[derive(Clone, Copy)]
enum Letters {
    /// Letters and digits.
    Word,
    /// Those, `-` and `_`.
    Url,
    /// Capital letters and digits.
    Capitals,
    /// Lower-case hexadecimal digits.
    Hex,
    /// Those of [`Letters::Url`], and the dots between the parts of a web token.
    Dotted,
}

/// A provider's shape.
struct Shape {
    prefix: &'static str,
    letters: Letters,
    /// Characters after the prefix, from and to.
    length: (usize, usize),
    owner: &'static str,
}

const fn shape(prefix: &'static str, letters: Letters, from: usize, to: usize, owner: &'static str) -> Shape {
    Shape { prefix, letters, length: (from, to), owner }
}

use Letters::{Capitals, Dotted, Hex, Url, Word};

/// Longer prefixes stand before shorter ones that they begin with.
const SHAPES: [Shape; 40] = [
    shape("AKIA", Capitals, 16, 16, "AWS"),
    shape("ASIA", Capitals, 16, 16, "AWS"),
    shape("github_pat_", Url, 60, 100, "GitHub"),
    shape("ghp_", Word, 36, 80, "GitHub"),
    shape("gho_", Word, 36, 80, "GitHub"),
    shape("ghu_", Word, 36, 80, "GitHub"),
    shape("ghs_", Word, 36, 80, "GitHub"),
    shape("ghr_", Word, 36, 80, "GitHub"),
    shape("glpat-", Url, 20, 60, "GitLab"),
    shape("xoxb-", Url, 40, 120, "Slack"),
    shape("xoxp-", Url, 40, 120, "Slack"),
    shape("xoxa-", Url, 40, 120, "Slack"),
    shape("xoxs-", Url, 40, 120, "Slack"),
    shape("xapp-", Url, 40, 150, "Slack"),
    shape("sk-ant-", Url, 80, 140, "Anthropic"),
    shape("sk-proj-", Url, 40, 220, "OpenAI"),
    shape("sk-svcacct-", Url, 40, 220, "OpenAI"),
    shape("sk-or-v1-", Hex, 64, 64, "OpenRouter"),
    shape("sk-", Word, 40, 64, "OpenAI"),
    shape("AIza", Url, 35, 35, "Google"),
    shape("GOCSPX-", Url, 28, 28, "Google"),
    shape("sk_live_", Word, 24, 120, "Stripe"),
    shape("rk_live_", Word, 24, 120, "Stripe"),
    shape("whsec_", Word, 32, 64, "Stripe"),
    shape("npm_", Word, 36, 36, "npm"),
    shape("pypi-AgE", Url, 80, 250, "PyPI"),
    shape("SG.", Dotted, 66, 66, "SendGrid"),
    shape("hf_", Word, 34, 40, "Hugging Face"),
    shape("dop_v1_", Hex, 64, 64, "DigitalOcean"),
    shape("dapi", Hex, 32, 34, "Databricks"),
    shape("shpat_", Hex, 32, 32, "Shopify"),
    shape("lin_api_", Word, 40, 48, "Linear"),
    shape("gsk_", Word, 48, 60, "Groq"),
    shape("xai-", Word, 80, 90, "xAI"),
    shape("hvs.", Url, 90, 130, "Vault"),
    shape("ntn_", Word, 40, 60, "Notion"),
    shape("r8_", Word, 37, 40, "Replicate"),
    shape("pat-na1-", Url, 36, 36, "HubSpot"),
    shape("key-", Hex, 32, 32, "Mailgun"),
    shape("eyJ", Dotted, 60, 2048, "web token"),
];

/// Words that mark an example.
const EXAMPLES: [&str; 17] = [
    "example",
    "xxxx",
    "your",
    "fake",
    "dummy",
    "sample",
    "placeholder",
    "redacted",
    "changeme",
    "replace",
    "insert",
    "secret",
    "123456",
    "abcdef",
    "000000",
    "-key-",
    "test",
];

static PREFIXES: LazyLock<Words> = LazyLock::new(|| Words::new(SHAPES.iter().map(|shape| shape.prefix)));

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    let text = subject.text;
    private_keys(subject, found);
    let mut after = 0;
    for hit in PREFIXES.all_in(text) {
        let (Range { start, end }, Some(shape)) = (hit.range, SHAPES.get(hit.word)) else { continue };
        if start < after {
            continue;
        }
        let before = text.get(..start).and_then(|before| before.bytes().next_back());
        if before.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'+' | b'.')
        }) {
            continue;
        }
        // No token is longer than this, and a text of nothing but prefixes must not be read again for each.
        let rest = text.as_bytes().get(end..).unwrap_or_default();
        let length =
            rest.iter().take(shape.length.1 + 1).take_while(|byte| shape.letters.fits(**byte)).count();
        if length < shape.length.0 || length > shape.length.1 {
            continue;
        }
        let span = Span { start, end: end + length };
        after = span.end;
        let token = subject.slice(span);
        if is_example(subject.slice(Span { start: end, end: span.end })) || !has_parts(shape, token) {
            continue;
        }
        found.push(secret(subject, span, &format!("a token of {}", shape.owner)));
    }
}

impl Letters {
    fn fits(self, byte: u8) -> bool {
        match self {
            Self::Word => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
        }
    }
}

/// A web token has three parts, the second of which begins as the first does.
fn has_parts(shape: &Shape, token: &str) -> bool {
    if shape.prefix != "eyJ" {
        return true;
    }
    let parts: Vec<&str> = token.split('.').collect();
    // The one that jwt.io shows to everybody.
    let known = token.contains("SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c")
        || token.contains("IjoiMTIzNDU2Nzg5MCIs");
    matches!(parts.as_slice(), [_, claims, signature] if claims.starts_with("eyJ") && signature.len() >= 20)
        && !known
}

/// Whether a token is one that stands for others: marked as such, or too plain to be random.
fn is_example(token: &str) -> bool {
    let lower = token.to_lowercase();
    if EXAMPLES.iter().any(|word| lower.contains(word)) {
        return true;
    }
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let capitals = token.bytes().filter(u8::is_ascii_uppercase).count();
    let lowers = token.bytes().filter(u8::is_ascii_lowercase).count();
    let mixed = digits > 0 && capitals + lowers > 0 || (capitals > 2 && lowers > 2);
    !mixed || entropy(token) < 3.0
}

/// Bits of a character, by how often each occurs.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 128];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(counts.iter().sum::<u32>());
    let parts = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    parts.map(|part| -part * part.log2()).sum()
}

/// Private keys in PEM: all of it, when there is a body that could be one.
fn private_keys(subject: &Subject<'_>, found: &mut Found) {
    const BEGIN: &str = "-----BEGIN ";
    /// Letters of the shortest key that is worth anything.
    const SHORTEST: usize = 60;
    /// Longer keys are looked through no further.
    const LONGEST: usize = 8 * 1024;
    for start in memmem::find_iter(subject.text.as_bytes(), BEGIN) {
        let rest = subject.text.get(start + BEGIN.len()..).unwrap_or_default();
        let Some((kind, body)) = rest.get(..rest.len().min(60)).and_then(|head| head.split_once("-----"))
        else {
            continue;
        };
        if !kind.ends_with("PRIVATE KEY") && !kind.ends_with("PRIVATE KEY BLOCK") {
            continue;
        }
        let from = start + BEGIN.len() + kind.len() + 5;
        let _ = body;
        let window = subject.text.get(from..).unwrap_or_default();
        let letters = |byte: &u8| {
            byte.is_ascii_alphanumeric()
                || byte.is_ascii_whitespace()
                || matches!(byte, b'+' | b'/' | b'=' | b'\\')
        };
        let length = window.bytes().take(LONGEST).take_while(letters).count();
        let inner = window.get(..length).unwrap_or_default();
        let count = inner.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
        if count < SHORTEST || entropy(inner) < 4.0 {
            continue;
        }
        let end = from + length;
        let closing = format!("-----END {kind}-----");
        let tail = subject.text.get(end..).unwrap_or_default();
        let end =
            if tail.starts_with(&closing) { end + closing.len() } else { from + inner.trim_end().len() };
        found.push(secret(subject, Span { start, end }, "a private key"));
    }
}

fn secret(subject: &Subject<'_>, span: Span, what: &str) -> Diagnostic {
    let text = subject.slice(span);
    let shown = shown(text);
    Diagnostic {
        help: Some("revoke it now, then name the variable or store that holds the new one".into()),
        ..Diagnostic::new(Code::SEC405, Severity::Error, span, format!("\"{shown}\" has the shape of {what}"))
    }
}

/// As much of a secret as may be shown: four characters and the last two.
fn shown(text: &str) -> String {
    let first: String = text.chars().take(4).collect();
    let count = text.chars().count();
    let last: String = text.chars().skip(count.saturating_sub(2)).collect();
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_let_be() {
        for (token, expected) in [
            ("IOSFODNN7EXAMPLE", true),
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true),
            ("aaaaaaaaaaaaaaaaaaaa1aaaaaaaaaaa", true),
            ("thisisjustawordwithoutanydigitsinit", true),
            ("Q3ZV7RK2MWXB5TNJ", false),
            ("k3Jv9QmZ1xT7bR5nW8cY2dL6fH4gP0sAqEuX", false),
        ] {
            assert_eq!(is_example(token), expected, "{token}");
        }
    }

    #[test]
    fn little_is_shown() {
        assert_eq!(shown("ghp_abcdefgh"), "ghp_…gh");
    }
}
