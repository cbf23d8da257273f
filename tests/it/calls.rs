//! What every call meets at the edge: its id, its deadline, and bytes that are no request.

use bytes::Bytes;
use http::HeaderMap;
use tonic::Code;

use crate::harness::{Server, get, metadata, put, refused};
use crate::raw::{self, Answer};
use persona_registry::wire::pb::{self, ErrorReason};

fn call_id(headers: &HeaderMap) -> &str {
    headers.get("x-request-id").expect("every answer has an id").to_str().unwrap()
}

#[tokio::test]
async fn a_call_keeps_its_id_or_gets_one() {
    let server = Server::start().await;
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    let longest = "x".repeat(128);
    let good = ["1", "abc-1.2:3_4", "01a20794-8a18-7290-8906-0b12b21aa256", &longest];
    for id in good {
        for name in ["a", "nobody"] {
            let answer =
                raw::send(server.address, raw::GET, &[("x-request-id", id.as_bytes())], &get(name)).await;
            assert_eq!(call_id(&answer.headers), id, "of an answer and of a refusal");
        }
    }
    let too_long = "x".repeat(129);
    let bad: [&[u8]; 6] = [b"", b"a b", b"a/b", b"\xc3\xa9", b"a,b", too_long.as_bytes()];
    let mut made = Vec::new();
    for id in bad.map(|id| vec![("x-request-id", id)]).into_iter().chain([Vec::new()]) {
        let answer = raw::send(server.address, raw::GET, &id, &get("a")).await;
        answer.result().unwrap();
        let uuid: uuid::Uuid = call_id(&answer.headers).parse().unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        made.push(uuid);
    }
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 7, "each is another");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused_in_the_contracts_terms() {
    let server = Server::start().await;
    let whole = raw::framed(0, b"\x12\x01a");
    let long_name = [b"\x12\xff\xff\xff\xff\x0f".as_slice(), b"a"].concat();
    for (what, body) in [
        ("no message", Bytes::new()),
        ("half a header", whole.slice(..3)),
        ("half a message", whole.slice(..whole.len() - 1)),
        ("a field of no wire type", raw::framed(0, b"\x17")),
        ("a length beyond the message", raw::framed(0, &long_name)),
        ("a name that is not UTF-8", raw::framed(0, b"\x12\x01\xff")),
        ("a flag that means nothing", raw::framed(7, b"\x12\x01a")),
        ("compressed with nothing", raw::framed(1, b"\x12\x01a")),
        ("text", Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")),
    ] {
        let answer = raw::call(server.address, raw::GET, &[], body).await;
        let Err(status) = answer.result() else { panic!("{what} is answered") };
        refused(Err::<(), _>(status), Code::InvalidArgument, ErrorReason::MessageMalformed);
        call_id(&answer.headers);
    }
    let too_large = raw::framed(0, &vec![0; 4 * 1024 * 1024 + 1]).slice(..5);
    let answer = raw::call(server.address, raw::GET, &[], too_large).await;
    refused(answer.result(), Code::InvalidArgument, ErrorReason::MessageTooLarge);
}

#[tokio::test]
async fn methods_and_encodings_that_are_not_there_are_unimplemented() {
    let server = Server::start().await;
    let body = || raw::framed(0, b"");
    for path in [
        "/persona.registry.v1.PersonaService/Guess",
        "/persona.registry.v1.Unknown/GetPersona",
        "/persona.registry.v2.PersonaService/GetPersona",
        "/",
        "/GetPersona",
    ] {
        let answer = raw::call(server.address, path, &[], body()).await;
        let status = refused(answer.result(), Code::Unimplemented, ErrorReason::MethodUnknown);
        assert_eq!(metadata(&status, "path"), path);
        call_id(&answer.headers);
    }
    for encoding in [b"gzip".as_slice(), b"br", b"zstd", b"nonsense"] {
        let answer =
            raw::call(server.address, raw::GET, &[("grpc-encoding", encoding)], raw::framed(1, b"x")).await;
        refused(answer.result(), Code::Unimplemented, ErrorReason::EncodingUnsupported);
    }
}

#[tokio::test]
async fn a_deadline_ends_a_call_and_one_that_cannot_be_read_is_refused() {
    let server = Server::start().await;
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    let within = |timeout: &'static str| raw_get(&server, timeout);
    for timeout in ["1H", "99999999S", "5000m"] {
        within(timeout).await.result().unwrap();
    }
    for timeout in ["", "5", "S", "5s", "-5S", "5.5S", "100000000S", "\u{e9}"] {
        let answer = within(timeout).await;
        let status = refused(answer.result(), Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert_eq!(metadata(&status, "field"), "grpc-timeout");
        call_id(&answer.headers);
    }
    // A stream that is still open ends with the contract's status, in trailers.
    let watch = pb::WatchPersonasRequest::default();
    for timeout in [b"0n".as_slice(), b"1u", b"20m"] {
        let answer = raw::send(server.address, raw::WATCH, &[("grpc-timeout", timeout)], &watch).await;
        refused(answer.result(), Code::DeadlineExceeded, ErrorReason::DeadlineExpired);
    }
}

async fn raw_get(server: &Server, timeout: &str) -> Answer {
    raw::send(server.address, raw::GET, &[("grpc-timeout", timeout.as_bytes())], &get("a")).await
}
