//! What is promised of fixes, on files made here, on those of the rules, on generated ones and on real ones: a fix takes
//! its finding away and brings no error, and when all are made nothing is left to do.

use std::collections::BTreeSet;

use persona_registry::diagnostic::{Applicability, Code, Diagnostic, Trust};
use persona_registry::document::Input;
use persona_registry::validate::{Judged, Options, fix, judge};
use proptest::prelude::*;

use crate::corpus;
use crate::documents::document_text;
use crate::rule_files::{rules_folder, spans_are_true, tree};

fn judge_alone(path: &str, content: &[u8]) -> Judged {
    judge(&Input { content, path: Some(path), ..Input::default() })
}

fn errors(judged: &Judged) -> BTreeSet<Code> {
    judged.diagnostics.iter().filter(|one| one.blocks_storing()).map(|one| one.code).collect()
}

/// Findings of the same kind. With the field: a section that is filled may lack parts that nobody asked for while it was
/// empty.
fn alike(judged: &Judged, of: &Diagnostic) -> usize {
    let same = |one: &&Diagnostic| (one.code, one.severity, &one.field) == (of.code, of.severity, &of.field);
    judged.diagnostics.iter().filter(same).count()
}

/// Each fix alone: it takes its finding away and brings no error.
fn each_fix_mends(path: &str, content: &[u8], before: &Judged) {
    for found in &before.diagnostics {
        for fix in found.fixes.iter().filter(|fix| fix.applicability != Applicability::DisplayOnly) {
            let mended = fix.apply(content).expect("its edits are places of the text");
            let after = judge_alone(path, &mended);
            let shown = || {
                let text = String::from_utf8_lossy(content);
                let mended = String::from_utf8_lossy(&mended);
                format!("{path}: {} {}: {}\n{text:?}\n{mended:?}", found.code, found.message, fix.title)
            };
            assert!(alike(&after, found) < alike(before, found), "it is still there: {}", shown());
            let new: Vec<Code> = errors(&after).difference(&errors(before)).copied().collect();
            assert!(new.is_empty(), "{new:?} is new: {}", shown());
        }
    }
}

/// All fixes at once, as `--fix` makes them.
fn all_fixes_settle(path: &str, content: &[u8], before: &Judged) {
    for trust in [Trust::Safe, Trust::Unsafe] {
        if before.diagnostics.iter().all(|one| one.fix(trust).is_none()) {
            continue;
        }
        let all = |content: &[u8]| fix(content, &Options::default(), trust, |it| judge_alone(path, it));
        let fixed = all(content);
        let shown = || {
            let text = String::from_utf8_lossy(content);
            format!("{path}: {:?}\n{text:?}\n{:?}", fixed.made, String::from_utf8_lossy(&fixed.content))
        };
        assert_ne!(fixed.content, content, "{}", shown());
        assert!(errors(&fixed.judged).is_subset(&errors(before)), "{}", shown());
        let left: Vec<_> = fixed.judged.diagnostics.iter().filter(|one| one.fix(trust).is_some()).collect();
        assert!(left.is_empty(), "{left:#?} is left: {}", shown());
        assert_eq!(all(&fixed.content).content, fixed.content, "a second run changes: {}", shown());
        spans_are_true(path, &fixed.content, &fixed.judged);
    }
}

fn fixes_hold(path: &str, content: &[u8]) {
    let judged = judge_alone(path, content);
    spans_are_true(path, content, &judged);
    each_fix_mends(path, content, &judged);
    all_fixes_settle(path, content, &judged);
}

#[test]
fn fixes_hold_on_all_files_of_the_rules() {
    for file in tree(&rules_folder()).iter().filter(|file| !file.path.ends_with(".tsv")) {
        fixes_hold(&file.path, &file.content);
    }
}

/// What was found by trying bytes at random.
#[test]
fn fixes_hold_on_what_hides_the_end_of_a_document() {
    let front = "---\nname: a\ndescription: x\n---\n# T\n\n## Identity\n\nx\n\n## System Patterns\n\ny\n\n";
    for end in ["<!-- open", "<?open\n\nx\n", "<pre>\n", "<![CDATA[", "<!X ", "<!-- closed -->\n", "```\n"] {
        fixes_hold("some/path.md", format!("{front}{end}").as_bytes());
    }
}

#[test]
fn fixes_hold_on_real_files() {
    let Some((root, rows)) = corpus::corpus() else { return };
    for row in &rows {
        fixes_hold(row.inner(), &corpus::read(&root, row));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixes_hold_on_generated_documents(text in document_text()) {
        fixes_hold("some/path.md", text.as_bytes());
    }
}
