//! A client that speaks gRPC-Web over HTTP/1.1 by hand, as a page's script does: what comes back is looked at as bytes.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::harness::soon;
use crate::raw::framed;

/// How bytes travel: as they are, or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Binary,
    Text,
}

pub const ENCODINGS: [Encoding; 2] = [Encoding::Binary, Encoding::Text];

impl Encoding {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        }
    }

    pub fn encode(self, bytes: &[u8]) -> Bytes {
        match self {
            Self::Binary => Bytes::copy_from_slice(bytes),
            Self::Text => STANDARD.encode(bytes).into(),
        }
    }
}

/// One connection, as a browser keeps it for one call at a time.
pub struct Page {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Page {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response<Incoming> {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        soon(self.sender.ready()).await.unwrap();
        soon(self.sender.send_request(request.body(Full::new(body)).unwrap())).await.unwrap()
    }

    /// Posts these bytes as one message of a call.
    pub async fn post(
        &mut self,
        encoding: Encoding,
        path: &str,
        headers: &[(&str, &str)],
        framed: &[u8],
    ) -> Response<Incoming> {
        let mut all = vec![("content-type", encoding.content_type()), ("x-grpc-web", "1")];
        all.extend(headers);
        self.request(Method::POST, path, &all, encoding.encode(framed)).await
    }

    /// A call that is well formed, to its end.
    pub async fn call(&mut self, encoding: Encoding, path: &str, message: &impl Message) -> Called {
        Called::read(self.post(encoding, path, &[], &framed(0, &message.encode_to_vec())).await).await
    }
}

/// What came back, taken apart.
#[derive(Debug)]
pub struct Called {
    pub http: StatusCode,
    pub headers: HeaderMap,
    pub messages: Vec<Bytes>,
    pub trailers: HeaderMap,
}

impl Called {
    pub async fn read(response: Response<Incoming>) -> Self {
        let mut stream = Stream::of(response);
        let mut messages = Vec::new();
        while let Some(message) = stream.next().await {
            messages.push(message);
        }
        let Stream { http, headers, trailers, .. } = stream;
        Self { http, headers, messages, trailers: trailers.expect("the body ends with a trailers frame") }
    }

    /// The only message, or the status.
    pub fn message<M: Message + Default>(&self) -> Result<M, Status> {
        assert_eq!(self.http, StatusCode::OK);
        let status = Status::from_header_map(&self.trailers).expect("there is a grpc-status");
        if status.code() != Code::Ok {
            return Err(status);
        }
        let [message] = &self.messages[..] else { panic!("{} messages", self.messages.len()) };
        Ok(M::decode(message.clone()).unwrap())
    }
}

/// An answer that is still coming.
pub struct Stream {
    pub http: StatusCode,
    pub headers: HeaderMap,
    /// What the body ended with, once it has.
    pub trailers: Option<HeaderMap>,
    body: Incoming,
    is_text: bool,
    undecoded: Vec<u8>,
    unread: Vec<u8>,
}

impl Stream {
    pub fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get("content-type").expect("there is a content type").to_str().unwrap();
        let is_text = kind == Encoding::Text.content_type();
        assert!(is_text || kind == Encoding::Binary.content_type(), "{kind}");
        Self {
            http: parts.status,
            headers: parts.headers,
            trailers: None,
            body,
            is_text,
            undecoded: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// The next message, as its bytes; none at the end, which comes after the trailers and nowhere else.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some((flag, bytes)) = self.frame() {
                assert!(self.trailers.is_none(), "nothing comes after the trailers");
                match flag {
                    0 => return Some(bytes),
                    0x80 => self.trailers = Some(parse_trailers(&bytes)),
                    other => panic!("a frame with the flag {other}"),
                }
                continue;
            }
            match soon(self.body.frame()).await {
                Some(frame) => {
                    let data = frame.unwrap().into_data().expect("HTTP/1.1 carries no trailers here");
                    self.take(&data);
                }
                None => {
                    assert!(
                        self.unread.is_empty() && self.undecoded.is_empty(),
                        "the body ends within a frame"
                    );
                    return None;
                }
            }
        }
    }

    fn take(&mut self, data: &[u8]) {
        if !self.is_text {
            self.unread.extend(data);
            return;
        }
        self.undecoded.extend(data);
        let whole = self.undecoded.len() / 4 * 4;
        // Each piece may end with padding of its own.
        for four in self.undecoded.drain(..whole).collect::<Vec<_>>().chunks(4) {
            self.unread.extend(STANDARD.decode(four).unwrap());
        }
    }

    fn frame(&mut self) -> Option<(u8, Bytes)> {
        let mut head = self.unread.get(..5)?;
        let (flag, length) = (head.get_u8(), head.get_u32() as usize);
        if self.unread.len() < 5 + length {
            return None;
        }
        let frame: Vec<u8> = self.unread.drain(..5 + length).skip(5).collect();
        Some((flag, frame.into()))
    }
}

fn parse_trailers(bytes: &[u8]) -> HeaderMap {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut trailers = HeaderMap::new();
    for line in text.split_terminator("\r\n") {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
        let name: HeaderName = name.parse().unwrap();
        assert!(!trailers.contains_key(&name), "{name} comes twice");
        trailers.insert(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    trailers
}

/// What an answer that is no gRPC-Web says: its status and its one line.
pub async fn plain(response: Response<Incoming>) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}
