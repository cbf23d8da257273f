//! What a place of a document is: why something is found there, or what a key of the front matter says.

use gen_lsp_types::{Hover, MarkupContent, MarkupKind};

use super::client::Client;
use super::pages::told;
use super::position::Lines;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::Document;
use crate::domain::{Dialect, DialectReason};

/// Findings of one place that are explained.
const MOST: usize = 4;

/// What is known of a place; none where that is nothing.
pub(super) fn hover(
    document: &Document,
    found: &[Diagnostic],
    at: usize,
    lines: &Lines<'_>,
    client: &Client,
) -> Option<Hover> {
    let covers = |span: Span| span.start <= at && at <= span.end;
    let mut parts = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    if let Some(entry) = document.entries.iter().find(|entry| covers(entry.key_span))
        && let Some(words) = key(&entry.key, document.derived.dialect)
    {
        parts.push(format!("**{}**: {words}\n\n{}\n", entry.key, dialect(document)));
        spans.push(entry.key_span);
    }
    let mut codes: Vec<Code> = Vec::new();
    for one in found.iter().filter(|one| covers(one.span)) {
        if !codes.contains(&one.code) && codes.len() < MOST {
            codes.push(one.code);
            parts.push(told(one.code));
            spans.push(one.span);
        }
    }
    // The narrowest of them is what the pointer is on.
    let span = spans.into_iter().min_by_key(|span| span.end - span.start)?;
    let kind = if client.draws_markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
    let contents = MarkupContent { kind, value: parts.join("\n---\n\n") };
    Some(Hover { contents: contents.into(), range: Some(lines.range(span)) })
}

/// Which dialect a document is read in, and why.
fn dialect(document: &Document) -> String {
    let why = match document.dialect_reason {
        DialectReason::Explicit => "as asked for",
        DialectReason::Path => "by its path",
        DialectReason::Keys => "by its keys",
        DialectReason::Default => "since nothing says otherwise",
    };
    format!("Read as `{}`, {why}.", document.derived.dialect)
}

/// What a key of the front matter says, in the dialects that have it.
fn key(key: &str, dialect: Dialect) -> Option<&'static str> {
    use Dialect::{ClaudeCode, Copilot, Cursor, Gemini, OpenCode, Persona, Skill};
    Some(match (key, dialect) {
        ("name", Skill) => {
            "what the skill is called: lower case letters, digits and `-`, the same as its folder."
        }
        ("name", Copilot | Cursor | OpenCode) => "a name to show; the product goes by the name of the file.",
        ("name", _) => "what the persona is called. Clients ask for it by this name, wherever the file lies.",
        ("description", Skill) => {
            "what the skill does and when to use it: all that a model sees before it loads the skill. At most 1,024 characters."
        }
        ("description", Cursor) => "what the rule is about, for whoever decides whether it applies.",
        ("description", _) => {
            "what the persona does and when to choose it: people and models decide by this line."
        }
        ("tools", OpenCode) => "which tools the agent has, each with `true` or `false`.",
        ("tools", _) => {
            "which tools the persona may use: a list, or names between commas. Without it the product decides."
        }
        ("allowed-tools", ClaudeCode | Skill) => "which tools may be used without being asked for.",
        ("disallowed-tools" | "disallowedTools", ClaudeCode | Skill) => "which tools may not be used.",
        ("model", _) => "which model runs the persona.",
        ("labels", Persona) => {
            "words to select personas by: `persona list --filter 'labels.team = \"payments\"'`."
        }
        ("permissionMode", ClaudeCode) => {
            "what is asked before the agent acts; `bypassPermissions` asks nothing."
        }
        ("permission", OpenCode) => {
            "what the agent may do by itself, what it asks for, and what it may not do."
        }
        ("maxTurns", ClaudeCode) | ("max_turns", Gemini) | ("steps", OpenCode) => {
            "after how many turns the agent stops."
        }
        ("timeout_mins", Gemini) => "after how many minutes the agent stops.",
        ("skills", ClaudeCode) => "skills that the agent has loaded from the start.",
        ("color", ClaudeCode | OpenCode) => "how the agent is coloured where it is shown.",
        ("argument-hint", ClaudeCode | Copilot) => "what is shown as the arguments of the command.",
        ("license", Skill) => "under which terms the skill may be used.",
        ("compatibility", Skill) => "what the skill needs around it. At most 500 characters.",
        ("metadata", Skill | Copilot) => "anything else, by keys of your own.",
        ("mode", OpenCode) => {
            "whether people choose the agent (`primary`), other agents do (`subagent`), or both (`all`)."
        }
        ("temperature", OpenCode | Gemini) => "how varied the model's words are: 0 is the least.",
        ("top_p", OpenCode) => "how much of the likeliest words the model chooses from, 0 to 1.",
        ("applyTo", Copilot) => "which files the instructions are for, as patterns.",
        ("handoffs", Copilot) => "agents that go on with what this one did.",
        ("globs", Cursor) => "which files bring the rule in, as patterns.",
        ("alwaysApply", Cursor) => "whether the rule is there in every conversation.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::position::Encoding;
    use crate::validate::judge;

    fn said(text: &str, at: usize) -> Option<String> {
        let judged = judge(&crate::document::Input { content: text.as_bytes(), ..Default::default() });
        let lines = Lines::new(text, Encoding::Utf16);
        let hover = hover(&judged.document, &judged.diagnostics, at, &lines, &Client::default())?;
        let value = serde_json::to_value(hover).unwrap();
        assert_eq!(value["contents"]["kind"], "plaintext");
        Some(value["contents"]["value"].as_str().unwrap().to_owned())
    }

    #[test]
    fn keys_and_findings_are_explained_together() {
        let text = "---\nname: X\nx-own: 1\ndescription: does: things\n---\n# A\ntext\n";
        let key = said(text, 4).unwrap();
        assert!(key.starts_with("**name**: ") && key.contains("Read as `persona`, since nothing"), "{key}");
        let both = said(text, text.find("X").unwrap()).unwrap();
        assert!(both.starts_with("**SCH103 name-format**: "), "{both}");
        assert!(said(text, text.find(": things").unwrap()).unwrap().contains("**SYN008 unquoted-colon**"));
        assert_eq!(said(text, text.find("x-own").unwrap()), None, "a key of somebody's own");
        assert_eq!(said(text, text.find("text").unwrap() + 1), None);
    }
}
