//! `PersonaService`, handler by handler.

use std::pin::Pin;

use prost::Message as _;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::parse::Checks;
use super::{status, watch};
use crate::diagnostic::Code;
use crate::domain::{Caller, Persona, View, limits};
use crate::registry::{self, Error, Registry};
use crate::wire::{self, pb};

/// Answers `PersonaService`.
#[derive(Debug, Clone)]
pub struct Personas {
    registry: Registry,
}

type Answer<T> = Result<Response<T>, Status>;

/// Bytes that a persona takes in a list, its tag and length included.
pub(super) fn size(persona: &Persona, view: View) -> usize {
    wire::persona(persona, view).encoded_len() + 8
}

impl Personas {
    /// Answers from this registry.
    #[must_use]
    pub const fn new(registry: Registry) -> Self {
        Self { registry }
    }

    fn header(&self, revision: crate::domain::Revision) -> Option<pb::ResponseHeader> {
        Some(wire::header(self.registry.store_id(), revision))
    }

    async fn get(
        &self,
        caller: &Caller,
        request: pb::GetPersonaRequest,
    ) -> Result<pb::GetPersonaResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let name = checks.name(&request.name);
        let version =
            request.selector.map(|pb::get_persona_request::Selector::Version(number)| checks.version(number));
        let view = checks.view(request.view, View::Full);
        let if_none_match = checks.etag("if_none_match", &request.if_none_match);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let Some(name) = name else { return Err(unchecked()) };
        let get = registry::Get { namespace, name, version, view, if_none_match, freshness };
        let got = self.registry.get(caller, get).await?;
        Ok(pb::GetPersonaResponse {
            header: self.header(got.revision),
            not_modified: got.persona.is_none(),
            persona: got.persona.map(|persona| wire::persona(&persona, view)),
        })
    }

    async fn batch_get(
        &self,
        caller: &Caller,
        request: pb::BatchGetPersonasRequest,
    ) -> Result<pb::BatchGetPersonasResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        if request.names.is_empty() {
            checks.fail("names", "is empty; name at least one persona");
        }
        let names = checks.names(&request.names, limits::BATCH_GET_NAMES);
        let view = checks.view(request.view, View::Full);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let batch = registry::BatchGet { namespace, names, view, freshness };
        let (revision, personas) = self.registry.batch_get(caller, batch, size).await?;
        let personas = personas.iter().map(|persona| wire::persona(persona, view)).collect();
        Ok(pb::BatchGetPersonasResponse { header: self.header(revision), personas })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: pb::ListPersonasRequest,
    ) -> Result<pb::ListPersonasResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespaces(&request.namespace);
        let page_size = checks.page_size(request.page_size);
        let view = checks.view(request.view, View::Basic);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let page_token = request.page_token;
        let list = registry::List { namespace, page_size, page_token, view, freshness };
        let listing = self.registry.list(caller, list, size).await?;
        Ok(pb::ListPersonasResponse {
            header: self.header(listing.revision),
            personas: listing.personas.iter().map(|persona| wire::persona(persona, view)).collect(),
            next_page_token: listing.next_page_token,
            resume_token: listing.resume_token,
        })
    }

    async fn validate(
        &self,
        caller: &Caller,
        request: pb::ValidatePersonaRequest,
    ) -> Result<pb::ValidatePersonaResponse, Error> {
        let mut checks = Checks::default();
        let dialect = checks.dialect(request.dialect);
        let profile = checks.profile(request.profile);
        let name = checks.optional_name(&request.name);
        let path = checks.bounded("path", request.path, PATH_BYTES);
        let select = rules(&mut checks, "select", &request.select);
        let ignore = rules(&mut checks, "ignore", &request.ignore);
        checks.done()?;
        let path = Some(path).filter(|path| !path.is_empty());
        let content = request.content;
        let validate = registry::Validate { content: content.clone(), path, dialect, profile, name };
        let revision = self.registry.head();
        let examined = self.registry.validate(caller, validate).await?;
        let storable = examined.is_storable();
        let mut diagnostics = examined.diagnostics;
        diagnostics.retain(|found| {
            (select.is_empty() || select.contains(&found.code)) && !ignore.contains(&found.code)
        });
        let document = examined.document;
        Ok(pb::ValidatePersonaResponse {
            header: self.header(revision),
            diagnostics: wire::diagnostics(&diagnostics, &content),
            storable,
            name: examined.name.map(|name| name.to_string()).unwrap_or_default(),
            dialect: wire::dialect(document.derived.dialect).into(),
            dialect_reason: wire::dialect_reason(document.dialect_reason).into(),
            profile: wire::profile(document.profile).into(),
            token_estimate: i32::try_from(document.derived.token_estimate).unwrap_or(i32::MAX),
        })
    }

    async fn put(
        &self,
        caller: &Caller,
        request: pb::PutPersonaRequest,
    ) -> Result<pb::PutPersonaResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let name = checks.optional_name(&request.name);
        let dialect = checks.dialect(request.dialect);
        let profile = checks.profile(request.profile);
        let etag = checks.etag("etag", &request.etag);
        let message = checks.message(request.message);
        let request_id = checks.request_id(request.request_id);
        if etag.is_some() && request.create_only {
            checks.fail("create_only", "cannot be met together with an etag; give one of them");
        }
        checks.done()?;
        let content = request.content;
        let put = registry::Put {
            namespace,
            document: registry::Validate { content: content.clone(), path: None, dialect, profile, name },
            etag,
            create_only: request.create_only,
            message,
            request_id,
            validate_only: request.validate_only,
        };
        let registry::PutDone { done, diagnostics } = self.registry.put(caller, put).await?;
        let outcome = done.written.outcome;
        let etag =
            outcome.digest.map(|digest| crate::domain::Etag::new(outcome.version, &digest).to_string());
        Ok(pb::PutPersonaResponse {
            header: self.header(done.head),
            namespace: outcome.namespace.to_string(),
            name: outcome.name.to_string(),
            version: wire::number(outcome.version.0),
            revision: wire::number(outcome.revision.0),
            etag: etag.unwrap_or_default(),
            digest: outcome.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            unchanged: outcome.unchanged,
            replayed: done.written.replayed,
            diagnostics: wire::diagnostics(&diagnostics, &content),
        })
    }

    async fn delete(
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
        let outcome = done.written.outcome;
        Ok(pb::DeletePersonaResponse {
            header: self.header(done.head),
            namespace: outcome.namespace.to_string(),
            name: outcome.name.to_string(),
            version: wire::number(outcome.version.0),
            revision: wire::number(outcome.revision.0),
            replayed: done.written.replayed,
        })
    }
}

