//! The parts of an error's sentence that depend on what it holds.

use super::{Rejected, Unreadable, Violation};
use crate::domain::{Alias, Denied, Etag, Missing, Name, Permission, Role, Version};

pub(super) fn violations_text(violations: &[Violation]) -> String {
    let texts: Vec<_> = violations.iter().map(|one| format!("{}: {}", one.field, one.description)).collect();
    texts.join("; ")
}

pub(super) fn invalid_text(rejected: &Rejected) -> String {
    let blocking: Vec<_> = rejected.diagnostics.iter().filter(|found| found.blocks_storing()).collect();
    let first = blocking.first().map(|found| format!(", first {}: {}", found.code, found.message));
    let noun = if blocking.len() == 1 { "finding blocks" } else { "findings block" };
    format!("{} {noun} storing{}", blocking.len(), first.unwrap_or_default())
}

pub(super) fn names_text(names: &[Name], count: usize) -> String {
    let listed: Vec<_> = names.iter().map(Name::as_str).collect();
    let more = if count > names.len() { ", …" } else { "" };
    format!("{}{more}", listed.join(", "))
}

pub(super) fn version_text(cause: Unreadable, version: Version, last_version: Version) -> String {
    match cause {
        Unreadable::Never => format!("has no version {version}; the last one is {last_version}"),
        Unreadable::Later => format!("had no version {version} yet at the revision asked for"),
        Unreadable::Pruned => format!("has no version {version} any more: it was pruned with old history"),
        Unreadable::Purged => format!("has no version {version} any more: it was purged"),
    }
}

pub(super) fn alias_text(current: Version) -> String {
    if current.0 == 0 { "there is none".to_owned() } else { format!("it names version {current}") }
}

pub(super) fn denied_text(denied: &Denied) -> String {
    let Missing { permission, namespace, alias } = &*denied.missing;
    let role = Role::ALL.into_iter().find(|role| role.allows(*permission)).unwrap_or(Role::Admin);
    let place = match namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None if *permission == Permission::Administer => "in every namespace".to_owned(),
        None => "in any namespace".to_owned(),
    };
    let what = match alias {
        Some(alias) => format!("move the protected alias {alias} {place}"),
        None => format!("{permission} {place}"),
    };
    format!("{} may not {what}; whoever runs the registry can grant the role {role} there", denied.principal)
}

pub(super) fn use_text(aliases: &[Alias]) -> String {
    if aliases.is_empty() {
        return "it is the newest one; put another version or delete the persona first".to_owned();
    }
    let listed: Vec<_> = aliases.iter().map(Alias::as_str).collect();
    format!("alias {} names it; move it first", listed.join(", "))
}

pub(super) fn deleted_text(last_version: &Option<Version>) -> String {
    let text = |last| format!(" now: it was deleted; its versions up to {last} are still read by number");
    last_version.map(text).unwrap_or_default()
}

pub(super) fn current_text(current: &Option<Etag>) -> String {
    current.map_or_else(|| "there is none".to_owned(), |etag| format!("it is at {etag}"))
}
