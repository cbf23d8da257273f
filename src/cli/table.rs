//! Columns for people: as wide as their content, the last one cut to the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Lays out rows under a heading. With `width` the last column is cut to fit.
pub(super) fn layout<const N: usize>(
    heading: [&str; N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> Vec<String> {
    let mut widths = heading.map(str::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let heading = heading.map(ToOwned::to_owned);
    std::iter::once(&heading).chain(rows).map(|row| line(row, &widths, width)).collect()
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N], width: Option<usize>) -> String {
    let mut line = String::new();
    for (at, (cell, column)) in row.iter().zip(widths).enumerate() {
        if at + 1 == N {
            let left = width.map(|width| width.saturating_sub(line.width()).max(MIN_LAST));
            line.push_str(&left.map_or_else(|| cell.clone(), |left| cut(cell, left)));
        } else {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', column.saturating_sub(cell.width()) + 2));
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Below this a cut text says nothing: better to wrap.
const MIN_LAST: usize = 16;

/// The text, or as much as fits into `columns` with `…` at the end.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// `2026-01-31 23:59`: seconds are noise for people.
pub(super) fn minute(time: prost_types::Timestamp) -> String {
    let moment = super::shape::moment(time);
    moment.chars().take(16).map(|character| if character == 'T' { ' ' } else { character }).collect()
}

/// `1.2 KiB`: bytes as people read them.
pub(super) fn size(bytes: i32) -> String {
    match f64::from(bytes) {
        bytes if bytes < 1024.0 => format!("{bytes} B"),
        bytes => format!("{:.1} KiB", bytes / 1024.0),
    }
}

/// `1 file`, `2 files`.
pub(super) fn some(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_the_last_is_cut() {
        let rows = [
            ["a".to_owned(), "12".to_owned(), "short".to_owned()],
            ["longer".to_owned(), "3".to_owned(), "a description that goes on".to_owned()],
        ];
        assert_eq!(
            layout(["NAME", "V", "TEXT"], &rows, Some(30)),
            ["NAME    V   TEXT", "a       12  short", "longer  3   a description tha…"]
        );
        assert_eq!(layout(["NAME", "V", "TEXT"], &rows, None)[2], "longer  3   a description that goes on");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("漢字漢字", 8), "漢字漢字");
    }
}
