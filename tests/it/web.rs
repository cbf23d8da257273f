//! gRPC-Web over HTTP/1.1: all that holds for gRPC holds for pages too, in both encodings.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use persona_registry::edge::REQUEST_ID;
use persona_registry::edge::cors::Origins;
use persona_registry::grpc::Web;
use persona_registry::registry::Registry;
use persona_registry::wire::pb;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{ErrorReason, WatchMode};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Status};

use crate::edge::{MISHAP, clumsy_service};
use crate::harness::{PATIENCE, Server, bytes_of, document, get, put, refused, soon};
use crate::raw::{GET, PUT, WATCH, framed};
use crate::recorder::{Recorder, everything};
use crate::web_client::{Called, ENCODINGS, Encoding, Page, Stream, plain};

#[tokio::test]
async fn web_a_page_writes_and_reads_in_both_encodings_over_one_connection() {
    let server = Server::start().await;
    let mut page = Page::open(server.address).await;
    for (number, encoding) in ENCODINGS.into_iter().enumerate() {
        let name = format!("persona-{number}");
        let called = page.call(encoding, PUT, &put(&name, "ä <b>")).await;
        assert_eq!(called.headers["content-type"], encoding.content_type());
        assert_eq!(called.headers[REQUEST_ID].len(), 36, "an id of its own");
        assert_eq!(called.message::<pb::PutPersonaResponse>().unwrap().version, 1);
        let got: pb::GetPersonaResponse = page.call(encoding, GET, &get(&name)).await.message().unwrap();
        assert_eq!(bytes_of(&got.persona.unwrap()), document(&name, "ä <b>"));
    }
    let listed = server.client().await.list_personas(pb::ListPersonasRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().personas.len(), 2);
}

#[tokio::test]
async fn web_the_answer_is_in_the_encoding_that_was_asked_for() {
    let server = Server::start().await;
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    let mut page = Page::open(server.address).await;
    let (binary, text) = (Encoding::Binary, Encoding::Text);
    for (sent, kind, accept, answered) in [
        (binary, "application/grpc-web", None, binary),
        (binary, "application/grpc-web+proto", Some("*/*"), binary),
        (binary, "application/grpc-web+proto; charset=utf-8", None, binary),
        (binary, "Application/gRPC-Web", None, binary),
        (binary, "application/grpc-web", Some("application/grpc-web-text"), text),
        (text, "application/grpc-web-text", None, text),
        (text, "application/grpc-web-text+proto", Some("*/*"), text),
        (text, "application/grpc-web-text", Some("application/grpc-web-text+proto"), text),
        (text, "application/grpc-web-text", Some("application/grpc-web+proto"), binary),
    ] {
        let mut headers = vec![("content-type", kind)];
        headers.extend(accept.map(|accept| ("accept", accept)));
        let body = sent.encode(&framed(0, &get("a").encode_to_vec()));
        let called = Called::read(page.request(Method::POST, GET, &headers, body).await).await;
        assert_eq!(called.headers["content-type"], answered.content_type(), "{kind} {accept:?}");
        assert_eq!(called.message::<pb::GetPersonaResponse>().unwrap().persona.unwrap().name, "a");
    }
}

/// A status as a page gets it: in the body, whole, and nowhere else.
#[track_caller]
fn status(called: &Called, code: Code, reason: ErrorReason) -> Status {
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        assert!(!called.headers.contains_key(name), "{name} is in the headers");
    }
    assert_eq!(called.trailers.get("content-type"), None);
    refused(called.message::<pb::GetPersonaResponse>(), code, reason)
}

