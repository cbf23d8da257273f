//! The keys that each dialect reads, and what kind of value each takes. Checked in November 2026 against copies of the
//! products' documentation, most of them of August 2026:
//!
//! - Claude Code: code.claude.com, pages sub-agents, skills, plugins-reference; its changelog up to 2.1.240.
//! - Agent Skills: agentskills.io, page specification.
//! - Copilot: docs.github.com, custom agents configuration and CLI command reference; code.visualstudio.com, custom
//!   agents (July 2026), prompt files (2025), and the attributes that the editor's source names; for workflows GitHub
//!   Agentic Workflows, page frontmatter.
//! - OpenCode: opencode.ai, pages agents, commands, permissions, and the schema in its source.
//! - Gemini: geminicli.com, pages subagents and remote agents, and the schema in its source, which is strict.
//! - Cursor: no copy of cursor.com's pages rules and subagents was whole; what others quote of them agrees.
//!
//! Not found: how VS Code spells the reasoning effort of an agent, which its source has and its pages do not name.
//! Names that only older versions read stay, and say so.

use crate::domain::Dialect;
use crate::validate::subject::Subject;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A whole number, at least this.
    Count(i64),
    /// A number from 0 to this.
    Number(f64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Text or a list.
    List,
    /// A mapping.
    Map,
    /// The model, by the dialect.
    Model,
}

use Kind::{Any, Bool, Count, List, Map, Model, Number, Text, Words};

/// Keys with their kinds.
pub(super) type Keys = &'static [(&'static str, Kind)];

const CLAUDE_AGENT: Keys = &[
    ("name", Text),
    ("description", Text),
    ("tools", Any),
    ("disallowedTools", List),
    ("model", Model),
    (
        "permissionMode",
        Words(&["default", "acceptEdits", "auto", "dontAsk", "bypassPermissions", "plan", "manual"]),
    ),
    ("maxTurns", Count(1)),
    ("skills", List),
    ("mcpServers", Any),
    ("hooks", Map),
    ("memory", Words(&["user", "project", "local"])),
    ("background", Bool),
    ("effort", Words(EFFORTS)),
    ("isolation", Words(&["worktree"])),
    (
        "color",
        // The page has no `magenta`; the vendor's guide for plugins and its own agents have.
        Words(&["red", "blue", "green", "yellow", "purple", "orange", "pink", "cyan", "magenta"]),
    ),
    ("initialPrompt", Text),
];

const EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];

/// Commands, and what skills take in the same product.
const CLAUDE_COMMAND: Keys = &[
    ("name", Text),
    ("description", Text),
    ("allowed-tools", List),
    ("disallowed-tools", List),
    ("argument-hint", Any),
    ("arguments", List),
    ("model", Model),
    ("effort", Words(EFFORTS)),
    ("when_to_use", Text),
    ("disable-model-invocation", Bool),
    ("user-invocable", Bool),
    // On no page; commands of the vendor's own plugins have it.
    ("hide-from-slash-command-tool", Any),
    ("context", Words(&["fork"])),
    ("agent", Text),
    ("background", Bool),
    ("hooks", Map),
    ("paths", List),
    ("shell", Words(&["bash", "powershell"])),
    // Named by the changelog only, in three spellings.
    ("display-name", Text),
    ("display_name", Text),
    ("displayName", Text),
    ("default-enabled", Bool),
    ("default_enabled", Bool),
    ("defaultEnabled", Bool),
    ("fallback", Any),
];

const SKILL: Keys = &[("license", Any), ("compatibility", Text), ("metadata", Map)];

/// Custom agents, prompts and instructions.
const COPILOT: Keys = &[
    ("name", Text),
    ("description", Text),
    ("tools", Any),
    ("model", Any),
    ("target", Words(&["vscode", "github-copilot"])),
    ("argument-hint", Any),
    ("agents", List),
    ("agent", Text),
    ("handoffs", Any),
    ("mcp-servers", Map),
    // Retired; words besides true and false in older versions.
    ("infer", Any),
    // Until late 2025, now `agent`.
    ("mode", Text),
    ("user-invocable", Bool),
    // So spelled in early 2026.
    ("user-invokable", Bool),
    ("disable-model-invocation", Bool),
    ("metadata", Map),
    ("hooks", Map),
    ("applyTo", Text),
    ("excludeAgent", List),
    // In the editor's source, on no page.
    ("advancedOptions", Map),
    ("github", Map),
];

/// Keys of agentic workflows, which lie beside prompts.
const COPILOT_WORKFLOW: [&str; 57] = [
    "on",
    "permissions",
    "engine",
    "intent",
    "emoji",
    "safe-outputs",
    "mcp-scripts",
    "timeout-minutes",
    "network",
    "sandbox",
    "if",
    "checkout",
    "ambient-folders",
    "imports",
    "import-schema",
    "pre-steps",
    "steps",
    "pre-agent-steps",
    "post-steps",
    "env",
    "excluded-env",
    "runs-on",
    "runs-on-slim",
    "strict",
    "source",
    "redirect",
    "private",
    "resources",
    "labels",
    "concurrency",
    "run-name",
    "tracker-id",
    "check-for-updates",
    "runtimes",
    "features",
    "skills",
    "plugins",
    "jobs",
    "cache",
    "secrets",
    "github-app",
    "environment",
    "container",
    "services",
    "observability",
    "threat-detection-suppress",
    "max-turns",
    "max-turn-cache-misses",
    "max-ai-credits",
    "max-daily-ai-credits",
    "user-rate-limit",
    // Older: `roles` is now below `on`, the others have new names or are gone.
    "roles",
    "safe-inputs",
    "rate-limit",
    "max-runs",
    "github-token",
    "cache-memory",
];

