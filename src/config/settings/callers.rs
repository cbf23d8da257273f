//! Settings of who may call, and how much each may have.

use crate::config::kind::{self, Kind};
use crate::config::setting::{Fallback, Section, Setting};

pub(super) const AUTH: Setting = Setting {
    section: Section::Serve,
    key: "auth",
    flag: "auth",
    variable: "PERSONA_AUTH",
    kind: Kind::Switch,
    default: Fallback::Words("true where this file has a table [auth]"),
    help: "Whether callers must say who they are, and may do only what they are granted: `persona token create` makes \
           tokens, the table [auth] of the file says the rest",
    example: "true",
    set: |config, given| given.one(kind::switch).map(|it| config.auth = Some(it)),
};

pub(super) const CALLS_PER_SECOND: Setting = Setting {
    section: Section::Serve,
    key: "calls-per-second",
    flag: "calls-per-second",
    variable: "PERSONA_CALLS_PER_SECOND",
    kind: Kind::Number("N"),
    default: Fallback::Text("0"),
    help: "Calls a second of one caller, with authentication; so many may also come at once. 0: no limit",
    example: "",
    set: |config, given| {
        let limits = &mut config.options.limits;
        given
            .one(|text| kind::number(text, 0))
            .map(|it| limits.calls_per_second = u32::try_from(it).unwrap_or(u32::MAX))
    },
};

pub(super) const CALLS_PER_CALLER: Setting = Setting {
    section: Section::Serve,
    key: "calls-per-caller",
    flag: "calls-per-caller",
    variable: "PERSONA_CALLS_PER_CALLER",
    kind: Kind::Number("N"),
    default: Fallback::Text("1024"),
    help: "Calls of one caller in flight, with authentication. 0: no limit",
    example: "",
    set: |config, given| {
        let calls = &mut config.options.limits.concurrent_calls;
        given.one(|text| kind::number(text, 0)).map(|it| *calls = usize::try_from(it).unwrap_or(usize::MAX))
    },
};

pub(super) const STREAMS_PER_CALLER: Setting = Setting {
    section: Section::Serve,
    key: "streams-per-caller",
    flag: "streams-per-caller",
    variable: "PERSONA_STREAMS_PER_CALLER",
    kind: Kind::Number("N"),
    default: Fallback::Text("2000"),
    help: "Streams of one caller, with authentication. 0: no limit",
    example: "",
    set: |config, given| {
        let streams = &mut config.options.limits.streams;
        given.one(|text| kind::number(text, 0)).map(|it| *streams = usize::try_from(it).unwrap_or(usize::MAX))
    },
};

pub(super) const CALLS: Setting = Setting {
    section: Section::Serve,
    key: "calls",
    flag: "calls",
    variable: "PERSONA_CALLS",
    kind: Kind::Number("N"),
    default: Fallback::Text("8192"),
    help: "Calls of all callers in flight, streams apart; more are refused at once. 0: no limit",
    example: "",
    set: |config, given| {
        let calls = &mut config.options.limits.all_calls;
        given.one(|text| kind::number(text, 0)).map(|it| *calls = usize::try_from(it).unwrap_or(usize::MAX))
    },
};

pub(super) const TOKEN_FILE: Setting = Setting {
    section: Section::Client,
    key: "token-file",
    flag: "token-file",
    variable: "PERSONA_TOKEN_FILE",
    kind: Kind::File,
    default: Fallback::Words("none, or the token in the variable PERSONA_TOKEN"),
    help: "A file with the token that calls are made with; it is read again when it changes",
    example: "~/.config/persona/token",
    set: |config, given| {
        given.one(kind::folder).map(|it| config.client.token = Some(crate::client::Token::File(it)))
    },
};

pub(super) const INSECURE_TOKEN: Setting = Setting {
    section: Section::Client,
    key: "insecure-token",
    flag: "insecure-token",
    variable: "PERSONA_INSECURE_TOKEN",
    kind: Kind::Switch,
    default: Fallback::Text("false"),
    help: "Send the token to another machine without TLS too, as through a tunnel",
    example: "",
    set: |config, given| given.one(kind::switch).map(|it| config.client.insecure_token = it),
};