#[tokio::test]
async fn web_every_kind_of_refusal_has_its_reason_in_the_trailers_frame() {
    let server = Server::start().await;
    let mut page = Page::open(server.address).await;
    let message = framed(0, &get("nobody").encode_to_vec());
    let too_large = [&[0][..], &(4 * 1024 * 1024 + 1_u32).to_be_bytes(), b"x"].concat();
    let nowhere = "/persona.registry.v1.PersonaService/Fly";
    for encoding in ENCODINGS {
        for (path, header, body, code, reason) in [
            (GET, None, &message[..], Code::NotFound, ErrorReason::PersonaNotFound),
            (PUT, None, &framed(0, &[]), Code::InvalidArgument, ErrorReason::PersonaInvalid),
            // Made by the transport.
            (nowhere, None, &message, Code::Unimplemented, ErrorReason::MethodUnknown),
            ("/", None, &message, Code::Unimplemented, ErrorReason::MethodUnknown),
            (GET, None, &framed(0, b"\xff"), Code::InvalidArgument, ErrorReason::MessageMalformed),
            (GET, None, b"", Code::InvalidArgument, ErrorReason::MessageMalformed),
            (GET, None, b"\0\0\0", Code::InvalidArgument, ErrorReason::MessageMalformed),
            (GET, None, &too_large, Code::InvalidArgument, ErrorReason::MessageTooLarge),
            (
                GET,
                Some(("grpc-encoding", "gzip")),
                &framed(1, b"x"),
                Code::Unimplemented,
                ErrorReason::EncodingUnsupported,
            ),
            // Made at the edge.
            (
                GET,
                Some(("grpc-timeout", "soon")),
                &message,
                Code::InvalidArgument,
                ErrorReason::ArgumentInvalid,
            ),
        ] {
            let mut headers = vec![(REQUEST_ID, "call-7")];
            headers.extend(header);
            let called = Called::read(page.post(encoding, path, &headers, body).await).await;
            status(&called, code, reason);
            assert_eq!(called.headers[REQUEST_ID], "call-7", "{reason:?}");
            assert_eq!(called.messages.len(), 0, "{reason:?}");
        }
    }
    let headers = [("content-type", Encoding::Text.content_type())];
    let broken = page.request(Method::POST, GET, &headers, Bytes::from_static(b"not base64!!")).await;
    status(&Called::read(broken).await, Code::InvalidArgument, ErrorReason::MessageMalformed);
}

/// Serves services with mishaps in them over HTTP/1.1; gives the address.
async fn clumsy(registry: &Registry) -> std::net::SocketAddr {
    let service = Web::new(clumsy_service(registry).await, Origins::default(), PATIENCE);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test]
async fn web_a_panic_and_a_deadline_end_their_call_in_order_and_not_the_connection() {
    let server = Server::start().await;
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    let mut page = Page::open(clumsy(&server.registry).await).await;
    for encoding in ENCODINGS {
        for (mishap, code, reason) in [
            ("call", Code::Internal, ErrorReason::Internal),
            ("future", Code::Internal, ErrorReason::Internal),
            ("body", Code::Internal, ErrorReason::Internal),
            ("silence", Code::DeadlineExceeded, ErrorReason::DeadlineExpired),
        ] {
            let headers =
                [(MISHAP, mishap), ("grpc-timeout", if mishap == "silence" { "50m" } else { "1H" })];
            let message = framed(0, &get("a").encode_to_vec());
            let called = Called::read(page.post(encoding, GET, &headers, &message).await).await;
            status(&called, code, reason);
            let good = page.call(encoding, GET, &get("a")).await;
            assert_eq!(good.message::<pb::GetPersonaResponse>().unwrap().persona.unwrap().name, "a");
        }
        let message = framed(0, &everything("-", WatchMode::Latest).encode_to_vec());
        let mut stream = Stream::of(page.post(encoding, WATCH, &[(MISHAP, "second frame")], &message).await);
        let first = pb::WatchPersonasResponse::decode(stream.next().await.unwrap()).unwrap();
        assert!(matches!(first.event, Some(Event::Opened(_))));
        while stream.next().await.is_some() {}
        let ended = Status::from_header_map(&stream.trailers.unwrap()).unwrap();
        refused(Err::<(), _>(ended), Code::Internal, ErrorReason::Internal);
    }
}

/// A watch over HTTP/1.1, held against promises S.
struct Watching {
    stream: Stream,
    recorder: Recorder,
}

impl Watching {
    async fn open(page: &mut Page, encoding: Encoding, headers: &[(&str, &str)]) -> Self {
        let message = framed(0, &everything("-", WatchMode::Latest).encode_to_vec());
        let stream = Stream::of(page.post(encoding, WATCH, headers, &message).await);
        assert_eq!(stream.http, StatusCode::OK);
        Self { stream, recorder: Recorder::default() }
    }

    /// Takes the next message; at the end gives the status.
    async fn next(&mut self) -> Result<(), Status> {
        match self.stream.next().await {
            Some(bytes) => {
                self.recorder.take(&pb::WatchPersonasResponse::decode(bytes).unwrap());
                Ok(())
            }
            None => Err(Status::from_header_map(self.stream.trailers.as_ref().unwrap()).unwrap()),
        }
    }

    async fn until(&mut self, done: impl Fn(&Recorder) -> bool) {
        while !done(&self.recorder) {
            self.next().await.unwrap();
        }
    }
}

