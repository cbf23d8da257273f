//! What rules say of documents that are made here, since they are large, odd, or judged in a dialect or profile that
//! the caller names. Drawn in `tests/rules/CODE/made.txt`; `BLESS=1` rewrites the drawings. The files of the rules are
//! judged in `rule_files`.

use persona_registry::diagnostic::{Code, Diagnostic, Fix, Severity, render};
use persona_registry::document::Input;
use persona_registry::domain::{Dialect, Profile};
use persona_registry::validate::{Judged, Options, judge, judge_with};

/// A whole document that no rule has anything to say about.
pub const GOOD: &str =
    "---\nname: tester\ndescription: Tests things. Use when in doubt.\n---\n# Tester\n\nYou test.\n";

const HOUSE: &str = "---\nname: tester\ndescription: Tests things.\n---\n# Tester\n\n## 🧠 Identity\nYou test.\n\n\
## 2. IMPLEMENTATION GUIDELINES\n\n### A. First\nDo.\n\n## System Patterns\nx\n\n## Interaction Protocol\n\
* **Input:** code\n* **Output:** a verdict\n\n**Tag**: say `[TEST]`.\n";

struct Case {
    path: &'static str,
    content: Vec<u8>,
    dialect: Option<Dialect>,
    profile: Option<Profile>,
}

impl Case {
    fn judge(&self) -> Judged {
        self.judge_bytes(&self.content)
    }

    fn judge_bytes(&self, content: &[u8]) -> Judged {
        judge(&Input { content, path: Some(self.path), dialect: self.dialect, profile: self.profile })
    }
}

fn case(content: impl AsRef<[u8]>) -> Case {
    Case { path: "tester.md", content: content.as_ref().to_vec(), dialect: None, profile: None }
}

fn with(content: impl AsRef<[u8]>, dialect: Dialect) -> Case {
    Case { dialect: Some(dialect), ..case(content) }
}

fn in_profile(content: impl AsRef<[u8]>, profile: Profile) -> Case {
    Case { profile: Some(profile), ..case(content) }
}

pub fn keys(lines: &str) -> String {
    format!("---\n{lines}---\n# Tester\n\nYou test.\n")
}

fn named(extra: &str) -> String {
    keys(&format!("name: tester\ndescription: Tests.\n{extra}"))
}

