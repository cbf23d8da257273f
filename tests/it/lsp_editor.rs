//! An editor as far as a language server sees one: its own framing of messages, its own count of columns.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};

use serde_json::{Value, json};

use crate::harness::PATIENCE;
use crate::program::command;

/// What a full editor says that it can do.
pub fn able() -> Value {
    json!({
        "workspace": {
            "workspaceEdit": { "documentChanges": true },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
        },
        "textDocument": {
            "publishDiagnostics": {
                "relatedInformation": true,
                "codeDescriptionSupport": true,
                "tagSupport": { "valueSet": [1, 2] },
            },
            "hover": { "contentFormat": ["markdown", "plaintext"] },
            "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
        },
    })
}

/// A folder with files, and an editor that works in it.
pub struct Editor {
    pub root: PathBuf,
    _home: tempfile::TempDir,
    child: Child,
    input: Option<ChildStdin>,
    coming: Receiver<Value>,
    kept: VecDeque<Value>,
    err: Receiver<String>,
    asked: i64,
}

impl Editor {
    /// An editor that has started the server and said nothing.
    pub fn silent(files: &[(&str, &str)], arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("a workspace, ä");
        std::fs::create_dir(&root).unwrap();
        for (path, text) in files {
            write(&root, path, text);
        }
        let mut command = command(&root, &[&["lsp"], arguments].concat());
        command.env("HOME", home.path()).env("XDG_CACHE_HOME", home.path().join("cache"));
        command.env("RUST_LOG", "trace").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, mut output, mut words) =
            (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        let (sender, coming) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(message) = message(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let (sender, err) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            drop(words.read_to_string(&mut text));
            drop(sender.send(text));
        });
        Self { root, _home: home, child, input, coming, kept: VecDeque::new(), err, asked: 0 }
    }

    /// An editor in the midst of its work.
    pub fn able(files: &[(&str, &str)]) -> Self {
        Self::with(files, &[], able())
    }

    pub fn with(files: &[(&str, &str)], arguments: &[&str], capabilities: Value) -> Self {
        let mut editor = Self::silent(files, arguments);
        editor.begin(capabilities);
        editor
    }

    /// Says what it can do, and hears what the server can.
    pub fn begin(&mut self, capabilities: Value) -> Value {
        let folder = json!({ "uri": self.uri(""), "name": "w" });
        let params = json!({ "processId": null, "rootUri": null, "workspaceFolders": [folder], "capabilities": capabilities });
        let welcome = self.ask("initialize", params).unwrap();
        self.tell("initialized", json!({}));
        welcome
    }

    /// The URI of a file of the folder, with more escaped than needs be.
    pub fn uri(&self, path: &str) -> String {
        let path = self.root.join(path);
        let escaped = path.to_str().unwrap().bytes().map(|byte| match byte {
            b'/' | b'a'..=b'y' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02x}"),
        });
        format!("file://{}", escaped.collect::<String>().trim_end_matches('/'))
    }

    pub fn send(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).and_then(|()| input.flush()).unwrap();
    }

    pub fn say(&mut self, message: &Value) {
        let text = message.to_string();
        self.send(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub fn tell(&mut self, method: &str, params: Value) {
        self.say(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks and waits for the answer, or the error.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.asked += 1;
        let id = self.asked;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.hear(|message| message["id"] == id && message.get("method").is_none());
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer.get("result").expect("an answer has a result or an error").clone()),
        }
    }

    /// The next message of this kind; the others are kept.
    pub fn hear(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&is_wanted) {
            return self.kept.remove(at).unwrap();
        }
        loop {
            let message = self.coming.recv_timeout(PATIENCE).expect("another message");
            assert_eq!(message["jsonrpc"], "2.0");
            if is_wanted(&message) {
                return message;
            }
            self.kept.push_back(message);
        }
    }

    pub fn open(&mut self, path: &str, text: &str) {
        let document = json!({ "uri": self.uri(path), "languageId": "markdown", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub fn change(&mut self, path: &str, version: i32, changes: Value) {
        let document = json!({ "uri": self.uri(path), "version": version });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    /// What a method answers that asks for nothing but a document.
    pub fn of(&mut self, method: &str, path: &str) -> Value {
        let params = json!({ "textDocument": { "uri": self.uri(path) } });
        self.ask(method, params).unwrap()
    }

    pub fn about(&mut self, method: &str, path: &str) {
        let params = json!({ "textDocument": { "uri": self.uri(path) } });
        self.tell(method, params);
    }

    /// What is found in a version of a document.
    pub fn findings(&mut self, path: &str, version: i32) -> Vec<Value> {
        self.findings_once(path, |params| params["version"] == version)
    }

    /// What is found in a document as soon as it has this rule among it, or has it no more.
    pub fn findings_once_there(&mut self, path: &str, code: &str, is_there: bool) -> Vec<Value> {
        self.findings_once(path, |params| {
            codes(&params["diagnostics"]).contains(&code.to_owned()) == is_there
        })
    }

    /// What is found in a document as soon as it is what is wanted. What was found before that is forgotten: only the newest
    /// counts.
    fn findings_once(&mut self, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let uri = self.uri(path);
        let is_of = |message: &Value| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri.as_str()
        };
        let newest = self.kept.iter().rposition(is_of).and_then(|at| self.kept.remove(at));
        self.kept.retain(|message| !is_of(message));
        let mut told = newest.unwrap_or_else(|| self.hear(is_of));
        while !is_wanted(&told["params"]) {
            told = self.hear(is_of);
        }
        told["params"]["diagnostics"].as_array().unwrap().clone()
    }

    pub fn actions(&mut self, path: &str, range: &Value, only: &[&str]) -> Vec<Value> {
        let mut context = json!({ "diagnostics": [] });
        if !only.is_empty() {
            context["only"] = json!(only);
        }
        let params = json!({ "textDocument": { "uri": self.uri(path) }, "range": range, "context": context });
        self.ask("textDocument/codeAction", params).unwrap().as_array().unwrap().clone()
    }

    /// Says no more, and waits for the end: the exit code, what was said and not heard, and the log.
    pub fn end(mut self) -> (Option<i32>, Vec<Value>, String) {
        drop(self.input.take());
        let mut unheard: Vec<_> = std::mem::take(&mut self.kept).into();
        while let Ok(message) = self.coming.recv_timeout(PATIENCE) {
            unheard.push(message);
        }
        let code = self.child.wait().unwrap().code();
        (code, unheard, self.err.recv_timeout(PATIENCE).unwrap())
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // Gone already, or a test failed: it must not outlive the test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One message, and nothing but messages.
fn message(output: &mut BufReader<impl Read>) -> Option<Value> {
    let mut header = String::new();
    if output.read_line(&mut header).unwrap() == 0 {
        return None;
    }
    let length = header.strip_prefix("Content-Length: ").expect("stdout has messages only").trim_end();
    let mut empty = [0; 2];
    output.read_exact(&mut empty).unwrap();
    assert_eq!(&empty, b"\r\n");
    let mut body = vec![0; length.parse().unwrap()];
    output.read_exact(&mut body).unwrap();
    Some(serde_json::from_slice(&body).unwrap())
}

pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub fn codes(found: &Value) -> Vec<String> {
    found.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

pub fn range(from: (u32, u32), to: (u32, u32)) -> Value {
    let place = |(line, character)| json!({ "line": line, "character": character });
    json!({ "start": place(from), "end": place(to) })
}

/// Lines with their endings, as units of UTF-16.
fn lines(text: &str) -> Vec<Vec<u16>> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let (cr, lf) = (u16::from(b'\r'), u16::from(b'\n'));
    let mut lines = vec![Vec::new()];
    for (at, unit) in units.iter().enumerate() {
        lines.last_mut().unwrap().push(*unit);
        if *unit == lf || *unit == cr && units.get(at + 1) != Some(&lf) {
            lines.push(Vec::new());
        }
    }
    lines
}

/// The text with edits made whose columns are units of UTF-16; positions are those before all of them.
pub fn edited(text: &str, edits: &[Value]) -> String {
    let lines = lines(text);
    let offset = |place: &Value| {
        let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
        let character = usize::try_from(place["character"].as_u64().unwrap()).unwrap();
        lines[..line].iter().map(Vec::len).sum::<usize>() + character
    };
    let mut units: Vec<u16> = text.encode_utf16().collect();
    let mut edits: Vec<_> = edits
        .iter()
        .map(|edit| {
            (
                offset(&edit["range"]["start"])..offset(&edit["range"]["end"]),
                edit["newText"].as_str().unwrap(),
            )
        })
        .collect();
    edits.sort_by_key(|(range, _)| std::cmp::Reverse((range.start, range.end)));
    for (range, text) in edits {
        units.splice(range, text.encode_utf16());
    }
    String::from_utf16(&units).unwrap()
}

/// The edits of an action, which are for one version of one document.
pub fn edits(action: &Value, uri: &str, version: i32) -> Vec<Value> {
    let changes = action["edit"]["documentChanges"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["textDocument"], json!({ "uri": uri, "version": version }));
    changes[0]["edits"].as_array().unwrap().clone()
}