#[tokio::test]
async fn web_a_page_follows_until_the_server_drains_and_is_told_so() {
    let server = Server::start_with(|options| options.grace = Duration::from_secs(600)).await;
    let mut client = server.client().await;
    client.put_persona(put("a", "1")).await.unwrap();
    let mut watching = Vec::new();
    for encoding in ENCODINGS {
        // A stream takes a connection of its own.
        let mut page = Page::open(server.address).await;
        let mut one = Watching::open(&mut page, encoding, &[]).await;
        one.until(|recorder| recorder.whole).await;
        assert_eq!(one.recorder.map.len(), 1);
        watching.push((page, one));
    }
    let done = client.put_persona(put("b", "2")).await.unwrap().into_inner();
    for (_, one) in &mut watching {
        one.until(|recorder| recorder.cursor >= done.revision).await;
        assert_eq!(one.recorder.map.len(), 2);
    }
    let idle = Page::open(server.address).await;
    let stopping = tokio::spawn(server.stop());
    for (_, one) in &mut watching {
        let status = loop {
            if let Err(status) = one.next().await {
                break status;
            }
        };
        refused(Err::<(), _>(status), Code::Unavailable, ErrorReason::ServerDraining);
        assert!(one.recorder.is_closed, "it was told before");
    }
    soon(stopping).await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn web_a_deadline_ends_a_stream_in_order() {
    let server = Server::start().await;
    for encoding in ENCODINGS {
        let mut page = Page::open(server.address).await;
        let mut one = Watching::open(&mut page, encoding, &[("grpc-timeout", "500m")]).await;
        let status = loop {
            if let Err(status) = one.next().await {
                break status;
            }
        };
        refused(Err::<(), _>(status), Code::DeadlineExceeded, ErrorReason::DeadlineExpired);
        assert!(one.recorder.whole);
        assert_eq!(page.call(encoding, GET, &get("a")).await.http, StatusCode::OK, "the connection goes on");
    }
}

#[tokio::test]
async fn web_what_is_no_grpc_is_told_what_the_port_speaks() {
    let server = Server::start().await;
    for (method, kind, expected) in [
        (Method::GET, None, StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, Some("application/grpc-web+proto"), StatusCode::METHOD_NOT_ALLOWED),
        (Method::PUT, Some("application/grpc-web+proto"), StatusCode::METHOD_NOT_ALLOWED),
        (Method::OPTIONS, None, StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, None, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, Some("text/plain"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, Some("application/json"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, Some("application/grpc-web+json"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, Some("application/grpc-webbed"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, Some("application/grpc"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, Some("application/grpc+proto"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let mut page = Page::open(server.address).await;
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        let body = framed(0, &put("a", "1").encode_to_vec());
        let (status, headers, text) = plain(page.request(method.clone(), PUT, &headers, body).await).await;
        assert_eq!(status, expected, "{method} {kind:?}");
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(headers.contains_key("allow"), status == StatusCode::METHOD_NOT_ALLOWED);
        assert!(text.contains("gRPC-Web over HTTP/1.1") && text.lines().count() == 1, "{text}");
    }
    assert_eq!(server.registry.head().0, 0, "nothing was written");
}

#[tokio::test]
async fn web_over_http_2_pages_are_served_and_what_is_no_grpc_is_refused_as_well() {
    let server = Server::start().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut send = async |kind: &str, origin: Option<&str>| {
        let mut request =
            Request::post(format!("http://{}{PUT}", server.address)).header("content-type", kind);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let body = Full::new(framed(0, &put("a", kind).encode_to_vec()));
        let response = soon(sender.send_request(request.body(body).unwrap())).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts, soon(body.collect()).await.unwrap())
    };
    let (parts, _) = send("text/plain", None).await;
    assert_eq!(parts.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (parts, _) = send("application/grpc-web+proto", Some("https://a.example")).await;
    assert_eq!(parts.status, StatusCode::FORBIDDEN);
    assert_eq!(server.registry.head().0, 0, "nothing was written");

    let (parts, body) = send("application/grpc-web+proto", None).await;
    assert_eq!((parts.status, body.trailers()), (StatusCode::OK, None));
    assert!(String::from_utf8_lossy(&body.to_bytes()).contains("grpc-status:0\r\n"));
    assert_eq!(server.registry.head().0, 1);
    // A proxy that speaks gRPC for pages hands on what they sent, and has judged it.
    let (parts, body) = send("application/grpc", Some("https://a.example")).await;
    assert_eq!(
        (parts.status, body.trailers().unwrap()["grpc-status"].as_bytes()),
        (StatusCode::OK, &b"0"[..])
    );
    assert_eq!(server.registry.head().0, 2);
}
