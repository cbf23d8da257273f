//! What a run came across, in one sentence and one exit code.

use super::bench::{Mending, Seen};
use crate::cli::Outcome;
use crate::cli::table::some;
use crate::diagnostic::{Severity, Trust};

/// What a run came across.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: usize,
    pub(super) skipped: usize,
    pub(super) unread: usize,
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) infos: usize,
    pub(super) waived: usize,
    /// Fixes that were made, or would be.
    pub(super) fixes: usize,
    /// Files that they changed, or would.
    pub(super) changed: usize,
    mendable: (usize, usize),
    worst: Option<Severity>,
    /// Nothing was written: it is told what would be.
    only_shown: bool,
}

impl Tally {
    pub(super) fn new(skipped: usize, only_shown: bool) -> Self {
        Self { skipped, only_shown, ..Self::default() }
    }

    pub(super) fn count(&mut self, seen: &Seen) {
        self.files += 1;
        self.waived += seen.waived;
        for (_, severity) in &seen.found {
            match severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Info => self.infos += 1,
            }
            self.worst = self.worst.max(Some(*severity));
        }
        let fixes: usize = seen.made.values().sum();
        self.fixes += fixes;
        self.changed += usize::from(fixes > 0);
        self.mendable = (self.mendable.0 + seen.mendable.0, self.mendable.1 + seen.mendable.1);
    }

    pub(super) fn outcome(&self, threshold: Severity) -> Outcome {
        let fails = match self.only_shown {
            true => self.changed > 0,
            false => self.worst.is_some_and(|worst| worst >= threshold),
        };
        match fails {
            _ if self.unread > 0 => Outcome::Unread,
            true => Outcome::Findings,
            false => Outcome::Done,
        }
    }

    pub(super) fn told(&self) -> String {
        let mut line = format!("{} checked", some(self.files, "file"));
        if self.skipped > 0 {
            line.push_str(&format!(", {} beside them skipped (README and the like)", self.skipped));
        }
        if self.unread > 0 {
            line.push_str(&format!(", {} not readable or writable", self.unread));
        }
        let fixes = match self.fixes {
            1 => "1 fix".to_owned(),
            fixes => format!("{fixes} fixes"),
        };
        if self.only_shown {
            let changes = match self.changed {
                0 => "nothing to mend".to_owned(),
                changed => format!("{changed} would change by {fixes}"),
            };
            return format!("{line}: {changes}");
        }
        if self.fixes > 0 {
            line.push_str(&format!(", {} changed by {fixes}", self.changed));
        }
        let counts = [(self.errors, "error"), (self.warnings, "warning"), (self.infos, "info")];
        let counts: Vec<_> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| some(*count, word)).collect();
        line.push_str(": ");
        line.push_str(&if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") });
        if self.waived > 0 {
            line.push_str(&format!(" ({} waived)", self.waived));
        }
        line
    }

    /// Which flags would mend some of what was found.
    pub(super) fn help(&self, mending: Option<Mending>) -> Option<String> {
        let (safe, more) = self.mendable;
        match mending {
            None if safe > 0 && more > 0 => Some(format!(
                "`--fix` mends {safe} of these, `--fix --unsafe-fixes` {more} more; `--diff` shows how"
            )),
            None if safe > 0 => Some(format!("`--fix` mends {safe} of these; `--diff` shows how")),
            None | Some(Mending::Write(Trust::Safe)) if more > 0 => Some(format!(
                "`--fix --unsafe-fixes` mends {more} of these and may change what they mean; `--diff` shows how"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_is_one_sentence() {
        let tally = Tally { files: 1, skipped: 2, ..Tally::default() };
        assert_eq!(tally.told(), "1 file checked, 2 beside them skipped (README and the like): no findings");
        let tally = Tally { files: 3, errors: 1, warnings: 2, unread: 1, ..Tally::default() };
        assert_eq!(tally.told(), "3 files checked, 1 not readable or writable: 1 error, 2 warnings");
        let tally = Tally { files: 3, errors: 1, waived: 2, ..Tally::default() };
        assert_eq!(tally.told(), "3 files checked: 1 error (2 waived)");
        let tally = Tally { files: 3, fixes: 4, changed: 2, infos: 1, ..Tally::default() };
        assert_eq!(tally.told(), "3 files checked, 2 changed by 4 fixes: 1 info");
        let tally = Tally { files: 3, fixes: 1, changed: 1, errors: 9, only_shown: true, ..Tally::default() };
        assert_eq!(tally.told(), "3 files checked: 1 would change by 1 fix");
    }

    #[test]
    fn what_would_change_decides_where_nothing_is_written() {
        let worst = Some(Severity::Error);
        let shown = Tally { only_shown: true, worst, ..Tally::default() };
        assert_eq!(shown.outcome(Severity::Info), Outcome::Done);
        assert_eq!(Tally { changed: 1, ..shown }.outcome(Severity::Error), Outcome::Findings);
        assert_eq!(Tally { worst, ..Tally::default() }.outcome(Severity::Error), Outcome::Findings);
        assert_eq!(Tally { worst, unread: 1, ..Tally::default() }.outcome(Severity::Error), Outcome::Unread);
    }
}
