//! API tokens: made once, kept hashed, revoked by name. They live in one file, which is read again when it changes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::identity::{Cause, Identity, Proof};
use crate::domain::{Digest, Grant, Principal, Timestamp};

/// What every token begins with, so that scanners know one when they see it.
const PREFIX: &str = "prsn_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// Bytes of a secret's digest by which nearly every wrong one is told apart without the slow hash.
const CHECK_BYTES: usize = 4;
/// Bytes of the file at most.
const FILE_BYTES: u64 = 16 * 1024 * 1024;
const FORMAT: u32 = 1;

/// A token as the file has it: nothing in it lets anybody call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// The part of the token that tells which one it is.
    pub id: String,
    /// What it is called: its principal is `token:NAME`.
    pub name: String,
    /// What it grants, each as `ROLE@NAMESPACE,…`.
    pub grants: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub create_time: i64,
    /// When it ends, in seconds since 1970; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_time: Option<i64>,
    /// When it was revoked, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_time: Option<i64>,
    check: String,
    hash: String,
}

impl ApiToken {
    fn expires(&self) -> Option<Timestamp> {
        self.expire_time.map(|seconds| Timestamp(seconds.saturating_mul(1_000_000)))
    }

    /// Whether it lets anybody in.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none() && self.expires().is_none_or(|at| at > now)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    tokens: Vec<ApiToken>,
}

/// Why tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no file of tokens.
    #[error("{path} is no file of tokens: {problem}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A live token has the name.
    #[error("there is a token {0} already; revoke it first, or choose another name")]
    Exists(String),
    /// No live token has the name.
    #[error("there is no token {0}")]
    Unknown(String),
    /// The machine gives no random bytes, or cannot hash.
    #[error("no token can be made: {0}")]
    Crypto(String),
}

/// All tokens, by id.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ApiTokens(BTreeMap<String, ApiToken>);

impl ApiTokens {
    /// Reads the file; none there means no tokens.
    ///
    /// # Errors
    /// It cannot be read, or is no file of tokens.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let io = |source| TokenError::Io { path: path.to_owned(), source };
        let damaged = |problem: String| TokenError::Damaged { path: path.to_owned(), problem };
        let mut text = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(FILE_BYTES).read_to_end(&mut text).map_err(io)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
        };
        let content: Content = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if content.format != FORMAT {
            return Err(damaged(format!("it has format {}; this program knows {FORMAT}", content.format)));
        }
        for token in &content.tokens {
            for grant in &token.grants {
                grant.parse::<Grant>().map_err(|problem| damaged(format!("{}: {problem}", token.name)))?;
            }
        }
        Ok(Self(content.tokens.into_iter().map(|token| (token.id.clone(), token)).collect()))
    }

    /// All of them, by name and time.
    #[must_use]
    pub fn list(&self) -> Vec<&ApiToken> {
        let mut all: Vec<_> = self.0.values().collect();
        all.sort_by_key(|token| (&token.name, token.create_time));
        all
    }

    /// Whether a token that was believed still is.
    pub(super) fn still(&self, id: &str, now: Timestamp) -> Result<(), Cause> {
        let token = self.0.get(id).ok_or(Cause::UnknownToken)?;
        match token.revoke_time {
            Some(_) => Err(Cause::Revoked),
            None if token.is_live(now) => Ok(()),
            None => Err(Cause::Expired),
        }
    }

    /// The record of a token, where its secret may be right: what is left to do takes a while, and is not done for a token
    /// that lets nobody in.
    pub(super) fn find(&self, text: &str, now: Timestamp) -> Result<Unhashed, Cause> {
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(Cause::Malformed)?;
        let token = self.0.get(id).ok_or(Cause::UnknownToken)?;
        if check(secret) != token.check {
            return Err(Cause::UnknownToken);
        }
        self.still(id, now)?;
        Ok(Unhashed { token: token.clone(), secret: secret.to_owned() })
    }
}

/// Whether a text looks like an API token.
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

