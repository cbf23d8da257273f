//! Abuse by calls: credentials that are none, messages that are none, more than one may have.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use persona_registry::wire::pb;
use prost::Message as _;
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Target, Told};

const GET: &str = "/persona.registry.v1.PersonaService/GetPersona";
const WATCH: &str = "/persona.registry.v1.PersonaService/WatchPersonas";
const VALIDATE: &str = "/persona.registry.v1.PersonaService/ValidatePersona";
/// Calls of a flood in flight at once, over one connection.
const IN_FLIGHT: usize = 64;
const MIB: usize = 1024 * 1024;

/// A message with the five bytes before it.
fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(flag);
    bytes.put_u32(message.len().try_into().unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

/// What is called, again and again.
#[derive(Clone)]
struct Call {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Call {
    fn get(headers: Vec<(&'static str, String)>) -> Self {
        // The name `a`.
        Self { path: GET, headers, body: framed(0, b"\x12\x01a") }
    }

    /// What the honest caller reads.
    fn of_the_honest() -> Self {
        let request = pb::GetPersonaRequest { name: super::honest::NAME.to_owned(), ..Default::default() };
        Self { path: GET, headers: Vec::new(), body: framed(0, &request.encode_to_vec()) }
    }

    fn by(token: &str) -> Self {
        Self::get(vec![("authorization", format!("Bearer {token}"))])
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::post(format!("http://localhost{}", self.path))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Full::new(self.body.clone())).unwrap()
    }
}

async fn connect(target: &Target) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(target.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Code and reason of an answer, such as `UNAUTHENTICATED CREDENTIALS_MISSING`.
async fn answer(mut sender: SendRequest<Full<Bytes>>, call: Call) -> String {
    sender.ready().await.unwrap();
    let response = sender.send_request(call.request()).await.unwrap();
    let headers = response.headers().clone();
    let trailers = match headers.contains_key("grpc-status") {
        true => headers,
        false => response.into_body().collect().await.unwrap().trailers().cloned().unwrap(),
    };
    let status = Status::from_header_map(&trailers).expect("a grpc-status");
    if status.code() == Code::Ok {
        return "OK".to_owned();
    }
    let reason = status.get_error_details().error_info().expect("every refusal has a reason").reason.clone();
    format!("{:?} {reason}", status.code())
}

/// So many calls over one connection; all must be answered alike.
async fn calls(target: &Target, call: Call, size: usize) -> Told {
    let sender = connect(target).await;
    let answers = (0..size).map(|_| answer(sender.clone(), call.clone()));
    let mut told = BTreeMap::new();
    let mut answers = futures_util::stream::iter(answers).buffer_unordered(IN_FLIGHT);
    while let Some(answer) = answers.next().await {
        *told.entry(answer).or_insert(0) += 1;
    }
    assert_eq!(told.len(), 1, "{told:?}");
    Told::new(size, told.keys().next().unwrap())
}

/// Nothing that anybody would refuse: what an equal load costs.
pub async fn allowed(target: Target, size: usize) -> Told {
    calls(&target, Call::of_the_honest(), size).await
}

/// The same, all at once.
pub async fn allowed_at_once(target: Target, size: usize) -> Told {
    let sender = connect(&target).await;
    let call = Call::of_the_honest();
    let answers =
        futures_util::future::join_all((0..size).map(|_| answer(sender.clone(), call.clone()))).await;
    let other = answers.iter().find(|answer| *answer != "OK");
    assert!(other.is_none(), "{other:?}");
    Told::new(size, "OK")
}

pub async fn no_token(target: Target, size: usize) -> Told {
    calls(&target, Call::get(Vec::new()), size).await
}

/// Its header and claims are right, its signature is somebody else's.
pub async fn forged_web_token(target: Target, size: usize) -> Told {
    let call = Call::by(&target.tokens.forged);
    calls(&target, call, size).await
}

/// Of the form of an API token, with an id that nobody has.
pub async fn unknown_api_token(target: Target, size: usize) -> Told {
    let call = Call::by(&format!("prsn_{}_{}", "0".repeat(16), "0".repeat(64)));
    calls(&target, call, size).await
}

/// The id is one that is there, the secret is not its own.
pub async fn guessed_api_token(target: Target, size: usize) -> Told {
    let (known, _) = target.tokens.good.rsplit_once('_').unwrap();
    let call = Call::by(&format!("{known}_{}", "0".repeat(64)));
    calls(&target, call, size).await
}

pub async fn revoked_api_token(target: Target, size: usize) -> Told {
    let call = Call::by(&target.tokens.revoked);
    calls(&target, call, size).await
}

/// Streams of one caller, more than its share; those within it run.
pub async fn too_many_of_one_caller(target: Target, size: usize) -> Told {
    let headers = vec![("authorization", format!("Bearer {}", target.tokens.greedy))];
    let call = Call { path: WATCH, headers, body: framed(0, b"") };
    let mut sender = connect(&target).await;
    let (mut open, mut refused) = (Vec::new(), BTreeMap::new());
    for _ in 0..size {
        sender.ready().await.unwrap();
        let response = sender.send_request(call.request()).await.unwrap();
        match Status::from_header_map(response.headers()) {
            None => open.push(response),
            Some(status) => {
                let details = status.get_error_details();
                let reason = &details.error_info().unwrap().reason;
                assert!(details.retry_info().is_some(), "it says when to come again");
                *refused.entry(format!("{:?} {reason}", status.code())).or_insert(0) += 1;
            }
        }
    }
    assert!(!open.is_empty(), "its share is served");
    assert_eq!(refused.len(), 1, "{refused:?}");
    Told::new(size, refused.keys().next().unwrap())
}

/// One byte more than a message may have.
pub async fn too_large(target: Target, size: usize) -> Told {
    let call = Call { path: VALIDATE, headers: Vec::new(), body: framed(0, &vec![0; 4 * MIB + 1]) };
    calls(&target, call, size).await
}

/// A message of a wire type that is none.
pub async fn no_message(target: Target, size: usize) -> Told {
    let call = Call { path: GET, headers: Vec::new(), body: framed(0, b"\x17\xff\xff") };
    calls(&target, call, size).await
}

/// 64 MiB of zeros in some 64 KB.
fn bomb() -> Vec<u8> {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    let made = || {
        let mut gzip =
            Command::new("gzip").arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = gzip.stdin.take().unwrap();
        let feeding = std::thread::spawn(move || {
            for _ in 0..64 {
                input.write_all(&vec![0; MIB]).unwrap();
            }
        });
        let output = gzip.wait_with_output().unwrap().stdout;
        feeding.join().unwrap();
        assert!(output.starts_with(&[0x1f, 0x8b]) && output.len() < MIB / 8, "{} bytes", output.len());
        output
    };
    BOMB.get_or_init(made).clone()
}

/// A bomb that says that it is gzip.
pub async fn gzip_bomb(target: Target, size: usize) -> Told {
    let headers = vec![("grpc-encoding", "gzip".to_owned())];
    let call = Call { path: VALIDATE, headers, body: framed(1, &bomb()) };
    calls(&target, call, size).await
}

/// The same, and it does not say in what way it is compressed.
pub async fn nameless_bomb(target: Target, size: usize) -> Told {
    let call = Call { path: VALIDATE, headers: Vec::new(), body: framed(1, &bomb()) };
    calls(&target, call, size).await
}
