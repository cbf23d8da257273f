//! Several writes at one revision, all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::alias::check_alias;
use super::audit::Asked;
use super::examine::{Examined, Validate, draft_of, told_again};
use super::proposal::{Action, AliasTarget, Operation, Proposal, Written};
use super::write::{etag_text, idempotent, waiver_parts};
use super::{Error, Registry};
use crate::diagnostic::Diagnostic;
use crate::domain::{
    Caller, Dialect, Digest, Etag, Method, Name, Namespace, Permission, Profile, Revision, Version,
    WriteOutcome, limits,
};

/// Several writes to personas of one namespace.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where they are.
    pub namespace: Namespace,
    /// At most [`limits::BATCH_OPERATIONS`], each about another persona.
    pub operations: Vec<BatchOperation>,
    /// What the changes are about.
    pub message: String,
    /// The client's idempotency key, of the whole batch.
    pub request_id: Option<String>,
    /// Decide, and change nothing.
    pub validate_only: bool,
}

/// One write of a batch.
#[derive(Debug, Clone)]
pub enum BatchOperation {
    /// Create or replace a persona.
    Put {
        /// The document, and how to read it.
        document: Validate,
        /// Put only if this is the current etag.
        etag: Option<Etag>,
        /// Put only if there is none.
        create_only: bool,
    },
    /// Delete one.
    Delete {
        /// The persona.
        name: Name,
        /// Delete only if this is the current etag.
        etag: Option<Etag>,
    },
    /// Point an alias at a version.
    SetAlias(AliasTarget, Version),
    /// Remove an alias.
    DeleteAlias(AliasTarget),
}

/// A batch that was accepted.
#[derive(Debug)]
pub struct BatchDone {
    /// One outcome an operation, in order.
    pub outcomes: Vec<WriteOutcome>,
    /// They are the outcomes of an earlier request with this id.
    pub replayed: bool,
    /// Findings that do not block, one list an operation.
    pub diagnostics: Vec<Vec<Diagnostic>>,
    /// The registry's revision when it was answered.
    pub head: Revision,
}

impl Registry {
    /// Does all of the operations at one revision, or none.
    #[tracing::instrument(level = "debug", skip_all, fields(namespace = %batch.namespace, operations = batch.operations.len()), err(level = "debug"))]
    pub async fn batch(&self, caller: &Caller, batch: Batch) -> Result<BatchDone, Error> {
        let asked = Asked::new(caller, Method::Batch.as_str(), batch.validate_only);
        let asked = asked.about(&batch.namespace, None);
        self.judged(asked, self.try_batch(caller, batch).await)
    }

    async fn try_batch(&self, caller: &Caller, batch: Batch) -> Result<BatchDone, Error> {
        check_rights(caller, &batch)?;
        check_sizes(&batch.operations)?;
        let payload = || payload(&batch);
        let request = idempotent(caller, Method::Batch, batch.request_id.as_ref(), payload);
        let documents = batch.operations.iter().map(|operation| match operation {
            BatchOperation::Put { document, .. } => Some(document.clone()),
            _ => None,
        });
        let read = self.examined_all(Some(&batch.namespace), documents.collect()).await?;
        if let Some((written, head)) = self.replayed(request.as_ref())? {
            return Ok(done(written, head, read.into_iter().map(told_again).collect()));
        }
        let (mut operations, mut diagnostics) = (Vec::with_capacity(read.len()), Vec::new());
        let mut names = BTreeSet::new();
        for (index, (operation, read)) in batch.operations.into_iter().zip(read).enumerate() {
            let at = |error| Error::Operation { index, error: Box::new(error) };
            let (operation, found) = prepared(&batch.namespace, operation, read).map_err(at)?;
            let name = named(&operation);
            if !names.insert(name.clone()) {
                let description =
                    format!("{name} is named by an operation before; one batch changes a persona once");
                return Err(at(Error::argument("name", description)));
            }
            operations.push(operation);
            diagnostics.push(found);
        }
        let action = Action::Write { operations, is_batch: true };
        let Batch { message, validate_only, .. } = batch;
        let proposal = Proposal { caller: caller.clone(), request, validate_only, message, action };
        let (written, head) = self.write_all(proposal).await?;
        Ok(done(written, head, diagnostics))
    }
}

fn done(written: Written, head: Revision, diagnostics: Vec<Vec<Diagnostic>>) -> BatchDone {
    let Written { outcomes, replayed } = written;
    BatchDone { outcomes, replayed, diagnostics, head }
}

