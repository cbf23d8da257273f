//! Applying fixes to bytes: which of them go together, and what comes of it. Judging again is `validate`'s.

use super::{Applicability, Code, Diagnostic, Edit, Fix};

/// How far the fixes that are applied may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Only those that keep the meaning.
    Safe,
    /// Also those that may change it.
    Unsafe,
}

impl Trust {
    /// Whether fixes of this kind are applied. What is only shown never is.
    #[must_use]
    pub fn takes(self, applicability: Applicability) -> bool {
        match applicability {
            Applicability::Safe => true,
            Applicability::Unsafe => self == Self::Unsafe,
            Applicability::DisplayOnly => false,
        }
    }
}

impl Fix {
    /// The content with all edits made; none where an edit lies outside of it or they overlap.
    #[must_use]
    pub fn apply(&self, content: &[u8]) -> Option<Vec<u8>> {
        apply(content, &self.edits)
    }
}

impl Diagnostic {
    /// The first of its fixes that may be applied.
    #[must_use]
    pub fn fix(&self, trust: Trust) -> Option<&Fix> {
        self.fixes.iter().find(|fix| trust.takes(fix.applicability))
    }
}

/// Makes sorted, disjoint edits; none where they are not.
fn apply(content: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(content.len());
    let mut at = 0;
    for edit in edits {
        mended.extend_from_slice(content.get(at..edit.span.start)?);
        mended.extend_from_slice(edit.text.as_bytes());
        // Also refuses a span that ends before it starts.
        content.get(edit.span.start..edit.span.end)?;
        at = edit.span.end;
    }
    mended.extend_from_slice(content.get(at..)?);
    Some(mended)
}

/// Fixes that can be made at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Together<'a> {
    /// The fixes, each with the rule whose finding it mends.
    pub fixes: Vec<(Code, &'a Fix)>,
}

impl<'a> Together<'a> {
    /// In the order of the findings, each fix that touches none of those before it. A fix is taken whole or not at all.
    #[must_use]
    pub fn of(found: &'a [Diagnostic], trust: Trust) -> Self {
        let mut all = Self::default();
        let mut edits: Vec<&Edit> = Vec::new();
        for (code, fix) in found.iter().filter_map(|one| Some((one.code, one.fix(trust)?))) {
            if all.fixes.iter().any(|(_, other)| *other == fix) {
                // Two findings that one fix mends.
                continue;
            }
            if !fix.edits.is_empty() && fix.edits.iter().all(|edit| is_apart(edit, &edits)) {
                for edit in &fix.edits {
                    let place = edits.partition_point(|other| other.span < edit.span);
                    edits.insert(place, edit);
                }
                all.fixes.push((code, fix));
            }
        }
        all
    }

    /// The content with all of them made; none where one of them does not fit into it.
    #[must_use]
    pub fn apply(&self, content: &[u8]) -> Option<Vec<u8>> {
        let mut edits: Vec<Edit> = self.fixes.iter().flat_map(|(_, fix)| fix.edits.iter().cloned()).collect();
        edits.sort_by_key(|edit| edit.span);
        apply(content, &edits)
    }
}

/// Whether an edit neither overlaps nor touches others, which are sorted: of two at one place nobody knows the order.
fn is_apart(edit: &Edit, others: &[&Edit]) -> bool {
    let next = others.partition_point(|other| other.span < edit.span);
    let before = next.checked_sub(1).and_then(|before| others.get(before));
    before.is_none_or(|other| other.span.end < edit.span.start)
        && others.get(next).is_none_or(|other| edit.span.end < other.span.start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{Severity, Span};

    fn fix(edits: &[(usize, usize, &str)]) -> Fix {
        let edits = edits.iter().map(|(start, end, text)| Edit {
            span: Span { start: *start, end: *end },
            text: (*text).to_owned(),
        });
        Fix { title: String::new(), applicability: Applicability::Safe, edits: edits.collect() }
    }

    fn finding(fix: Fix) -> Diagnostic {
        let span = Span { start: 0, end: 0 };
        Diagnostic { fixes: vec![fix], ..Diagnostic::new(Code::SYN003, Severity::Warning, span, "") }
    }

    #[test]
    fn edits_are_all_made_or_none() {
        assert_eq!(fix(&[(0, 1, "x"), (2, 2, "y")]).apply(b"abc"), Some(b"xbyc".to_vec()));
        assert_eq!(fix(&[(3, 3, "!")]).apply(b"abc"), Some(b"abc!".to_vec()));
        for wrong in [&[(0, 9, "")][..], &[(2, 1, "")], &[(1, 2, ""), (0, 1, "")], &[(0, 2, ""), (1, 3, "")]]
        {
            assert_eq!(fix(wrong).apply(b"abc"), None, "{wrong:?}");
        }
    }

    #[test]
    fn fixes_that_touch_wait_for_another_round_whole() {
        let found = [
            fix(&[(4, 5, "E")]),
            fix(&[(0, 1, "A"), (5, 5, "-")]),
            fix(&[(1, 2, "B"), (7, 8, "H")]),
            fix(&[(4, 5, "E")]),
            fix(&[]),
        ]
        .map(finding);
        let together = Together::of(&found, Trust::Safe);
        assert_eq!(together.fixes.len(), 2);
        assert_eq!(together.apply(b"abcdefgh"), Some(b"aBcdEfgH".to_vec()));
    }

    #[test]
    fn trust_decides() {
        let mut one = finding(fix(&[(0, 0, "x")]));
        for (applicability, safe, all) in [
            (Applicability::Safe, true, true),
            (Applicability::Unsafe, false, true),
            (Applicability::DisplayOnly, false, false),
        ] {
            one.fixes[0].applicability = applicability;
            assert_eq!(one.fix(Trust::Safe).is_some(), safe);
            assert_eq!(one.fix(Trust::Unsafe).is_some(), all);
        }
    }

    proptest! {
        /// Whatever fixes there are, those that are chosen can be made, and each leaves its text behind.
        #[test]
        fn what_is_chosen_fits(
            edits in prop::collection::vec(prop::collection::vec((0..20_usize, 0..4_usize), 1..3), 0..12)
        ) {
            let found: Vec<_> = edits
                .iter()
                .map(|all| {
                    let mut all: Vec<_> = all.iter().map(|(start, length)| (*start, start + length, "+")).collect();
                    all.sort_unstable();
                    finding(fix(&all))
                })
                .filter(|one| one.fixes[0].apply(&[b'a'; 24]).is_some())
                .collect();
            let together = Together::of(&found, Trust::Safe);
            prop_assert_eq!(together.fixes.is_empty(), found.is_empty());
            let mended = together.apply(&[b'a'; 24]).expect("they fit");
            let wanted = together.fixes.iter().map(|(_, fix)| fix.edits.len()).sum::<usize>();
            prop_assert_eq!(mended.iter().filter(|byte| **byte == b'+').count(), wanted);
        }
    }
}
