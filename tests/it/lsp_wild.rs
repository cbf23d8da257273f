//! The language server among files, with editors that make mistakes, and over long conversations.

use std::cell::{Cell, RefCell};
use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::lsp_editor::{Editor, able, codes, edited, range, write};

fn persona(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: Tests what others wrote.\n---\n# Tester\n\n{body}\n")
}

#[test]
fn neighbours_are_known_from_the_disk_and_from_what_is_open() {
    let (first, second) = (persona("tester", "You test."), persona("tester", "You test too."));
    let mut editor = Editor::able(&[("personas/a.md", &first), ("personas/b.md", &second)]);
    editor.open("personas/b.md", &second);
    let found = editor.findings_once_there("personas/b.md", "REG501", true);
    assert!(found[0]["message"].as_str().unwrap().contains("personas/a.md"), "{found:?}");

    // Renaming one of the two in the editor, unsaved, is enough; closing without saving undoes it.
    editor.open("personas/a.md", &first);
    editor.findings("personas/a.md", 1);
    editor.change("personas/a.md", 2, json!([{ "text": persona("writer", "You test.") }]));
    editor.findings_once_there("personas/b.md", "REG501", false);
    editor.about("textDocument/didClose", "personas/a.md");
    editor.findings_once_there("personas/b.md", "REG501", true);

    // So is what happens to files.
    let changed = |editor: &mut Editor, path: &str, kind: u32| {
        let changes = json!([{ "uri": editor.uri(path), "type": kind }]);
        editor.tell("workspace/didChangeWatchedFiles", json!({ "changes": changes }));
    };
    fs::remove_file(editor.root.join("personas/a.md")).unwrap();
    changed(&mut editor, "personas/a.md", 3);
    editor.findings_once_there("personas/b.md", "REG501", false);
    write(&editor.root, "personas/a/new.md", &first);
    changed(&mut editor, "personas/a/new.md", 1);
    editor.findings_once_there("personas/b.md", "REG501", true);

    // A pipe that is called like a persona is not waited for.
    let made =
        std::process::Command::new("mkfifo").arg(editor.root.join("personas/pipe.md")).status().unwrap();
    assert!(made.success());
    changed(&mut editor, "personas/pipe.md", 1);

    // A folder that is taken out of the workspace has no say any more.
    let folder = json!([{ "uri": editor.uri(""), "name": "w" }]);
    let change = json!({ "event": { "added": [], "removed": folder } });
    editor.tell("workspace/didChangeWorkspaceFolders", change);
    editor.findings_once_there("personas/b.md", "REG501", false);
    let change = json!({ "event": { "added": folder, "removed": [] } });
    editor.tell("workspace/didChangeWorkspaceFolders", change);
    editor.findings_once_there("personas/b.md", "REG501", true);
}

#[test]
fn links_are_looked_up_on_the_disk() {
    let skill = "---\nname: pdf-forms\ndescription: Fills in forms. Use when a PDF has fields.\n---\n# Forms\n\nSee [fields](references/fields.md).\n";
    let mut editor = Editor::able(&[]);
    editor.open("skills/pdf-forms/SKILL.md", skill);
    editor.findings_once_there("skills/pdf-forms/SKILL.md", "REF301", true);
    write(&editor.root, "skills/pdf-forms/references/fields.md", "# Fields\n");
    editor.about("textDocument/didSave", "skills/pdf-forms/SKILL.md");
    editor.findings_once_there("skills/pdf-forms/SKILL.md", "REF301", false);
}

#[test]
fn notes_and_readmes_are_left_alone() {
    let note = "# A note\n\nSee [nothing](#nowhere).\n";
    let mut editor = Editor::able(&[]);
    for path in ["docs/note.md", "README.md", "personas/README.md", "notes.txt"] {
        editor.open(path, note);
        assert_eq!(editor.of("textDocument/documentSymbol", path), json!([]), "{path}");
        assert_eq!(editor.actions(path, &range((0, 0), (9, 0)), &[]), [Value::Null; 0], "{path}");
    }
    editor.open("personas/note.md", note);
    assert!(codes(&json!(editor.findings("personas/note.md", 1))).contains(&"SYN005".to_owned()));
    // A note that becomes a persona is judged, and no longer when it stops to be one.
    editor.change("docs/note.md", 2, json!([{ "text": "---\nname: note\n---\n" }]));
    assert!(codes(&json!(editor.findings("docs/note.md", 2))).contains(&"SCH101".to_owned()));
    editor.change("docs/note.md", 3, json!([{ "text": note }]));
    assert_eq!(editor.findings("docs/note.md", 3), [Value::Null; 0]);
    // What was never saved is nowhere.
    let document = json!({ "uri": "untitled:Untitled-1", "languageId": "markdown", "version": 7, "text": "---\nname: X\n---\n" });
    editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
    let told = editor.hear(|message| message["params"]["uri"] == "untitled:Untitled-1");
    assert!(codes(&told["params"]["diagnostics"]).contains(&"SCH103".to_owned()), "{told}");
    let (_, unheard, _) = editor.end();
    let told: Vec<_> =
        unheard.iter().filter(|message| message["method"] == "textDocument/publishDiagnostics").collect();
    assert!(
        told.iter().all(|told| told["params"]["uri"].as_str().unwrap().ends_with("/personas/note%2emd")),
        "{told:?}"
    );

    let mut narrow = Editor::with(&[], &["team", "more"], able());
    narrow.open("personas/a.md", "---\nname: X\n---\n");
    narrow.open("team/a.md", note);
    assert!(codes(&json!(narrow.findings("team/a.md", 1))).contains(&"SYN005".to_owned()));
    let (_, unheard, _) = narrow.end();
    assert!(unheard.iter().all(|message| message["method"] == "client/registerCapability"), "{unheard:?}");
}

