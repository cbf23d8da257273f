//! HTTP/2 that is none: frames of wrong lengths and places, and bytes by chance.

use tokio::io::AsyncWriteExt as _;

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block,
    frame, head, hello, open, raw,
};
use super::{Target, Told};

const GET: &str = "/persona.registry.v1.PersonaService/GetPersona";

/// What is said behind the preface, and how that must end: hyper says PROTOCOL_ERROR of much that has a code of its own.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let call = |stream: u32| frame(HEADERS, END_HEADERS, stream, &head(GET));
    let pathless = block(&[(":method", "POST"), (":scheme", "http"), (":authority", "localhost")]);
    vec![
        ("PING of 7 bytes", frame(PING, 0, 0, &[0; 7]), "GOAWAY PROTOCOL_ERROR"),
        ("PING on a stream", frame(PING, 0, 1, &[0; 8]), "GOAWAY PROTOCOL_ERROR"),
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5]), "GOAWAY PROTOCOL_ERROR"),
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[]), "GOAWAY PROTOCOL_ERROR"),
        ("SETTINGS with a window over 2³¹", settings(4, 1 << 31), "GOAWAY PROTOCOL_ERROR"),
        ("SETTINGS with frames of 1 byte", settings(5, 1), "GOAWAY PROTOCOL_ERROR"),
        ("WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), "GOAWAY PROTOCOL_ERROR"),
        ("WINDOW_UPDATE by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), "GOAWAY PROTOCOL_ERROR"),
        (
            "WINDOW_UPDATE beyond 2³¹",
            frame(WINDOW_UPDATE, 0, 0, &[0x7f, 255, 255, 255]),
            "GOAWAY FLOW_CONTROL_ERROR",
        ),
        ("RST_STREAM of 3 bytes", frame(RST_STREAM, 0, 1, &[0; 3]), "GOAWAY PROTOCOL_ERROR"),
        ("RST_STREAM of a stream that is not", frame(RST_STREAM, 0, 1, &[0; 4]), "GOAWAY PROTOCOL_ERROR"),
        ("DATA on a stream that is not", frame(DATA, 0, 1, b"x"), "GOAWAY PROTOCOL_ERROR"),
        ("CONTINUATION of nothing", frame(CONTINUATION, 0, 1, b"x"), "GOAWAY PROTOCOL_ERROR"),
        ("stream 0", call(0), "GOAWAY PROTOCOL_ERROR"),
        ("stream 2", call(2), "GOAWAY PROTOCOL_ERROR"),
        ("streams in falling order", [call(5), call(3)].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("a frame over 16 KiB", frame(DATA, 0, 1, &[0; 16 * 1024 + 1]), "GOAWAY FRAME_SIZE_ERROR"),
        ("an index of no header", frame(HEADERS, END_HEADERS, 1, &[0xff; 4]), "GOAWAY PROTOCOL_ERROR"),
        (
            "a table over its bound",
            frame(HEADERS, END_HEADERS, 1, &[0x3f, 0xff, 0xff, 0x7f]),
            "GOAWAY PROTOCOL_ERROR",
        ),
        ("padding beyond the frame", frame(HEADERS, END_HEADERS | 8, 1, &[200, 0]), "GOAWAY PROTOCOL_ERROR"),
        ("a head without a path", frame(HEADERS, END_HEADERS, 1, &pathless), "RST_STREAM PROTOCOL_ERROR"),
    ]
}

fn settings(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

/// Each of them on a connection of its own.
pub async fn frames(target: Target, size: usize) -> Told {
    let (cases, mut wrong) = (cases(), Vec::new());
    for (what, said, expected) in cases.iter().cycle().take(size.max(cases.len())) {
        let (mut mouth, mut ear) = open(target.address, &[]).await;
        // A server that has ended the connection already takes no more.
        drop(mouth.write_all(said).await);
        let end = ear.until(|heard| heard.end().is_some()).await.and_then(|heard| heard.end());
        let end = end.unwrap_or_else(|| "closed".to_owned());
        if end != *expected {
            wrong.push(format!("{what}: {end}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Told::new(size.max(cases.len()), "GOAWAY or RST_STREAM PROTOCOL_ERROR and the like")
}

/// Bytes by chance, each connection from a seed: from the first byte, behind the preface, and as payloads of frames.
pub async fn chance(target: Target, size: usize) -> Told {
    let seed = std::env::var("ABUSE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("bytes by chance: ABUSE_SEED={seed}");
    for number in 0..size as u64 {
        let mut chance = Chance(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
        let (mut mouth, ear) = raw(target.address).await;
        let mut said = match number % 3 {
            0 => Vec::new(),
            1 => PREFACE.to_vec(),
            _ => hello(&[]),
        };
        for _ in 0..8 {
            let length = (chance.next() % 512) as usize;
            let bytes: Vec<u8> = (0..length).map(|_| (chance.next() >> 32) as u8).collect();
            match number % 3 {
                2 => {
                    let (kind, flags) = ((chance.next() % 11) as u8, (chance.next() >> 16) as u8);
                    said.extend(frame(kind, flags, (chance.next() % 8) as u32, &bytes));
                }
                _ => said.extend(bytes),
            }
        }
        drop(mouth.write_all(&said).await);
        drop(mouth.shutdown().await);
        // In whatever way: it may have been right by chance, and HTTP/1.1 has an answer of its own.
        ear.end().await;
    }
    Told::new(size, "closed")
}

/// Xorshift: enough for nonsense, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
