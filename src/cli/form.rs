//! What may be printed: words for people, JSON and YAML for machines, with the same keys.

use clap::ValueEnum;

/// How one thing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// Lines for people
    Text,
    /// One line of JSON
    Json,
    /// A YAML document, the same keys
    Yaml,
}

/// How several things are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Rows {
    /// Columns for people
    Table,
    /// One line of JSON each
    Json,
    /// One YAML document each, the same keys
    Yaml,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also into files and pipes; what is made for machines stays plain
    Always,
    /// Nowhere
    Never,
}
