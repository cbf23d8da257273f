//! The language server as editors use it: the binary, over its pipes.

use std::fs;

use serde_json::{Value, json};

use crate::lsp_editor::{Editor, able, codes, edited, edits, range};

/// A line of a description that strict YAML refuses.
const BROKEN: &str = "---\nname: tester\ndescription: 😀 Use when: asked\n---\n# Tester\n\nYou test.\n";
const MENDED: &str = "---\nname: tester\ndescription: \"😀 Use when: asked\"\n---\n# Tester\n\nYou test.\n";

#[test]
fn what_is_wrong_is_told_while_it_is_written() {
    let mut editor = Editor::silent(&[], &[]);
    let welcome = editor.begin(able());
    let can = &welcome["capabilities"];
    assert_eq!(can["positionEncoding"], "utf-16");
    assert_eq!(can["textDocumentSync"]["change"], 2);
    assert_eq!(can["codeActionProvider"]["codeActionKinds"], json!(["quickfix", "source.fixAll"]));
    assert_eq!(welcome["serverInfo"], json!({ "name": "persona", "version": env!("CARGO_PKG_VERSION") }));
    editor.hear(|message| message["method"] == "client/registerCapability");

    editor.open("personas/tester.md", BROKEN);
    let found = editor.findings("personas/tester.md", 1);
    assert_eq!(codes(&json!(found)), ["SYN008"]);
    // The face takes two units of UTF-16.
    assert_eq!(found[0]["range"], range((2, 24), (2, 26)));
    assert_eq!((&found[0]["severity"], &found[0]["source"]), (&json!(2), &json!("persona")));
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.starts_with("unquoted `: `") && message.contains("\nhelp: "), "{message}");
    let page = found[0]["codeDescription"]["href"].as_str().unwrap();
    let page = page.strip_prefix("file://").unwrap().replace("%2C", ",");
    assert!(fs::read_to_string(&page).unwrap().starts_with("# SYN008 unquoted-colon\n"), "{page}");

    // `: ` becomes `, `.
    editor.change("personas/tester.md", 2, json!([{ "range": range((2, 24), (2, 25)), "text": "," }]));
    assert_eq!(editor.findings("personas/tester.md", 2), [Value::Null; 0]);
    editor.change("personas/tester.md", 3, json!([{ "text": "" }]));
    assert!(codes(&json!(editor.findings("personas/tester.md", 3))).contains(&"SYN005".to_owned()));
    editor.about("textDocument/didClose", "personas/tester.md");
    let uri = editor.uri("personas/tester.md");
    let closed = editor.hear(|message| message["params"]["uri"] == uri.as_str());
    assert_eq!(closed["params"], json!({ "uri": uri, "diagnostics": [] }));

    assert_eq!(editor.ask("shutdown", Value::Null), Ok(Value::Null));
    editor.tell("exit", Value::Null);
    let (code, unheard, log) = editor.end();
    assert_eq!((code, unheard), (Some(0), vec![]));
    assert!(log.contains("survey"), "RUST_LOG=trace is written to stderr:\n{log}");
}

#[test]
fn further_places_and_tags_are_told_to_editors_that_show_them() {
    let text = "---\nname: a\nname: b\ndescription: x\n---\n# A\n\nx\n";
    let deprecated = "---\ndescription: x\nmaxSteps: 3\ntemperature: 0.1\nmaxTurns: 3\n---\nx\n";
    let mut editor = Editor::able(&[]);
    editor.open("personas/a.md", text);
    let found = editor.findings_once_there("personas/a.md", "SYN009", true);
    let twice = found.iter().find(|one| one["code"] == "SYN009").unwrap();
    assert_eq!(twice["severity"], 1);
    let first = &twice["relatedInformation"][0];
    assert_eq!(
        first["location"],
        json!({ "uri": editor.uri("personas/a.md"), "range": range((1, 0), (1, 4)) })
    );
    editor.open(".opencode/agent/b.md", deprecated);
    let found = editor.findings(".opencode/agent/b.md", 1);
    let tags = |code: &str| found.iter().find(|one| one["code"] == code).unwrap()["tags"].clone();
    assert_eq!((tags("SCH111"), tags("SCH109")), (json!([2]), json!([1])));

    let mut plain = Editor::with(&[], &[], json!({}));
    plain.open("personas/a.md", text);
    plain.open(".opencode/agent/b.md", deprecated);
    for path in ["personas/a.md", ".opencode/agent/b.md"] {
        for one in plain.findings(path, 1) {
            let keys: Vec<_> = one.as_object().unwrap().keys().cloned().collect();
            assert_eq!(keys, ["code", "message", "range", "severity", "source"]);
        }
    }
}

