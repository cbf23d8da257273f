//! Reading: any bytes, nothing lost, hostile input refused at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use persona_registry::diagnostic::{Applicability, Code, Fix, Severity};
use persona_registry::document::{Document, Input, NameSource, Reading, parse};
use persona_registry::domain::{Dialect, DialectReason, Profile};
use persona_registry::validate::{Judged, judge};
use proptest::prelude::*;

use crate::rule_files::spans_are_true;
use crate::rules::apply;

fn read(content: &[u8]) -> Judged {
    judge(&Input { content, path: Some("some/path.md"), ..Input::default() })
}

fn document(text: &str) -> Document {
    read(text.as_bytes()).document
}

#[test]
fn the_founding_persona_is_read_whole() {
    let content =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/personas/backend_developer.md")).unwrap();
    let input = Input { content: &content, profile: Some(Profile::Strict), ..Input::default() };
    let judged = judge(&input);
    assert_eq!(judged.diagnostics, []);
    let document = judged.document;
    let derived = &document.derived;
    assert_eq!(document.name.unwrap().as_str(), "backend_developer");
    assert_eq!(derived.tag.as_deref(), Some("[BE-ENGINEER]"));
    let interaction = derived.interaction.clone().unwrap();
    assert_eq!(interaction.input, "Architectural blueprints, DB schemas, or performance bottleneck reports.");
    assert_eq!(interaction.output, "Optimized, commented code with corresponding unit tests.");
    assert!(derived.description.starts_with("Acts as a Backend Developer specializing in Rust and Go."));
    let paths: Vec<_> = derived.outline.iter().map(|section| section.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "system-instruction-backend-developer-rust-go",
            "identity",
            "implementation-guidelines",
            "implementation-guidelines/rust-high-performance-safety",
            "implementation-guidelines/go-microservices-concurrency",
            "system-patterns",
            "system-patterns/database-migrations",
            "system-patterns/api-design",
            "system-patterns/middleware-architecture",
            "interaction-protocol",
        ]
    );
    let inferred = judge(&Input { content: &content, ..Input::default() });
    assert_eq!(inferred.document.profile, Profile::Structured);
    assert_eq!(inferred.diagnostics, []);
}

#[test]
fn the_body_begins_at_the_exact_byte() {
    for (text, body) in [
        ("---\na: 1\n---\nbody", "body"),
        ("---\r\na: 1\r\n---\r\nbody\r\n", "body\r\n"),
        ("\u{feff}---\na: 1\n---\n\nbody", "\nbody"),
        ("---\na: 1\n---\n---\nb\n---\n", "---\nb\n---\n"),
        ("---\na: 1\n---", ""),
        ("no front matter\n", "no front matter\n"),
        ("\n---\na: 1\n---\nbody", "body"),
    ] {
        let offset = document(text).derived.body_offset as usize;
        assert_eq!(&text[offset..], body, "{text:?}");
    }
}

#[test]
fn fields_come_in_one_form() {
    let found = document(
        "---\nname: My Tester\ndescription: >-\n  Tests\n  things.\ntools: Read, Bash(a, b)\nmodel: opus\n\
         labels:\n  team: core\n  level: 3\n---\nx\n",
    );
    assert_eq!(found.derived.display_name, "My Tester");
    assert_eq!(found.name.as_ref().unwrap().as_str(), "my-tester");
    assert_eq!(found.derived.description, "Tests things.");
    assert_eq!(found.derived.tools, ["Read", "Bash(a, b)"]);
    assert_eq!(found.derived.model.as_deref(), Some("opus"));
    let labels: Vec<_> =
        found.derived.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("level", "3"), ("team", "core")]);
    let keys: Vec<_> = found.derived.front_matter.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["name", "description", "tools", "model", "labels"]);
    assert_eq!((found.derived.dialect, found.dialect_reason), (Dialect::ClaudeCode, DialectReason::Keys));
}

#[test]
fn names_come_from_the_path_where_the_front_matter_has_none() {
    for (path, name) in [
        ("a/Senior Tester.md", Some("senior-tester")),
        ("skills/pdf-forms/SKILL.md", Some("pdf-forms")),
        ("patterns/sum_up/system.md", Some("sum_up")),
        ("a/b/index.md", Some("b")),
        ("x/reviewer.agent.md", Some("reviewer")),
        ("rules/go.mdc", Some("go")),
        ("SKILL.md", Some("skill")),
        ("専門家.md", None),
    ] {
        let input =
            Input { content: b"# T\n", path: Some(path), dialect: Some(Dialect::Markdown), profile: None };
        let (document, _) = parse(&input);
        assert_eq!(document.name.as_ref().map(|name| name.as_str()), name, "{path}");
        assert_eq!(document.name_source, NameSource::Path);
    }
    let (nameless, _) = parse(&Input { content: b"x", ..Input::default() });
    assert_eq!((nameless.name, nameless.name_source), (None, NameSource::Nowhere));
}