#[test]
fn a_conversation_begins_with_initialize_whatever_it_says() {
    let mut editor = Editor::silent(&[], &[]);
    let code = |answer: Result<Value, Value>| answer.unwrap_err()["code"].as_i64().unwrap();
    editor.open("personas/early.md", "");
    assert_eq!(code(editor.ask("textDocument/hover", json!({}))), -32002);
    assert_eq!(code(editor.ask("shutdown", Value::Null)), -32002);
    let odd = json!({ "capabilities": { "general": 1, "textDocument": [] }, "workspaceFolders": [{ "uri": 3 }, 4] });
    let welcome = editor.ask("initialize", odd).unwrap();
    assert_eq!(welcome["capabilities"]["positionEncoding"], "utf-16");
    editor.open("personas/late.md", "");
    let first = editor.hear(|message| message["method"] == "textDocument/publishDiagnostics");
    assert!(first["params"]["uri"].as_str().unwrap().ends_with("late%2emd"), "{first}");
}

#[test]
fn a_message_that_is_too_large_is_passed_over_and_what_it_may_have_changed_is_let_go_of() {
    let mut editor = Editor::able(&[]);
    editor.open("personas/a.md", "");
    editor.findings("personas/a.md", 1);
    let length = 40 * 1024 * 1024;
    editor.send(format!("Content-Length: {length}\r\n\r\n").as_bytes());
    editor.send(&vec![b' '; length]);
    let told = editor.hear(|message| message["method"] == "window/showMessage");
    assert!(told["params"]["message"].as_str().unwrap().contains("41943040 bytes"), "{told}");
    editor.findings_once_there("personas/a.md", "SYN005", false);
    assert_eq!(editor.of("textDocument/documentSymbol", "personas/a.md"), json!([]));
}

#[test]
fn mistakes_are_answered_by_their_codes() {
    let mut editor = Editor::silent(&[], &[]);
    let code = |answer: Result<Value, Value>| answer.unwrap_err()["code"].as_i64().unwrap();
    editor.begin(able());
    assert_eq!(code(editor.ask("initialize", json!({}))), -32600);
    assert_eq!(code(editor.ask("textDocument/rename", json!({}))), -32601);
    assert_eq!(code(editor.ask("$/strange", Value::Null)), -32601);
    assert_eq!(code(editor.ask("textDocument/hover", json!({ "position": "here" }))), -32602);
    assert_eq!(code(editor.ask("textDocument/codeAction", Value::Null)), -32602);
    let hover =
        |uri: &str| json!({ "textDocument": { "uri": uri }, "position": { "line": 0, "character": 0 } });
    assert_eq!(editor.ask("textDocument/hover", hover("file:///not/open.md")), Ok(Value::Null));

    for (bytes, expected) in [
        (&b"Content-Length: 4\r\n\r\n{\"a\""[..], -32700),
        (b"Content-Length: 2\r\n\r\n\xff\xfe", -32700),
        (b"Content-Length: 0\r\n\r\n", -32700),
        (b"Content-Length: 2\r\n\r\n[]", -32600),
        (b"Content-Length: 8\r\n\r\n{\"id\":1}", -32600),
        (b"Content-Length: -7\r\n\r\n", -32700),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", -32700),
    ] {
        editor.send(bytes);
        let answer = editor.hear(|message| message.get("error").is_some());
        assert_eq!(answer["error"]["code"], expected, "{}", String::from_utf8_lossy(bytes));
    }
    // Things told wrongly are passed over.
    editor.tell("textDocument/didOpen", json!({ "textDocument": 1 }));
    editor.tell("textDocument/didChange", Value::Null);
    editor.change("personas/never-opened.md", 3, json!([{ "text": "x" }]));
    editor.about("textDocument/didClose", "personas/never-opened.md");
    editor.tell("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": "nonsense", "type": 9 }] }));
    editor.tell("strange/notification", json!([1, 2]));
    editor.say(&json!({ "jsonrpc": "2.0", "id": "watch", "result": null }));
    // A change that is not understood leaves a text that nobody knows: it is let go of.
    editor.open("personas/a.md", "");
    editor.findings("personas/a.md", 1);
    editor.change("personas/a.md", 2, json!("all of it"));
    editor.findings_once_there("personas/a.md", "SYN005", false);
    editor.open("personas/a.md", "");
    editor.findings("personas/a.md", 1);

    assert_eq!(editor.ask("shutdown", Value::Null), Ok(Value::Null));
    assert_eq!(code(editor.ask("textDocument/hover", hover("file:///a.md"))), -32600);
    assert_eq!(editor.end().0, Some(0), "the stream may end instead of `exit`");
}

