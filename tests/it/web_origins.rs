//! Which pages may call: none unless told, and then those that were named.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use persona_registry::edge::cors::OriginError;
use persona_registry::server::ServeError;
use persona_registry::wire::pb;
use prost::Message as _;
use tonic::Code;

use crate::harness::{Server, get, put, refused};
use crate::raw::{GET, PUT, framed};
use crate::web_client::{Called, ENCODINGS, Encoding, Page, plain};

const OURS: &str = "http://localhost:5173";
const THEIRS: &str = "https://theirs.example";

/// What a browser asks before it lets a page call.
async fn preflight(page: &mut Page, origin: &str) -> (StatusCode, HeaderMap, String) {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-grpc-web"),
    ];
    plain(page.request(Method::OPTIONS, PUT, &headers, Bytes::new()).await).await
}

/// Puts as a page of this origin.
async fn put_from(page: &mut Page, origin: &str) -> http::Response<hyper::body::Incoming> {
    let message = framed(0, &put("a", origin).encode_to_vec());
    page.post(Encoding::Binary, PUT, &[("origin", origin)], &message).await
}

#[track_caller]
fn says_nothing_of_origins(headers: &HeaderMap) {
    let said: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("access-control")).collect();
    assert!(said.is_empty(), "{said:?}");
}

async fn is_refused(page: &mut Page, origin: &str) {
    for (status, headers, text) in [preflight(page, origin).await, plain(put_from(page, origin).await).await]
    {
        assert_eq!(status, StatusCode::FORBIDDEN, "{origin}");
        says_nothing_of_origins(&headers);
        assert!(text.contains("--web-origin") && text.lines().count() == 1, "{text}");
    }
}

#[tokio::test]
async fn web_no_page_may_call_unless_its_origin_is_allowed() {
    let server = Server::start().await;
    let mut page = Page::open(server.address).await;
    // The server's own host too: it serves no pages, so a page that seems to be its own came by a false host name.
    let own = format!("http://{}", server.address);
    for origin in [OURS, THEIRS, "null", "", &own] {
        is_refused(&mut page, origin).await;
    }
    assert_eq!(server.registry.head().0, 0, "nothing was written");
    // What no page sent is served, and hears nothing of origins.
    for encoding in ENCODINGS {
        let called = page.call(encoding, PUT, &put("a", "1")).await;
        says_nothing_of_origins(&called.headers);
        called.message::<pb::PutPersonaResponse>().unwrap();
    }
}

#[tokio::test]
async fn web_pages_of_an_allowed_origin_call_and_others_do_not() {
    let allowed = vec!["HTTP://LocalHost:5173".to_owned(), "https://b.example".to_owned()];
    let server = Server::start_with(|options| options.web_origins = allowed).await;
    let mut page = Page::open(server.address).await;
    for origin in
        [THEIRS, "null", "http://localhost:5174", "https://localhost:5173", "http://localhost:5173.b.example"]
    {
        is_refused(&mut page, origin).await;
    }
    assert_eq!(server.registry.head().0, 0, "nothing was written");

    let (status, headers, _) = preflight(&mut page, OURS).await;
    assert_eq!(status, StatusCode::OK);
    let list = |headers: &HeaderMap, name: &str| {
        let mut words: Vec<_> =
            headers[name].to_str().unwrap().split(',').map(|word| word.trim().to_owned()).collect();
        words.sort();
        words
    };
    assert_eq!(headers["access-control-allow-origin"], OURS);
    assert_eq!(headers["access-control-allow-methods"], "POST");
    let sent =
        ["authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-request-id", "x-user-agent"];
    assert_eq!(list(&headers, "access-control-allow-headers"), sent);
    assert_eq!(headers["access-control-max-age"], "7200");
    assert_eq!(headers["vary"], "origin", "a cache must not show it to others");
    assert_eq!(headers.get("access-control-allow-credentials"), None);

    for origin in [OURS, "https://b.example"] {
        let called = Called::read(put_from(&mut page, origin).await).await;
        assert_eq!(called.headers["access-control-allow-origin"], origin);
        let seen = ["grpc-message", "grpc-status", "grpc-status-details-bin", "x-request-id"];
        assert_eq!(list(&called.headers, "access-control-expose-headers"), seen);
        called.message::<pb::PutPersonaResponse>().unwrap();
    }
    // A refusal of the call itself is for the page to read.
    let message = framed(0, &get("nobody").encode_to_vec());
    let response = page.post(Encoding::Binary, GET, &[("origin", OURS)], &message).await;
    let called = Called::read(response).await;
    assert_eq!(called.headers["access-control-allow-origin"], OURS);
    let answer = called.message::<pb::GetPersonaResponse>();
    refused(answer, Code::NotFound, pb::ErrorReason::PersonaNotFound);
}

#[tokio::test]
async fn web_a_star_allows_every_page() {
    let server = Server::start_with(|options| options.web_origins = vec!["*".to_owned()]).await;
    let mut page = Page::open(server.address).await;
    for origin in [OURS, THEIRS, "null"] {
        let (status, headers, _) = preflight(&mut page, origin).await;
        assert_eq!(
            (status, &headers["access-control-allow-origin"]),
            (StatusCode::OK, &"*".parse().unwrap())
        );
        let called = Called::read(put_from(&mut page, origin).await).await;
        assert_eq!(called.headers["access-control-allow-origin"], "*");
        called.message::<pb::PutPersonaResponse>().unwrap();
    }
}

#[tokio::test]
async fn web_an_origin_that_is_none_stops_the_start() {
    let mut stopped = Server::start().await.stop().await;
    stopped.options.web_origins = vec![OURS.to_owned(), format!("{OURS}/page")];
    let again = stopped.again();
    let Err(ServeError::Origin(OriginError { given, problem })) = stopped.start().await else {
        panic!("it should not start");
    };
    assert_eq!(given, format!("{OURS}/page"));
    assert!(problem.contains("write http://localhost:5173"), "{problem}");
    let mut again = again;
    again.options.web_origins.pop();
    again.start().await.unwrap();
}
