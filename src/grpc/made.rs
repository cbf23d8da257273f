//! Get, List and Watch with personas that are encoded once for each version: what travels are the contract's messages, byte for byte.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use prost::Message;
use prost::encoding::{decode_key, decode_varint};
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tower::Service;

use super::persona_service::Personas;
use super::whole::{Reply, Unread, whole};
use crate::domain::{Persona, View};
use crate::wire::{self, pb};

const GET: &str = "/persona.registry.v1.PersonaService/GetPersona";
const LIST: &str = "/persona.registry.v1.PersonaService/ListPersonas";
const WATCH: &str = "/persona.registry.v1.PersonaService/WatchPersonas";

/// Bytes of encoded personas that are kept.
pub(super) const KEPT_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of messages to watchers that are kept for others who are to be told the same.
pub(super) const TOLD_BYTES: u64 = 4 * 1024 * 1024;

/// `WatchPersonasResponse` that tells of changes, with the personas encoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchAnswer {
    #[prost(message, optional, tag = "4")]
    pub changes: Option<ChangesAnswer>,
    #[prost(string, tag = "7")]
    pub resume_token: String,
}

/// `WatchPersonasResponse.Changes` with the personas encoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChangesAnswer {
    #[prost(int64, tag = "1")]
    pub revision: i64,
    #[prost(message, repeated, tag = "2")]
    pub changes: Vec<ChangeAnswer>,
    #[prost(bool, tag = "3")]
    pub fragment: bool,
    #[prost(message, optional, tag = "4")]
    pub commit_time: Option<prost_types::Timestamp>,
}

/// `PersonaChange` with the persona encoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChangeAnswer {
    #[prost(enumeration = "pb::persona_change::Type", tag = "1")]
    pub kind: i32,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub persona: Option<Bytes>,
}

/// Number of the field that a persona is in `GetPersonaResponse`, `ListPersonasResponse` and `PersonaChange`.
const PERSONA: u32 = 2;

/// A persona as the field that it is in answers.
pub(super) fn field(persona: &Persona, view: View) -> Bytes {
    let message = wire::persona(persona, view);
    let mut field = Vec::with_capacity(prost::encoding::message::encoded_len(PERSONA, &message));
    prost::encoding::message::encode(PERSONA, &message, &mut field);
    field.into()
}

/// The persona of such a field. Only a fault of the build makes it nothing.
pub(super) fn persona_of(mut field: Bytes) -> Bytes {
    let read = decode_key(&mut field).and_then(|_| decode_varint(&mut field));
    if read.is_ok() { field } else { Bytes::new() }
}

/// Stands before all services and answers those calls itself whose answers hold encoded personas. Such a call is one message that is
/// there in one piece, nearly always; any other goes on to the services, which answer it alike.
#[derive(Debug, Clone)]
pub struct Encoded<S> {
    inner: S,
    personas: Personas,
}

impl<S> Encoded<S> {
    /// Before services, one of which is of these personas.
    pub(super) const fn new(inner: S, personas: Personas) -> Self {
        Self { inner, personas }
    }
}

type Replying = Pin<Box<dyn Future<Output = Result<Response<Reply>, Infallible>> + Send>>;

impl<S, B> Service<Request<B>> for Encoded<S>
where
    S: Service<Request<Unread<B>>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = Replying;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Replying {
        match request.uri().path() {
            GET => self.answer(request, |personas, asked| async move {
                personas.get_answer(asked).await.map(|answer| Reply::whole(answer.into_inner()))
            }),
            LIST => self.answer(request, |personas, asked| async move {
                personas.list_answer(asked).await.map(|answer| Reply::whole(answer.into_inner()))
            }),
            WATCH => self.answer(request, |personas, asked| async move {
                personas.watch_answer(asked).map(Reply::stream)
            }),
            _ => {
                let call = self.inner.call(request.map(Unread::from));
                Box::pin(async move { Ok(call.await?.map(Reply::Routed)) })
            }
        }
    }
}

impl<S> Encoded<S> {
    /// Answers by this method, where the request is whole.
    fn answer<B, M, F, Q>(&self, request: Request<B>, method: M) -> Replying
    where
        S: Service<Request<Unread<B>>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Send,
        M: FnOnce(Personas, tonic::Request<Q>) -> F + Send + 'static,
        F: Future<Output = Result<Response<Reply>, Status>> + Send + 'static,
        Q: Message + Default + 'static,
    {
        let (mut inner, personas) = (self.inner.clone(), self.personas.clone());
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let asked = match whole(&parts.headers, body).await {
                Ok(asked) => asked,
                Err(unread) => {
                    let answer = inner.call(Request::from_parts(parts, unread)).await?;
                    return Ok(answer.map(Reply::Routed));
                }
            };
            let asked = tonic::Request::from_parts(MetadataMap::new(), parts.extensions, asked);
            Ok(method(personas, asked).await.unwrap_or_else(Status::into_http))
        })
    }
}