#[test]
fn fixes_mend_the_text_that_they_were_made_for() {
    let mut editor = Editor::able(&[]);
    let (path, uri) = ("personas/tester.md", editor.uri("personas/tester.md"));
    editor.open(path, BROKEN);
    let found = editor.findings(path, 1);
    let actions = editor.actions(path, &found[0]["range"], &["quickfix"]);
    assert_eq!(actions.len(), 1, "{actions:?}");
    assert_eq!((&actions[0]["kind"], &actions[0]["isPreferred"]), (&json!("quickfix"), &json!(true)));
    assert_eq!(actions[0]["diagnostics"], json!(found));
    assert_eq!(edited(BROKEN, &edits(&actions[0], &uri, 1)), MENDED);
    assert_eq!(
        editor.actions(path, &range((5, 0), (6, 0)), &["quickfix"]),
        [Value::Null; 0],
        "nothing is there"
    );
    assert_eq!(editor.actions(path, &range((0, 0), (9, 0)), &["refactor"]), [Value::Null; 0]);
    // A bulb without a wish shows both kinds.
    let kinds: Vec<_> =
        editor.actions(path, &found[0]["range"], &[]).iter().map(|action| action["kind"].clone()).collect();
    assert_eq!(kinds, ["quickfix", "source.fixAll"]);

    // One that may change the meaning says so, and is not preferred.
    editor.change(path, 2, json!([{ "text": MENDED.replace("name: tester", "name: The Tester") }]));
    let found = editor.findings(path, 2);
    assert_eq!(codes(&json!(found)), ["SCH103"]);
    let actions = editor.actions(path, &found[0]["range"], &["quickfix"]);
    assert!(actions[0]["title"].as_str().unwrap().ends_with(" (may change the meaning)"), "{actions:?}");
    assert!(actions.iter().all(|action| action.get("isPreferred").is_none()));
    assert_eq!(editor.actions(path, &range((0, 0), (9, 0)), &["source"]), [Value::Null; 0], "none is safe");
}

#[test]
fn all_safe_fixes_are_made_at_once_and_nothing_else_is_touched() {
    let text = "\u{feff}---\r\nname: tester\r\ndescription: 😀 Use when: asked\r\n---\r\n# Te\u{200b}ster\r\n\r\nYou test.\n\r\nEnd\r\n";
    let mut editor = Editor::able(&[]);
    let path = "personas/tester.md";
    editor.open(path, text);
    let before = codes(&json!(editor.findings(path, 1)));
    assert_eq!(before, ["SYN003", "SYN008", "SEC403", "SYN004"]);
    let all = editor.actions(path, &range((0, 0), (0, 0)), &["source.fixAll"]);
    assert_eq!(all.len(), 1);
    let edits = edits(&all[0], &editor.uri(path), 1);
    let mended = edited(text, &edits);
    let expected = "---\r\nname: tester\r\ndescription: \"😀 Use when: asked\"\r\n---\r\n# Tester\r\n\r\nYou test.\r\n\r\nEnd\r\n";
    assert_eq!(mended, expected);
    assert!(edits.len() > 1, "lines that nobody mended are not replaced: {edits:?}");
    editor.change(path, 2, json!([{ "text": mended }]));
    assert_eq!(editor.findings(path, 2), [Value::Null; 0]);
    assert_eq!(editor.actions(path, &range((0, 0), (9, 0)), &["source.fixAll"]), [Value::Null; 0]);

    // An editor that knows no versions gets the same edits by URI.
    let mut plain = Editor::with(&[], &[], json!({}));
    plain.open(path, text);
    let all = plain.actions(path, &range((0, 0), (0, 0)), &["source.fixAll"]);
    assert_eq!(edited(text, all[0]["edit"]["changes"][plain.uri(path)].as_array().unwrap()), expected);
}

