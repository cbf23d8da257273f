//! Putting, deleting, importing and judging documents: text to draft here, decision in the committer.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::audit::Asked;
use super::committer::Command;
use super::examine::{Examined, Validate, draft_of, told_again};
use super::proposal::{Action, Answer, Idempotent, Import, ImportOutcome, Operation, Proposal, Written};
use super::{Error, Registry};
use crate::diagnostic::Diagnostic;
use crate::domain::{
    Caller, Dialect, Digest, Etag, Method, Name, Namespace, Permission, Profile, RequestKey, Revision,
    SourceBase, SourceId, Waiver, WriteOutcome, limits,
};

/// The method that raises the floor; it takes no request id.
const COMPACT: &str = "CompactHistory";

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
    pub outcome: WriteOutcome,
    /// It is the outcome of an earlier request with this id.
    pub replayed: bool,
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
    /// Judges a document without storing it, among the personas of a namespace where one is named.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn validate(
        &self,
        caller: &Caller,
        namespace: Option<&Namespace>,
        request: Validate,
    ) -> Result<Examined, Error> {
        caller.require_in(Permission::Read, None)?;
        if let Some(namespace) = namespace {
            caller.require(Permission::Read, namespace)?;
        }
        self.examined(namespace, request).await
    }

    /// Creates a persona or gives it a new version.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %put.namespace), err(level = "debug"))]
    pub async fn put(&self, caller: &Caller, put: Put) -> Result<PutDone, Error> {
        let asked = Asked::new(caller, Method::Put.as_str(), put.validate_only);
        let asked = asked.about(&put.namespace, put.document.name.as_ref());
        self.judged(asked, self.try_put(caller, put).await)
    }

    async fn try_put(&self, caller: &Caller, put: Put) -> Result<PutDone, Error> {
        caller.require(Permission::Write, &put.namespace)?;
        if !put.document.waivers.is_empty() {
            caller.require(Permission::Administer, &put.namespace)?;
        }
        let size_bytes = put.document.content.len();
        if size_bytes > limits::DOCUMENT_BYTES {
            return Err(Error::PersonaTooLarge { size_bytes });
        }
        let request = idempotent(caller, Method::Put, put.request_id.as_ref(), || put_payload(&put));
        let content = put.document.content.clone();
        let examined = self.examined(Some(&put.namespace), put.document).await;
        if let Some((written, head)) = self.replayed(request.as_ref())? {
            let done = one_done(written, head)?;
            return Ok(PutDone { done, diagnostics: told_again(Some(examined)) });
        }
        let (draft, diagnostics) = draft_of(content, examined?)?;
        let Put { namespace, etag, create_only, message, validate_only, .. } = put;
        let action = single(Operation::Put { namespace, draft: Arc::new(draft), etag, create_only });
        let proposal = Proposal { caller: caller.clone(), request, validate_only, message, action };
        Ok(PutDone { done: self.write(proposal).await?, diagnostics })
    }

    /// Deletes a persona.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %delete.namespace, name = %delete.name), err(level = "debug"))]
    pub async fn delete(&self, caller: &Caller, delete: Delete) -> Result<WriteDone, Error> {
        caller.require(Permission::Write, &delete.namespace)?;
        let request =
            idempotent(caller, Method::Delete, delete.request_id.as_ref(), || delete_payload(&delete));
        let Delete { namespace, name, etag, message, validate_only, .. } = delete;
        let asked = Asked::new(caller, Method::Delete.as_str(), validate_only).about(&namespace, Some(&name));
        let action = single(Operation::Delete { namespace, name, etag });
        let proposal = Proposal { caller: caller.clone(), request, validate_only, message, action };
        self.judged(asked, self.write(proposal).await)
    }

    /// Raises the floor; answers what it is then. It never falls.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn compact(&self, caller: &Caller, floor: Option<Revision>) -> Result<Revision, Error> {
        caller.require_everywhere(Permission::Administer)?;
        let action = Action::Compact(floor.unwrap_or_else(|| self.head()));
        let caller = caller.clone();
        let proposal =
            Proposal { caller, request: None, validate_only: false, message: String::new(), action };
        match self
            .judged(Asked::new(&proposal.caller.clone(), COMPACT, false), self.propose(proposal).await)?
        {
            (Answer::Compacted(floor), _) => Ok(floor),
            _ => Err(wrong_answer()),
        }
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
            _ => Err(wrong_answer()),
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

    pub(super) async fn write(&self, proposal: Proposal) -> Result<WriteDone, Error> {
        let (written, head) = self.write_all(proposal).await?;
        one_done(written, head)
    }

    pub(super) async fn write_all(&self, proposal: Proposal) -> Result<(Written, Revision), Error> {
        match self.propose(proposal).await? {
            (Answer::Written(written), head) => Ok((written, head)),
            _ => Err(wrong_answer()),
        }
    }

    /// The recorded outcomes of a write that comes again. The committer looks too, for one that is still being decided.
    pub(super) fn replayed(
        &self,
        request: Option<&Idempotent>,
    ) -> Result<Option<(Written, Revision)>, Error> {
        let Some(request) = request else { return Ok(None) };
        // A damaged view is the committer's to mend, when the write gets there.
        let Ok(Some(record)) = self.shared.view().store.request(&request.key) else { return Ok(None) };
        if record.revision() > self.head() {
            // Still being shown: the committer answers once it is.
            return Ok(None);
        }
        if record.payload != request.payload {
            return Err(Error::RequestIdReused { request_id: request.id.clone() });
        }
        Ok(Some((Written { outcomes: record.outcomes, replayed: true }, self.head())))
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
    pub(super) fn gone(&self) -> Error {
        if *self.drain.borrow() {
            return Error::Draining;
        }
        let cause = self.shared.read_only_cause().unwrap_or_else(|| "the committer stopped".to_owned());
        Error::ReadOnly { cause }
    }
}

pub(super) fn single(operation: Operation) -> Action {
    Action::Write { operations: vec![operation], is_batch: false }
}

fn one_done(written: Written, head: Revision) -> Result<WriteDone, Error> {
    let replayed = written.replayed;
    let outcome = written.outcomes.into_iter().next().ok_or_else(wrong_answer)?;
    Ok(WriteDone { outcome, replayed, head })
}

fn wrong_answer() -> Error {
    Error::Internal("the committer answered another question".to_owned())
}

pub(super) fn idempotent(
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
    let (etag, create_only) = (etag_text(etag.as_ref()), [u8::from(*create_only)]);
    let mut parts: Vec<&[u8]> = vec![
        namespace.as_str().as_bytes(),
        name.as_bytes(),
        &document.content,
        document.dialect.map_or("", Dialect::as_str).as_bytes(),
        document.profile.map_or("", Profile::as_str).as_bytes(),
        etag.as_bytes(),
        &create_only,
        message.as_bytes(),
    ];
    parts.extend(waiver_parts(&document.waivers));
    Digest::of_parts(&parts)
}

/// What waivers add to a payload: nothing where there are none, since ids were given before there were any.
pub(super) fn waiver_parts(waivers: &[Waiver]) -> impl Iterator<Item = &[u8]> {
    waivers.iter().flat_map(|waiver| [waiver.rule.as_bytes(), waiver.reason.as_bytes()])
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

pub(super) fn etag_text(etag: Option<&Etag>) -> String {
    etag.map(Etag::to_string).unwrap_or_default()
}