const OPENCODE: Keys = &[
    ("name", Text),
    ("description", Text),
    ("mode", Words(&["primary", "subagent", "all"])),
    ("model", Model),
    ("temperature", Number(2.0)),
    ("top_p", Number(1.0)),
    ("prompt", Text),
    ("tools", Any),
    ("permission", Any),
    ("disable", Bool),
    ("hidden", Bool),
    ("color", Text),
    ("steps", Count(1)),
    // Until early 2026, now `steps`.
    ("maxSteps", Count(1)),
    ("variant", Text),
    ("options", Map),
    // Commands.
    ("agent", Text),
    ("subtask", Bool),
    ("template", Text),
];

const GEMINI: Keys = &[
    ("name", Text),
    ("description", Text),
    ("kind", Words(&["local", "remote"])),
    ("display_name", Text),
    ("tools", Any),
    // The source reads the first, the page names the second.
    ("mcp_servers", Map),
    ("mcpServers", Map),
    ("model", Model),
    ("temperature", Number(2.0)),
    ("max_turns", Count(1)),
    ("timeout_mins", Count(1)),
    ("agent_card_url", Text),
    ("agent_card_json", Text),
    ("auth", Map),
];

const CURSOR: Keys = &[
    ("description", Any),
    ("globs", List),
    ("alwaysApply", Bool),
    // Of subagents.
    ("name", Text),
    ("model", Any),
    ("readonly", Bool),
    ("is_background", Bool),
];

const PERSONA: Keys = &[
    ("name", Text),
    ("description", Text),
    ("tools", Any),
    ("model", Any),
    ("labels", Any),
    ("version", Any),
    ("author", Any),
    ("license", Any),
    ("tags", Any),
    ("tag", Any),
    ("metadata", Any),
    ("title", Any),
    ("category", Any),
    ("display_name", Any),
];

/// Keys that tell one product from the others, with what they are called elsewhere.
pub(super) const TELLING: [(&str, &[Dialect]); 20] = [
    ("disallowedTools", &[Dialect::ClaudeCode]),
    ("permissionMode", &[Dialect::ClaudeCode]),
    ("maxTurns", &[Dialect::ClaudeCode]),
    ("mcpServers", &[Dialect::ClaudeCode, Dialect::Gemini]),
    ("allowed-tools", &[Dialect::Skill, Dialect::ClaudeCode]),
    ("disallowed-tools", &[Dialect::Skill, Dialect::ClaudeCode]),
    ("argument-hint", &[Dialect::ClaudeCode, Dialect::Copilot]),
    ("disable-model-invocation", &[Dialect::Skill, Dialect::Copilot]),
    ("tools", &[Dialect::ClaudeCode, Dialect::Copilot, Dialect::Gemini]),
    ("applyTo", &[Dialect::Copilot]),
    ("handoffs", &[Dialect::Copilot]),
    ("mcp-servers", &[Dialect::Copilot]),
    ("mode", &[Dialect::OpenCode]),
    ("temperature", &[Dialect::OpenCode, Dialect::Gemini]),
    ("top_p", &[Dialect::OpenCode]),
    ("permission", &[Dialect::OpenCode]),
    ("max_turns", &[Dialect::Gemini]),
    ("timeout_mins", &[Dialect::Gemini]),
    ("globs", &[Dialect::Cursor]),
    ("alwaysApply", &[Dialect::Cursor]),
];

/// Keys that say the same in different products.
pub(super) const SAME: [&[&str]; 6] = [
    &["tools", "allowed-tools"],
    &["disallowedTools", "disallowed-tools"],
    &["maxTurns", "max_turns", "steps"],
    &["mcpServers", "mcp-servers", "mcp_servers"],
    &["globs", "applyTo", "paths"],
    &["permissionMode", "permission"],
];

/// Which kind of file of its product a document is, as far as that decides its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentKind {
    Agent,
    Command,
    Other,
}

/// Whether a document of Claude Code is an agent or a command, which the product tells by folder.
pub(super) fn kind_of(subject: &Subject<'_>) -> DocumentKind {
    if subject.dialect() != Dialect::ClaudeCode {
        return DocumentKind::Other;
    }
    let path = subject.path.unwrap_or_default().replace('\\', "/");
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let telling = folders.split('/').rev().find_map(|folder| match folder {
        "agents" | "agent" | "subagents" | "sub-agents" => Some(DocumentKind::Agent),
        "commands" | "command" => Some(DocumentKind::Command),
        _ => None,
    });
    telling.unwrap_or(match subject.document.entry("name") {
        Some(_) if subject.document.entry("argument-hint").is_none() => DocumentKind::Agent,
        _ => DocumentKind::Command,
    })
}

/// The keys that the product reads in this document.
pub(super) fn known(subject: &Subject<'_>) -> Vec<(&'static str, Kind)> {
    let lists: &[Keys] = match (subject.dialect(), kind_of(subject)) {
        (Dialect::ClaudeCode, DocumentKind::Agent) => &[CLAUDE_AGENT],
        (Dialect::ClaudeCode, _) => &[CLAUDE_COMMAND, SKILL],
        (Dialect::Skill, _) => &[CLAUDE_COMMAND, SKILL],
        (Dialect::Copilot, _) => &[COPILOT],
        (Dialect::OpenCode, _) => &[OPENCODE],
        (Dialect::Gemini, _) => &[GEMINI],
        (Dialect::Cursor, _) => &[CURSOR],
        (Dialect::Persona, _) => &[PERSONA],
        (Dialect::Markdown, _) => &[],
    };
    let mut keys: Vec<_> = lists.iter().flat_map(|keys| keys.iter().copied()).collect();
    if subject.dialect() == Dialect::Copilot {
        keys.extend(COPILOT_WORKFLOW.map(|key| (key, Any)));
    }
    keys
}
