//! Where a value came from, and what is wrong there.

use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave it.
    Default,
    /// A place in the file.
    File {
        /// The file, as it was named.
        path: String,
        /// 1-based line.
        line: u32,
        /// 1-based column in Unicode scalars.
        column: u32,
    },
    /// A variable of the environment.
    Variable(String),
    /// A flag, such as `--listen`.
    Flag(String),
}

impl Origin {
    /// Its place among others: lower layers first, the file from top to bottom.
    pub(super) fn rank(&self) -> (u8, u32, u32) {
        match self {
            Self::Default => (0, 0, 0),
            Self::File { line, column, .. } => (1, *line, *column),
            Self::Variable(_) => (2, 0, 0),
            Self::Flag(_) => (3, 0, 0),
        }
    }

    /// The layer in one word: `default`, `file`, `environment` or `flag`.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File { .. } => "file",
            Self::Variable(_) => "environment",
            Self::Flag(_) => "flag",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { path, line, column } => write!(out, "{path}:{line}:{column}"),
            Self::Variable(name) | Self::Flag(name) => out.write_str(name),
        }
    }
}

/// Something that keeps a command from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// What is wrong there.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(origin: &Origin, message: impl Into<String>) -> Self {
        Self { origin: origin.clone(), message: message.into(), help: None }
    }

    pub(super) fn with_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.origin, self.message)
    }
}
