//! Reading and judging a document: the one function behind putting, importing and validating.

use std::sync::Arc;

use bytes::Bytes;

use super::beside::Stored;
use super::error::{Rejected, Violation};
use super::proposal::Draft;
use super::{Error, Registry};
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Input};
use crate::domain::{Dialect, Digest, Name, Namespace, Profile, Revision, Waiver};
use crate::store::{Store, StoreError};
use crate::validate::{Judged, Neighbours, Options, judge_among, waive};

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
    /// Findings that it may carry.
    pub waivers: Vec<Waiver>,
}

impl Validate {
    fn input(&self) -> Input<'_> {
        let (path, dialect, profile) = (self.path.as_deref(), self.dialect, self.profile);
        Input { content: &self.content, path, dialect, profile }
    }
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
    /// The waivers that were needed.
    pub waivers: Vec<Waiver>,
}

impl Examined {
    /// Whether it may be stored: nothing blocks, and it has a name.
    #[must_use]
    pub fn is_storable(&self) -> bool {
        self.name.is_some() && !self.diagnostics.iter().any(Diagnostic::blocks_storing)
    }
}

/// Reads and judges a document: the one function behind putting, importing and validating.
fn examine(request: &Validate, neighbours: Neighbours<'_>) -> Result<Examined, Error> {
    let neighbours = Neighbours { name: request.name.as_ref(), ..neighbours };
    let Judged { document, mut diagnostics } = judge_among(&request.input(), &Options::default(), neighbours);
    let waivers = waive(&mut diagnostics, &request.waivers);
    if let (Some(asked), Some(found)) = (&request.name, &document.name)
        && asked != found
    {
        let description = format!(
            "the request says {asked}, and the document's name is {found}; leave one out or make them equal"
        );
        return Err(Error::NameInvalid(Violation::new("name", description)));
    }
    let name = request.name.clone().or_else(|| document.name.clone());
    Ok(Examined { document, diagnostics, name, waivers })
}

/// Examines among the personas of a namespace.
fn examine_among(
    store: &Store,
    at: Revision,
    namespace: &Namespace,
    request: &Validate,
) -> Result<Result<Examined, Error>, StoreError> {
    let beside = Stored::new(store, namespace, at);
    let stored = |name: &Name| beside.derived(name);
    let neighbours = Neighbours { others: Some(&beside), stored: Some(&stored), ..Neighbours::default() };
    let examined = examine(request, neighbours);
    beside.finish().map(|()| examined)
}

/// What a repeated put is told of its document: it was taken once, and is not judged again, since rules may have become
/// stricter.
pub(super) fn told_again(examined: Option<Result<Examined, Error>>) -> Vec<Diagnostic> {
    let found = examined.and_then(Result::ok).map(|it| it.diagnostics).unwrap_or_default();
    found.into_iter().filter(|found| !found.blocks_storing()).collect()
}

/// The draft of a document that may be stored, with the findings that do not keep it from that.
pub fn draft_of(content: Bytes, examined: Examined) -> Result<(Draft, Vec<Diagnostic>), Error> {
    let Examined { document, diagnostics, name, waivers } = examined;
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
    Ok((Draft { name, derived: document.derived, digest, content, waivers }, diagnostics))
}

impl Registry {
    /// Examines a document, among the personas of a namespace where one is named.
    pub(super) async fn examined(
        &self,
        namespace: Option<&Namespace>,
        request: Validate,
    ) -> Result<Examined, Error> {
        let only = self.examined_all(namespace, vec![Some(request)]).await?.into_iter().flatten().next();
        only.unwrap_or_else(|| Err(Error::Internal("a document was not read".to_owned())))
    }

    /// Several documents, where some are, in the order given.
    pub(super) async fn examined_all(
        &self,
        namespace: Option<&Namespace>,
        requests: Vec<Option<Validate>>,
    ) -> Result<Vec<Option<Result<Examined, Error>>>, Error> {
        let bytes: usize = requests.iter().flatten().map(|request| request.content.len()).sum();
        let (at, namespace) = (self.head(), namespace.cloned());
        let requests = Arc::new(requests);
        let examine_each = {
            let requests = Arc::clone(&requests);
            move |store: &Store| {
                let one = |request: &Validate| match &namespace {
                    Some(namespace) => examine_among(store, at, namespace, request),
                    None => Ok(examine(request, Neighbours::default())),
                };
                requests.iter().map(|request| request.as_ref().map(one).transpose()).collect()
            }
        };
        let examined = match bytes > INLINE_BYTES {
            true => self.blocking(examine_each).await,
            false => match self.reading(&examine_each) {
                Ok(examined) => Ok(examined),
                Err((view, error)) => {
                    self.heal(view, &error).await;
                    self.reading(&examine_each).map_err(|(_, error)| error.into())
                }
            },
        };
        if let Err(Error::Internal(_)) = &examined {
            return examined;
        }
        Ok(examined.unwrap_or_else(|error| {
            // What is said of neighbours keeps nobody from writing: a view that cannot be read now must not either.
            tracing::warn!(%error, "the view cannot be read: documents are judged by themselves");
            let alone = |request: &Validate| examine(request, Neighbours::default());
            requests.iter().map(|request| request.as_ref().map(alone)).collect()
        }))
    }

    /// Examines a file for a namespace. Blocks for as long as reading and judging take.
    pub fn examine(&self, namespace: &Namespace, request: &Validate) -> Result<Examined, Error> {
        let at = self.head();
        self.reading(|store| examine_among(store, at, namespace, request)).unwrap_or_else(|(_, error)| {
            tracing::warn!(%error, "the view cannot be read: a file is judged by itself");
            examine(request, Neighbours::default())
        })
    }
}
