//! Two texts, line by line: how much differs, and the unified text of it, for `patch` or for people.

use std::time::Duration;

use similar::udiff::UnifiedHunkHeader;
use similar::{ChangeTag, TextDiff};

use crate::cli::Paint;
use crate::cli::output::printable;

/// How long to look for the shortest difference of texts that have little in common.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lines around a difference.
const CONTEXT: usize = 3;

/// Lines that end with `\n`, as `patch` counts them; a lone `\r` is a character like others.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// How many lines were added, and how many removed.
pub(in crate::cli) fn stat(old: &str, new: &str) -> (usize, usize) {
    let (old, new) = (lines(old), lines(new));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_slices(&old, &new);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    (count(ChangeTag::Insert), count(ChangeTag::Delete))
}

/// The unified text; empty where nothing differs.
pub(in crate::cli) fn unified(old: &str, new: &str, headers: (&str, &str)) -> String {
    let (old, new) = (lines(old), lines(new));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_slices(&old, &new);
    let mut text = String::new();
    for hunk in diff.grouped_ops(CONTEXT) {
        if text.is_empty() {
            text.push_str(&format!("--- {}\n+++ {}\n", headers.0, headers.1));
        }
        text.push_str(&format!("{}\n", UnifiedHunkHeader::new(&hunk)));
        for change in hunk.iter().flat_map(|op| diff.iter_changes(op)) {
            text.push_str(&format!("{}{}", change.tag(), change.value()));
            if !change.value().ends_with('\n') {
                text.push_str(UNENDED);
            }
        }
    }
    text
}

/// What stands behind a last line without an end.
const UNENDED: &str = "\n\\ No newline at end of file\n";

/// The same for people: nothing in it moves the cursor, and of lines that changed the words are marked that did.
pub(in crate::cli) fn painted(
    old: &str,
    new: &str,
    headers: (&str, &str),
    paint: &dyn Fn(Paint, &str) -> String,
) -> String {
    let (old, new) = (lines(old), lines(new));
    let diff = TextDiff::configure().timeout(PATIENCE).newline_terminated(true).diff_slices(&old, &new);
    let mut text = String::new();
    for hunk in diff.grouped_ops(CONTEXT) {
        if text.is_empty() {
            for (mark, header) in [("---", headers.0), ("+++", headers.1)] {
                let line = format!("{mark} {header}");
                text.push_str(&format!("{}\n", paint(Paint::Bold, &line)));
            }
        }
        text.push_str(&format!("{}\n", paint(Paint::Cyan, &UnifiedHunkHeader::new(&hunk).to_string())));
        for change in hunk.iter().flat_map(|op| diff.iter_inline_changes(op)) {
            let colours = match change.tag() {
                ChangeTag::Equal => None,
                ChangeTag::Delete => Some((Paint::Red, Paint::RedWord)),
                ChangeTag::Insert => Some((Paint::Green, Paint::GreenWord)),
            };
            let dressed = |marked: bool, part: &str| match colours {
                Some((_, word)) if marked => paint(word, part),
                Some((line, _)) if !part.is_empty() => paint(line, part),
                _ => part.to_owned(),
            };
            text.push_str(&dressed(false, &change.tag().to_string()));
            let mut ended = false;
            for (marked, part) in change.values() {
                ended = part.ends_with('\n');
                text.push_str(&dressed(*marked, &shown(part.strip_suffix('\n').unwrap_or(part))));
            }
            text.push_str(if ended { "\n" } else { UNENDED });
        }
    }
    text
}

/// A line for a terminal, on which tabs may stay.
fn shown(part: &str) -> String {
    part.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADERS: (&str, &str) = ("a", "b");

    #[test]
    fn a_difference_is_told_in_unified_lines() {
        let old = "one\ntwo\nthree\r\nfour\n";
        let new = "one\n2\nthree\nfour";
        assert_eq!(stat(old, new), (3, 3));
        assert_eq!(
            unified(old, new, HEADERS),
            "--- a\n+++ b\n@@ -1,4 +1,4 @@\n one\n-two\n-three\r\n-four\n+2\n+three\n+four\n\\ No newline at end of file\n"
        );
        assert_eq!(unified(old, old, HEADERS), "");
    }

    #[test]
    fn words_that_changed_are_marked_and_nothing_moves_the_cursor() {
        let paint = |paint: Paint, part: &str| match paint {
            Paint::RedWord => format!("[{part}]"),
            Paint::GreenWord => format!("<{part}>"),
            _ => part.to_owned(),
        };
        let text = painted("Go on\tand \x1b[2J on.\r\n", "Go away\tand \x1b[2J on.\r\n", HEADERS, &paint);
        assert_eq!(
            text,
            "--- a\n+++ b\n@@ -1 +1 @@\n-Go [on]\tand \\u{1b}[2J on.\\r\n+Go <away>\tand \\u{1b}[2J on.\\r\n"
        );
    }

    /// What `patch` does, to the letter: lines must be where the hunks say, and as they say.
    fn patched(old: &str, patch: &str) -> String {
        let old = lines(old);
        let (mut new, mut at) = (String::new(), 0);
        let body: Vec<_> = lines(patch);
        let mut body = body.into_iter().skip(2).peekable();
        while let Some(line) = body.next() {
            if let Some(header) = line.strip_prefix("@@ -") {
                let (start, count) = {
                    let range = header.split(' ').next().unwrap();
                    let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                    (start.parse::<usize>().unwrap(), count.parse::<usize>().unwrap())
                };
                let first = if count == 0 { start } else { start - 1 };
                new.extend(old[at..first].iter().copied());
                at = first;
                continue;
            }
            let unended = body.next_if(|next| next.starts_with('\\')).is_some();
            let (tag, value) = line.split_at(1);
            let value = if unended { value.strip_suffix('\n').unwrap() } else { value };
            if tag != "+" {
                assert_eq!(old[at], value);
                at += 1;
            }
            if tag != "-" {
                new.push_str(value);
            }
        }
        new.extend(old[at..].iter().copied());
        new
    }

    proptest! {
        #[test]
        fn the_unified_text_makes_the_one_from_the_other(
            old in "([abc é]{0,3}(\n|\r\n|\r)){0,12}[ab]{0,2}",
            new in "([abc é]{0,3}(\n|\r\n|\r)){0,12}[ab]{0,2}",
        ) {
            let patch = unified(&old, &new, HEADERS);
            prop_assert_eq!(patched(&old, &patch), new.clone());
            let (added, removed) = stat(&old, &new);
            let begins = |mark: char| lines(&patch).iter().skip(2).filter(|line| line.starts_with(mark)).count();
            prop_assert_eq!((added, removed), (begins('+'), begins('-')));
            prop_assert_eq!(patch.is_empty(), old == new);
        }
    }
}