/// Every operation, before any is looked at: what may not be done tells nothing.
fn check_rights(caller: &Caller, batch: &Batch) -> Result<(), Error> {
    // Whoever may do nothing here is not told by an empty batch.
    caller.require(Permission::Read, &batch.namespace)?;
    for (index, operation) in batch.operations.iter().enumerate() {
        let may = match operation {
            BatchOperation::Put { document, .. } if !document.waivers.is_empty() => {
                caller.require(Permission::Administer, &batch.namespace)
            }
            BatchOperation::Put { .. } | BatchOperation::Delete { .. } => {
                caller.require(Permission::Write, &batch.namespace)
            }
            BatchOperation::SetAlias(target, _) | BatchOperation::DeleteAlias(target) => {
                caller.require_move(&batch.namespace, &target.alias)
            }
        };
        may.map_err(|denied| Error::Operation { index, error: Box::new(denied.into()) })?;
    }
    Ok(())
}

fn check_sizes(operations: &[BatchOperation]) -> Result<(), Error> {
    if operations.is_empty() {
        return Err(Error::argument("operations", "is empty; give at least one"));
    }
    if operations.len() > limits::BATCH_OPERATIONS {
        let (count, most) = (operations.len(), limits::BATCH_OPERATIONS);
        let description =
            format!("has {count} operations; at most {most} are taken; send them in several batches");
        return Err(Error::argument("operations", description));
    }
    let mut total = 0;
    for (index, operation) in operations.iter().enumerate() {
        let BatchOperation::Put { document, .. } = operation else { continue };
        let size_bytes = document.content.len();
        if size_bytes > limits::DOCUMENT_BYTES {
            return Err(Error::Operation { index, error: Box::new(Error::PersonaTooLarge { size_bytes }) });
        }
        total += size_bytes;
    }
    if total > limits::BATCH_BYTES { Err(Error::BatchBytes { size_bytes: total }) } else { Ok(()) }
}

fn prepared(
    namespace: &Namespace,
    operation: BatchOperation,
    read: Option<Result<Examined, Error>>,
) -> Result<(Operation, Vec<Diagnostic>), Error> {
    let namespace = namespace.clone();
    Ok(match operation {
        BatchOperation::Put { document, etag, create_only } => {
            let read = read.unwrap_or_else(|| Err(Error::Internal("a document was not read".to_owned())));
            let (draft, found) = draft_of(document.content, read?)?;
            (Operation::Put { namespace, draft: Arc::new(draft), etag, create_only }, found)
        }
        BatchOperation::Delete { name, etag } => (Operation::Delete { namespace, name, etag }, Vec::new()),
        BatchOperation::SetAlias(target, version) => {
            check_alias(&target.alias)?;
            (Operation::SetAlias(target, version), Vec::new())
        }
        BatchOperation::DeleteAlias(target) => {
            check_alias(&target.alias)?;
            (Operation::DeleteAlias(target), Vec::new())
        }
    })
}

fn named(operation: &Operation) -> &Name {
    match operation {
        Operation::Put { draft, .. } => &draft.name,
        Operation::Delete { name, .. } | Operation::Purge { name, .. } => name,
        Operation::SetAlias(target, _) | Operation::DeleteAlias(target) => &target.name,
    }
}

/// Hash of everything in the request that decides its outcome.
fn payload(batch: &Batch) -> Digest {
    let Batch { namespace, operations, message, request_id: _, validate_only: _ } = batch;
    let parts: Vec<Digest> = operations.iter().map(operation_payload).collect();
    let mut fields: Vec<&[u8]> = vec![namespace.as_str().as_bytes(), message.as_bytes()];
    fields.extend(parts.iter().map(|part| &part.0[..]));
    Digest::of_parts(&fields)
}

fn operation_payload(operation: &BatchOperation) -> Digest {
    let alias = |kind: &[u8], target: &AliasTarget, version: Version| {
        let expected = target.expected.map(|version| version.to_string()).unwrap_or_default();
        Digest::of_parts(&[
            kind,
            target.name.as_str().as_bytes(),
            target.alias.as_str().as_bytes(),
            &version.0.to_be_bytes(),
            expected.as_bytes(),
        ])
    };
    match operation {
        BatchOperation::Put { document, etag, create_only } => {
            let (etag, create_only) = (etag_text(etag.as_ref()), [u8::from(*create_only)]);
            let mut parts: Vec<&[u8]> = vec![
                b"put",
                document.name.as_ref().map_or("", Name::as_str).as_bytes(),
                &document.content,
                document.dialect.map_or("", Dialect::as_str).as_bytes(),
                document.profile.map_or("", Profile::as_str).as_bytes(),
                etag.as_bytes(),
                &create_only,
            ];
            parts.extend(waiver_parts(&document.waivers));
            Digest::of_parts(&parts)
        }
        BatchOperation::Delete { name, etag } => {
            Digest::of_parts(&[b"delete", name.as_str().as_bytes(), etag_text(etag.as_ref()).as_bytes()])
        }
        BatchOperation::SetAlias(target, version) => alias(b"set_alias", target, *version),
        BatchOperation::DeleteAlias(target) => alias(b"delete_alias", target, Version(0)),
    }
}
