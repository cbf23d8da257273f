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
