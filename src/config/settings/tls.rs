//! Settings of secure connections, of the server and of its clients.

use super::super::kind::{self, Kind};
use super::super::setting::{Fallback, Section, Setting};
use crate::server::tls::ClientAuth;

const CLIENT_AUTH: &[(&str, ClientAuth)] =
    &[("none", ClientAuth::None), ("optional", ClientAuth::Optional), ("required", ClientAuth::Required)];

pub(super) const CERT: Setting = Setting {
    section: Section::Serve,
    key: "tls-cert",
    flag: "tls-cert",
    variable: "PERSONA_TLS_CERT",
    kind: Kind::File,
    default: Fallback::Words("none: connections are plain"),
    help: "Turn TLS on with this certificate, followed by those between it and its authority (PEM). Its file may change while \
           the server runs",
    example: "server.pem",
    set: |config, given| given.one(kind::file).map(|it| config.tls.cert = Some(it)),
};

pub(super) const KEY: Setting = Setting {
    section: Section::Serve,
    key: "tls-key",
    flag: "tls-key",
    variable: "PERSONA_TLS_KEY",
    kind: Kind::File,
    default: Fallback::Words("none"),
    help: "The private key of --tls-cert (PEM, not encrypted)",
    example: "server-key.pem",
    set: |config, given| given.one(kind::file).map(|it| config.tls.key = Some(it)),
};

pub(super) const CLIENT_CA: Setting = Setting {
    section: Section::Serve,
    key: "tls-client-ca",
    flag: "tls-client-ca",
    variable: "PERSONA_TLS_CLIENT_CA",
    kind: Kind::File,
    default: Fallback::Words("none"),
    help: "The authorities of client certificates (PEM)",
    example: "ca.pem",
    set: |config, given| given.one(kind::file).map(|it| config.tls.client_ca = Some(it)),
};

pub(super) const AUTH: Setting = Setting {
    section: Section::Serve,
    key: "tls-client-auth",
    flag: "tls-client-auth",
    variable: "PERSONA_TLS_CLIENT_AUTH",
    kind: Kind::Choice(&["none", "optional", "required"]),
    default: Fallback::Words("required with tls-client-ca, else none"),
    help: "Whether clients show a certificate: none asks for none, optional refuses bad ones, required wants a good one",
    example: "optional",
    set: |config, given| {
        given.one(|text| kind::choice(text, CLIENT_AUTH)).map(|it| config.tls.client_auth = Some(it))
    },
};

pub(super) const RELOAD: Setting = Setting {
    section: Section::Serve,
    key: "tls-reload",
    flag: "tls-reload",
    variable: "PERSONA_TLS_RELOAD",
    kind: Kind::Seconds,
    default: Fallback::Text("10"),
    help: "How often the files of TLS are looked at for a change, in seconds",
    example: "",
    set: |config, given| given.one(kind::seconds_above_0).map(|it| config.tls.reload = it),
};

pub(super) const INSECURE: Setting = Setting {
    section: Section::Serve,
    key: "insecure",
    flag: "insecure",
    variable: "PERSONA_INSECURE",
    kind: Kind::Switch,
    default: Fallback::Text("false"),
    help: "Listen without TLS where other machines reach it, for networks that are trusted and servers behind something that \
           does TLS",
    example: "",
    set: |config, given| given.one(kind::switch).map(|it| config.options.insecure = it),
};

pub(super) const AGE: Setting = Setting {
    section: Section::Serve,
    key: "connection-age",
    flag: "connection-age",
    variable: "PERSONA_CONNECTION_AGE",
    kind: Kind::Seconds,
    default: Fallback::Text("3600"),
    help: "Have clients make a new connection after so many seconds, more or less by a tenth, as load balancers and new \
           certificates want it; calls that run go on. 0: never",
    example: "",
    set: |config, given| {
        given.one(kind::seconds).map(|it| config.options.connection_age = (!it.is_zero()).then_some(it))
    },
};

pub(super) const AGE_GRACE: Setting = Setting {
    section: Section::Serve,
    key: "connection-age-grace",
    flag: "connection-age-grace",
    variable: "PERSONA_CONNECTION_AGE_GRACE",
    kind: Kind::Seconds,
    default: Fallback::Text("0"),
    help: "Cut what still runs on a connection so many seconds after its age, watch streams too. 0: never",
    example: "",
    set: |config, given| {
        let grace = &mut config.options.connection_age_grace;
        given.one(kind::seconds).map(|it| *grace = (!it.is_zero()).then_some(it))
    },
};

pub(super) const CA_CERT: Setting = Setting {
    section: Section::Client,
    key: "ca-cert",
    flag: "ca-cert",
    variable: "PERSONA_CA_CERT",
    kind: Kind::File,
    default: Fallback::Words("the authorities that this machine trusts"),
    help: "The authorities of the registry's certificate (PEM), for an address with https://",
    example: "ca.pem",
    set: |config, given| given.one(kind::file).map(|it| config.client.tls.ca_cert = Some(it)),
};

pub(super) const CLIENT_CERT: Setting = Setting {
    section: Section::Client,
    key: "client-cert",
    flag: "client-cert",
    variable: "PERSONA_CLIENT_CERT",
    kind: Kind::File,
    default: Fallback::Words("none"),
    help: "The certificate to show to a registry that asks for one (PEM)",
    example: "client-dev.pem",
    set: |config, given| given.one(kind::file).map(|it| config.client.tls.client_cert = Some(it)),
};

pub(super) const CLIENT_KEY: Setting = Setting {
    section: Section::Client,
    key: "client-key",
    flag: "client-key",
    variable: "PERSONA_CLIENT_KEY",
    kind: Kind::File,
    default: Fallback::Words("none"),
    help: "The private key of --client-cert (PEM, not encrypted)",
    example: "client-dev-key.pem",
    set: |config, given| given.one(kind::file).map(|it| config.client.tls.client_key = Some(it)),
};

pub(super) const SERVER_NAME: Setting = Setting {
    section: Section::Client,
    key: "tls-server-name",
    flag: "tls-server-name",
    variable: "PERSONA_TLS_SERVER_NAME",
    kind: Kind::Host,
    default: Fallback::Words("the host of the address"),
    help: "The name that the registry's certificate must be for",
    example: "registry.example",
    set: |config, given| given.one(kind::host).map(|it| config.client.tls.server_name = Some(it)),
};
