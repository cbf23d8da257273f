//! Putting, deleting, importing and judging documents: text to draft here, decision in the committer.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::committer::Command;
use super::error::{Rejected, Violation};
use super::proposal::{Action, Answer, Draft, Idempotent, Import, ImportOutcome, Proposal, Written};
use super::{Error, Registry};
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Input};
use crate::domain::{
    Caller, Dialect, Digest, Etag, Method, Name, Namespace, Profile, RequestKey, Revision, SourceBase,
    SourceId, limits,
};
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

/// A put.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// Where it goes.
    pub namespace: Namespace,
    /// The document, and how to read it.
    pub document: Validate,
    /// Put only if this is the current etag.
    pub etag: Option<Etag>,
    /// Put only if there is none.
    pub create_only: bool,
    /// What the change is about.
    pub message: String,
    /// The client's idempotency key.
    pub request_id: Option<String>,
    /// Decide, and change nothing.
    pub validate_only: bool,
}

/// A put that was accepted.
#[derive(Debug)]
pub struct PutDone {
    /// The outcome.
    pub done: WriteDone,
    /// Findings that do not block.
    pub diagnostics: Vec<Diagnostic>,
}

/// A write that was accepted.
#[derive(Debug)]
pub struct WriteDone {
    /// The outcome.
    pub written: Written,
    /// The registry's revision when it was answered.
    pub head: Revision,
}

/// A deletion.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Where it is.
    pub namespace: Namespace,
    /// What it is.
    pub name: Name,
    /// Delete only if this is the current etag.
    pub etag: Option<Etag>,
    /// Why it goes.
    pub message: String,
    /// The client's idempotency key.
    pub request_id: Option<String>,
    /// Decide, and change nothing.
    pub validate_only: bool,
}

impl Registry {
    /// Judges a document without storing it.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn validate(&self, _caller: &Caller, request: Validate) -> Result<Examined, Error> {
        examined(request).await
    }

    /// Creates a persona or gives it a new version.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %put.namespace), err(level = "debug"))]
    pub async fn put(&self, caller: &Caller, put: Put) -> Result<PutDone, Error> {
        let size_bytes = put.document.content.len();
        if size_bytes > limits::DOCUMENT_BYTES {
            return Err(Error::PersonaTooLarge { size_bytes });
        }
        let request = idempotent(caller, Method::Put, put.request_id.as_ref(), || put_payload(&put));
        let content = put.document.content.clone();
        let examined = examined(put.document).await;
        if let Some(done) = self.replayed(request.as_ref())? {
            // What was taken once is not judged again: rules may have become stricter since.
            let diagnostics = examined.map(|it| it.diagnostics).unwrap_or_default();
            let diagnostics = diagnostics.into_iter().filter(|found| !found.blocks_storing()).collect();
            return Ok(PutDone { done, diagnostics });
        }
        let (draft, diagnostics) = draft_of(content, examined?)?;
        let Put { namespace, etag, create_only, message, validate_only, .. } = put;
        let action = Action::Put { namespace, draft: Arc::new(draft), etag, create_only };
        let proposal = Proposal { caller: caller.clone(), request, validate_only, message, action };
        Ok(PutDone { done: self.write(proposal).await?, diagnostics })
    }

    /// Deletes a persona.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %delete.namespace, name = %delete.name), err(level = "debug"))]
    pub async fn delete(&self, caller: &Caller, delete: Delete) -> Result<WriteDone, Error> {
        let request =
            idempotent(caller, Method::Delete, delete.request_id.as_ref(), || delete_payload(&delete));
        let Delete { namespace, name, etag, message, validate_only, .. } = delete;
        let action = Action::Delete { namespace, name, etag };
        self.write(Proposal { caller: caller.clone(), request, validate_only, message, action }).await
    }

    /// Takes in what a folder brings, as one commit. One outcome a file, in order, then one for each name whose
    /// file is gone.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %import.namespace, files = import.files.len(), gone = import.gone.len()), err(level = "debug"))]
    pub async fn import(&self, caller: &Caller, import: Import) -> Result<Vec<ImportOutcome>, Error> {
        let (caller, action) = (caller.clone(), Action::Import(import));
        let proposal =
            Proposal { caller, request: None, validate_only: false, message: String::new(), action };
        match self.propose(proposal).await? {
            (Answer::Imported(outcomes), _) => Ok(outcomes),
            (Answer::Written(_), _) => Err(wrong_answer()),
        }
    }

    /// Everything that a folder brought and that was not forgotten since, by namespace and name.
    #[tracing::instrument(level = "debug", skip_all, fields(%source), err(level = "debug"))]
    pub async fn bases(&self, source: &SourceId) -> Result<Vec<SourceBase>, Error> {
        let source = source.clone();
        self.blocking(move |store| store.bases(&source)).await
    }

    /// Digests of the live documents of these personas; none for those that are not there.
    pub async fn live_digests(
        &self,
        namespace: &Namespace,
        names: Vec<Name>,
    ) -> Result<HashMap<Name, Option<Digest>>, Error> {
        let namespace = namespace.clone();
        self.blocking(move |store| {
            let live = |name: &Name| {
                Ok((name.clone(), store.head(&namespace, name)?.and_then(|head| head.digest())))
            };
            names.iter().map(live).collect()
        })
        .await
    }

    async fn write(&self, proposal: Proposal) -> Result<WriteDone, Error> {
        match self.propose(proposal).await? {
            (Answer::Written(written), head) => Ok(WriteDone { written, head }),
            (Answer::Imported(_), _) => Err(wrong_answer()),
        }
    }

    /// The recorded outcome of a put that comes again. The committer looks too, for one that is still being decided.
    fn replayed(&self, request: Option<&Idempotent>) -> Result<Option<WriteDone>, Error> {
        let Some(request) = request else { return Ok(None) };
        // A damaged view is the committer's to mend, when the write gets there.
        let Ok(Some(record)) = self.shared.view().store.request(&request.key) else { return Ok(None) };
        if record.outcome.revision > self.head() {
            // Still being shown: the committer answers once it is.
            return Ok(None);
        }
        if record.payload != request.payload {
            return Err(Error::RequestIdReused { request_id: request.id.clone() });
        }
        let written = Written { outcome: record.outcome, replayed: true };
        Ok(Some(WriteDone { written, head: self.head() }))
    }

    async fn propose(&self, proposal: Proposal) -> Result<(Answer, Revision), Error> {
        let (reply, answered) = oneshot::channel();
        match self.commands.try_send(Command::Write(Box::new(proposal), reply)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Error::Overloaded),
            Err(TrySendError::Closed(_)) => return Err(self.gone()),
        }
        match answered.await {
            Ok(reply) => reply,
            Err(_) => Err(Error::OutcomeUnknown),
        }
    }

    /// Why there is no committer any more.
    fn gone(&self) -> Error {
        if *self.drain.borrow() {
            return Error::Draining;
        }
        let cause = self.shared.read_only_cause().unwrap_or_else(|| "the committer stopped".to_owned());
        Error::ReadOnly { cause }
    }
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

