//! Calls as bytes over HTTP/2: what no generated client would send, and headers as they really come back.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::harness::soon;

pub const GET: &str = "/persona.registry.v1.PersonaService/GetPersona";
pub const PUT: &str = "/persona.registry.v1.PersonaService/PutPersona";
pub const WATCH: &str = "/persona.registry.v1.PersonaService/WatchPersonas";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub headers: HeaderMap,
    /// The trailers; those of an answer without a body are its headers.
    pub trailers: HeaderMap,
}

impl Answer {
    /// The status, as a result that the harness's `refused` takes.
    pub fn result(&self) -> Result<(), Status> {
        let status = Status::from_header_map(&self.trailers).expect("the answer has a grpc-status");
        if status.code() == Code::Ok { Ok(()) } else { Err(status) }
    }
}

/// A message with the five bytes before it.
pub fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(flag);
    bytes.put_u32(message.len().try_into().unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

/// A call with these headers and this body, to its end.
pub async fn call(address: SocketAddr, path: &str, headers: &[(&str, &[u8])], body: Bytes) -> Answer {
    over(TcpStream::connect(address).await.unwrap(), address, path, headers, body).await
}

/// The same over a connection that stands.
pub async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &[u8])],
    body: Bytes,
) -> Answer {
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).unwrap();
    let response = soon(sender.send_request(request)).await.unwrap();
    let headers = response.headers().clone();
    let body = soon(response.into_body().collect()).await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_else(|| headers.clone());
    connection.abort();
    Answer { headers, trailers }
}

/// A well-formed call.
pub async fn send(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &[u8])],
    message: &impl Message,
) -> Answer {
    call(address, path, headers, framed(0, &message.encode_to_vec())).await
}
