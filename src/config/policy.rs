//! The table `[auth]` of the file: who is believed, and what each is granted.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::folders;
use crate::auth::{Algorithm, Issuer, KeySource, Policy, PolicyGrant};
use crate::diagnostic::{LineIndex, did_you_mean};
use crate::domain::{Grant, Pattern, Role};

/// The table's name.
pub(super) const TABLE: &str = "auth";

/// The file, as far as this reads it.
#[derive(Deserialize)]
struct File {
    auth: Option<Table>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    #[serde(default)]
    certificates: bool,
    #[serde(default)]
    open_reflection: bool,
    #[serde(default, deserialize_with = "parsed_all")]
    protected_aliases: Vec<Pattern>,
    #[serde(default)]
    issuers: Vec<IssuerTable>,
    #[serde(default)]
    grants: Vec<GrantTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct IssuerTable {
    #[serde(deserialize_with = "issuer_name")]
    name: String,
    issuer: String,
    #[serde(deserialize_with = "one_or_more")]
    audience: Vec<String>,
    #[serde(deserialize_with = "key_source")]
    keys: KeySource,
    #[serde(default = "every_algorithm", deserialize_with = "algorithms")]
    algorithms: Vec<Algorithm>,
    #[serde(default = "subject")]
    principal_claim: String,
    #[serde(default)]
    roles_claim: Option<String>,
    #[serde(default = "leeway")]
    leeway: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct GrantTable {
    #[serde(deserialize_with = "parsed_some")]
    to: Vec<Pattern>,
    #[serde(deserialize_with = "role")]
    role: Role,
    #[serde(deserialize_with = "parsed_some")]
    namespaces: Vec<Pattern>,
}

/// Seconds that clocks may be apart.
fn leeway() -> u32 {
    30
}

fn subject() -> String {
    "sub".to_owned()
}

fn every_algorithm() -> Vec<Algorithm> {
    Algorithm::ALL.to_vec()
}

/// Names of issuers that would make principals of another kind.
const TAKEN: [&str; 2] = ["token", "cert"];

fn issuer_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let is_word = !name.is_empty() && name.len() <= 32;
    let is_word = is_word
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    match is_word && !TAKEN.contains(&name.as_str()) {
        true => Ok(name),
        false => wrong(format!(
            "{name:?} is no name of an issuer: one is up to 32 lower-case letters, digits and '-', and neither token nor cert; \
             its principals begin with it"
        )),
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        More(Vec<String>),
    }
    let texts = match Texts::deserialize(from)? {
        Texts::One(text) => vec![text],
        Texts::More(texts) => texts,
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return wrong(
            "an audience is a text that is not empty; without one, tokens for other services would do",
        );
    }
    Ok(texts)
}

fn key_source<'de, D: Deserializer<'de>>(from: D) -> Result<KeySource, D::Error> {
    let text = String::deserialize(from)?;
    let Some((scheme, _)) = text.split_once("://") else { return Ok(KeySource::File(text.into())) };
    let uri: http::Uri = match text.parse() {
        Ok(uri) => uri,
        Err(error) => return wrong(format!("{text:?} is no address: {error}")),
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match scheme {
        "https" => Ok(KeySource::Url(text)),
        "http" if is_here => Ok(KeySource::Url(text)),
        "http" => wrong(format!(
            "{text:?} would bring keys that anybody on the way may change; give an https address or a file"
        )),
        _ => wrong(format!("{text:?} is no https address; keys come from one, or from a file")),
    }
}

fn algorithms<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Algorithm>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let known = |name: &String| Algorithm::ALL.into_iter().find(|known| known.as_str() == name);
    match names.iter().find(|name| known(name).is_none()) {
        Some(other) => wrong(format!("{other:?} is not taken; the algorithms are RS256, ES256 and EdDSA")),
        None if names.is_empty() => {
            wrong("no algorithm at all; leave the key out to take RS256, ES256 and EdDSA")
        }
        None => Ok(names.iter().filter_map(known).collect()),
    }
}

fn role<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().or_else(|error| {
        let near = did_you_mean(&text, Role::ALL.map(Role::as_str));
        wrong(near.map_or_else(|| format!("{error}"), |near| format!("{error}; {near}")))
    })
}

fn parsed_all<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Pattern>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| text.parse().or_else(wrong)).collect()
}

fn parsed_some<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Pattern>, D::Error> {
    let patterns = parsed_all(from)?;
    if patterns.is_empty() {
        wrong("an empty list means nobody and nothing; write \"*\" for all")
    } else {
        Ok(patterns)
    }
}

