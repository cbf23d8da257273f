//! Which findings are wanted, and how bad each is to whoever runs the judge. Whether a document may be stored is never
//! decided here: `Diagnostic::blocks_storing` goes by what the rules say.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::diagnostic::{Code, Diagnostic, Severity};

/// Which findings are wanted, and how bad they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these rules; all when empty.
    pub select: Vec<Code>,
    /// Not these rules, whatever else is said of them.
    pub ignore: Vec<Code>,
    /// How bad the findings of some rules are, instead of what the rules say.
    pub severities: BTreeMap<Code, Level>,
}

/// How bad findings are to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Not worth telling.
    Off,
    /// As bad as this.
    As(Severity),
}

impl Level {
    /// All of them, by their words.
    pub const ALL: [(&'static str, Self); 4] = [
        (Severity::Error.as_str(), Self::As(Severity::Error)),
        (Severity::Warning.as_str(), Self::As(Severity::Warning)),
        (Severity::Info.as_str(), Self::As(Severity::Info)),
        ("off", Self::Off),
    ];
}

impl FromStr for Level {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|(word, _)| *word == text);
        known
            .map(|(_, level)| level)
            .ok_or_else(|| format!("{text:?} is no severity; write error, warning, info or off"))
    }
}

impl Options {
    /// Takes levels for sets of rules. Where sets overlap the smaller one counts: a rule before its family.
    pub fn set_levels(&mut self, mut levels: Vec<(Vec<Code>, Level)>) {
        levels.sort_by_key(|(codes, _)| std::cmp::Reverse(codes.len()));
        let each =
            levels.into_iter().flat_map(|(codes, level)| codes.into_iter().map(move |code| (code, level)));
        self.severities = each.collect();
    }

    /// Whether findings of a rule are told.
    #[must_use]
    pub fn wants(&self, code: Code) -> bool {
        (self.select.is_empty() || self.select.contains(&code))
            && !self.ignore.contains(&code)
            && self.severities.get(&code) != Some(&Level::Off)
    }

    /// Leaves out what is not wanted, and says of the rest how bad it is.
    pub fn apply(&self, found: &mut Vec<Diagnostic>) {
        found.retain(|one| self.wants(one.code));
        for one in found {
            if let Some(Level::As(severity)) = self.severities.get(&one.code)
                && *severity != one.severity
            {
                one.own_severity.get_or_insert(one.severity);
                one.severity = *severity;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Span, rules};

    #[test]
    fn a_rule_goes_before_its_family_in_any_order() {
        let named = |word: &str, level: &str| (rules(word).unwrap(), level.parse().unwrap());
        let mut options = Options::default();
        options.set_levels(vec![named("SEC405", "error"), named("SEC", "off"), named("SEC40", "info")]);
        assert_eq!(options.severities.get(&Code::SEC405), Some(&Level::As(Severity::Error)));
        assert_eq!(options.severities.get(&Code::SEC404), Some(&Level::As(Severity::Info)));
        assert_eq!(options.severities.get(&Code::SEC410), Some(&Level::Off));
        assert_eq!(options.severities.get(&Code::SYN001), None);
        assert!("fatal".parse::<Level>().is_err());
    }

    #[test]
    fn what_blocks_storing_is_not_loosened() {
        let mut options = Options::default();
        options.set_levels(vec![
            (vec![Code::SEC405], Level::As(Severity::Info)),
            (vec![Code::CNT208], Level::As(Severity::Error)),
        ]);
        let new = |code, severity| Diagnostic::new(code, severity, Span { start: 0, end: 0 }, "");
        let mut found = vec![new(Code::SEC405, Severity::Error), new(Code::CNT208, Severity::Warning)];
        for _ in 0..2 {
            options.apply(&mut found);
            let told: Vec<_> = found.iter().map(|one| (one.severity, one.blocks_storing())).collect();
            assert_eq!(told, [(Severity::Info, true), (Severity::Error, false)]);
        }
    }
}
