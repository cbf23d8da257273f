//! Get and List with personas that are encoded once for each version: what travels are the contract's messages, byte for byte.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use prost::Message;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use super::persona_service::Personas;
use crate::domain::{Persona, View, limits};
use crate::wire::pb::persona_service_server::PersonaServiceServer;
use crate::wire::{self, pb};

const GET: &str = "/persona.registry.v1.PersonaService/GetPersona";
const LIST: &str = "/persona.registry.v1.PersonaService/ListPersonas";

/// Bytes of encoded personas that are kept.
pub(super) const KEPT_BYTES: u64 = 32 * 1024 * 1024;

/// `GetPersonaResponse` with the persona encoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetAnswer {
    #[prost(message, optional, tag = "1")]
    pub header: Option<pb::ResponseHeader>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub persona: Option<Bytes>,
    #[prost(bool, tag = "3")]
    pub not_modified: bool,
}

/// `ListPersonasResponse` with the personas encoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ListAnswer {
    #[prost(message, optional, tag = "1")]
    pub header: Option<pb::ResponseHeader>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub personas: Vec<Bytes>,
    #[prost(string, tag = "3")]
    pub next_page_token: String,
    #[prost(string, tag = "4")]
    pub resume_token: String,
}

/// A persona as it travels.
pub(super) fn encoded(persona: &Persona, view: View) -> Bytes {
    wire::persona(persona, view).encode_to_vec().into()
}

/// Stands before `PersonaService` and answers those calls whose answers hold encoded personas.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    inner: PersonaServiceServer<Personas>,
    personas: Personas,
}

impl Ready {
    /// Before a service of these personas.
    pub(super) const fn new(inner: PersonaServiceServer<Personas>, personas: Personas) -> Self {
        Self { inner, personas }
    }
}

impl NamedService for Ready {
    const NAME: &'static str = <PersonaServiceServer<Personas> as NamedService>::NAME;
}

impl Service<Request<Body>> for Ready {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let personas = self.personas.clone();
        match request.uri().path() {
            GET => {
                let get = service_fn(move |asked| {
                    let personas = personas.clone();
                    async move { personas.get_answer(asked).await }
                });
                Box::pin(unary::<_, pb::GetPersonaRequest, GetAnswer>(get, request))
            }
            LIST => {
                let list = service_fn(move |asked| {
                    let personas = personas.clone();
                    async move { personas.list_answer(asked).await }
                });
                Box::pin(unary::<_, pb::ListPersonasRequest, ListAnswer>(list, request))
            }
            _ => self.inner.call(request),
        }
    }
}

/// One call, as generated code makes it.
async fn unary<M, Q, A>(method: M, request: Request<Body>) -> Result<Response<Body>, Infallible>
where
    M: UnaryService<Q, Response = A>,
    Q: Message + Default + 'static,
    A: Message + 'static,
{
    let codec = ProstCodec::<A, Q>::default();
    let mut grpc = Grpc::new(codec).apply_max_message_size_config(Some(limits::REQUEST_BYTES), None);
    Ok(grpc.unary(method, request).await)
}
