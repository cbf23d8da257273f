//! What is open in the editor and what lies around it: documents come, change and go; what is found in them is told, and
//! asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use gen_lsp_types as lsp;
use gen_lsp_types::ErrorCodes;
use gen_lsp_types::json_rpc::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Subject, wants};
use super::client::{Client, folders_of, wants_to_watch};
use super::findings::shown;
use super::folders::{Folders, Looked, Surveyed};
use super::hover::hover;
use super::message::{Call, Outgoing, error, value};
use super::open::{Open, Verdict, judge};
use super::pages::Pages;
use super::position::Lines;
use super::{Event, Options, guarded, symbols};
use crate::validate;

/// Documents that may be open at once.
const DOCUMENTS: usize = 512;

/// All of it.
#[derive(Debug)]
pub(super) struct Workspace {
    client: Client,
    folders: Folders,
    pages: Pages,
    judging: validate::Options,
    open: BTreeMap<String, Open>,
    /// What is to be said.
    said: Vec<Outgoing>,
    /// Where surveys tell what they found.
    events: SyncSender<Event>,
}

/// What is read of a request for code actions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionParams {
    text_document: lsp::TextDocumentIdentifier,
    range: lsp::Range,
    #[serde(default)]
    context: ActionContext,
}

#[derive(Deserialize, Default)]
struct ActionContext {
    only: Option<Vec<String>>,
}

impl Workspace {
    pub(super) fn new(options: Options, events: SyncSender<Event>) -> Self {
        Self {
            client: Client::default(),
            folders: Folders::new(&options.only, options.waivers),
            pages: Pages::new(options.pages),
            judging: options.judging,
            open: BTreeMap::new(),
            said: Vec::new(),
            events,
        }
    }

    /// Begins with what the editor says of itself.
    pub(super) fn begin(&mut self, client: Client) {
        self.client = client;
        for root in std::mem::take(&mut self.client.folders) {
            self.add_folder(&root);
        }
    }