/// The rule, what fires it, and what nearly does.
fn table() -> Vec<(Code, Vec<Case>, Vec<Case>)> {
    let long = "é".repeat(4097);
    let many_keys: String = (0..255).map(|number| format!("k{number}: 1\n")).collect();
    let label =
        |key: usize, value: usize| named(&format!("labels:\n  {}: {}\n", "k".repeat(key), "v".repeat(value)));
    let headings = |count: usize| format!("{GOOD}{}", "## A\n\nx\n\n".repeat(count));
    vec![
        (
            Code::SYN001,
            vec![case([GOOD.as_bytes(), b"caf\xe9 and \xff\xfe\n"].concat())],
            vec![case(format!("{GOOD}café 🦀 \u{fffd}\n"))],
        ),
        (
            Code::SYN002,
            vec![case(format!("{GOOD}a\0b\n")), case(format!("{GOOD}a\u{1b}[31m \u{85}\n"))],
            vec![case(format!("{GOOD}a\tb\r\n")), case(format!("{GOOD}e\u{301} \u{a0}\n"))],
        ),
        (Code::SYN003, vec![case(format!("\u{feff}{GOOD}"))], vec![case(format!("{GOOD}\u{feff}x\n"))]),
        (
            Code::SYN004,
            vec![case(format!("{GOOD}one\r\n")), case(keys("name: tester\r\ndescription: use: when\n"))],
            vec![case(GOOD.replace('\n', "\r\n"))],
        ),
        (
            Code::SYN005,
            vec![
                case("# Tester\n\nYou test.\n"),
                case(""),
                case("Such as:\n\n```\n---\nname: x\n---\n```\n"),
            ],
            vec![
                with("# Tester\n\nYou test.\n", Dialect::Markdown),
                with("---\n\n# T\n\ntext\n\n---\n", Dialect::Markdown),
            ],
        ),
        (
            Code::SYN006,
            vec![
                case(format!("\n{GOOD}")),
                case(format!("# Title\n\n{GOOD}")),
                case("---\nname: tester\ndescription: Tests.\n\n# Tester\n\nYou test.\n"),
            ],
            vec![case(GOOD), case(format!("{GOOD}\n---\n\nname: no\n\n---\n"))],
        ),
        (
            Code::SYN007,
            vec![
                case(keys("")),
                case(keys("- name: tester\n")),
                case(keys("just words\n")),
                case(keys("stray words\nname: tester\ndescription: use: when\n")),
            ],
            vec![case(keys("# a comment\nname: tester\n\ndescription: Tests.\n"))],
        ),
        (
            Code::SYN008,
            vec![
                case(keys("name: tester\ndescription: Use when: always\n")),
                in_profile(keys("name: tester\ndescription: Use when: always\n"), Profile::Strict),
                case(named("globs: **/*.js\n")),
                case(named("hint: [a] [b]\n")),
                case(named("hint: {{x}}\n")),
                case(named("hint: \"a\" b\n")),
                case(named("hint: @x\n")),
                case(keys("name: tester\ndescription: first line\nand then a second\n")),
            ],
            vec![
                case(keys("name: tester\ndescription: \"Use when: always\"\n")),
                case(keys("name: tester\ndescription: >-\n  Use when: always\n")),
                case(named("url: http://example.org:80/a\ntime: 12:30\n")),
            ],
        ),
        (
            Code::SYN009,
            vec![
                case(named("name: other\n")),
                case(named("metadata:\n  a: 1\n  b: 2\n  a: 3\n")),
                case(keys(
                    "name: tester\ndescription: Tests.\na: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ndescription: Again.\n",
                )),
            ],
            vec![case(named("a: {b: 1}\nc: {b: 1}\nd: \"x\\\n  a: y\"\n"))],
        ),
        (
            Code::SYN010,
            vec![
                case(named("a: &x [1]\nb: *x\n")),
                case(named("a: !!python/object x\n")),
                case(named("a:\n  <<: b\n")),
                case(named("a: {b: &x 1}\n")),
            ],
            vec![
                case(named("a: R&D & more\nb: 'x &y'\nc: \"!t\"\nd: |\n  &x\n  *x\n  !t\n")),
                case(named("globs: **/*.js\ntools: *\n")),
            ],
        ),
        (
            Code::SYN011,
            vec![
                case(format!("{GOOD}{}", "x".repeat(256 * 1024))),
                case(keys(&format!("name: tester\ndescription: Tests.\n# {}\n", "x".repeat(16 * 1024)))),
                case(named(&format!("a: {}\n", "[".repeat(16)))),
                case(named(&many_keys)),
                case(label(64, 1)),
                case(label(1, 257)),
                case(named(&format!(
                    "labels: {{{}}}\n",
                    (0..65).map(|n| format!("k{n}: v, ")).collect::<String>()
                ))),
            ],
            vec![
                case(format!("{GOOD}{}", "x".repeat(256 * 1024 - GOOD.len()))),
                case(named(&format!("a: {}{}\n", "[".repeat(15), "]".repeat(15)))),
                case(named(many_keys.strip_prefix("k0: 1\n").unwrap())),
                case(keys(&format!("name: tester\ndescription: {}\n", "é".repeat(4096)))),
                case(label(63, 256)),
                case(named(&format!(
                    "labels: {{{}}}\n",
                    (0..64).map(|n| format!("k{n}: v, ")).collect::<String>()
                ))),
            ],
        ),
        (
            Code::SCH101,
            vec![
                case(keys("description: Tests.\n")),
                case(keys("name: tester\ndescription:\n")),
                case(keys("name: ''\ndescription: Tests.\n")),
                with(keys("name: tester\n"), Dialect::Copilot),
            ],
            vec![
                with(keys("description: Tests.\n"), Dialect::OpenCode),
                with(keys("globs: a\n"), Dialect::Cursor),
                case(keys("name: tester\ndescription: &x y\n")),
            ],
        ),
        (
            Code::SCH102,
            vec![
                case(keys("name: on\ndescription: Tests.\n")),
                case(keys("name: 123 # a number\ndescription: Tests.\n")),
                case(keys("name: tester\ndescription: [a]\n")),
                case(keys("name: {{NAME}}\ndescription: Tests.\n")),
                case(named("tools: 3\nmodel: true\nlabels: [a]\n")),
            ],
            vec![
                case(keys("name: \"on\"\ndescription: 'no'\n")),
                case(keys("name: onward\ndescription: 3 tests\n")),
                case(named("tools: {a: true}\nmodel: [x, y]\nlabels: {a: 1}\n")),
            ],
        ),
        (
            Code::SCH103,
            vec![
                case(keys("name: Senior Tester\ndescription: Tests.\n")),
                with(keys("name: senior_tester\ndescription: Tests.\n"), Dialect::Skill),
                case(keys("name: 専門家\ndescription: Tests.\n")),
                case(keys(&format!("name: {}\ndescription: Tests.\n", "x".repeat(65)))),
            ],
            vec![
                case(keys("name: senior_tester.v2\ndescription: Tests.\n")),
                with(keys("name: Senior Tester\ndescription: Tests.\n"), Dialect::Copilot),
                with(keys("name: senior_tester\ndescription: Tests.\n"), Dialect::Gemini),
                case(keys(&format!("name: {}\ndescription: Tests.\n", "x".repeat(64)))),
            ],
        ),
        (
            Code::SCH105,
            vec![
                case(keys(&format!("name: tester\ndescription: {long}\n"))),
                with(keys(&format!("name: tester\ndescription: {}\n", "é".repeat(1025))), Dialect::Skill),
            ],
            vec![
                case(keys(&format!("name: tester\ndescription: {}\n", "é".repeat(4096)))),
                with(keys(&format!("name: tester\ndescription: {}\n", "é".repeat(1024))), Dialect::Skill),
            ],
        ),
        (
            Code::CNT201,
            vec![
                case("---\nname: tester\ndescription: Tests.\n---\n\n \n"),
                with("---\ndescription: Tests.\nglobs: a\n---", Dialect::Cursor),
            ],
            vec![
                case("---\nname: tester\ndescription: Tests.\n---\nx"),
                case("---\nname: tester\ndescription: Tests.\n"),
            ],
        ),
        (
            Code::CNT204,
            vec![
                in_profile(GOOD, Profile::Structured),
                in_profile(
                    named("").replace("# Tester", "## Identity\n\n## System Patterns\n### Deep\n"),
                    Profile::Strict,
                ),
                in_profile(
                    HOUSE.replace("* **Output:** a verdict\n", "").replace("`[TEST]`", "TEST"),
                    Profile::Strict,
                ),
                case(HOUSE.replace("**Input:** code", "**Input:**").replace("**Tag**", "Tag")),
            ],
            vec![
                case(GOOD),
                in_profile(HOUSE, Profile::Strict),
                in_profile(
                    HOUSE
                        .replace(
                            "* **Input:** code\n* **Output:** a verdict\n",
                            "### Input\ncode\n### Output\na verdict\n",
                        )
                        .replace("**Tag**: say", "## Tag\n"),
                    Profile::Strict,
                ),
            ],
        ),
        (
            Code::CNT209,
            vec![
                case(format!("{GOOD}\n#### Deep\n\nx\n")),
                case(headings(256)),
                case(format!("{GOOD}\n{}x\n", "> ".repeat(100))),
            ],
            vec![
                case(format!("{GOOD}\n### Deep\n\n> #### quoted\n")),
                case(headings(255)),
                case(format!("{GOOD}\n{}\n", "- ".repeat(100))),
            ],
        ),
    ]
}

