//! The client against a registry that fails on purpose: what is retried, under which id, and how a watch resumes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use persona_registry::client::{Client, ClientError, Options, Selection, Server, Start, Step};
use persona_registry::wire::{ERROR_DOMAIN, pb};
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use pb::persona_service_server::{PersonaService, PersonaServiceServer};
use pb::watch_personas_request::Start as Asked;
use pb::watch_personas_response::{Event, Progress};

/// Answers from a script and remembers what it was asked.
#[derive(Debug, Clone, Default)]
struct Stub(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    /// What the next puts fail with; after them they succeed.
    failures: VecDeque<Status>,
    request_ids: Vec<String>,
    /// What each stream sends before it breaks; after them watching is refused for good.
    streams: VecDeque<Vec<pb::WatchPersonasResponse>>,
    starts: Vec<Option<Asked>>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PersonaService for Stub {
    type WatchPersonasStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<pb::WatchPersonasResponse, Status>> + Send>>;

    async fn get_persona(&self, _: Request<pb::GetPersonaRequest>) -> Answer<pb::GetPersonaResponse> {
        Ok(Response::new(pb::GetPersonaResponse::default()))
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
        // Three pages, the second of them empty.
        let page = |name: &str, next: &str| pb::ListPersonasResponse {
            personas: Some(name)
                .filter(|name| !name.is_empty())
                .map(|name| pb::Persona { name: name.to_owned(), ..Default::default() })
                .into_iter()
                .collect(),
            next_page_token: next.to_owned(),
            ..Default::default()
        };
        Ok(Response::new(match request.into_inner().page_token.as_str() {
            "" => page("a", "2"),
            "2" => page("", "3"),
            _ => page("b", ""),
        }))
    }

    async fn validate_persona(
        &self,
        _: Request<pb::ValidatePersonaRequest>,
    ) -> Answer<pb::ValidatePersonaResponse> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn put_persona(&self, request: Request<pb::PutPersonaRequest>) -> Answer<pb::PutPersonaResponse> {
        let mut script = self.0.lock().unwrap();
        script.request_ids.push(request.into_inner().request_id);
        match script.failures.pop_front() {
            Some(status) => Err(status),
            None => Ok(Response::new(pb::PutPersonaResponse { version: 1, ..Default::default() })),
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
            return Err(refusal(Code::FailedPrecondition, "STORE_MISMATCH"));
        };
        let end = Err(refusal(Code::Unavailable, "SERVER_DRAINING"));
        let items = messages.into_iter().map(Ok).chain([end]);
        Ok(Response::new(Box::pin(tokio_stream::iter(items))))
    }
}

fn refusal(code: Code, reason: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::new());
    details.set_retry_info(Some(Duration::from_millis(1)));
    Status::with_error_details(code, reason.to_lowercase(), details)
}

/// Serves the stub on a free port, for as long as the test runs.
async fn connect(stub: &Stub) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server: Server = listener.local_addr().unwrap().to_string().parse().unwrap();
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
    Client::connect(&server, Options::default()).await.unwrap()
}

fn stub(failures: &[(Code, &str)]) -> Stub {
    let failures = failures.iter().map(|(code, reason)| refusal(*code, reason)).collect();
    Stub(Arc::new(Mutex::new(Script { failures, ..Script::default() })))
}

#[tokio::test]
async fn a_put_is_retried_under_one_request_id() {
    let stub =
        stub(&[(Code::Unavailable, "WRITE_OUTCOME_UNKNOWN"), (Code::DeadlineExceeded, "DEADLINE_EXPIRED")]);
    let client = connect(&stub).await;
    let response = client.put(pb::PutPersonaRequest::default()).await.unwrap();
    assert_eq!(response.version, 1);
    let ids = stub.0.lock().unwrap().request_ids.clone();
    assert_eq!(ids.len(), 3);
    assert!(!ids[0].is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    client.put(pb::PutPersonaRequest::default()).await.unwrap();
    let own = pb::PutPersonaRequest { request_id: "mine".to_owned(), ..Default::default() };
    client.put(own).await.unwrap();
    let ids = stub.0.lock().unwrap().request_ids.clone();
    assert_ne!(ids[3], ids[0], "another put is another request");
    assert_eq!(ids[4], "mine");
}

#[tokio::test]
async fn a_decided_put_is_not_retried() {
    let stub = stub(&[(Code::Aborted, "ETAG_MISMATCH")]);
    let error = connect(&stub).await.put(pb::PutPersonaRequest::default()).await.unwrap_err();
    assert_eq!(error.reason(), Some(pb::ErrorReason::EtagMismatch));
    assert_eq!(stub.0.lock().unwrap().request_ids.len(), 1);
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let stub = stub(&[(Code::Unavailable, "SERVER_DRAINING"); 9]);
    let error = connect(&stub).await.put(pb::PutPersonaRequest::default()).await.unwrap_err();
    assert_eq!(error.reason(), Some(pb::ErrorReason::ServerDraining));
    assert_eq!(stub.0.lock().unwrap().request_ids.len(), 4, "once, and three times more");
}

#[tokio::test]
async fn a_listing_reads_all_pages_empty_ones_too() {
    let personas = connect(&Stub::default()).await.list("default").await.unwrap();
    let names: Vec<_> = personas.iter().map(|persona| persona.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn an_answer_that_lacks_what_was_promised_is_an_error() {
    let request = pb::GetPersonaRequest { name: "a".to_owned(), ..Default::default() };
    let error = connect(&Stub::default()).await.get(request).await.unwrap_err();
    assert!(matches!(error, ClientError::Incomplete("the persona")));
}

#[tokio::test]
async fn a_broken_watch_resumes_from_its_last_token() {
    let message = |revision: i64, token: &str| pb::WatchPersonasResponse {
        event: Some(Event::Progress(Progress { revision })),
        resume_token: token.to_owned(),
    };
    let stub = Stub::default();
    stub.0.lock().unwrap().streams = VecDeque::from([
        vec![message(1, "")],
        vec![message(2, "t2"), message(3, "")],
        vec![message(4, "t4")],
    ]);
    let client = connect(&stub).await;
    let mut watch = client.watch(Selection::default(), Start::Snapshot).await.unwrap();
    let (mut messages, mut lost) = (0, 0);
    let end = loop {
        match watch.next().await {
            Ok(Step::Message(_)) => messages += 1,
            Ok(Step::Lost { .. }) => lost += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(end.reason(), Some(pb::ErrorReason::StoreMismatch), "what trying again does not mend ends it");
    assert_eq!((messages, lost), (4, 3));
    assert_eq!(watch.resume_token(), Some("t4"));
    let token = |token: &str| Some(Asked::ResumeToken(token.to_owned()));
    assert_eq!(stub.0.lock().unwrap().starts, [None, None, token("t2"), token("t4")]);
}

#[tokio::test]
async fn nothing_listening_is_told_with_the_address() {
    let server: Server = "127.0.0.1:9".parse().unwrap();
    let error = Client::connect(&server, Options::default()).await.unwrap_err();
    let ClientError::Unreachable { server, .. } = error else { panic!("{error}") };
    assert_eq!(server, "http://127.0.0.1:9");
}
