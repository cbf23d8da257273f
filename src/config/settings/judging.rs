//! Settings of what `persona validate` and editors are told. A registry's own judgement has none.

use crate::config::kind::{self, Kind};
use crate::config::setting::{Fallback, Section, Setting};

pub(super) const SELECT: Setting = Setting {
    section: Section::Validate,
    key: "select",
    flag: "select",
    variable: "PERSONA_SELECT",
    kind: Kind::Rules,
    default: Fallback::Words("all"),
    help: "Tell findings of these rules only: codes, beginnings of codes such as SEC, or names",
    example: "SEC",
    set: |config, given| given.each(kind::rules).map(|it| config.judging.select = it.concat()),
};

pub(super) const IGNORE: Setting = Setting {
    section: Section::Validate,
    key: "ignore",
    flag: "ignore",
    variable: "PERSONA_IGNORE",
    kind: Kind::Rules,
    default: Fallback::Words("none"),
    help: "Tell no findings of these rules; goes before select",
    example: "SCH108",
    set: |config, given| given.each(kind::rules).map(|it| config.judging.ignore = it.concat()),
};

pub(super) const SEVERITY: Setting = Setting {
    section: Section::Validate,
    key: "severity",
    flag: "severity",
    variable: "PERSONA_SEVERITY",
    kind: Kind::Severities,
    default: Fallback::Words("what the rules say"),
    help: "How bad findings of some rules are here: error, warning, info or off; a rule goes before its family. Whether a \
           registry takes a document is not changed by it",
    example: "CNT208=info",
    set: |config, given| given.each(kind::severity).map(|it| config.judging.set_levels(it)),
};

/// Waivers are the registry's that takes the folders in; `persona validate` and editors go by them too.
pub(super) const WAIVERS: Setting = Setting {
    section: Section::Serve,
    key: "waivers",
    flag: "waiver",
    variable: "PERSONA_WAIVERS",
    kind: Kind::Waivers,
    default: Fallback::Words("none"),
    help: "Findings that files of the folders may carry: the rule, the digest of the file that it holds for, and why",
    example: "SEC405 sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 An example key",
    set: |config, given| given.each(kind::waiver).map(|it| config.options.seeding.waivers = it.into()),
};
