//! The three forms in which findings are shown.

use persona_registry::diagnostic::{Applicability, render};
use persona_registry::document::Input;
use persona_registry::validate::judge;

use crate::rules::{GOOD, keys};

#[test]
fn machines_get_offsets_lines_and_columns() {
    let content = keys("name: tester\ndescription: é: x\n");
    let judged = judge(&Input { content: content.as_bytes(), ..Input::default() });
    let json: serde_json::Value =
        serde_json::from_str(&render::json("a.md", content.as_bytes(), &judged.diagnostics)).unwrap();
    let found = &json["diagnostics"][0];
    assert_eq!(json["path"], "a.md");
    assert_eq!(found["code"], "SYN008");
    assert_eq!(found["name"], "unquoted-colon");
    assert_eq!(found["blocks_storing"], false);
    assert_eq!(found["field"], "frontmatter.description");
    assert_eq!(found["span"]["start"], serde_json::json!({"byte": 32, "line": 3, "column": 15}));
    assert_eq!(found["span"]["end"], serde_json::json!({"byte": 34, "line": 3, "column": 17}));
    assert_eq!(found["fixes"][0]["applicability"], "safe");
    assert_eq!(found["fixes"][0]["edits"][0]["text"], " \"é: x\"");
}

#[test]
fn one_line_a_finding() {
    let content = keys("name: tester\ndescription: é: x\n");
    let judged = judge(&Input { content: content.as_bytes(), ..Input::default() });
    let lines = render::concise("a.md", content.as_bytes(), &judged.diagnostics);
    assert_eq!(lines, "a.md:3:15: warning[SYN008] unquoted `: ` in the value of `description`\n");
}

/// On a narrow terminal the line is cut so that what is pointed at stays in sight.
#[test]
fn drawings_fit_the_terminal() {
    let content = format!("{GOOD}{} here\u{1} and there {}\n", "w ".repeat(60), "w ".repeat(60));
    let judged = judge(&Input { content: content.as_bytes(), ..Input::default() });
    for width in [60, 80, 100] {
        let drawn = render::text_within("a.md", content.as_bytes(), &judged.diagnostics, false, Some(width));
        let (line, carets) = (drawn.lines().nth(3).unwrap(), drawn.lines().nth(4).unwrap());
        assert!(line.chars().count() <= width, "{width}:\n{drawn}");
        let at = carets.find('^').unwrap();
        let pointed: String = line.chars().skip(at).take(5).collect();
        assert_eq!(pointed, "\\u{1}", "{width}:\n{drawn}");
    }
}

/// Columns stay true where the drawing escapes or clips the line.
#[test]
fn drawings_name_the_true_column() {
    let content = format!("{GOOD}{}\u{1}{}\u{2}\n", "x".repeat(500), "y".repeat(500));
    let judged = judge(&Input { content: content.as_bytes(), ..Input::default() });
    let drawn = render::text("a.md", content.as_bytes(), &judged.diagnostics, false);
    assert!(drawn.contains("a.md:8:501\n") && drawn.contains("a.md:8:1002\n"), "{drawn}");
    assert!(render::text("a.md", content.as_bytes(), &judged.diagnostics, true).contains("\u{1b}["));
    assert!(judged.diagnostics.iter().all(|found| found.fixes[0].applicability == Applicability::Unsafe));
}
