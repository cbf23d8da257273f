//! Findings for people and machines: `text` as rustc draws, `concise` a line each, `json` for programs, `github` for
//! workflows, `sarif` for services that scan code.

mod excerpt;
mod github;
mod json;
pub mod sarif;
mod text;

pub use github::github;
pub use json::{findings, json};
pub use text::{concise, text, text_within};