fn wrong<T, E: serde::de::Error>(message: impl Display) -> Result<T, E> {
    Err(E::custom(message))
}

/// What is wrong with the table, and where in the file.
pub(super) struct Wrong {
    pub offset: usize,
    pub message: String,
}

/// The policy that a file has; none where it has no such table. Relative paths begin at `base`.
pub(super) fn read(text: &str, base: &Path) -> Result<Option<Policy>, Wrong> {
    let file: File = toml::from_str(text).map_err(|error| Wrong {
        offset: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    let Some(table) = file.auth else { return Ok(None) };
    let mut issuers: Vec<Issuer> = Vec::new();
    for one in table.issuers {
        if let Some(other) = issuers.iter().find(|other| other.name == one.name || other.issuer == one.issuer)
        {
            let message = format!(
                "issuer {} is there twice, as {} too: names and addresses are each one's own",
                one.name, other.name
            );
            return Err(Wrong { offset: 0, message });
        }
        issuers.push(Issuer {
            keys: match one.keys {
                KeySource::File(path) => KeySource::File(placed(path, base)),
                url @ KeySource::Url(_) => url,
            },
            name: one.name,
            issuer: one.issuer,
            audiences: one.audience,
            algorithms: one.algorithms,
            principal_claim: one.principal_claim,
            roles_claim: one.roles_claim,
            leeway: Duration::from_secs(one.leeway.into()),
        });
    }
    let grants = table.grants.into_iter();
    let grants = grants
        .map(|GrantTable { to, role, namespaces }| PolicyGrant { to, grant: Grant { role, namespaces } });
    Ok(Some(Policy {
        issuers,
        certificates: table.certificates,
        open_reflection: table.open_reflection,
        grants: grants.collect(),
        protected: table.protected_aliases,
    }))
}

fn placed(path: PathBuf, base: &Path) -> PathBuf {
    if path.is_absolute() { path } else { base.join(path) }
}

/// Reads the policy of a file once more, while the server runs.
///
/// # Errors
/// What is wrong, and where.
pub fn load(path: &Path) -> Result<Policy, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let base = path.parent().map(folders::plain).unwrap_or_default();
    let policy = read(&text, &base).map_err(|Wrong { offset, message }| {
        let position = LineIndex::new(text.as_bytes()).position(offset);
        format!("{}:{}:{}: {message}", path.display(), position.line, position.column)
    })?;
    Ok(policy.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        [serve]
        listen = "127.0.0.1:1"
        [auth]
        certificates = true
        protected-aliases = ["production", "live-*"]
        [[auth.issuers]]
        name = "corp"
        issuer = "https://login.example.com"
        audience = "personas"
        keys = "keys.json"
        algorithms = ["ES256"]
        roles-claim = "realm.roles"
        [[auth.grants]]
        to = ["corp:alice", "token:*"]
        role = "writer"
        namespaces = ["payments"]
    "#;

    #[test]
    fn the_table_says_who_is_believed_and_what_each_is_granted() {
        let Ok(Some(policy)) = read(WHOLE, Path::new("/etc/persona")) else { panic!("it is whole") };
        let issuer = &policy.issuers[0];
        assert_eq!(issuer.keys, KeySource::File("/etc/persona/keys.json".into()));
        assert_eq!(
            (issuer.algorithms.as_slice(), issuer.principal_claim.as_str()),
            (&[Algorithm::Es256][..], "sub")
        );
        assert!(policy.certificates && !policy.open_reflection && policy.protected.len() == 2);
        assert_eq!(policy.grants[0].grant.to_string(), "writer@payments");
        assert!(matches!(read("[serve]\nlisten = 1", Path::new("")), Ok(None)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (from, to, word) in [
            ("writer", "owner", "no role"),
            ("\"ES256\"", "\"HS256\"", "RS256, ES256 and EdDSA"),
            ("\"ES256\"", "\"none\"", "RS256, ES256 and EdDSA"),
            ("\"corp\"", "\"token\"", "no name of an issuer"),
            ("\"personas\"", "[]", "audience"),
            ("keys.json", "http://keys.example.com/set", "anybody on the way"),
            ("[\"payments\"]", "[]", "empty list"),
            ("\"payments\"", "\"pay ments\"", "no pattern"),
            ("certificates", "certificate", "unknown field"),
        ] {
            let text = WHOLE.replace(from, to);
            let Err(wrong) = read(&text, Path::new("")) else { panic!("{to} is wrong") };
            assert!(wrong.message.contains(word), "{to}: {}", wrong.message);
            assert!(wrong.offset > 0 && wrong.offset < text.len(), "{to}: {}", wrong.offset);
        }
    }
}