async fn examined(request: Validate) -> Result<Examined, Error> {
    if request.content.len() <= INLINE_BYTES {
        return examine(&request);
    }
    let work = tokio::task::spawn_blocking(move || examine(&request));
    work.await.map_err(|error| Error::Internal(format!("reading the document failed: {error}")))?
}

fn wrong_answer() -> Error {
    Error::Internal("the committer answered another question".to_owned())
}

fn idempotent(
    caller: &Caller,
    method: Method,
    id: Option<&String>,
    payload: impl FnOnce() -> Digest,
) -> Option<Idempotent> {
    let id = id?.clone();
    Some(Idempotent { key: RequestKey::new(&caller.principal, method, &id), payload: payload(), id })
}

/// Hash of everything in the request that decides its outcome. Not of validate_only: a rehearsal is answered as the
/// real call would be.
fn put_payload(put: &Put) -> Digest {
    let Put { namespace, document, etag, create_only, message, request_id: _, validate_only: _ } = put;
    let name = document.name.as_ref().map_or("", Name::as_str);
    Digest::of_parts(&[
        namespace.as_str().as_bytes(),
        name.as_bytes(),
        &document.content,
        document.dialect.map_or("", Dialect::as_str).as_bytes(),
        document.profile.map_or("", Profile::as_str).as_bytes(),
        etag_text(etag.as_ref()).as_bytes(),
        &[u8::from(*create_only)],
        message.as_bytes(),
    ])
}

fn delete_payload(delete: &Delete) -> Digest {
    let Delete { namespace, name, etag, message, request_id: _, validate_only: _ } = delete;
    Digest::of_parts(&[
        namespace.as_str().as_bytes(),
        name.as_str().as_bytes(),
        etag_text(etag.as_ref()).as_bytes(),
        message.as_bytes(),
    ])
}

fn etag_text(etag: Option<&Etag>) -> String {
    etag.map(Etag::to_string).unwrap_or_default()
}
