//! Settings of the command line as a client: where the registry is.

use crate::config::kind::{self, Kind};
use crate::config::setting::{Fallback, Section, Setting};

pub(super) const SERVER: Setting = Setting {
    section: Section::Client,
    key: "server",
    flag: "server",
    variable: "PERSONA_SERVER",
    kind: Kind::Server,
    default: Fallback::Text("http://127.0.0.1:50051"),
    help: "Where the registry is, https:// for TLS; scheme and port may be left out",
    example: "",
    set: |config, given| given.one(kind::server).map(|it| config.server = it),
};

pub(super) const NAMESPACE: Setting = Setting {
    section: Section::Client,
    key: "namespace",
    flag: "namespace",
    variable: "PERSONA_NAMESPACE",
    kind: Kind::Namespace,
    default: Fallback::Text("default"),
    help: "The namespace that commands work in",
    example: "",
    set: |config, given| given.one(kind::namespace).map(|it| config.namespace = it),
};

pub(super) const CONNECT_TIMEOUT: Setting = Setting {
    section: Section::Client,
    key: "connect-timeout",
    flag: "connect-timeout",
    variable: "PERSONA_CONNECT_TIMEOUT",
    kind: Kind::Seconds,
    default: Fallback::Text("3"),
    help: "Seconds that connecting may take",
    example: "",
    set: |config, given| given.one(kind::seconds_above_0).map(|it| config.client.connect_timeout = it),
};
