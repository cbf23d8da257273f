//! SEC402: characters that change the direction of text, so that a reader sees another order than a machine.

use crate::diagnostic::{Applicability, Code, Diagnostic, Severity, Span};

use crate::validate::subject::{Found, Subject, replace};

pub(super) fn check(subject: &Subject<'_>, found: &mut Found) {
    if !subject.text.chars().any(is_control) {
        return;
    }
    let right_to_left = subject.text.chars().any(is_right_to_left);
    let mut at = 0;
    for line in subject.text.split_inclusive('\n') {
        if line.chars().any(is_control) {
            one_line(line, at, right_to_left, found);
        }
        at += line.len();
    }
}

fn one_line(line: &str, offset: usize, right_to_left: bool, found: &mut Found) {
    let opens =
        line.chars().filter(|letter| matches!(letter, '\u{202a}' | '\u{202b}' | '\u{2066}'..='\u{2068}'));
    let closes = line.chars().filter(|letter| matches!(letter, '\u{202c}' | '\u{2069}'));
    let balanced = opens.count() == closes.count();
    let overrides = line.chars().any(|letter| matches!(letter, '\u{202d}' | '\u{202e}'));
    let honest = right_to_left && balanced && !overrides;
    for (start, letter) in line.char_indices().filter(|(_, letter)| is_control(*letter)) {
        let mark = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{61c}');
        if mark && right_to_left {
            continue;
        }
        let severity = if mark || honest { Severity::Info } else { Severity::Error };
        let span = Span { start: offset + start, end: offset + start + letter.len_utf8() };
        let message = format!("\"{}\" changes the direction of the text around it", letter.escape_unicode());
        found.push(Diagnostic {
            help: Some("remove it: what a reader sees is not what a model reads".into()),
            fixes: vec![replace("remove the character", Applicability::Unsafe, span, "")],
            ..Diagnostic::new(Code::SEC402, severity, span, message)
        });
    }
}

fn is_control(letter: char) -> bool {
    matches!(letter,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Letters of scripts that are written from right to left.
fn is_right_to_left(letter: char) -> bool {
    matches!(u32::from(letter),
        0x5be..=0x60b | 0x61d..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefe | 0x10800..=0x10fff | 0x1e800..=0x1efff)
}
