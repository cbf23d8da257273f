//! One record of the log, and the JSON of it: fields that say nothing are left out.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{chain, moment};
use crate::domain::{Digest, Timestamp};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// A persona was created or given a new version, by a call or by a folder.
    #[serde(rename = "put")]
    Put,
    /// A persona was deleted.
    #[serde(rename = "delete")]
    Delete,
    /// An alias was pointed at a version.
    #[serde(rename = "alias.set")]
    AliasSet,
    /// An alias was removed.
    #[serde(rename = "alias.delete")]
    AliasDelete,
    /// The bytes of a version were removed for good.
    #[serde(rename = "purge")]
    Purge,
    /// The floor of history was raised.
    #[serde(rename = "compact")]
    Compact,
    /// A folder was found to hold what the registry holds, or to have a file no more: nothing but that note was written.
    #[serde(rename = "import")]
    Import,
    /// A write with a request id changed nothing: its answer was recorded.
    #[serde(rename = "unchanged")]
    Unchanged,
    /// A call was refused.
    #[serde(rename = "refused")]
    Refused,
    /// The configuration was changed.
    #[serde(rename = "config")]
    Config,
    /// A document was let in with a finding of a rule.
    #[serde(rename = "waiver")]
    Waiver,
    /// The server started.
    #[serde(rename = "start")]
    Start,
    /// The server was told to stop.
    #[serde(rename = "stop")]
    Stop,
    /// This log begins.
    #[serde(rename = "log.begun")]
    LogBegun,
    /// The oldest file of the log went.
    #[serde(rename = "log.removed")]
    LogRemoved,
    /// An unfinished line was cut from the end of the log.
    #[serde(rename = "log.cut")]
    LogCut,
    /// The log was found damaged, and goes on behind the damage.
    #[serde(rename = "log.broken")]
    LogBroken,
    /// Commits are known of which the log or the journal has nothing.
    #[serde(rename = "log.lost")]
    LogLost,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Put,
        Self::Delete,
        Self::AliasSet,
        Self::AliasDelete,
        Self::Purge,
        Self::Compact,
        Self::Import,
        Self::Unchanged,
        Self::Refused,
        Self::Config,
        Self::Waiver,
        Self::Start,
        Self::Stop,
        Self::LogBegun,
        Self::LogRemoved,
        Self::LogCut,
        Self::LogBroken,
        Self::LogLost,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Delete => "delete",
            Self::AliasSet => "alias.set",
            Self::AliasDelete => "alias.delete",
            Self::Purge => "purge",
            Self::Compact => "compact",
            Self::Import => "import",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Config => "config",
            Self::Waiver => "waiver",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::LogBegun => "log.begun",
            Self::LogRemoved => "log.removed",
            Self::LogCut => "log.cut",
            Self::LogBroken => "log.broken",
            Self::LogLost => "log.lost",
        }
    }
}

/// Where a record belongs among the commits: the journal's sequence, and which of the commit's records it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The commit's sequence in the journal.
    pub commit: u64,
    /// From 1.
    pub part: u32,
}

impl Place {
    /// The first record of the commit behind this one.
    #[must_use]
    pub const fn behind(commit: u64) -> Self {
        Self { commit: commit.saturating_add(1), part: 1 }
    }
}

/// One thing that happened. Texts that are empty and numbers that are 0 say nothing, unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in the log, from 1, without a gap.
    pub seq: u64,
    /// When it happened. Never before the record before it.
    #[serde(serialize_with = "print_time", deserialize_with = "parse_time")]
    pub time: Timestamp,
    /// What happened.
    pub action: Action,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub principal: String,
    /// The call's `x-request-id`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call_id: String,
    /// The journal's sequence of the commit that it tells of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub commit: u64,
    /// Which of the commit's records it is, from 1; none: it is the only one.
    #[serde(default, skip_serializing_if = "is_none")]
    pub part: u32,
    /// How many records the commit has; none: one.
    #[serde(default, skip_serializing_if = "is_none")]
    pub parts: u32,
    /// The revision of the change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// The persona's namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The persona.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The version made, purged, or last there was before a deletion.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u64,
    /// The alias that was moved.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// Digest of what was live before, of the version purged, or of what was configured before.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digest")]
    pub before: Option<Digest>,
    /// Digest of what is live after, or of what is configured now.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digest")]
    pub after: Option<Digest>,
    /// The version that the alias named before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before_version: u64,
    /// The version that the alias names now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_version: u64,
    /// Aliases that went with a deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The folder that wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The file in the folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What the writer said about the change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The method that was refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// Why, as the contract's reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The caller's address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub peer: String,
    /// Refused calls that were counted and not written since the record of one before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
    /// The floor after it was raised.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: u64,
    /// The last commit that the log has nothing of: it goes on with the one behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// What was configured, or the file of the log that it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// The last hash of a file that went.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_hash: String,
    /// More about it, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Record {
    /// A record that says no more than what happened. The log gives it its number.
    #[must_use]
    pub fn of(action: Action) -> Self {
        let text = String::new;
        Self {
            seq: 0,
            time: Timestamp(0),
            action,
            principal: text(),
            call_id: text(),
            commit: 0,
            part: 0,
            parts: 0,
            revision: 0,
            namespace: text(),
            name: text(),
            version: 0,
            alias: text(),
            before: None,
            after: None,
            before_version: 0,
            after_version: 0,
            aliases: Vec::new(),
            source: text(),
            path: text(),
            message: text(),
            method: text(),
            reason: text(),
            peer: text(),
            suppressed: 0,
            floor: 0,
            through: None,
            what: text(),
            last_hash: text(),
            detail: text(),
        }
    }

    /// Where it belongs among the commits; none where it tells of none.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        (self.commit > 0).then(|| Place { commit: self.commit, part: self.part.max(1) })
    }

    /// Where the record behind it belongs.
    pub(super) fn next_place(&self) -> Option<Place> {
        let place = self.place()?;
        Some(match place.part < self.parts {
            true => Place { part: place.part + 1, ..place },
            false => Place::behind(place.commit),
        })
    }
}

/// Serde hands over a reference.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_none(number: &u32) -> bool {
    *number == 0
}

fn print_time<S: Serializer>(time: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&moment::print(*time))
}

fn parse_time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    moment::parse(&text).ok_or_else(|| serde::de::Error::custom("no moment"))
}

/// `sha256:` and 64 hex digits.
mod digest {
    use super::{Deserialize as _, Deserializer, Digest, Serializer, chain};

    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, out: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => out.serialize_str(&format!("sha256:{}", chain::hex(&digest.0))),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Digest>, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = text.strip_prefix("sha256:").and_then(|digits| chain::unhex(digits.as_bytes()));
        bytes.map(|bytes| Some(Digest(bytes))).ok_or_else(|| serde::de::Error::custom("no digest"))
    }
}
