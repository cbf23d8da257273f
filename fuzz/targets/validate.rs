//! Judging: findings are sorted and places of the document, and every way to tell them takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use persona_registry_fuzz::diagnostic::{Code, Severity};
use persona_registry_fuzz::document::{Input, parse};
use persona_registry_fuzz::domain::{Derived, Name};
use persona_registry_fuzz::validate::{Neighbours, Options, Others, judge, judge_among};
use persona_registry_fuzz::{places_hold, question, rendering_holds};

/// What is stored already: it grants less and has more sections than most.
const STORED: &[u8] =
    b"---\nname: a\ndescription: x\ntools: Read\n---\n# A\n\n## Identity\n\ny\n\n## System Patterns\n\nz\n";

fuzz_target!(|data: &[u8]| {
    let input = question(data);
    let found = &judge(&input).diagnostics;
    assert!(found.is_sorted_by_key(|one| (one.span, one.code)), "not sorted: {found:#?}");
    places_hold(input.content, found);
    rendering_holds(input.path.unwrap_or("-"), input.content, found);
    for code in Code::ALL {
        assert!(found.iter().filter(|one| one.code == *code).count() <= 64, "too many of {code}");
    }
    let invalid = std::str::from_utf8(input.content).is_err();
    assert_eq!(invalid, found.iter().any(|one| one.code == Code::SYN001));
    assert!(!invalid || found.iter().any(|one| one.severity == Severity::Error));

    // Beside others, with files and a store.
    let mut others = Others::default();
    for (name, place) in
        [("a", "personas/b.md"), ("reviewer", "agents/reviewer.md"), ("pdf", "skills/pdf/SKILL.md")]
    {
        if let Ok(name) = name.parse::<Name>() {
            others.add(&name, place);
        }
    }
    let files = |path: &str| path.len().is_multiple_of(2);
    let stored: Derived = parse(&Input { content: STORED, ..Input::default() }).0.derived;
    let stored = |_: &Name| Some(stored.clone());
    let neighbours =
        Neighbours { name: None, others: Some(&others), files: Some(&files), stored: Some(&stored) };
    let among = judge_among(&input, &Options::default(), neighbours);
    places_hold(input.content, &among.diagnostics);
});
