//! Those who watch: raw HTTP/2 over many sockets in one thread, since a client library would take more of the core than the servers
//! that are measured. Only what arrives is counted: messages by their lengths.

use std::rc::Rc;
use std::time::{Duration, Instant};

use std::cell::Cell;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::common::Failure;

/// Messages of fewer bytes are no changes, but what a stream says of itself.
const LEAST: usize = 1024;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest window of HTTP/2: nothing waits for a reader here.
const WINDOW: u32 = (1 << 31) - 1;
const METHOD: &str = "/persona.registry.v1.PersonaService/WatchPersonas";

/// How many messages arrived.
#[derive(Clone, Default)]
pub struct Arrived(Rc<Counts>);

#[derive(Default)]
struct Counts {
    changes: Cell<usize>,
    others: Cell<usize>,
    wanted: Cell<usize>,
    enough: Notify,
    failed: Cell<bool>,
}

impl Arrived {
    fn one(&self, bytes: usize) {
        let count = if bytes < LEAST { &self.0.others } else { &self.0.changes };
        count.set(count.get() + 1);
        if self.0.changes.get() + self.0.others.get() >= self.0.wanted.get() && self.0.wanted.get() > 0 {
            self.0.enough.notify_one();
        }
    }

    fn fail(&self) {
        self.0.failed.set(true);
        self.0.enough.notify_one();
    }

    /// Waits until so many changes came since the last time; when that was.
    pub async fn changes(&self, wanted: usize) -> Result<Instant, Failure> {
        self.wait(&self.0.changes, wanted).await
    }

    /// The same of what streams say of themselves.
    pub async fn others(&self, wanted: usize) -> Result<Instant, Failure> {
        self.wait(&self.0.others, wanted).await
    }

    async fn wait(&self, count: &Cell<usize>, wanted: usize) -> Result<Instant, Failure> {
        self.0.wanted.set(wanted);
        let end = tokio::time::Instant::now() + PATIENCE;
        while count.get() < wanted {
            tokio::time::timeout_at(end, self.0.enough.notified())
                .await
                .map_err(|_| format!("{} of {wanted} messages came", count.get()))?;
            if self.0.failed.get() {
                return Err("a connection ended".into());
            }
        }
        let came = Instant::now();
        count.set(0);
        Ok(came)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header field, not indexed: the name's place in the static table (RFC 7541, appendix A), or the name.
fn field(name: Result<u8, &str>, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat();
    let name = match name {
        Ok(place) if place < 15 => vec![place],
        Ok(place) => vec![0x0f, place - 15],
        Err(name) => [vec![0], text(name)].concat(),
    };
    [name, text(value)].concat()
}

/// Opens a connection with so many streams, all with this request (framed as gRPC frames it).
pub async fn watch(address: &str, streams: u32, request: &[u8], arrived: Arrived) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // No push; the window of each stream.
    let settings = [&[0, 2, 0, 0, 0, 0, 0, 4][..], &WINDOW.to_be_bytes()].concat();
    begin.extend(frame(4, 0, 0, &settings));
    begin.extend(frame(8, 0, 0, &(WINDOW - 65_535).to_be_bytes()));
    let head = [
        vec![0x83, 0x86],
        field(Ok(4), METHOD),
        field(Ok(1), address),
        field(Ok(31), "application/grpc"),
        field(Err("te"), "trailers"),
    ]
    .concat();
    for number in 0..streams {
        begin.extend(frame(1, 4, 2 * number + 1, &head));
        begin.extend(frame(0, 1, 2 * number + 1, request));
    }
    stream.write_all(&begin).await?;
    spawn_local(async move {
        let mut reader = Reader::new(streams);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => {
                    let answers = reader.take(buffer.get(..read).unwrap_or_default(), &arrived);
                    if !answers.is_empty() && stream.write_all(&answers).await.is_err() {
                        return arrived.fail();
                    }
                }
                _ => return arrived.fail(),
            }
        }
    });
    Ok(())
}

/// Opens a connection that is told messages of so many bytes and nothing else.
pub async fn listen(address: &str, bytes: usize, arrived: Arrived) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address).await?;
    spawn_local(async move {
        let mut buffer = vec![0; 16 * 1024];
        let mut left = bytes;
        loop {
            let Ok(mut read @ 1..) = stream.read(&mut buffer).await else { return arrived.fail() };
            while read >= left {
                read -= left;
                left = bytes;
                arrived.one(bytes);
            }
            left -= read;
        }
    });
    Ok(())
}

/// What a connection is told, frame by frame.
struct Reader {
    head: Vec<u8>,
    /// Bytes of the frame that are still to come.
    rest: usize,
    kind: u8,
    flags: u8,
    stream: usize,
    /// What a frame says that is to be answered.
    said: Vec<u8>,
    messages: Vec<Message>,
}

/// A stream's message, as far as it came.
#[derive(Clone, Default)]
struct Message {
    prefix: Vec<u8>,
    length: usize,
    left: usize,
}

impl Reader {
    fn new(streams: u32) -> Self {
        Self {
            head: Vec::new(),
            rest: 0,
            kind: 0,
            flags: 0,
            stream: 0,
            said: Vec::new(),
            messages: vec![Message::default(); streams as usize],
        }
    }

    /// Takes in what came; what is to be said to it.
    fn take(&mut self, mut bytes: &[u8], arrived: &Arrived) -> Vec<u8> {
        let mut answers = Vec::new();
        while !bytes.is_empty() {
            if self.rest == 0 {
                let (now, later) = bytes.split_at(bytes.len().min(9 - self.head.len()));
                self.head.extend_from_slice(now);
                bytes = later;
                let [a, b, c, kind, flags, s, t, u, v] = self.head[..] else { continue };
                self.head.clear();
                self.rest = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                (self.kind, self.flags) = (kind, flags);
                self.stream = u32::from_be_bytes([s & 0x7f, t, u, v]) as usize;
                self.said.clear();
                if self.rest > 0 {
                    continue;
                }
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.rest));
            self.rest -= now.len();
            bytes = later;
            match (self.kind, self.flags) {
                (0, _) => self.messages[self.stream / 2].take(now, arrived),
                (4 | 6, _) => self.said.extend_from_slice(now),
                // A stream that is reset, or a connection that ends.
                (3 | 7, _) => arrived.fail(),
                _ => {}
            }
            if self.rest == 0 {
                match (self.kind, self.flags & 1) {
                    (4, 0) => answers.extend(frame(4, 1, 0, &[])),
                    (6, 0) => answers.extend(frame(6, 1, 0, &self.said)),
                    _ => {}
                }
            }
        }
        answers
    }
}

impl Message {
    fn take(&mut self, mut bytes: &[u8], arrived: &Arrived) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let (now, later) = bytes.split_at(bytes.len().min(5 - self.prefix.len()));
                self.prefix.extend_from_slice(now);
                bytes = later;
                let [_, a, b, c, d] = self.prefix[..] else { continue };
                self.prefix.clear();
                self.length = u32::from_be_bytes([a, b, c, d]) as usize;
                self.left = self.length;
            }
            let taken = bytes.len().min(self.left);
            bytes = &bytes[taken..];
            self.left -= taken;
            if self.left == 0 {
                arrived.one(self.length);
            }
        }
    }
}
