//! Entries of a history, aliases and namespaces as JSON.

use serde::Serialize;

use super::moment;
use super::persona::{Origin, origin};
use crate::wire::pb;
use crate::wire::pb::persona_version::Type;

/// One entry of a persona's history.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Version {
    r#type: &'static str,
    namespace: String,
    name: String,
    version: i64,
    revision: i64,
    create_time: Option<String>,
    actor: String,
    message: String,
    digest: Option<String>,
    etag: Option<String>,
    size_bytes: i32,
    aliases: Vec<String>,
    origin: Option<Origin>,
}

impl Version {
    pub(in crate::cli) fn new(entry: pb::PersonaVersion, namespace: &str, name: &str) -> Self {
        let r#type = match entry.r#type() {
            Type::Unspecified => "unknown",
            Type::Version => "version",
            Type::Purged => "purged",
            Type::Deletion => "deletion",
        };
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            r#type,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: entry.version,
            revision: entry.revision,
            create_time: entry.create_time.map(moment),
            actor: entry.actor,
            message: entry.message,
            digest: given(entry.digest),
            etag: given(entry.etag),
            size_bytes: entry.size_bytes,
            aliases: entry.aliases,
            origin: entry.origin.and_then(origin),
        }
    }
}

/// A movable pointer to a version.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Alias {
    namespace: String,
    name: String,
    alias: String,
    version: i64,
    revision: i64,
    update_time: Option<String>,
    actor: String,
    message: String,
}

impl From<pb::PersonaAlias> for Alias {
    fn from(alias: pb::PersonaAlias) -> Self {
        Self {
            namespace: alias.namespace,
            name: alias.name,
            alias: alias.alias,
            version: alias.version,
            revision: alias.revision,
            update_time: alias.update_time.map(moment),
            actor: alias.actor,
            message: alias.message,
        }
    }
}

/// A namespace, and how many personas are in it.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Namespace {
    namespace: String,
    personas: i64,
}

impl From<pb::list_namespaces_response::Namespace> for Namespace {
    fn from(listed: pb::list_namespaces_response::Namespace) -> Self {
        Self { namespace: listed.namespace, personas: listed.personas }
    }
}