#[test]
fn plain_markdown_describes_itself_by_its_first_paragraph() {
    let input = Input {
        content: b"# Title\n\n- a list\n\nFirst *paragraph*\nof two lines.\n\nSecond.\n",
        dialect: Some(Dialect::Markdown),
        ..Input::default()
    };
    let judged = judge(&input);
    assert_eq!(judged.document.derived.description, "First paragraph of two lines.");
    assert_eq!(judged.diagnostics, []);
}

#[test]
fn bytes_that_are_no_text_still_make_a_document() {
    let judged = read(b"---\nname: caf\xe9\ndescription: d\n---\n# T\n\xff\n");
    assert_eq!(judged.document.derived.description, "d");
    assert_eq!(judged.document.name.unwrap().as_str(), "caf");
    let bad: Vec<_> = judged.diagnostics.iter().filter(|found| found.code == Code::SYN001).collect();
    assert_eq!(bad.len(), 2);
    assert_eq!(bad[0].span.start, 13);
}

/// What made the parser behind us slow or large: none of it reaches it.
#[test]
fn hostile_front_matter_never_reaches_the_parser() {
    let brackets = format!("---\na: {}\n---\nx", "[".repeat(60_000));
    let small_brackets = format!("---\na: {}\n---\nx", "[".repeat(15_000));
    let mut bomb = String::from("---\na0: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 1..100 {
        let alias = format!("*a{}, ", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", alias.repeat(9)));
    }
    bomb.push_str("---\nx");
    let aliases = format!("---\na: &x [{}]\nb: [{}]\n---\nx", "y,".repeat(2000), "*x,".repeat(3000));
    let ladder: String = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let ladder = format!("---\n{ladder}---\nx");
    let short_ladder: String = (0..150).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let short_ladder = format!("---\n{short_ladder}---\nx");
    let dashes = format!("---\na:\n  {}x\n---\nx", "- ".repeat(1000));
    let hidden = format!("---\na: \"open\nb: &x {}\nc: *x\n---\nx", "[".repeat(2000));
    let all = [brackets, small_brackets, bomb, aliases, ladder, short_ladder, dashes, hidden];
    for content in &all {
        let begun = Instant::now();
        let judged = read(content.as_bytes());
        let took = begun.elapsed();
        let start: String = content.chars().take(30).collect();
        eprintln!("{start:?} of {} bytes: {took:?}", content.len());
        let refused = |code: Code| matches!(code, Code::SYN010 | Code::SYN011);
        assert!(
            judged.diagnostics.iter().any(|found| refused(found.code)),
            "{start:?}: {:?}",
            judged.diagnostics
        );
        // Refused before the parser, which alone would take seconds and hundreds of megabytes.
        assert_eq!(judged.document.reading, Reading::Refused, "{start:?}");
    }
}

/// Bodies that some Markdown parsers choke on; what each took is printed when it was long.
#[test]
fn hostile_bodies_are_read_whole() {
    let size = 256 * 1024 - 64;
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let deep_list: String = (0..300).map(|depth| format!("{}- a\n", " ".repeat(depth * 2))).collect();
    let bodies = [
        fill("["),
        fill("]("),
        fill("[a]("),
        fill("*a _b "),
        fill("**a *b "),
        fill("`"),
        fill("<!--"),
        fill("<a "),
        fill("> "),
        fill("- "),
        fill("1. "),
        fill("# "),
        fill("## a\n"),
        fill("a\n---\n"),
        fill("[a]: b\n"),
        fill("**Tag** "),
        fill("* **Input:** a\n"),
        fill("\n"),
        fill("\0"),
        fill("\r"),
        fill("a\r\nb\n"),
        fill("\u{2028}"),
        fill("![](<"),
        fill("&#1;"),
        format!("{}{}", "> ".repeat(40), fill("a\n>")),
        format!("{deep_list}{}", fill("\n")),
        (1..700).map(|length| format!("{} ", "`".repeat(length))).collect::<String>(),
    ];
    for body in &bodies {
        let content = format!("---\nname: a\ndescription: b\n---\n{body}");
        let begun = Instant::now();
        let judged = read(content.as_bytes());
        let took = begun.elapsed();
        let start: String = body.chars().take(12).collect();
        if took > Duration::from_millis(10) {
            eprintln!("{start:?}: {took:?}");
        }
        assert_eq!(judged.document.body.end, content.len());
    }
}

fn check_invariants(content: &[u8], judged: &Judged) {
    let document = &judged.document;
    let body = document.derived.body_offset as usize;
    let front = document.front_matter.map_or(0, |span| span.end);
    assert_eq!([&content[..front], &content[document.body.start..document.body.end]].concat(), content);
    assert_eq!(front, body);
    let text = std::str::from_utf8(content).ok();
    let mut spans = Vec::new();
    for found in &judged.diagnostics {
        spans.push(found.span);
        spans.extend(found.labels.iter().map(|label| label.span));
        for fix in &found.fixes {
            assert!(fix.edits.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            spans.extend(fix.edits.iter().map(|edit| edit.span));
        }
    }
    spans.extend(document.entries.iter().flat_map(|entry| [entry.key_span, entry.value_span]));
    for span in spans {
        assert!(span.start <= span.end && span.end <= content.len(), "{span:?}");
        if let Some(text) = text {
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{span:?}");
        }
    }
    let mut paths = std::collections::HashSet::new();
    for section in &document.derived.outline {
        assert!(section.start < section.end && body + section.end as usize <= content.len());
        assert!(paths.insert(&section.path), "{} twice", section.path);
        assert!(section.path.split('/').all(|slug| !slug.is_empty() && slug.len() <= 64), "{}", section.path);
    }
    check_repair(content, judged);
}

/// What `--fix` does: with all safe repairs made at once no SYN008 is left to make, no error is new, and the values
/// are the same.
fn check_repair(content: &[u8], judged: &Judged) {
    let broken: Vec<_> = judged.diagnostics.iter().filter(|found| found.code == Code::SYN008).collect();
    let fixes: Vec<_> = broken.iter().filter_map(|found| found.fixes.first()).collect();
    let safe = fixes.iter().all(|fix| fix.applicability == Applicability::Safe);
    if broken.is_empty() || fixes.len() < broken.len() || !safe {
        return;
    }
    let mut edits: Vec<_> = fixes.iter().flat_map(|fix| fix.edits.clone()).collect();
    edits.sort_by_key(|edit| edit.span);
    // Where values can only be mended together, each of their fixes mends them all.
    edits.dedup();
    let all = Fix { title: "all".into(), applicability: Applicability::Safe, edits };
    let mended = apply(content, &all);
    let after = read(&mended);
    let shown = || (String::from_utf8_lossy(content), String::from_utf8_lossy(&mended));
    assert!(after.diagnostics.iter().all(|found| found.code != Code::SYN008), "{:?}", shown());
    let errors = |judged: &Judged| {
        let wrong = judged.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        wrong.map(|found| found.code).collect::<BTreeSet<_>>()
    };
    assert!(errors(&after).is_subset(&errors(judged)), "{:?} {:?}", errors(&after), shown());
    // Lines that the fallback could not place may be read once the whole is YAML again.
    if !errors(judged).contains(&Code::SYN007) {
        let values = |judged: &Judged| judged.document.derived.front_matter.clone();
        assert_eq!(values(&after), values(judged), "{:?}", shown());
    }
}

fn yaml_line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(name|description|tools|globs|labels|a|b): [ -~]{0,30}",
        2 => "(name|description): (Use|x)[:,'\"#&*!{}\\[\\]|>@` ]{0,6}[a-zé]{0,5}",
        1 => "  [a-z]: [ -~]{0,10}",
        1 => "  - [ -~]{0,10}",
        1 => "[ \t]{0,3}",
        1 => "[A-Z][a-z]{1,5}: [a-z ]{0,8}",
        1 => "(- |\\? |: |[|>][-+0-9]?|#|---|\\.\\.\\.|%x|&x|\\*x|!t|<<: )[ -~é]{0,10}",
        1 => "\\PC{0,12}",
    ]
}