#[test]
fn rules_and_severities_are_those_of_the_settings() {
    let text =
        "\u{feff}---\nname: tester\ndescription: Use when: asked\n---\n# Te\u{200b}ster\n\nYou test.\n";
    let settings = "[validate]\nignore = [\"SYN003\"]\n\n[validate.severity]\nSEC = \"info\"\n";
    let path = "personas/tester.md";
    let mut editor = Editor::able(&[("persona.toml", settings)]);
    editor.open(path, text);
    let found = editor.findings(path, 1);
    let told: Vec<_> =
        found.iter().map(|one| (one["code"].as_str().unwrap(), one["severity"].as_u64())).collect();
    assert_eq!(told, [("SYN008", Some(2)), ("SEC403", Some(3))]);
    let all = editor.actions(path, &range((0, 0), (0, 0)), &["source.fixAll"]);
    let mended = edited(text, &edits(&all[0], &editor.uri(path), 1));
    let expected =
        "\u{feff}---\nname: tester\ndescription: \"Use when: asked\"\n---\n# Tester\n\nYou test.\n";
    assert_eq!(mended, expected, "what is ignored is not mended");

    // A flag goes before the file.
    let mut editor = Editor::with(&[("persona.toml", settings)], &["--ignore", "SEC"], json!({}));
    editor.open(path, text);
    assert_eq!(codes(&json!(editor.findings(path, 1))), ["SYN003", "SYN008"]);
}

#[test]
fn a_place_explains_itself() {
    let mut editor = Editor::able(&[]);
    editor.open("personas/tester.md", BROKEN);
    let mut hover = |line: u32, character: u32| {
        let place = json!({ "line": line, "character": character });
        let document = json!({ "uri": editor.uri("personas/tester.md") });
        editor.ask("textDocument/hover", json!({ "textDocument": document, "position": place })).unwrap()
    };
    let rule = hover(2, 25);
    let words = rule["contents"]["value"].as_str().unwrap();
    assert_eq!((&rule["contents"]["kind"], &rule["range"]), (&json!("markdown"), &range((2, 24), (2, 26))));
    for part in ["**SYN008 unquoted-colon**: ", "Strict parsers refuse", "*What to do:* Quote the value."] {
        assert!(words.contains(part), "{words}");
    }
    let key = hover(1, 2);
    assert_eq!(key["range"], range((1, 0), (1, 4)));
    assert!(key["contents"]["value"].as_str().unwrap().starts_with("**name**: "), "{key}");
    assert_eq!(hover(6, 2), Value::Null);
    assert_eq!(hover(999, 999), Value::Null);
}

#[test]
fn the_outline_has_keys_and_sections_with_their_addresses() {
    let text = "---\nname: tester\ndescription: x\n---\n# Tester\n\n## 1. Rules\n\n### A. First\n\nx\n\n## Ends\n\nx\n";
    let mut editor = Editor::able(&[]);
    editor.open("personas/tester.md", text);
    let tree = editor.of("textDocument/documentSymbol", "personas/tester.md");
    let row = |symbol: &Value| (symbol["name"].clone(), symbol["detail"].clone(), symbol["range"].clone());
    let keys: Vec<_> = tree[0]["children"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(row(&tree[0]), (json!("front matter"), json!("persona"), range((0, 0), (4, 0))));
    assert_eq!(keys[0], (json!("name"), json!("tester"), range((1, 0), (1, 12))));
    assert_eq!(row(&tree[1]), (json!("Tester"), json!("#tester"), range((4, 0), (15, 0))));
    let rules = &tree[1]["children"][0];
    assert_eq!(row(rules), (json!("Rules"), json!("#rules"), range((6, 0), (12, 0))));
    assert_eq!(rules["selectionRange"]["start"], range((6, 0), (6, 0))["start"]);
    assert_eq!(rules["children"][0]["detail"], "#rules/first");

    let mut plain = Editor::with(&[], &[], json!({}));
    plain.open("personas/tester.md", text);
    let list = plain.of("textDocument/documentSymbol", "personas/tester.md");
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["front matter", "name", "description", "Tester", "Rules", "First", "Ends"]);
    assert_eq!(list[5]["containerName"], "Rules");
}

