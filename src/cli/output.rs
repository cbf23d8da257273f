//! The only door to stdout and stderr: data and words, colours on terminals only, a closed pipe without a panic.

use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

use super::Failure;
use super::form::{Colour, Rows};
use crate::document::to_yaml;

/// Where a command writes.
pub struct Output {
    /// Where data goes; for whoever writes it piece by piece.
    pub(super) data: Box<dyn Write + Send>,
    words: Box<dyn Write + Send>,
    data_colour: bool,
    words_colour: bool,
    reader: bool,
    width: Option<usize>,
    #[cfg(test)]
    kept: (Kept, Kept),
}

/// How a part of data looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// A heading.
    Bold,
    /// Something new, or well.
    Green,
    /// Something changed.
    Yellow,
    /// Something gone, or not well.
    Red,
    /// A place in a text.
    Cyan,
    /// A word that is new.
    GreenWord,
    /// A word that is gone.
    RedWord,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => BOLD,
            Self::Green => GREEN,
            Self::Yellow => YELLOW,
            Self::Red => RED,
            Self::Cyan => CYAN,
            Self::GreenWord => "\x1b[7;32m",
            Self::RedWord => "\x1b[7;31m",
        }
    }
}

const OFF: &str = "\x1b[0m";
const GREEN: &str = "\x1b[1;32m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const BOLD: &str = "\x1b[1m";

impl std::fmt::Debug for Output {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Output").field("width", &self.width).finish_non_exhaustive()
    }
}

impl Output {
    /// The process's own stdout and stderr.
    #[must_use]
    pub fn of_process(colour: Colour) -> Self {
        // https://no-color.org: set and not empty.
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let colours = |terminal: bool| match colour {
            Colour::Auto => wanted && terminal,
            Colour::Always => true,
            Colour::Never => false,
        };
        let width = stdout
            .is_terminal()
            .then(|| rustix::termios::tcgetwinsize(&stdout).ok())
            .flatten()
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0);
        Self {
            data_colour: colours(stdout.is_terminal()),
            words_colour: colours(stderr.is_terminal()),
            reader: stderr.is_terminal(),
            data: Box::new(stdout),
            words: Box::new(stderr),
            width,
            #[cfg(test)]
            kept: Default::default(),
        }
    }

    /// Columns of the terminal that data goes to; none when it is no terminal.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether data may be coloured.
    #[must_use]
    pub fn colours_data(&self) -> bool {
        self.data_colour
    }

    /// Whether words may be coloured.
    #[must_use]
    pub fn colours_words(&self) -> bool {
        self.words_colour
    }

    /// Whether a person reads the words as they come.
    #[must_use]
    pub fn has_reader(&self) -> bool {
        self.reader
    }

    /// Writes data as it is, adding nothing.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.data.write_all(bytes).and_then(|()| self.data.flush()).map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => Failure::PipeClosed,
            _ => Failure::io("cannot write to stdout", source),
        })
    }

    /// Writes one line of data.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.bytes(format!("{line}\n").as_bytes())
    }

    /// Writes one line of JSON.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| Failure::io("cannot write JSON", error))?;
        line.push(b'\n');
        self.bytes(&line)
    }

    /// Writes a YAML document.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn yaml(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = to_yaml(value).map_err(|error| Failure::io("cannot write YAML", error))?;
        self.bytes(text.as_bytes())
    }

    /// Writes one line of JSON each.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn json_lines(&mut self, values: impl IntoIterator<Item = impl Serialize>) -> Result<(), Failure> {
        values.into_iter().try_for_each(|value| self.json(&value))
    }

    /// Writes a YAML document each, `---` between them.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn yaml_documents(
        &mut self,
        values: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<(), Failure> {
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.line("---")?;
            }
            self.yaml(&value)?;
        }
        Ok(())
    }

    /// Writes a table for people: the first line is its heading.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn table(&mut self, lines: &[String]) -> Result<(), Failure> {
        self.painted_table(lines, |_| None)
    }

    /// The same, with some rows coloured as a whole; they are counted from 0.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn painted_table(
        &mut self,
        lines: &[String],
        paint: impl Fn(usize) -> Option<Paint>,
    ) -> Result<(), Failure> {
        for (at, line) in lines.iter().enumerate() {
            // After the cut: what colours is not seen and has no width.
            let paint = at.checked_sub(1).map_or(Some(Paint::Bold), &paint);
            self.line(&paint.map_or_else(|| line.clone(), |paint| self.painted(paint, line)))?;
        }
        Ok(())
    }

    /// Writes several things as they are wanted: shaped for machines, or as a table for people.
    pub(super) fn rows<T, S: Serialize>(
        &mut self,
        form: Rows,
        values: Vec<T>,
        shape: impl FnMut(T) -> S,
        table: impl FnOnce(&mut Self, &[T]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match form {
            Rows::Json => self.json_lines(values.into_iter().map(shape)),
            Rows::Yaml => self.yaml_documents(values.into_iter().map(shape)),
            Rows::Table => table(self, &values),
        }
    }

    /// A part of data for people, coloured where data is.
    #[must_use]
    pub fn painted(&self, paint: Paint, text: &str) -> String {
        if self.data_colour { format!("{}{text}{OFF}", paint.code()) } else { text.to_owned() }
    }

    /// Says a line to the person. There is nobody to tell when stderr is closed.
    pub fn say(&mut self, line: &str) {
        let _ = writeln!(self.words, "{line}");
    }

    /// Says what went wrong; `mark` is a reason or rule, or empty.
    pub fn error(&mut self, mark: &str, message: &str) {
        self.titled(RED, "error", mark, message);
    }

    /// Says what looks wrong.
    pub fn warning(&mut self, message: &str) {
        self.titled(YELLOW, "warning", "", message);
    }

    /// Says what to do next.
    pub fn help(&mut self, message: &str) {
        self.titled(CYAN, "  help", "", message);
    }

    /// Says what may be good to know.
    pub fn note(&mut self, message: &str) {
        self.titled(BOLD, "  note", "", message);
    }

    fn titled(&mut self, colour: &str, title: &str, mark: &str, message: &str) {
        let mark = if mark.is_empty() { String::new() } else { format!("[{mark}]") };
        let (on, off) = if self.words_colour { (colour, OFF) } else { ("", "") };
        let message = printable(message);
        self.say(&format!("{on}{title}{mark}{off}: {message}"));
    }
}

/// Text of a stranger made safe for a terminal: control characters, line ends included, become visible escapes.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_bidi_control(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
type Kept = std::sync::Arc<std::sync::Mutex<Vec<u8>>>;

#[cfg(test)]
mod captured {
    use super::*;

    struct Into(Kept);

    impl Write for Into {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output {
        pub(crate) fn captured() -> Self {
            let kept: (Kept, Kept) = Default::default();
            Self {
                data: Box::new(Into(kept.0.clone())),
                words: Box::new(Into(kept.1.clone())),
                data_colour: false,
                words_colour: false,
                reader: true,
                width: None,
                kept,
            }
        }

        pub(crate) fn data(&self) -> String {
            String::from_utf8(self.kept.0.lock().unwrap().clone()).unwrap()
        }

        pub(crate) fn words(&self) -> String {
            String::from_utf8(self.kept.1.lock().unwrap().clone()).unwrap()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_stranger_moves_the_cursor() {
        assert_eq!(printable("a\x1b[2Jb\nc\u{202e}d é 漢"), "a\\u{1b}[2Jb\\nc\\u{202e}d é 漢");
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Output { data: Box::new(Closed), ..Output::captured() };
        assert!(matches!(out.line("x"), Err(Failure::PipeClosed)));
    }
}
