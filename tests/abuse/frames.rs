//! HTTP/2 as bytes: frames that no client library would send, and what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// ACK of SETTINGS and PING, END_STREAM of the others.
pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// How long anything here may take: a server that lets a connection hang fails.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface and SETTINGS, each a number and a value.
pub fn hello(settings: &[(u16, u32)]) -> Vec<u8> {
    let one = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    let payload: Vec<u8> = settings.iter().flat_map(one).collect();
    [PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat()
}

/// A header block in which nothing is indexed and nothing compressed.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// The head of a gRPC call.
pub fn head(path: &str) -> Vec<u8> {
    block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])
}

/// How streams and connections end.
pub fn code(code: u32) -> &'static str {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(code as usize).unwrap_or(&"of an unknown code")
}

/// A frame that came.
#[derive(Debug)]
pub struct Heard {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Heard {
    /// What a GOAWAY or a reset says; none of other frames.
    pub fn end(&self) -> Option<String> {
        let number = |from: usize| {
            self.payload.get(from..from + 4).map_or(99, |four| u32::from_be_bytes(four.try_into().unwrap()))
        };
        match self.kind {
            GOAWAY => Some(format!("GOAWAY {}", code(number(4)))),
            RST_STREAM => Some(format!("RST_STREAM {}", code(number(0)))),
            _ => None,
        }
    }
}

/// Frames as they come.
pub struct Ear(OwnedReadHalf);

impl Ear {
    /// The next one; none once the connection is closed, in whatever way.
    pub async fn next(&mut self) -> Option<Heard> {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            Some(Heard { kind: head[3], flags: head[4], stream, payload })
        };
        tokio::time::timeout(PATIENCE, read).await.expect("the server lets a connection hang")
    }

    /// How it ends: by a GOAWAY that says more than NO_ERROR or a reset, or without a word.
    pub async fn end(mut self) -> String {
        let mut end = None;
        while let Some(heard) = self.next().await {
            end = heard.end().or(end);
        }
        end.unwrap_or_else(|| "closed".to_owned())
    }

    /// Waits for a frame.
    pub async fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Option<Heard> {
        loop {
            let heard = self.next().await?;
            if wanted(&heard) {
                return Some(heard);
            }
        }
    }
}

/// A connection of its own, with the preface said.
pub async fn open(address: SocketAddr, settings: &[(u16, u32)]) -> (OwnedWriteHalf, Ear) {
    let (mut mouth, ear) = raw(address).await;
    mouth.write_all(&hello(settings)).await.unwrap();
    (mouth, ear)
}

/// A connection of its own on which nothing was said.
pub async fn raw(address: SocketAddr) -> (OwnedWriteHalf, Ear) {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (reader, writer) = stream.into_split();
    (writer, Ear(reader))
}
