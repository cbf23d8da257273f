//! Which dialect a document is written in: what the request says, else the path, else telling keys, else persona.

use crate::domain::{Dialect, DialectReason, Field};

use super::entries::Entry;

/// The dialect and why.
pub(super) fn detect(
    explicit: Option<Dialect>,
    path: Option<&str>,
    entries: &[Entry],
) -> (Dialect, DialectReason) {
    if let Some(dialect) = explicit {
        return (dialect, DialectReason::Explicit);
    }
    if let Some(dialect) = path.and_then(by_path) {
        return (dialect, DialectReason::Path);
    }
    if let Some(dialect) = by_keys(entries) {
        return (dialect, DialectReason::Keys);
    }
    // Without front matter there is nothing that a product would load: SYN005 says what is missing.
    match path.filter(|_| !entries.is_empty()).and_then(by_folder) {
        Some(dialect) => (dialect, DialectReason::Path),
        None => (Dialect::Persona, DialectReason::Default),
    }
}

/// Folder names that more than one product uses, taken for the one that uses them most; keys are stronger.
fn by_folder(path: &str) -> Option<Dialect> {
    let path = path.replace('\\', "/");
    let (folders, _) = path.rsplit_once('/')?;
    folders.split('/').rev().find_map(|folder| match folder {
        "agents" | "subagents" | "sub-agents" | "commands" => Some(Dialect::ClaudeCode),
        "rules" => Some(Dialect::Cursor),
        _ => None,
    })
}

fn by_path(path: &str) -> Option<Dialect> {
    let path = path.replace('\\', "/");
    let mut folders: Vec<&str> = path.split('/').collect();
    let file = folders.pop().unwrap_or_default();
    let ends = |suffix: &str| file.len() > suffix.len() && file.ends_with(suffix);
    let inside = |outer: &[&str], inner: &[&str]| {
        folders.windows(2).any(|pair| matches!(pair, [a, b] if outer.contains(a) && inner.contains(b)))
    };
    let agents = ["agents", "agent", "commands", "command"];
    if file.eq_ignore_ascii_case("SKILL.md") {
        return Some(Dialect::Skill);
    }
    if [".agent.md", ".chatmode.md", ".prompt.md", ".instructions.md"].iter().any(|suffix| ends(suffix))
        || file == "copilot-instructions.md"
        || inside(&[".github"], &["agents", "chatmodes", "prompts", "instructions"])
    {
        return Some(Dialect::Copilot);
    }
    if ends(".mdc") || inside(&[".cursor"], &["rules"]) {
        return Some(Dialect::Cursor);
    }
    if inside(&[".opencode", "opencode"], &agents) {
        return Some(Dialect::OpenCode);
    }
    if inside(&[".gemini"], &agents) {
        return Some(Dialect::Gemini);
    }
    if inside(&[".claude"], &agents) {
        return Some(Dialect::ClaudeCode);
    }
    // Pattern collections: a folder a pattern, plain Markdown in a file of this name.
    if file == "system.md" && folders.len() >= 2 && folders.iter().rev().nth(1) == Some(&"patterns") {
        return Some(Dialect::Markdown);
    }
    None
}

fn by_keys(entries: &[Entry]) -> Option<Dialect> {
    let value = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let has = |key: &str| value(key).is_some();
    let any = |keys: &[&str]| keys.iter().any(|key| has(key));
    let text = |key: &str| value(key).and_then(Field::as_text).unwrap_or_default();

    if any(&["globs", "alwaysApply"]) {
        return Some(Dialect::Cursor);
    }
    if any(&["applyTo", "handoffs", "mcp-servers", "safe-outputs"])
        || matches!(text("mode"), "agent" | "ask" | "edit")
    {
        return Some(Dialect::Copilot);
    }
    let switches = |key: &str| matches!(value(key), Some(Field::Map(map)) if !map.is_empty() && map.iter().all(|(_, on)| matches!(on, Field::Bool(_))));
    if matches!(text("mode"), "primary" | "subagent" | "all") || switches("tools") {
        return Some(Dialect::OpenCode);
    }
    if has("max_turns") || has("timeout_mins") {
        return Some(Dialect::Gemini);
    }
    if any(&["argument-hint", "disallowedTools", "permissionMode", "maxTurns", "color"])
        || has("allowed-tools") && !has("name")
    {
        return Some(Dialect::ClaudeCode);
    }
    if any(&["allowed-tools", "compatibility"]) {
        return Some(Dialect::Skill);
    }
    if matches!(text("model"), "sonnet" | "opus" | "haiku" | "inherit") || names_claude_tools(value("tools"))
    {
        return Some(Dialect::ClaudeCode);
    }
    None
}

/// Tool names as that product writes them; nobody else capitalises them.
fn names_claude_tools(tools: Option<&Field>) -> bool {
    const KNOWN: [&str; 12] = [
        "Read",
        "Write",
        "Edit",
        "MultiEdit",
        "Bash",
        "Glob",
        "Grep",
        "LS",
        "Task",
        "TodoWrite",
        "WebFetch",
        "WebSearch",
    ];
    let known = |tool: &str| KNOWN.contains(&tool.split('(').next().unwrap_or_default().trim());
    match tools {
        Some(Field::Text(text)) => text.split(',').any(known),
        Some(Field::List(list)) => list.iter().filter_map(Field::as_text).any(known),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell() {
        for (path, expected) in [
            (".claude/agents/a.md", Some(Dialect::ClaudeCode)),
            ("x/skills/pdf/SKILL.md", Some(Dialect::Skill)),
            ("agents/a.agent.md", Some(Dialect::Copilot)),
            (".opencode/agent/deep/a.md", Some(Dialect::OpenCode)),
            (".gemini/agents/a.md", Some(Dialect::Gemini)),
            ("rules/a.mdc", Some(Dialect::Cursor)),
            ("data/patterns/sum/system.md", Some(Dialect::Markdown)),
            ("personas/a.md", None),
            (".agent.md", None),
        ] {
            assert_eq!(by_path(path), expected, "{path}");
        }
    }

    #[test]
    fn folders_tell_when_nothing_stronger_does() {
        for (path, expected) in [
            ("plugins/x/agents/a.md", Some(Dialect::ClaudeCode)),
            ("commands/git/a.md", Some(Dialect::ClaudeCode)),
            ("agents/rules/a.md", Some(Dialect::Cursor)),
            ("personas/a.md", None),
            ("agents.md", None),
        ] {
            assert_eq!(by_folder(path), expected, "{path}");
        }
    }
}
