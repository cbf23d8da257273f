//! What the editor said of itself when it began, and what it is told of us.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::place::path_of;
use super::position::Encoding;

/// What the editor can do and where it works. Read leniently: an editor that says something odd of a thing that is not
/// needed here is served all the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    pub(super) encoding: Encoding,
    /// The folders of its workspace.
    pub(super) folders: Vec<PathBuf>,
    /// Shows further places of a finding.
    pub(super) related: bool,
    /// Opens the page of a code.
    pub(super) opens_pages: bool,
    /// Shows what is deprecated or unnecessary.
    pub(super) tags: bool,
    /// Makes edits of one version of a document only.
    pub(super) versions_edits: bool,
    /// Shows symbols as a tree.
    pub(super) nests_symbols: bool,
    /// Draws Markdown.
    pub(super) draws_markdown: bool,
    /// Tells of changed files when it is asked to.
    pub(super) watches: bool,
}

impl Client {
    /// Reads the parameters of `initialize`.
    pub(super) fn of(params: &Value) -> Self {
        let can = |place: &str| params.pointer(&format!("/capabilities/{place}"));
        let is = |place: &str| can(place).and_then(Value::as_bool).unwrap_or_default();
        let encodings = can("general/positionEncodings").and_then(Value::as_array);
        let encodings = encodings.into_iter().flatten().filter_map(Value::as_str);
        let formats = can("textDocument/hover/contentFormat").and_then(Value::as_array);
        let folders = folders_of(params.get("workspaceFolders"));
        let root = params.get("rootUri").and_then(Value::as_str).and_then(path_of);
        Self {
            // In the editor's order of preference.
            encoding: encodings.filter_map(Encoding::named).next().unwrap_or_default(),
            folders: if folders.is_empty() { root.into_iter().collect() } else { folders },
            related: is("textDocument/publishDiagnostics/relatedInformation"),
            opens_pages: is("textDocument/publishDiagnostics/codeDescriptionSupport"),
            tags: can("textDocument/publishDiagnostics/tagSupport").is_some_and(|it| !it.is_null()),
            versions_edits: is("workspace/workspaceEdit/documentChanges"),
            nests_symbols: is("textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            draws_markdown: formats.is_some_and(|formats| formats.iter().any(|format| format == "markdown")),
            watches: is("workspace/didChangeWatchedFiles/dynamicRegistration"),
        }
    }
}

/// The folders of a list of `WorkspaceFolder`s.
pub(super) fn folders_of(list: Option<&Value>) -> Vec<PathBuf> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|folder| path_of(folder.get("uri")?.as_str()?)).collect()
}

/// The answer to `initialize`.
pub(super) fn welcome(encoding: Encoding) -> Value {
    json!({
        "capabilities": {
            "positionEncoding": encoding.kind(),
            "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
            "codeActionProvider": { "codeActionKinds": ["quickfix", "source.fixAll"] },
            "hoverProvider": true,
            "documentSymbolProvider": true,
            "workspace": { "workspaceFolders": { "supported": true, "changeNotifications": true } },
        },
        "serverInfo": { "name": "persona", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// The parameters of a request to be told of changed files.
pub(super) fn wants_to_watch() -> Value {
    let watchers = json!({ "watchers": [{ "globPattern": "**/*.{md,mdc,markdown}" }] });
    json!({ "registrations": [
        { "id": "personas", "method": "workspace/didChangeWatchedFiles", "registerOptions": watchers }
    ] })
}