#[test]
fn every_rule_fires_as_drawn() {
    let bless = std::env::var_os("BLESS").is_some();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    for (code, firing, _) in table() {
        let mut drawn = String::new();
        for case in &firing {
            let judged = case.judge();
            let found: Vec<Diagnostic> =
                judged.diagnostics.iter().filter(|found| found.code == code).cloned().collect();
            assert!(!found.is_empty(), "{code} is silent on {:?}", String::from_utf8_lossy(&case.content));
            drawn.push_str(&render::text(case.path, &case.content, &found, false));
        }
        let file = folder.join(format!("{code}/made.txt"));
        if bless {
            std::fs::write(&file, &drawn).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(drawn, golden, "{code}: run with BLESS=1 and read the difference");
    }
}

#[test]
fn near_misses_are_silent() {
    for (code, _, silent) in table() {
        for case in &silent {
            let found: Vec<_> =
                case.judge().diagnostics.into_iter().filter(|found| found.code == code).collect();
            assert!(found.is_empty(), "{found:#?} on {:?}", String::from_utf8_lossy(&case.content));
        }
    }
}

#[test]
fn good_files_are_silent() {
    assert_eq!(case(GOOD).judge().diagnostics, []);
    assert_eq!(in_profile(HOUSE, Profile::Strict).judge().diagnostics, []);
}

/// A fix removes its finding, brings no error, and has nothing to do a second time.
#[test]
fn fixes_mend() {
    for (code, firing, _) in table() {
        for case in firing.iter().filter(|case| case.content.len() <= 64 * 1024) {
            let before = case.judge();
            for found in before.diagnostics.iter().filter(|found| found.code == code) {
                for fix in &found.fixes {
                    let mended = apply(&case.content, fix);
                    let after = case.judge_bytes(&mended);
                    let shown = || format!("{code}: {} on {:?}", fix.title, String::from_utf8_lossy(&mended));
                    let same = |judged: &Judged| {
                        judged
                            .diagnostics
                            .iter()
                            .filter(|one| one.code == code && one.field == found.field)
                            .count()
                    };
                    assert!(same(&after) < same(&before), "{}", shown());
                    let errors = |judged: &Judged| {
                        let wrong = judged.diagnostics.iter().filter(|one| one.severity == Severity::Error);
                        wrong.map(|one| one.code).collect::<Vec<_>>()
                    };
                    for error in errors(&after) {
                        assert!(errors(&before).contains(&error), "{error} is new, {}", shown());
                    }
                }
            }
        }
    }
}

/// All edits of a fix, from the last to the first.
pub fn apply(content: &[u8], fix: &Fix) -> Vec<u8> {
    let mut mended = content.to_vec();
    for edit in fix.edits.iter().rev() {
        mended.splice(edit.span.start..edit.span.end, edit.text.bytes());
    }
    mended
}

#[test]
fn rules_can_be_chosen() {
    let content = keys("name: Senior Tester\n");
    let input = Input { content: content.as_bytes(), ..Input::default() };
    let codes = |options: &Options| {
        judge_with(&input, options).diagnostics.iter().map(|found| found.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&Options::default()), [Code::SCH101, Code::SCH103]);
    assert_eq!(codes(&Options { select: vec![Code::SCH103], ..Options::default() }), [Code::SCH103]);
    assert_eq!(codes(&Options { ignore: vec![Code::SCH103], ..Options::default() }), [Code::SCH101]);
}
