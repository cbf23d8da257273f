//! The token that calls are made with.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// A function that gives the token of now.
pub type AskToken = dyn Fn() -> Result<String, Box<dyn Error + Send + Sync>> + Send + Sync;

/// Where a token comes from.
#[derive(Clone)]
pub enum Token {
    /// It is this.
    Text(String),
    /// It is what a file has, blanks around it left out; read again when the file changes.
    File(PathBuf),
    /// It is what a function says, which is asked for each call and each stream.
    Asked(Arc<AskToken>),
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => out.write_str("Text(…)"),
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Asked(_) => out.write_str("Asked(…)"),
        }
    }
}

/// Puts the token into every call.
#[derive(Debug, Clone, Default)]
pub struct Bearer {
    token: Option<Token>,
    read: Arc<Mutex<Read>>,
}

/// What was last read.
#[derive(Default)]
struct Read {
    changed: Option<SystemTime>,
    value: Option<MetadataValue<Ascii>>,
}

impl fmt::Debug for Read {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Read").field("changed", &self.changed).finish_non_exhaustive()
    }
}

/// Why there is no token to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// The file cannot be read.
    #[error("the token file {0} cannot be read: {1}")]
    Unreadable(PathBuf, String),
    /// Who is asked for it has none.
    #[error("there is no token: {0}")]
    NotGiven(String),
    /// It holds something else.
    #[error("this is no token: it is empty, or has blanks or other characters that a header cannot carry")]
    NoToken,
}

impl Bearer {
    /// Sends this token; none: no token.
    #[must_use]
    pub fn new(token: Option<Token>) -> Self {
        Self { token, read: Arc::default() }
    }

    /// What goes into `authorization`.
    ///
    /// # Errors
    /// There is no token where there should be one.
    pub fn value(&self) -> Result<Option<MetadataValue<Ascii>>, TokenProblem> {
        let Some(token) = &self.token else { return Ok(None) };
        if let Token::Asked(ask) = token {
            let told = ask().map_err(|error| TokenProblem::NotGiven(error.to_string()))?;
            return header(&told).map(Some);
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let path = match token {
            Token::Text(text) if read.value.is_none() => {
                read.value = Some(header(text)?);
                return Ok(read.value.clone());
            }
            Token::Text(_) | Token::Asked(_) => return Ok(read.value.clone()),
            Token::File(path) => path,
        };
        let unreadable = |error: std::io::Error| TokenProblem::Unreadable(path.clone(), error.to_string());
        let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(unreadable)?;
        if read.changed != Some(changed) || read.value.is_none() {
            read.value = Some(header(&fs::read_to_string(path).map_err(unreadable)?)?);
            read.changed = Some(changed);
        }
        Ok(read.value.clone())
    }

    /// Whether another token may come where the one that was sent is not believed any more.
    pub(super) fn may_change(&self) -> bool {
        matches!(self.token, Some(Token::File(_) | Token::Asked(_)))
    }
}

fn header(text: &str) -> Result<MetadataValue<Ascii>, TokenProblem> {
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(TokenProblem::NoToken);
    }
    let mut value: MetadataValue<Ascii> =
        format!("Bearer {token}").parse().map_err(|_| TokenProblem::NoToken)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = self.value().map_err(|problem| Status::unauthenticated(problem.to_string()))?;
        if let Some(value) = value {
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changes_and_tokens_are_never_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let bearer = Bearer::new(Some(Token::File(path.clone())));
        assert!(matches!(bearer.value(), Err(TokenProblem::Unreadable(..))));
        fs::write(&path, " first\n").unwrap();
        assert_eq!(bearer.value().unwrap().unwrap(), "Bearer first");
        fs::write(&path, "second").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert_eq!(bearer.value().unwrap().unwrap(), "Bearer second");
        let text = Bearer::new(Some(Token::Text("secret".to_owned())));
        text.value().unwrap();
        assert!(
            !format!("{text:?} {bearer:?}").contains("secret") && !format!("{bearer:?}").contains("second")
        );
        assert_eq!(Bearer::new(Some(Token::Text("a b".to_owned()))).value(), Err(TokenProblem::NoToken));
        let turns = std::sync::atomic::AtomicUsize::new(0);
        let asked = Bearer::new(Some(Token::Asked(Arc::new(move || {
            match turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Err("not yet".into()),
                turn => Ok(format!("turn-{turn}")),
            }
        }))));
        assert_eq!(asked.value(), Err(TokenProblem::NotGiven("not yet".to_owned())));
        assert_eq!(asked.value().unwrap().unwrap(), "Bearer turn-1");
        assert_eq!(asked.value().unwrap().unwrap(), "Bearer turn-2");
        assert_eq!(Bearer::default().value(), Ok(None));
    }
}
