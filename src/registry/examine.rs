//! Reading and judging a document: the one function behind putting, importing and validating.

use bytes::Bytes;

use super::Error;
use super::error::{Rejected, Violation};
use super::proposal::Draft;
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Input};
use crate::domain::{Dialect, Digest, Name, Profile};
use crate::validate;

/// Documents above this are read on a thread that may block, in bytes: below it reading costs less than moving.
const INLINE_BYTES: usize = 16 * 1024;

/// A document to be judged.
#[derive(Debug, Clone, Default)]
pub struct Validate {
    /// The document.
    pub content: Bytes,
    /// Where it lies, `/`-separated.
    pub path: Option<String>,
    /// The kind of file; none: found.
    pub dialect: Option<Dialect>,
    /// How strictly; none: inferred.
    pub profile: Option<Profile>,
    /// The name that it would be put under; none: the document's.
    pub name: Option<Name>,
}

/// What was found.
#[derive(Debug)]
pub struct Examined {
    /// What was read.
    pub document: Document,
    /// Findings in document order.
    pub diagnostics: Vec<Diagnostic>,
    /// The name that it would be put under.
    pub name: Option<Name>,
}

impl Examined {
    /// Whether it may be stored: nothing blocks, and it has a name.
    #[must_use]
    pub fn is_storable(&self) -> bool {
        self.name.is_some() && !self.diagnostics.iter().any(Diagnostic::blocks_storing)
    }
}

/// Reads and judges a document: the one function behind putting, importing and validating.
pub fn examine(request: &Validate) -> Result<Examined, Error> {
    let input = Input {
        content: &request.content,
        path: request.path.as_deref(),
        dialect: request.dialect,
        profile: request.profile,
    };
    let validate::Judged { document, diagnostics } = validate::judge(&input);
    if let (Some(asked), Some(found)) = (&request.name, &document.name)
        && asked != found
    {
        let description = format!(
            "the request says {asked}, and the document's name is {found}; leave one out or make them equal"
        );
        return Err(Error::NameInvalid(Violation::new("name", description)));
    }
    let name = request.name.clone().or_else(|| document.name.clone());
    Ok(Examined { document, diagnostics, name })
}

/// What a repeated put is told of its document: it was taken once, and is not judged again, since rules may have become
/// stricter.
pub(super) fn told_again(examined: Option<Result<Examined, Error>>) -> Vec<Diagnostic> {
    let found = examined.and_then(Result::ok).map(|it| it.diagnostics).unwrap_or_default();
    found.into_iter().filter(|found| !found.blocks_storing()).collect()
}

/// The draft of a document that may be stored, with the findings that do not keep it from that.
pub fn draft_of(content: Bytes, examined: Examined) -> Result<(Draft, Vec<Diagnostic>), Error> {
    let Examined { document, diagnostics, name } = examined;
    if diagnostics.iter().any(Diagnostic::blocks_storing) {
        return Err(Error::PersonaInvalid(Box::new(Rejected { diagnostics, content })));
    }
    let Some(name) = name else {
        let description = "neither the request nor the document names the persona; give one of them a name";
        return Err(Error::NameInvalid(Violation::new("name", description)));
    };
    // A copy of its own: the request's buffer is larger, and would be kept for as long as the document is.
    let content = Bytes::copy_from_slice(&content);
    let digest = Digest::of(&content);
    Ok((Draft { name, derived: document.derived, digest, content }, diagnostics))
}

pub(super) async fn examined(request: Validate) -> Result<Examined, Error> {
    if request.content.len() <= INLINE_BYTES {
        return examine(&request);
    }
    let work = tokio::task::spawn_blocking(move || examine(&request));
    work.await.map_err(|error| Error::Internal(format!("reading the document failed: {error}")))?
}

/// Several documents, where some are, in the order given.
pub(super) async fn examined_all(
    requests: Vec<Option<Validate>>,
) -> Result<Vec<Option<Result<Examined, Error>>>, Error> {
    let bytes: usize = requests.iter().flatten().map(|request| request.content.len()).sum();
    let all = move || requests.iter().map(|request| request.as_ref().map(examine)).collect();
    if bytes <= INLINE_BYTES {
        return Ok(all());
    }
    let work = tokio::task::spawn_blocking(all);
    work.await.map_err(|error| Error::Internal(format!("reading the documents failed: {error}")))
}
