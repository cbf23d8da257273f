//! The file of API tokens: made once, kept hashed, revoked by name. It is read again when it changes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, SaltString};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::api_token::{ApiToken, ApiTokens, PREFIX, check};
use crate::disk;
use crate::domain::{Grant, Timestamp, files};

const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// Bytes of the file at most.
const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Tokens in the file at most; of those that let nobody in any more the oldest go.
const TOKENS: usize = 4096;
const FORMAT: u32 = 1;

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
    /// There is no place for another one.
    #[error(
        "there are {TOKENS} live tokens, or {FILE_BYTES} bytes of them, and no more are kept; revoke some first"
    )]
    Full,
    /// The machine gives no random bytes, or cannot hash.
    #[error("no token can be made: {0}")]
    Crypto(String),
}

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
            Ok(file) => file.take(FILE_BYTES + 1).read_to_end(&mut text).map_err(io)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
        };
        if text.len() as u64 > FILE_BYTES {
            return Err(damaged(format!("it has more than {FILE_BYTES} bytes")));
        }
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
        make_room(tokens, now)?;
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

/// Forgets the oldest of those that let nobody in any more, where there are too many.
fn make_room(tokens: &mut Vec<ApiToken>, now: Timestamp) -> Result<(), TokenError> {
    while tokens.len() >= TOKENS {
        let dead = tokens.iter().enumerate().filter(|(_, token)| !token.is_live(now));
        let oldest = dead.min_by_key(|(_, token)| token.create_time).map(|(at, _)| at);
        tokens.swap_remove(oldest.ok_or(TokenError::Full)?);
    }
    Ok(())
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
    // The data directory may not be there yet, and what will be in it is its owner's alone.
    let folder = disk::folder_of(path);
    disk::create_private_dir(folder).map_err(at(folder))?;
    let (lock, new) = (path.with_file_name(files::TOKENS_LOCK), path.with_file_name(files::TOKENS_NEW));
    let held = disk::private().create(true).append(true).open(&lock).map_err(at(&lock))?;
    held.lock().map_err(at(&lock))?;
    let mut tokens: Vec<_> = ApiTokens::load(path)?.0.into_values().collect();
    change(&mut tokens)?;
    let content = Content { format: FORMAT, tokens };
    let text = serde_json::to_vec_pretty(&content).map_err(|error| TokenError::Crypto(error.to_string()))?;
    if text.len() as u64 > FILE_BYTES {
        return Err(TokenError::Full);
    }
    // A revocation that a power cut takes back would be none.
    disk::replace(path, &new, &text).map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::super::identity::Cause;
    use std::fs;

    use super::*;

    fn new(name: &str) -> NewToken {
        NewToken { name: name.to_owned(), grants: Vec::new(), expires: None }
    }

    #[test]
    fn one_that_was_revoked_is_told_without_hashing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(files::TOKENS);
        let text = create(&path, &new("ci"), Timestamp(1)).unwrap();
        assert!(ApiTokens::load(&path).unwrap().find(&text, Timestamp(2)).is_ok());
        revoke(&path, "ci", Timestamp(2)).unwrap();
        assert_eq!(ApiTokens::load(&path).unwrap().find(&text, Timestamp(3)).unwrap_err(), Cause::Revoked);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let token = |number: usize, revoke_time| ApiToken {
            id: number.to_string(),
            name: number.to_string(),
            grants: Vec::new(),
            create_time: i64::try_from(number).unwrap(),
            expire_time: None,
            revoke_time,
            check: String::new(),
            hash: String::new(),
        };
        let mut tokens: Vec<_> = (0..TOKENS).map(|number| token(number, None)).collect();
        assert!(matches!(make_room(&mut tokens, Timestamp(1)), Err(TokenError::Full)));
        (tokens[7].revoke_time, tokens[9].revoke_time) = (Some(8), Some(9));
        make_room(&mut tokens, Timestamp(1)).unwrap();
        assert!(tokens.len() == TOKENS - 1 && tokens.iter().all(|token| token.create_time != 7));
    }

    #[cfg(unix)]
    #[test]
    fn a_data_directory_that_a_token_makes_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        create(&data.join(files::TOKENS), &new("ci"), Timestamp(1)).unwrap();
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
