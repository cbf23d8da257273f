//! Mending a document: fixes are made and the document is judged again, until there is nothing left to do. A fix is
//! never worth an error that was not there: what brings one is left out, and what does not take its finding away too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Judged, Options};
use crate::diagnostic::{Code, Diagnostic, Together, Trust};

/// Rounds of fixing, each with all fixes that go together. Documents of people take two or three; what is left after
/// so many is told, and may be mended by a second run.
const ROUNDS: usize = 64;
/// A document is judged so often at most. Only one made for it has so many fixes that must be tried one by one.
const JUDGED: usize = 256;

/// What became of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// The document now.
    pub content: Vec<u8>,
    /// What is found in it now, by every rule.
    pub judged: Judged,
    /// How many fixes were made, by rule.
    pub made: BTreeMap<Code, usize>,
}

impl Fixed {
    /// How many fixes were made in all.
    #[must_use]
    pub fn count(&self) -> usize {
        self.made.values().sum()
    }
}

/// Makes all fixes that may be trusted so far, of rules that are wanted and findings that nobody waived. `judge` judges by
/// every rule.
pub fn fix(content: &[u8], options: &Options, trust: Trust, mut judge: impl FnMut(&[u8]) -> Judged) -> Fixed {
    let mut left = JUDGED;
    let mut fixed = Fixed { content: content.to_vec(), judged: judge(content), made: BTreeMap::new() };
    for _ in 0..ROUNDS {
        let wanted =
            fixed.judged.diagnostics.iter().filter(|one| options.wants(one.code) && one.waived.is_none());
        let wanted: Vec<_> = wanted.cloned().collect();
        let all = Together::of(&wanted, trust);
        let mut judge = |content: &[u8]| {
            left = left.checked_sub(1)?;
            Some(judge(content))
        };
        let Some((content, judged, made)) = better(&fixed, &all, &mut judge) else { break };
        for code in made {
            *fixed.made.entry(code).or_default() += 1;
        }
        (fixed.content, fixed.judged) = (content, judged);
    }
    fixed
}

/// The document with all of the fixes, or where those bring an error with the first that brings none; none where
/// nothing changes for the better.
fn better(
    before: &Fixed,
    all: &Together<'_>,
    judge: &mut impl FnMut(&[u8]) -> Option<Judged>,
) -> Option<(Vec<u8>, Judged, Vec<Code>)> {
    let mut tried = |fixes: Together<'_>| {
        let content = fixes.apply(&before.content).filter(|content| *content != before.content)?;
        let judged = judge(&content)?;
        let made = fixes.fixes.iter().map(|(code, _)| *code).collect();
        let (found, left) = (&before.judged.diagnostics, &judged.diagnostics);
        let better = brings_no_error(found, left) && takes_away(&fixes, found, left);
        better.then_some((content, judged, made))
    };
    let single = |(code, fix): &(Code, _)| Together { fixes: vec![(*code, *fix)] };
    tried(all.clone()).or_else(|| all.fixes.iter().map(single).find_map(&mut tried))
}

/// Whether there is less of each finding that was mended. Of a rule with many findings only the first are told, and more come
/// up in their place.
fn takes_away(fixes: &Together<'_>, before: &[Diagnostic], after: &[Diagnostic]) -> bool {
    /// The least number of findings at which a rule may stop telling.
    const MANY: usize = 16;
    let of_rule = |found: &[Diagnostic], code| found.iter().filter(|one| one.code == code).count();
    let alike = |found: &[Diagnostic], of: &Diagnostic| {
        found.iter().filter(|one| (one.code, &one.field) == (of.code, &of.field)).count()
    };
    fixes.fixes.iter().all(|(code, fix)| {
        let mended = before.iter().filter(|one| one.code == *code && one.fixes.contains(fix));
        let many = of_rule(before, *code);
        many >= MANY
            || of_rule(after, *code) < many
            || mended.clone().all(|one| alike(after, one) < alike(before, one))
    })
}

fn brings_no_error(before: &[Diagnostic], after: &[Diagnostic]) -> bool {
    let errors = |found: &[Diagnostic]| -> (BTreeSet<Code>, usize) {
        let errors = found.iter().filter(|one| one.blocks_storing());
        (errors.clone().map(|one| one.code).collect(), errors.count())
    };
    let ((before, count), (after, left)) = (errors(before), errors(after));
    after.is_subset(&before) && left <= count
}