fn markdown_line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "#{1,6} [ -~é🧠]{0,20}",
        2 => "[*-] \\*\\*(Input|Output|Tag):?\\*\\*:? [ -~]{0,12}",
        1 => "\\*\\*Tag\\*\\*: `[ -~]{0,8}`",
        1 => "## (Identity|Interaction Protocol|System Patterns|Tag|Input)",
        2 => "[ -~]{0,30}",
        1 => "(---|===|```|> |    |\t)[ -~]{0,8}",
        1 => Just(String::new()),
        1 => "\\PC{0,12}",
    ]
}

pub fn document_text() -> impl Strategy<Value = String> {
    let lines = |line: BoxedStrategy<String>| prop::collection::vec((line, prop::bool::weighted(0.1)), 0..12);
    let open =
        prop_oneof![8 => Just("---\n"), 1 => Just("\u{feff}---\r\n"), 1 => Just("\n---\n"), 1 => Just("")];
    let close = prop_oneof![8 => Just("---\n"), 1 => Just("---"), 1 => Just("")];
    (open, lines(yaml_line().boxed()), close, lines(markdown_line().boxed())).prop_map(
        |(open, yaml, close, body)| {
            let join = |lines: Vec<(String, bool)>| {
                let ended = lines.into_iter().map(|(line, crlf)| line + if crlf { "\r\n" } else { "\n" });
                ended.collect::<String>()
            };
            format!("{open}{}{close}{}", join(yaml), join(body))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(content in prop::collection::vec(any::<u8>(), 0..400)) {
        check_invariants(&content, &read(&content));
    }

    #[test]
    fn any_front_matter_bytes_are_read(inner in prop::collection::vec(any::<u8>(), 0..200)) {
        let content = [b"---\nname: ", inner.as_slice(), b"\n---\n# T\n"].concat();
        check_invariants(&content, &read(&content));
    }

    #[test]
    fn any_document_is_read(text in document_text()) {
        let judged = read(text.as_bytes());
        check_invariants(text.as_bytes(), &judged);
        spans_are_true("some/path.md", text.as_bytes(), &judged);
    }
}