    /// What is to be said since this was last asked.
    pub(super) fn said(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.said)
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call) -> Result<Value, Error> {
        match call.method.as_str() {
            "textDocument/codeAction" => value(self.actions(&call.params()?)),
            "textDocument/hover" => {
                let lsp::TextDocumentPositionParams { text_document, position } = call.params()?;
                self.judge(&text_document.uri.0);
                let judged = self.open.get(&text_document.uri.0).and_then(Open::judged);
                value(judged.and_then(|(text, document, found)| {
                    let lines = Lines::new(text, self.client.encoding);
                    hover(document, found, lines.offset(position), &lines, &self.client)
                }))
            }
            "textDocument/documentSymbol" => {
                let lsp::DocumentSymbolParams { text_document, .. } = call.params()?;
                self.judge(&text_document.uri.0);
                let judged = self.open.get(&text_document.uri.0).and_then(Open::judged);
                let tree = judged.map(|(text, document, _)| {
                    symbols::tree(document, text, &Lines::new(text, self.client.encoding))
                });
                match tree {
                    Some(tree) if !self.client.nests_symbols => {
                        value(symbols::list(&tree, &text_document.uri.0))
                    }
                    tree => value(tree.unwrap_or_default()),
                }
            }
            other => Err(error(ErrorCodes::MethodNotFound, format!("there is no method `{other}` here"))),
        }
    }

    fn actions(&mut self, asked: &ActionParams) -> Vec<lsp::CodeAction> {
        let uri = &asked.text_document.uri.0;
        self.judge(uri);
        let Some(open) = self.open.get(uri) else { return Vec::new() };
        let Some((text, _, found)) = open.judged() else { return Vec::new() };
        let lines = &Lines::new(text, self.client.encoding);
        let subject = Subject { uri, version: open.version, text, lines, found, client: &self.client };
        let only = asked.context.only.as_deref();
        let mut actions = Vec::new();
        if wants(only, "quickfix") {
            actions.extend(subject.quick_fixes(lines.span(asked.range), &mut self.pages));
        }
        if wants(only, "source.fixAll") {
            let judge = |content: &[u8]| judge(content, &open.place, &mut self.folders);
            actions.extend(subject.fix_all(&self.judging, judge));
        }
        actions
    }

    /// Takes in what the editor tells.
    pub(super) fn told(&mut self, call: &Call) -> Result<(), Error> {
        match call.method.as_str() {
            "initialized" if self.client.watches => {
                self.said.push(Outgoing::request("watch", "client/registerCapability", wants_to_watch()));
            }
            "textDocument/didOpen" => {
                let lsp::DidOpenTextDocumentParams { text_document } = call.params()?;
                let uri = text_document.uri.0;
                if self.open.len() >= DOCUMENTS && !self.open.contains_key(&uri) {
                    tracing::warn!(uri, "over {DOCUMENTS} documents are open: this one is not judged");
                    return Ok(());
                }
                let place = self.folders.place(&uri);
                self.open.insert(uri, Open::new(text_document.version, place, text_document.text));
            }
            "textDocument/didChange" => {
                let changed: lsp::DidChangeTextDocumentParams = match call.params() {
                    Ok(changed) => changed,
                    Err(error) => {
                        self.lose(call);
                        return Err(error);
                    }
                };
                let uri = &changed.text_document.text_document_identifier.uri.0;
                if let Some(open) = self.open.get_mut(uri) {
                    open.change(changed.text_document.version, changed.content_changes, self.client.encoding);
                }
            }
            "textDocument/didSave" => {
                let lsp::DidSaveTextDocumentParams { text_document, .. } = call.params()?;
                self.look(&text_document.uri.0);
                self.judge_again();
            }
            "textDocument/didClose" => {
                let lsp::DidCloseTextDocumentParams { text_document } = call.params()?;
                self.close(&text_document.uri.0);
            }
            "workspace/didChangeWatchedFiles" => {
                let lsp::DidChangeWatchedFilesParams { changes } = call.params()?;
                for lsp::FileEvent { uri, .. } in changes {
                    if !self.open.contains_key(&uri.0) {
                        self.look(&uri.0);
                    }
                }
                self.judge_again();
            }
            "workspace/didChangeWorkspaceFolders" => {
                let changed: Value = call.params()?;
                for root in folders_of(changed.pointer("/event/removed")) {
                    self.folders.remove(&root);
                }
                for root in folders_of(changed.pointer("/event/added")) {
                    self.add_folder(&root);
                }
                for (uri, open) in &mut self.open {
                    open.place = self.folders.place(uri);
                }
                self.judge_again();
            }
            _ => {}
        }
        Ok(())
    }

    /// Has every document judged again: something around them changed.
    fn judge_again(&mut self) {
        self.open.values_mut().for_each(|open| open.verdict = None);
    }

    fn look(&mut self, uri: &str) {
        let place = self.folders.place(uri);
        if self.folders.look(&place) == Looked::New
            && let Some(root) = &place.root
        {
            self.survey(root);
        }
    }

    fn close(&mut self, uri: &str) {
        if let Some(closed) = self.open.remove(uri) {
            let place = self.folders.place(uri);
            if self.folders.look(&place) == Looked::Renamed {
                self.judge_again();
            }
            if closed.told.is_some_and(|(_, found)| !found.is_empty()) {
                self.publish(uri, None, &json!([]));
            }
        }
    }

    /// Lets go of a document whose text is not known any more.
    fn lose(&mut self, call: &Call) {
        let params: Result<Value, _> = call.params();
        let uri = params.ok().and_then(|it| Some(it.pointer("/textDocument/uri")?.as_str()?.to_owned()));
        if let Some(uri) = uri {
            self.close(&uri);
        }
    }

    /// Lets go of all documents: any of them may be what the message was about.
    pub(super) fn lose_track(&mut self, length: u64) {
        let message = format!(
            "a message of {length} bytes was passed over; open files again to have them judged, and not so large ones"
        );
        tracing::warn!("{message}");
        for uri in self.open.keys().cloned().collect::<Vec<_>>() {
            self.close(&uri);
        }
        self.said
            .push(Outgoing::notification("window/showMessage", json!({ "type": 2, "message": message })));
    }

    fn add_folder(&mut self, root: &Path) {
        self.folders.add(root);
        self.survey(root);
    }

    fn survey(&mut self, root: &Path) {
        let Some(survey) = self.folders.survey(root) else { return };
        let (root, events): (PathBuf, _) = (root.to_owned(), self.events.clone());
        let work = move || {
            let found = survey();
            // Nobody is there any more who wants to know.
            drop(events.send(Event::Surveyed(root, found)));
        };
        if let Err(error) = std::thread::Builder::new().name("survey".to_owned()).spawn(work) {
            tracing::warn!(%error, "no thread to look through the folder: nothing is said of neighbours");
        }
    }

    /// Takes in what a survey found.
    pub(super) fn surveyed(&mut self, root: &Path, files: Surveyed) {
        let wants_another = self.folders.surveyed(root, files);
        for open in self.open.values() {
            if let Some(text) = open.text() {
                self.folders.learn(&open.place, text.as_bytes());
            }
        }
        self.judge_again();
        if wants_another {
            self.survey(root);
        }
    }

    /// Judges what changed, and tells what changed of that.
    pub(super) fn settle(&mut self) {
        let stale = |open: &&Open| open.verdict.is_none();
        let mut is_renamed = false;
        for open in self.open.values().filter(stale) {
            if let Some(text) = open.text() {
                is_renamed |= self.folders.learn(&open.place, text.as_bytes());
            }
        }
        if is_renamed {
            self.judge_again();
        }
        for uri in self.open.keys().cloned().collect::<Vec<_>>() {
            self.judge(&uri);
            self.tell(&uri);
        }
    }

    /// Judges a document unless it was since it changed.
    fn judge(&mut self, uri: &str) {
        let Some(open) = self.open.get_mut(uri).filter(|open| open.verdict.is_none()) else { return };
        let verdict = guarded(|| open.judge(&mut self.folders, &self.judging));
        open.verdict = Some(verdict.unwrap_or_else(|error| {
            tracing::error!(uri, "not judged: {}", error.message);
            Verdict::default()
        }));
    }

    /// Tells the editor what was found, unless it knows.
    fn tell(&mut self, uri: &str) {
        let Some(open) = self.open.get_mut(uri) else { return };
        let Some(verdict) = &open.verdict else { return };
        let is_news = match &open.told {
            Some((version, found)) => *version != open.version || *found != verdict.found,
            // Of a file that is none of ours nothing is said.
            None => verdict.document.is_some() || !verdict.found.is_empty(),
        };
        if !is_news {
            return;
        }
        let lines = Lines::new(open.text().unwrap_or_default(), self.client.encoding);
        let found = shown(uri, &verdict.found, &lines, &self.client, &mut self.pages);
        open.told = Some((open.version, verdict.found.clone()));
        let version = open.version;
        if let Ok(found) = value(found) {
            self.publish(uri, Some(version), &found);
        }
    }

    fn publish(&mut self, uri: &str, version: Option<i32>, found: &Value) {
        let mut params = json!({ "uri": uri, "diagnostics": found });
        if let (Some(version), Some(params)) = (version, params.as_object_mut()) {
            params.insert("version".to_owned(), version.into());
        }
        self.said.push(Outgoing::notification("textDocument/publishDiagnostics", params));
    }
}
