//! What a setting may hold: how it is written in each layer, and how it is read. Every reader says what would be right.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::diagnostic::{self, Code, did_you_mean};
use crate::document::named;
use crate::domain::{BoundWaiver, Digest, Namespace, Waiver, limits};
use crate::edge::cors::Origin;
use crate::seed::Source;
use crate::validate::Level;

/// What a setting may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An IP address with a port.
    Address,
    /// A folder.
    Folder,
    /// A file.
    File,
    /// Folders of personas, each as `DIR` or `NAMESPACE=DIR`.
    Sources,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Yes or no.
    Switch,
    /// A whole number, with what it counts.
    Number(&'static str),
    /// A number of seconds, fractions allowed.
    Seconds,
    /// Address of a registry.
    Server,
    /// A namespace.
    Namespace,
    /// Origins of web pages.
    Origins,
    /// Name or IP address of a host.
    Host,
    /// Findings that documents may carry, each as `RULE DIGEST REASON`.
    Waivers,
    /// Rules of the judge.
    Rules,
    /// Rules of the judge, each with how bad its findings are: `RULE=SEVERITY`, in the file a table.
    Severities,
}

impl Kind {
    /// Whether it holds several values.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(self, Self::Sources | Self::Origins | Self::Rules | Self::Waivers | Self::Severities)
    }

    /// What help calls a value of it.
    #[must_use]
    pub fn value_name(self) -> &'static str {
        match self {
            Self::Address => "ADDR",
            Self::Folder => "DIR",
            Self::File => "FILE",
            Self::Sources => "[NAMESPACE=]DIR",
            Self::Choice(_) => "WORD",
            Self::Switch => "BOOL",
            Self::Number(unit) => unit,
            Self::Seconds => "SECONDS",
            Self::Server => "URL",
            Self::Namespace => "NS",
            Self::Origins => "ORIGIN",
            Self::Host => "NAME",
            Self::Waivers => "RULE DIGEST REASON",
            Self::Rules => "RULE,…",
            Self::Severities => "RULE=SEVERITY,…",
        }
    }

    /// How it is written in the file.
    #[must_use]
    pub fn in_toml(self) -> &'static str {
        match self {
            Self::Sources | Self::Origins | Self::Rules | Self::Waivers => {
                "an array of texts, such as [\"a\", \"b\"]"
            }
            Self::Severities => "a table, such as {CNT208 = \"info\", SEC = \"error\"}",
            Self::Switch => "true or false, without quotes",
            Self::Number(_) => "a whole number, without quotes",
            Self::Seconds => "a number of seconds, without quotes",
            Self::Address
            | Self::Folder
            | Self::File
            | Self::Choice(_)
            | Self::Server
            | Self::Namespace
            | Self::Host => "a text in quotes",
        }
    }

    /// The value of a variable as texts: lists are parted.
    pub(super) fn part(self, text: &str) -> Vec<String> {
        let parts: Vec<String> = match self {
            Self::Sources => {
                std::env::split_paths(text).map(|path| path.to_string_lossy().into_owned()).collect()
            }
            Self::Origins | Self::Rules | Self::Severities => {
                text.split(',').map(|part| part.trim().to_owned()).collect()
            }
            Self::Waivers => text.lines().map(|part| part.trim().to_owned()).collect(),
            _ => return vec![text.to_owned()],
        };
        parts.into_iter().filter(|part| !part.is_empty()).collect()
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// The longest time that a setting may name: a year. Clocks overflow somewhere beyond.
const MOST_SECONDS: f64 = 31_536_000.0;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no IP address with a port, such as 127.0.0.1:50051; port 0 is any free one")
    })
}

pub(super) fn folder(text: &str) -> Result<std::path::PathBuf, String> {
    if text.is_empty() { Err("the folder is missing".to_owned()) } else { Ok(text.into()) }
}

pub(super) fn file(text: &str) -> Result<std::path::PathBuf, String> {
    if text.is_empty() { Err("the file is missing".to_owned()) } else { Ok(text.into()) }
}

/// A name or an IP address, without anything around it.
pub(super) fn host(text: &str) -> Result<String, String> {
    if crate::client::is_server_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is neither the name of a host nor an IP address, such as registry.example"))
}

pub(super) fn source(text: &str) -> Result<Source, String> {
    let (namespace, dir) = match text.split_once('=') {
        None => (Namespace::default(), text),
        Some((name, dir)) => (namespace(name)?, dir),
    };
    if dir.is_empty() {
        return Err(format!("{text:?} lacks the folder; write DIR or NAMESPACE=DIR"));
    }
    Ok(Source { namespace, dir: dir.into() })
}

pub(super) fn namespace(text: &str) -> Result<Namespace, String> {
    named(text)
}

pub(super) fn server(text: &str) -> Result<crate::client::Server, String> {
    text.parse().map_err(|error| format!("{error}"))
}

pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let words = || choices.iter().map(|(word, _)| *word);
    let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known = words().collect::<Vec<_>>().join(", ");
        let near = did_you_mean(text, words()).map(|near| format!("; {near}")).unwrap_or_default();
        format!("{text:?} is none of: {known}{near}")
    })
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => text.parse().map_err(|_| format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn number(text: &str, least: u64) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| *number >= least)
        .ok_or_else(|| format!("{text:?} is no whole number from {least} on"))
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|number| (0.0..=MOST_SECONDS).contains(number))
        .and_then(|number| Duration::try_from_secs_f64(number).ok())
        .ok_or_else(|| format!("{text:?} is no number of seconds from 0 to {MOST_SECONDS}, such as 3 or 0.5"))
}

pub(super) fn seconds_above_0(text: &str) -> Result<Duration, String> {
    let span = seconds(text)?;
    if span.is_zero() {
        Err(format!("{text:?} leaves no time at all; write a number above 0"))
    } else {
        Ok(span)
    }
}

/// A rule whose findings may be waived, the digest of the document, and why.
pub(super) fn waiver(text: &str) -> Result<BoundWaiver, String> {
    // Words may be apart by more than one blank; the reason is all that is left.
    let word = |text: &str| {
        let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        (word.to_owned(), rest.trim().to_owned())
    };
    let (rule, rest) = word(text);
    let (digest, reason) = word(&rest);
    if !Code::ALL.iter().any(|code| code.as_str() == rule && code.rule().waivable) {
        return Err(format!("{text:?} begins with no rule whose findings may be waived"));
    }
    let digest = Digest::parse(&digest).ok_or_else(|| {
        format!("{text:?} lacks the document's digest behind the rule: sha256: and 64 digits, as sha256sum has them")
    })?;
    if reason.is_empty() || reason.len() > limits::WAIVER_BYTES {
        return Err(format!("{text:?} says no reason, in at most {} bytes", limits::WAIVER_BYTES));
    }
    Ok(BoundWaiver { digest, waiver: Waiver { rule, reason } })
}

/// An origin as browsers write it.
pub(super) fn origin(text: &str) -> Result<String, String> {
    text.parse::<Origin>().map(|origin| origin.to_string()).map_err(|error| error.to_string())
}

pub(super) fn rules(text: &str) -> Result<Vec<Code>, String> {
    diagnostic::rules(text).map_err(|error| error.to_string())
}

pub(super) fn severity(text: &str) -> Result<(Vec<Code>, Level), String> {
    let Some((word, level)) = text.split_once('=') else {
        return Err(format!("{text:?} lacks the severity; write RULE=SEVERITY, such as CNT208=info"));
    };
    Ok((rules(word.trim())?, choice(level.trim(), &Level::ALL)?))
}

impl fmt::Display for LogFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_name_its_namespace() {
        let ops = source("ops=team/personas").unwrap();
        assert_eq!((ops.namespace.as_str(), ops.id().as_str()), ("ops", "ops=team/personas"));
        assert_eq!(source("personas").unwrap().id().as_str(), "default=personas");
        assert!(source("Ops=x").is_err() && source("ops=").is_err());
    }

    #[test]
    fn seconds_are_numbers_within_a_year() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for bad in ["-1", "NaN", "inf", "x", "1e400", "30s", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!(seconds_above_0("0").is_err() && seconds_above_0("0.001").is_ok());
    }

    #[test]
    fn words_are_offered_when_one_is_near() {
        let choices = [("strict", 1), ("relaxed", 2)];
        assert_eq!(choice("relaxed", &choices), Ok(2));
        let told = choice("strikt", &choices).unwrap_err();
        assert_eq!(told, "\"strikt\" is none of: strict, relaxed; did you mean `strict`?");
    }

    #[test]
    fn a_waiver_names_rule_digest_and_reason() {
        let digest = Digest::of(b"document");
        let bound = waiver(&format!("SEC405  {digest} an example, and no key")).unwrap();
        assert_eq!((bound.digest, bound.waiver.rule.as_str()), (digest, "SEC405"));
        assert_eq!(bound.waiver.reason, "an example, and no key");
        let bad = ["", "SEC405", "SEC405 why", &format!("SEC405 {digest}"), &format!("SYN001 {digest} why")];
        for bad in bad.into_iter().chain([format!("SEC405 {} why", &digest.to_string()[..70]).as_str()]) {
            assert!(waiver(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_hold_lists_too() {
        assert_eq!(Kind::Sources.part("a:ops=b:"), ["a", "ops=b"]);
        assert_eq!(Kind::Origins.part("https://a:1, http://b"), ["https://a:1", "http://b"]);
        assert_eq!(Kind::Rules.part("SYN, SEC405,"), ["SYN", "SEC405"]);
        assert_eq!(Kind::Folder.part("a:b"), ["a:b"]);
    }

    #[test]
    fn rules_have_severities() {
        let off = severity("CNT208=off").unwrap();
        assert_eq!(off, (vec![Code::CNT208], Level::Off));
        let told = |text: &str| severity(text).unwrap_err();
        assert!(told("CNT208").contains("RULE=SEVERITY"));
        assert_eq!(
            told("CNT208=warn"),
            "\"warn\" is none of: error, warning, info, off; did you mean `warning`?"
        );
        assert_eq!(
            told("CNT288=off"),
            "\"CNT288\" names no rule; did you mean `CNT208` or `CNT201` or `CNT202`?"
        );
    }
}
