//! Mending: what is made takes findings away and brings no error, and a second run changes nothing.
#![no_main]

use std::cell::Cell;
use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use persona_registry_fuzz::diagnostic::{Code, Trust};
use persona_registry_fuzz::document::Input;
use persona_registry_fuzz::validate::{Judged, Options, fix, judge};
use persona_registry_fuzz::{places_hold, question};

/// A document is judged at most so often while it is mended.
const JUDGED: usize = 257;

/// So many fixes of one rule may take more than one run.
const MANY: usize = 512;

fn errors(judged: &Judged) -> BTreeSet<Code> {
    judged.diagnostics.iter().filter(|one| one.blocks_storing()).map(|one| one.code).collect()
}

fuzz_target!(|data: &[u8]| {
    let input = question(data);
    let judged = Cell::new(0);
    let judge_it = |content: &[u8]| {
        judged.set(judged.get() + 1);
        judge(&Input { content, ..input })
    };
    let before = judge_it(input.content);
    for trust in [Trust::Safe, Trust::Unsafe] {
        let all = |content: &[u8]| fix(content, &Options::default(), trust, judge_it);
        let fixed = all(input.content);
        let shown = || {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            format!("{trust:?} {:?}\n{:?}\n{:?}", fixed.made, text(input.content), text(&fixed.content))
        };
        assert!(errors(&fixed.judged).is_subset(&errors(&before)), "a new error: {}", shown());
        assert_eq!(fixed.made.is_empty(), fixed.content == input.content, "{}", shown());
        assert!(judged.take() <= JUDGED, "judged too often: {}", shown());
        places_hold(&fixed.content, &fixed.judged.diagnostics);
        // Of a rule with many findings only the first are told, and rounds have an end.
        if fixed.made.values().any(|made| *made >= MANY) {
            continue;
        }
        let again = all(&fixed.content);
        judged.take();
        assert!(again.content == fixed.content, "a second run changes: {}\n{:?}", shown(), again.made);
    }
});
