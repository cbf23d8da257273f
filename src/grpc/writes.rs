//! `PersonaService`'s writes: from messages to use cases and back.

use super::parse::{Checks, unchecked};
use super::persona_service::Personas;
use crate::domain::{Caller, Etag, Namespace, WriteOutcome};
use crate::registry::{self, AliasTarget, BatchOperation, Error};
use crate::wire::{self, pb};
use pb::batch_write_personas_request::{Operation, operation::Kind};

impl Personas {
    pub(super) async fn put(
        &self,
        caller: &Caller,
        request: pb::PutPersonaRequest,
    ) -> Result<pb::PutPersonaResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let content = request.content;
        let (dialect, profile) = (request.dialect, request.profile);
        let document =
            document(&mut checks, content.clone(), &request.name, (dialect, profile), &request.waivers);
        let etag = precondition(&mut checks, &request.etag, request.create_only);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        checks.done()?;
        let put = registry::Put {
            namespace,
            document,
            etag,
            create_only: request.create_only,
            message,
            request_id,
            validate_only: request.validate_only,
        };
        let registry::PutDone { done, diagnostics } = self.registry.put(caller, put).await?;
        let outcome = done.outcome;
        let etag = etag_of(&outcome);
        Ok(pb::PutPersonaResponse {
            header: self.header(done.head),
            namespace: outcome.namespace.to_string(),
            name: outcome.name.to_string(),
            version: wire::number(outcome.version.0),
            revision: wire::number(outcome.revision.0),
            etag,
            digest: outcome.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            unchanged: outcome.unchanged,
            replayed: done.replayed,
            created: outcome.created,
            diagnostics: wire::diagnostics(&diagnostics, &content),
        })
    }

    pub(super) async fn delete(
        &self,
        caller: &Caller,
        request: pb::DeletePersonaRequest,
    ) -> Result<pb::DeletePersonaResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let name = checks.name(&request.name);
        let etag = checks.etag("etag", &request.etag);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        checks.done()?;
        let Some(name) = name else { return Err(unchecked()) };
        let validate_only = request.validate_only;
        let delete = registry::Delete { namespace, name, etag, message, request_id, validate_only };
        let done = self.registry.delete(caller, delete).await?;
        let outcome = done.outcome;
        Ok(pb::DeletePersonaResponse {
            header: self.header(done.head),
            namespace: outcome.namespace.to_string(),
            name: outcome.name.to_string(),
            version: wire::number(outcome.version.0),
            revision: wire::number(outcome.revision.0),
            replayed: done.replayed,
        })
    }

    pub(super) async fn set_alias(
        &self,
        caller: &Caller,
        request: pb::SetPersonaAliasRequest,
    ) -> Result<pb::SetPersonaAliasResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let target = checks.alias_target(&namespace, &request.name, &request.alias, request.expected_version);
        let version = checks.version("version", request.version);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        checks.done()?;
        let Some(target) = target else { return Err(unchecked()) };
        let alias = target.alias.to_string();
        let validate_only = request.validate_only;
        let set = registry::SetAlias { target, version, message, request_id, validate_only };
        let done = self.registry.set_alias(caller, set).await?;
        Ok(pb::SetPersonaAliasResponse {
            header: self.header(done.head),
            namespace: done.outcome.namespace.to_string(),
            name: done.outcome.name.to_string(),
            alias,
            version: wire::number(done.outcome.version.0),
            previous_version: wire::number(done.outcome.previous.0),
            revision: wire::number(done.outcome.revision.0),
            unchanged: done.outcome.unchanged,
            replayed: done.replayed,
        })
    }

    pub(super) async fn delete_alias(
        &self,
        caller: &Caller,
        request: pb::DeletePersonaAliasRequest,
    ) -> Result<pb::DeletePersonaAliasResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let target = checks.alias_target(&namespace, &request.name, &request.alias, request.expected_version);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        checks.done()?;
        let Some(target) = target else { return Err(unchecked()) };
        let alias = target.alias.to_string();
        let validate_only = request.validate_only;
        let delete = registry::DeleteAlias { target, message, request_id, validate_only };
        let done = self.registry.delete_alias(caller, delete).await?;
        Ok(pb::DeletePersonaAliasResponse {
            header: self.header(done.head),
            namespace: done.outcome.namespace.to_string(),
            name: done.outcome.name.to_string(),
            alias,
            previous_version: wire::number(done.outcome.previous.0),
            revision: wire::number(done.outcome.revision.0),
            replayed: done.replayed,
        })
    }

    pub(super) async fn purge(
        &self,
        caller: &Caller,
        request: pb::PurgePersonaVersionRequest,
    ) -> Result<pb::PurgePersonaVersionResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let name = checks.name(&request.name);
        let version = checks.version("version", request.version);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        checks.done()?;
        let Some(name) = name else { return Err(unchecked()) };
        let validate_only = request.validate_only;
        let purge = registry::Purge { namespace, name, version, message, request_id, validate_only };
        let done = self.registry.purge(caller, purge).await?;
        Ok(pb::PurgePersonaVersionResponse {
            header: self.header(done.head),
            namespace: done.outcome.namespace.to_string(),
            name: done.outcome.name.to_string(),
            version: wire::number(done.outcome.version.0),
            revision: wire::number(done.outcome.revision.0),
            replayed: done.replayed,
        })
    }

    pub(super) async fn batch(
        &self,
        caller: &Caller,
        request: pb::BatchWritePersonasRequest,
    ) -> Result<pb::BatchWritePersonasResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        checks.done()?;
        let validate_only = request.validate_only;
        let contents: Vec<_> = request.operations.iter().map(content).collect();
        let operations = request.operations.into_iter().enumerate();
        let operations = operations
            .map(|(index, one)| {
                let at = |error| Error::Operation { index, error: Box::new(error) };
                operation(&namespace, one).map_err(at)
            })
            .collect::<Result<_, _>>()?;
        let batch = registry::Batch { namespace, operations, message, request_id, validate_only };
        let done = self.registry.batch(caller, batch).await?;
        let written = done.outcomes.iter().filter(|outcome| !outcome.unchanged);
        let revision = written.map(|outcome| outcome.revision.0).max().unwrap_or(0);
        let found = done.diagnostics.iter().zip(&contents);
        let found = found.map(|(found, content)| wire::diagnostics(found, content));
        let results = done.outcomes.iter().zip(found).map(|(outcome, diagnostics)| {
            pb::batch_write_personas_response::Result {
                name: outcome.name.to_string(),
                version: wire::number(outcome.version.0),
                revision: wire::number(outcome.revision.0),
                etag: etag_of(outcome),
                digest: outcome.digest.map(|digest| digest.to_string()).unwrap_or_default(),
                unchanged: outcome.unchanged,
                created: outcome.created,
                previous_version: wire::number(outcome.previous.0),
                diagnostics,
            }
        });
        Ok(pb::BatchWritePersonasResponse {
            header: self.header(done.head),
            results: results.collect(),
            revision: wire::number(revision),
            replayed: done.replayed,
        })
    }
}