/// Bytes of a path in a request.
const PATH_BYTES: usize = 1024;

/// Rules named by code, by name or by the beginning of a code, such as `SYN`.
fn rules(checks: &mut Checks, field: &str, texts: &[String]) -> Vec<Code> {
    let mut codes = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let matching = Code::ALL.iter().copied();
        let matching: Vec<_> = matching
            .filter(|code| {
                !text.is_empty() && (code.as_str().starts_with(text.as_str()) || code.name() == text)
            })
            .collect();
        if matching.is_empty() {
            let shown: String = text.chars().take(64).collect();
            checks.fail(
                &format!("{field}[{at}]"),
                format!(
                    "{shown:?} names no rule; a rule is a code such as SYN008, its beginning, or its name"
                ),
            );
        }
        codes.extend(matching);
    }
    codes
}

/// A field that the checks let pass without a value; they never do.
fn unchecked() -> Error {
    Error::Internal("a request passed its checks without a required field".to_owned())
}

pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| status::of(&Error::Internal("a call came without a caller".to_owned())))
}

macro_rules! answer {
    ($self:ident . $method:ident ( $request:ident )) => {{
        let caller = caller(&$request)?;
        match $self.$method(&caller, $request.into_inner()).await {
            Ok(answer) => Ok(Response::new(answer)),
            Err(error) => Err(status::of(&error)),
        }
    }};
}

#[tonic::async_trait]
impl pb::persona_service_server::PersonaService for Personas {
    async fn get_persona(&self, request: Request<pb::GetPersonaRequest>) -> Answer<pb::GetPersonaResponse> {
        answer!(self.get(request))
    }

    async fn batch_get_personas(
        &self,
        request: Request<pb::BatchGetPersonasRequest>,
    ) -> Answer<pb::BatchGetPersonasResponse> {
        answer!(self.batch_get(request))
    }

    async fn list_personas(
        &self,
        request: Request<pb::ListPersonasRequest>,
    ) -> Answer<pb::ListPersonasResponse> {
        answer!(self.list(request))
    }

    async fn validate_persona(
        &self,
        request: Request<pb::ValidatePersonaRequest>,
    ) -> Answer<pb::ValidatePersonaResponse> {
        answer!(self.validate(request))
    }

    async fn put_persona(&self, request: Request<pb::PutPersonaRequest>) -> Answer<pb::PutPersonaResponse> {
        answer!(self.put(request))
    }

    async fn delete_persona(
        &self,
        request: Request<pb::DeletePersonaRequest>,
    ) -> Answer<pb::DeletePersonaResponse> {
        answer!(self.delete(request))
    }

    type WatchPersonasStream = Pin<Box<dyn Stream<Item = Result<pb::WatchPersonasResponse, Status>> + Send>>;

    async fn watch_personas(
        &self,
        request: Request<pb::WatchPersonasRequest>,
    ) -> Answer<Self::WatchPersonasStream> {
        let caller = caller(&request)?;
        let begun = watch::begin(&self.registry, &caller, request.into_inner());
        begun.map(|stream| Response::new(Box::pin(stream) as _)).map_err(|error| status::of(&error))
    }
}