#[test]
fn columns_are_counted_as_was_agreed_on() {
    // A lone CR ends a line for editors; a face takes 4 bytes, 2 units or 1 scalar.
    let text = "---\r\nname: tester\rdescription: é😀: x\r\n---\r\n# A\r\n\r\nx\r\n";
    for (offered, agreed, from) in [
        (json!(null), "utf-16", 16),
        (json!(["utf-16"]), "utf-16", 16),
        (json!(["utf-8", "utf-16"]), "utf-8", 19),
        (json!(["utf-7", "utf-32", "utf-16"]), "utf-32", 15),
    ] {
        let mut editor = Editor::silent(&[], &[]);
        let welcome = editor.begin(json!({ "general": { "positionEncodings": offered } }));
        assert_eq!(welcome["capabilities"]["positionEncoding"], agreed);
        editor.open("personas/tester.md", "---\nname: tester\ndescription: é😀: x\n---\n# A\n\nx\n");
        let found = editor.findings("personas/tester.md", 1);
        assert_eq!(found[0]["range"], range((2, from), (2, from + 2)), "{agreed}");
        editor.change(
            "personas/tester.md",
            2,
            json!([{ "range": range((2, from), (2, from + 1)), "text": "" }]),
        );
        assert_eq!(editor.findings("personas/tester.md", 2), [Value::Null; 0], "{agreed}");
        editor.open("personas/other.md", text);
        editor.findings("personas/other.md", 1);
        let tree = editor.of("textDocument/documentSymbol", "personas/other.md");
        let heading = tree.as_array().unwrap().iter().find(|symbol| symbol["name"] == "A").unwrap();
        assert_eq!(heading["location"]["range"], range((4, 0), (7, 0)));
    }
}

#[test]
fn what_is_too_large_to_be_stored_is_told_and_not_judged() {
    let mut editor = Editor::able(&[]);
    let large = format!("{BROKEN}{}", "long line \n".repeat(26_000));
    editor.open("personas/large.md", &large);
    let found = editor.findings("personas/large.md", 1);
    assert_eq!(codes(&json!(found)), ["SYN011"]);
    // Cut down again, it is judged again.
    editor.change("personas/large.md", 2, json!([{ "range": range((7, 0), (99_999, 0)), "text": "" }]));
    assert_eq!(codes(&json!(editor.findings("personas/large.md", 2))), ["SYN008"]);

    editor.open("personas/vast.md", &"x\n".repeat(3_000_000));
    let found = editor.findings("personas/vast.md", 1);
    assert_eq!(
        (codes(&json!(found)), &found[0]["range"]),
        (vec!["SYN011".to_owned()], &range((0, 0), (0, 0)))
    );
    editor.change("personas/vast.md", 2, json!([{ "range": range((1, 0), (9, 0)), "text": "" }]));
    assert_eq!(codes(&json!(editor.findings("personas/vast.md", 2))), ["SYN011"]);
    editor.change("personas/vast.md", 3, json!([{ "text": MENDED }]));
    let codes = codes(&json!(editor.findings("personas/vast.md", 3)));
    assert!(!codes.contains(&"SYN011".to_owned()), "{codes:?}");
}
