//! Findings for people and machines: `text` as rustc draws, `concise` a line each, `json` for programs.

mod excerpt;
mod json;
mod text;

pub use json::json;
pub use text::{concise, text};