fn etag_of(outcome: &WriteOutcome) -> String {
    outcome.digest.map(|digest| Etag::new(outcome.version, &digest).to_string()).unwrap_or_default()
}

/// The document of a put, alone or in a batch.
fn document(
    checks: &mut Checks,
    content: bytes::Bytes,
    name: &str,
    (dialect, profile): (i32, i32),
    waivers: &[pb::Waiver],
) -> registry::Validate {
    registry::Validate {
        content,
        path: None,
        dialect: checks.dialect(dialect),
        profile: checks.profile(profile),
        name: checks.optional_name(name),
        waivers: checks.waivers(waivers),
    }
}

/// What must be so for a put to happen: one thing at most.
fn precondition(checks: &mut Checks, etag: &str, create_only: bool) -> Option<Etag> {
    let etag = checks.etag("etag", etag);
    if etag.is_some() && create_only {
        checks.fail("create_only", "cannot be met together with an etag; give one of them");
    }
    etag
}

fn content(operation: &Operation) -> bytes::Bytes {
    match &operation.kind {
        Some(Kind::Put(put)) => put.content.clone(),
        _ => bytes::Bytes::new(),
    }
}

fn operation(namespace: &Namespace, operation: Operation) -> Result<BatchOperation, Error> {
    let mut checks = Checks::default();
    let operation = match operation.kind {
        None => {
            checks.fail("kind", "is not set; an operation is a put, a delete, a set_alias or a delete_alias");
            None
        }
        Some(Kind::Put(put)) => {
            let etag = precondition(&mut checks, &put.etag, put.create_only);
            let document =
                document(&mut checks, put.content, &put.name, (put.dialect, put.profile), &put.waivers);
            Some(BatchOperation::Put { document, etag, create_only: put.create_only })
        }
        Some(Kind::Delete(delete)) => {
            let etag = checks.etag("etag", &delete.etag);
            checks.name(&delete.name).map(|name| BatchOperation::Delete { name, etag })
        }
        Some(Kind::SetAlias(set)) => {
            let version = checks.version("version", set.version);
            let target = checks.alias_target(namespace, &set.name, &set.alias, set.expected_version);
            target.map(|target: AliasTarget| BatchOperation::SetAlias(target, version))
        }
        Some(Kind::DeleteAlias(delete)) => {
            let target = checks.alias_target(namespace, &delete.name, &delete.alias, delete.expected_version);
            target.map(BatchOperation::DeleteAlias)
        }
    };
    checks.done()?;
    operation.ok_or_else(unchecked)
}
