//! A registry that answers from a script: for what a real one does only when it is ill.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use persona_registry::wire::{ERROR_DOMAIN, pb};
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use pb::persona_service_server::{PersonaService, PersonaServiceServer};
use pb::watch_personas_request::Start as Asked;

/// Answers from a script and remembers what it was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stub(pub(crate) Arc<Mutex<Script>>);

#[derive(Debug, Default)]
pub(crate) struct Script {
    /// What there is. `hollow` is answered without a persona.
    pub(crate) personas: BTreeMap<String, pb::Persona>,
    /// What validating answers.
    pub(crate) diagnostics: Vec<pb::Diagnostic>,
    /// What the next puts fail with; after them they succeed.
    pub(crate) failures: VecDeque<Status>,
    pub(crate) request_ids: Vec<String>,
    /// What each stream sends before it breaks; after them watching is refused for good.
    pub(crate) streams: VecDeque<Vec<pb::WatchPersonasResponse>>,
    /// After the script's streams one that stands and says nothing, instead of the refusal.
    pub(crate) then_silent: bool,
    pub(crate) starts: Vec<Option<Asked>>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PersonaService for Stub {
    type WatchPersonasStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<pb::WatchPersonasResponse, Status>> + Send>>;

    async fn get_persona(&self, request: Request<pb::GetPersonaRequest>) -> Answer<pb::GetPersonaResponse> {
        let name = request.into_inner().name;
        let persona = self.0.lock().unwrap().personas.get(&name).cloned();
        if persona.is_none() && name != "hollow" {
            return Err(refusal(Code::NotFound, "PERSONA_NOT_FOUND"));
        }
        Ok(Response::new(pb::GetPersonaResponse { persona, ..Default::default() }))
    }

    async fn batch_get_personas(
        &self,
        _: Request<pb::BatchGetPersonasRequest>,
    ) -> Answer<pb::BatchGetPersonasResponse> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn list_personas(
        &self,
        request: Request<pb::ListPersonasRequest>,
    ) -> Answer<pb::ListPersonasResponse> {
        // A persona a page, and an empty page before each.
        let page: usize = request.into_inner().page_token.parse().unwrap_or(0);
        let script = self.0.lock().unwrap();
        let personas = if page % 2 == 1 { script.personas.values().nth(page / 2) } else { None };
        let more = page < 2 * script.personas.len();
        Ok(Response::new(pb::ListPersonasResponse {
            personas: personas.cloned().into_iter().collect(),
            next_page_token: if more { (page + 1).to_string() } else { String::new() },
            ..Default::default()
        }))
    }

    async fn validate_persona(
        &self,
        _: Request<pb::ValidatePersonaRequest>,
    ) -> Answer<pb::ValidatePersonaResponse> {
        let diagnostics = self.0.lock().unwrap().diagnostics.clone();
        Ok(Response::new(pb::ValidatePersonaResponse { diagnostics, ..Default::default() }))
    }

    async fn put_persona(&self, request: Request<pb::PutPersonaRequest>) -> Answer<pb::PutPersonaResponse> {
        let mut script = self.0.lock().unwrap();
        let request = request.into_inner();
        script.request_ids.push(request.request_id);
        let name = if request.name.is_empty() { "a".to_owned() } else { request.name };
        match script.failures.pop_front() {
            Some(status) => Err(status),
            None => Ok(Response::new(pb::PutPersonaResponse {
                name,
                version: 1,
                revision: 1,
                ..Default::default()
            })),
        }
    }

    async fn delete_persona(
        &self,
        _: Request<pb::DeletePersonaRequest>,
    ) -> Answer<pb::DeletePersonaResponse> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn watch_personas(
        &self,
        request: Request<pb::WatchPersonasRequest>,
    ) -> Answer<Self::WatchPersonasStream> {
        let mut script = self.0.lock().unwrap();
        script.starts.push(request.into_inner().start);
        let Some(messages) = script.streams.pop_front() else {
            if script.then_silent {
                return Ok(Response::new(Box::pin(tokio_stream::pending())));
            }
            return Err(refusal(Code::FailedPrecondition, "STORE_MISMATCH"));
        };
        let end = Err(refusal(Code::Unavailable, "SERVER_DRAINING"));
        let items = messages.into_iter().map(Ok).chain([end]);
        Ok(Response::new(Box::pin(tokio_stream::iter(items))))
    }
}

pub(crate) fn refusal(code: Code, reason: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::new());
    details.set_retry_info(Some(Duration::from_millis(1)));
    Status::with_error_details(code, reason.to_lowercase(), details)
}

/// Serves the stub on a free port for as long as the test runs, and tells the address.
pub(crate) async fn serve(stub: &Stub) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = TowerToHyperService::new(PersonaServiceServer::new(stub.clone()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).http2_only();
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}
