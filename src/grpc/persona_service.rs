//! `PersonaService`, handler by handler.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Buf;
use futures_util::StreamExt as _;
use prost::Message;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::made::{KEPT_BYTES, TOLD_BYTES, field};
use super::rope::Rope;
use super::whole::unframed;
use super::{status, watch};
use crate::domain::{Caller, Persona, View};
use crate::edge::Peer;
use crate::registry::{AuditEvent, Caches, Error, Registry, Shelf, Told};
use crate::wire::pb::ErrorReason;
use crate::wire::{self, pb};

/// Answers `PersonaService`.
#[derive(Debug, Clone)]
pub struct Personas {
    pub(super) registry: Registry,
    /// Encoded personas.
    pub(super) shelf: Arc<Shelf>,
    /// Messages of changes.
    pub(super) told: Arc<Told>,
}

pub(super) type Answer<T> = Result<Response<T>, Status>;

macro_rules! answer {
    ($name:literal, $self:ident . $method:ident ( $request:ident )) => {{
        let caller = caller(&$request)?;
        let peer = peer(&$request);
        match $self.$method(&caller, $request.into_inner()).await {
            Ok(answer) => Ok(Response::new(answer)),
            Err(error) => Err(refused(&$self.registry, &caller, peer, $name, &error)),
        }
    }};
}

/// Bytes that a persona takes in a list, its tag and length included.
pub(super) fn size(persona: &Persona, view: View) -> usize {
    wire::persona(persona, view).encoded_len() + AROUND
}

/// Bytes of a persona's tag and length in a list, at most.
pub(super) const AROUND: usize = 8;

/// What a framed message says. Only a fault of the build makes it anything else.
fn decoded<A: Message + Default>(framed: impl Buf) -> Result<A, Status> {
    unframed(framed).map_err(|error| status::of(&error))
}

impl Personas {
    /// Answers from this registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let shelf = Arc::new(Shelf::new(KEPT_BYTES, field));
        Self { registry, shelf, told: Arc::new(Told::new(TOLD_BYTES)) }
    }

    /// What is kept, to be told of.
    pub(super) fn caches(&self) -> Caches {
        Caches { shelf: Arc::clone(&self.shelf), told: Arc::clone(&self.told) }
    }

    pub(super) async fn get_answer(&self, request: Request<pb::GetPersonaRequest>) -> Answer<Rope> {
        answer!("GetPersona", self.get(request))
    }

    pub(super) async fn list_answer(&self, request: Request<pb::ListPersonasRequest>) -> Answer<Rope> {
        answer!("ListPersonas", self.list(request))
    }

    pub(super) fn watch_answer(
        &self,
        request: Request<pb::WatchPersonasRequest>,
    ) -> Result<watch::Framed, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        let begun = watch::begin(self, &caller, request.into_inner());
        begun.map_err(|error| refused(&self.registry, &caller, peer, "WatchPersonas", &error))
    }

    pub(super) fn header(&self, revision: crate::domain::Revision) -> Option<pb::ResponseHeader> {
        Some(wire::header(self.registry.store_id(), revision))
    }
}

pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| status::of(&Error::Internal("a call came without a caller".to_owned())))
}

/// Where a call comes from.
pub(super) fn peer<T>(request: &Request<T>) -> Option<SocketAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.address)
}

/// The status of a failed call. One that the caller has no right to goes on record.
pub(super) fn refused(
    registry: &Registry,
    caller: &Caller,
    peer: Option<SocketAddr>,
    method: &str,
    error: &Error,
) -> Status {
    let denied = match error {
        Error::PermissionDenied(denied) => Some(denied),
        Error::Operation { error, .. } => match &**error {
            Error::PermissionDenied(denied) => Some(denied),
            _ => None,
        },
        _ => None,
    };
    if let Some(denied) = denied {
        let namespace = denied.missing.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = status::word(ErrorReason::PermissionDenied).to_owned();
        let (caller, method) = (caller.clone(), method.to_owned());
        let (name, detail) = (String::new(), String::new());
        registry.audit(AuditEvent::Refused { caller, method, reason, namespace, name, peer, detail });
    }
    status::of(error)
}

#[tonic::async_trait]
impl pb::persona_service_server::PersonaService for Personas {
    async fn get_persona(&self, request: Request<pb::GetPersonaRequest>) -> Answer<pb::GetPersonaResponse> {
        decoded(self.get_answer(request).await?.into_inner()).map(Response::new)
    }

    async fn batch_get_personas(
        &self,
        request: Request<pb::BatchGetPersonasRequest>,
    ) -> Answer<pb::BatchGetPersonasResponse> {
        answer!("BatchGetPersonas", self.batch_get(request))
    }

    async fn list_personas(
        &self,
        request: Request<pb::ListPersonasRequest>,
    ) -> Answer<pb::ListPersonasResponse> {
        decoded(self.list_answer(request).await?.into_inner()).map(Response::new)
    }

    async fn validate_persona(
        &self,
        request: Request<pb::ValidatePersonaRequest>,
    ) -> Answer<pb::ValidatePersonaResponse> {
        answer!("ValidatePersona", self.validate(request))
    }

    async fn put_persona(&self, request: Request<pb::PutPersonaRequest>) -> Answer<pb::PutPersonaResponse> {
        answer!("PutPersona", self.put(request))
    }

    async fn delete_persona(
        &self,
        request: Request<pb::DeletePersonaRequest>,
    ) -> Answer<pb::DeletePersonaResponse> {
        answer!("DeletePersona", self.delete(request))
    }

    async fn list_persona_versions(
        &self,
        request: Request<pb::ListPersonaVersionsRequest>,
    ) -> Answer<pb::ListPersonaVersionsResponse> {
        answer!("ListPersonaVersions", self.history(request))
    }

    async fn list_persona_aliases(
        &self,
        request: Request<pb::ListPersonaAliasesRequest>,
    ) -> Answer<pb::ListPersonaAliasesResponse> {
        answer!("ListPersonaAliases", self.list_aliases(request))
    }

    async fn list_namespaces(
        &self,
        request: Request<pb::ListNamespacesRequest>,
    ) -> Answer<pb::ListNamespacesResponse> {
        answer!("ListNamespaces", self.list_namespaces(request))
    }

    async fn set_persona_alias(
        &self,
        request: Request<pb::SetPersonaAliasRequest>,
    ) -> Answer<pb::SetPersonaAliasResponse> {
        answer!("SetPersonaAlias", self.set_alias(request))
    }

    async fn delete_persona_alias(
        &self,
        request: Request<pb::DeletePersonaAliasRequest>,
    ) -> Answer<pb::DeletePersonaAliasResponse> {
        answer!("DeletePersonaAlias", self.delete_alias(request))
    }

    async fn batch_write_personas(
        &self,
        request: Request<pb::BatchWritePersonasRequest>,
    ) -> Answer<pb::BatchWritePersonasResponse> {
        answer!("BatchWritePersonas", self.batch(request))
    }

    async fn purge_persona_version(
        &self,
        request: Request<pb::PurgePersonaVersionRequest>,
    ) -> Answer<pb::PurgePersonaVersionResponse> {
        answer!("PurgePersonaVersion", self.purge(request))
    }

    type WatchPersonasStream = Pin<Box<dyn Stream<Item = Result<pb::WatchPersonasResponse, Status>> + Send>>;

    async fn watch_personas(
        &self,
        request: Request<pb::WatchPersonasRequest>,
    ) -> Answer<Self::WatchPersonasStream> {
        let messages = self.watch_answer(request)?;
        Ok(Response::new(Box::pin(messages.map(|message| decoded(message?)))))
    }
}