fn check(secret: &str) -> String {
    let digest = Digest::of(secret.as_bytes()).0;
    digest.iter().take(CHECK_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// A token whose hash was not computed yet.
#[derive(Debug)]
pub(super) struct Unhashed {
    token: ApiToken,
    secret: String,
}

impl Unhashed {
    /// Who holds it. Takes some tens of milliseconds of a core, and so nothing that serves should do it.
    pub(super) fn verify(self) -> Result<Identity, Cause> {
        let hash = PasswordHash::new(&self.token.hash).map_err(|_| Cause::UnknownToken)?;
        Argon2::default().verify_password(self.secret.as_bytes(), &hash).map_err(|_| Cause::UnknownToken)?;
        Ok(Identity {
            principal: Principal::new(&format!("token:{}", self.token.name)),
            own: self.token.grants.iter().filter_map(|grant| grant.parse().ok()).collect(),
            expires: self.token.expires(),
            proof: Proof::ApiToken { id: self.token.id.as_str().into() },
        })
    }
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is called.
    pub name: String,
    /// What it grants.
    pub grants: Vec<Grant>,
    /// When it ends; none: never.
    pub expires: Option<Timestamp>,
}

/// Makes a token and answers it: the one time that it can be seen.
///
/// # Errors
/// A live token has the name; the file cannot be read or written.
pub fn create(path: &Path, new: &NewToken, now: Timestamp) -> Result<String, TokenError> {
    let crypto = |problem: String| TokenError::Crypto(problem);
    let (id, secret) = (random::<ID_BYTES>()?, random::<SECRET_BYTES>()?);
    let salt = SaltString::from_b64(&random::<ID_BYTES>()?).map_err(|error| crypto(error.to_string()))?;
    let hash = Argon2::default().hash_password(secret.as_bytes(), &salt);
    let token = ApiToken {
        id: id.clone(),
        name: new.name.clone(),
        grants: new.grants.iter().map(ToString::to_string).collect(),
        create_time: seconds(now),
        expire_time: new.expires.map(seconds),
        revoke_time: None,
        check: check(&secret),
        hash: hash.map_err(|error| crypto(error.to_string()))?.to_string(),
    };
    change(path, |tokens| {
        if tokens.iter().any(|other| other.name == token.name && other.is_live(now)) {
            return Err(TokenError::Exists(token.name.clone()));
        }
        tokens.push(token);
        Ok(())
    })?;
    Ok(format!("{PREFIX}{id}_{secret}"))
}

/// Revokes the live tokens of a name.
///
/// # Errors
/// There is none; the file cannot be read or written.
pub fn revoke(path: &Path, name: &str, now: Timestamp) -> Result<(), TokenError> {
    change(path, |tokens| {
        let mut live = tokens.iter_mut().filter(|token| token.name == name && token.is_live(now)).peekable();
        if live.peek().is_none() {
            return Err(TokenError::Unknown(name.to_owned()));
        }
        live.for_each(|token| token.revoke_time = Some(seconds(now)));
        Ok(())
    })
}

fn seconds(moment: Timestamp) -> i64 {
    moment.0.div_euclid(1_000_000)
}

fn random<const BYTES: usize>() -> Result<String, TokenError> {
    let mut bytes = [0; BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| TokenError::Crypto("the machine gives no random bytes".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Changes the file, one program at a time, whole or not at all. It is the owner's to read.
fn change(
    path: &Path,
    change: impl FnOnce(&mut Vec<ApiToken>) -> Result<(), TokenError>,
) -> Result<(), TokenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| TokenError::Io { path, source }
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    let (lock, new) = (path.with_extension("lock"), path.with_extension("new"));
    let held = private().create(true).append(true).open(&lock).map_err(at(&lock))?;
    held.lock().map_err(at(&lock))?;
    let mut tokens: Vec<_> = ApiTokens::load(path)?.0.into_values().collect();
    change(&mut tokens)?;
    let content = Content { format: FORMAT, tokens };
    let text = serde_json::to_vec_pretty(&content).map_err(|error| TokenError::Crypto(error.to_string()))?;
    let mut file = private().create(true).write(true).truncate(true).open(&new).map_err(at(&new))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))?;
    // A revocation that a power cut takes back would be none.
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(at(parent))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}