#[test]
fn whoever_leaves_without_a_word_is_no_success() {
    let editor = Editor::able(&[]);
    assert_eq!(editor.end().0, Some(1));
    let mut editor = Editor::able(&[]);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end().0, Some(1));
    let mut editor = Editor::silent(&[], &[]);
    editor.send(b"Content-Length: 100\r\n\r\n{");
    assert_eq!(editor.end().0, Some(1));
}

#[test]
fn a_burst_is_judged_as_it_ends() {
    let mut editor = Editor::able(&[]);
    editor.open("personas/a.md", &persona("tester", "You test."));
    let letters = 400;
    for version in 2..2 + letters {
        let end = range((6, 9), (6, 9));
        let text = if version == 1 + letters { "\u{200b}" } else { "x" };
        editor.change("personas/a.md", version, json!([{ "range": end, "text": text }]));
    }
    assert_eq!(codes(&json!(editor.findings("personas/a.md", 1 + letters))), ["SEC403"]);
}

/// Edits in places of all kinds leave the server with the text that the editor has.
#[test]
fn the_text_is_the_editors_after_any_edits() {
    let piece = || {
        let pieces = [
            "a", "b: c", "\n", "\r\n", "\r", "é", "😀", "\u{200b}", "# H\n", "---\n", "[x](#y)", "\u{feff}",
            "`",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..6).prop_map(|all| all.concat())
    };
    let edit = (0..14_u32, 0..12_u32, 0..14_u32, 0..12_u32, piece());
    let start =
        (piece(), piece()).prop_map(|(key, body)| format!("---\nname: tester\nx: {key}\n---\n{body}"));
    // A property may be looked at many times, and holds what it looks at.
    let (editor, number) = (RefCell::new(Editor::able(&[])), Cell::new(0));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(48) });
    let result = runner.run(&(start, prop::collection::vec(edit, 1..8)), |(start, edits)| {
        let mut editor = editor.borrow_mut();
        number.set(number.get() + 1);
        let number = number.get();
        let (path, other) = (format!("personas/x{number}.md"), format!("personas/y{number}.md"));
        let mut text = start;
        editor.open(&path, &text);
        let mut version = 1;
        for (line, column, to_line, to_column, new) in edits {
            let (from, to) = ((line, column), (to_line, to_column));
            let wanted = range(from.min(to), from.max(to));
            text = edited(&text, &[json!({ "range": clamped(&text, &wanted), "newText": new })]);
            version += 1;
            editor.change(&path, version, json!([{ "range": wanted, "text": new }]));
        }
        editor.open(&other, &text);
        let (found, expected) = (editor.findings(&path, version), editor.findings(&other, 1));
        let places = |found: &[Value]| -> Vec<_> {
            found
                .iter()
                .map(|one| (one["code"].clone(), one["range"].clone(), one["message"].clone()))
                .collect()
        };
        let without_names = |found: &[Value]| -> Vec<_> {
            let names = ["REG501", "REG502", "REG503", "REG504"].map(Value::from);
            places(found).into_iter().filter(|(code, ..)| !names.contains(code)).collect()
        };
        prop_assert_eq!(without_names(&found), without_names(&expected), "{:?}", text);
        let symbols = |editor: &mut Editor, path: &str| editor.of("textDocument/documentSymbol", path);
        prop_assert_eq!(symbols(&mut editor, &path), symbols(&mut editor, &other), "{:?}", text);
        editor.about("textDocument/didClose", &path);
        editor.about("textDocument/didClose", &other);
        Ok(())
    });
    result.unwrap();
}

/// A range with ends that are in the text, as the protocol wants it understood: a column beyond the line is its end, a line
/// beyond the text is the text's end, and half of a character is its beginning.
fn clamped(text: &str, wanted: &Value) -> Value {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unified.split('\n').collect();
    let place = |place: &Value| {
        let (line, column) =
            (place["line"].as_u64().unwrap() as usize, place["character"].as_u64().unwrap() as usize);
        let Some(own) = lines.get(line) else {
            let last = lines.last().unwrap();
            return json!({ "line": lines.len() - 1, "character": last.encode_utf16().count() });
        };
        let mut kept = 0;
        for letter in own.chars() {
            if kept + letter.len_utf16() > column {
                break;
            }
            kept += letter.len_utf16();
        }
        json!({ "line": line, "character": kept })
    };
    json!({ "start": place(&wanted["start"]), "end": place(&wanted["end"]) })
}
