//! The tools of each product, as of September 2026, from their documentation: code.claude.com (tools reference),
//! opencode.ai (tools), geminicli.com (tools), code.visualstudio.com (chat tools; other names are ignored there).

use crate::domain::Dialect;

const CLAUDE_CODE: &[&str] = &[
    "Agent", "AskUserQuestion", "Bash", "BashOutput", "CronCreate", "CronDelete", "CronList", "Edit", "EnterPlanMode",
    "EnterWorktree", "ExitPlanMode", "ExitWorktree", "Glob", "Grep", "KillBash", "KillShell", "LS", "LSP",
    "ListMcpResourcesTool", "Monitor", "MultiEdit", "NotebookEdit", "NotebookRead", "PowerShell", "Read",
    "ReadMcpResourceTool", "SendMessage", "Skill", "SlashCommand", "Task", "TaskCreate", "TaskGet", "TaskList",
    "TaskOutput", "TaskStop", "TaskUpdate", "TeamCreate", "TeamDelete", "TodoRead", "TodoWrite", "ToolSearch", "WebFetch",
    "WebSearch", "Write",
];

const OPENCODE: &[&str] = &[
    "bash", "codesearch", "edit", "glob", "grep", "list", "lsp", "multiedit", "patch", "apply_patch", "question", "read",
    "skill", "task", "todoread", "todowrite", "webfetch", "websearch", "write",
];

const GEMINI: &[&str] = &[
    "activate_skill", "ask_user", "enter_plan_mode", "exit_plan_mode", "get_internal_docs", "glob", "google_web_search",
    "grep_search", "list_directory", "read_file", "read_many_files", "replace", "run_shell_command", "save_memory",
    "search_file_content", "web_fetch", "write_file", "write_todos",
];

/// The tools of the product; none where any name may be one.
pub(super) fn of(dialect: Dialect) -> Option<&'static [&'static str]> {
    match dialect {
        Dialect::ClaudeCode | Dialect::Skill => Some(CLAUDE_CODE),
        Dialect::OpenCode => Some(OPENCODE),
        Dialect::Gemini => Some(GEMINI),
        Dialect::Persona | Dialect::Copilot | Dialect::Cursor | Dialect::Markdown => None,
    }
}
