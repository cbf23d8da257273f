//! Kinds of abuse of the transport: one value each, which the tests run small and the bench at full size. Traffic goes over
//! loopback sockets only.

pub mod calls;
pub mod floods;
pub mod frames;
pub mod honest;
pub mod malformed;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// The server that is abused.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    /// The authority that its certificate is of; none: it is plain.
    pub ca: Option<PathBuf>,
    /// Whether it wants credentials.
    pub auth: bool,
    pub tokens: Arc<Tokens>,
}

/// Tokens that are believed by the server, and others.
#[derive(Debug, Default)]
pub struct Tokens {
    /// An administrator's.
    pub good: String,
    /// Another one's.
    pub greedy: String,
    /// Good once.
    pub revoked: String,
    /// A JSON Web Token with a key id and claims that are believed, and the signature of another key.
    pub forged: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Told {
    /// Connections, frames or calls that were made.
    pub events: usize,
    /// How each was refused.
    pub refused: String,
}

impl Told {
    pub fn new(events: usize, refused: &str) -> Self {
        Self { events, refused: refused.to_owned() }
    }
}

/// Which server it is against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    Plain,
    Tls,
    Auth,
}

type Bout = Pin<Box<dyn Future<Output = Told> + Send>>;

/// A kind of abuse.
#[derive(Clone, Copy)]
pub struct Abuse {
    pub name: &'static str,
    pub against: Against,
    /// Does it once, over as many connections as the kind needs; what must hold of each answer is asserted.
    pub bout: fn(Target, usize) -> Bout,
    /// How much of it at a time: in a test, and at full size.
    pub sizes: (usize, usize),
    /// What is counted.
    pub unit: &'static str,
    /// How it ends.
    pub refused: &'static str,
    /// Whether it is held until the server has had enough, rather than repeated as fast as it goes.
    pub held: bool,
}

impl Abuse {
    /// One bout; how it ended is asserted.
    pub async fn run(&self, target: &Target, size: usize) -> Told {
        let told = (self.bout)(target.clone(), size).await;
        assert_eq!(told.refused, self.refused, "{}", self.name);
        told
    }
}

macro_rules! abuse {
    ($name:literal, $against:ident, $bout:path, $small:literal .. $full:literal $unit:literal => $refused:literal $(, $held:ident)?) => {
        Abuse {
            name: $name,
            against: Against::$against,
            bout: |target, size| Box::pin($bout(target, size)),
            sizes: ($small, $full),
            unit: $unit,
            refused: $refused,
            held: !stringify!($($held)?).is_empty(),
        }
    };
}

/// Streams of a connection in the tests, in which the defaults would take long.
pub const STREAMS: u32 = 128;

/// No abuse, but a load that is allowed: what honest callers feel beside it is the measure of the rest.
pub static ALLOWED: [Abuse; 2] = [
    abuse!("nothing: reads that are allowed", Plain, calls::allowed, 100..1000 "calls" => "OK"),
    abuse!("nothing: 512 reads at once", Plain, calls::allowed_at_once, 128..512 "calls" => "OK"),
];

/// All kinds.
pub static ALL: [Abuse; 26] = [
    abuse!("half-open connections", Plain, floods::half_open, 50..500 "connections" => "closed", held),
    abuse!("half a preface", Plain, floods::half_a_preface, 50..500 "connections" => "closed", held),
    abuse!("half a TLS handshake", Tls, floods::half_a_handshake, 50..500 "connections" => "closed", held),
    abuse!("no TLS at all", Tls, floods::no_tls, 100..500 "connections" => "TLS alert"),
    abuse!("slow HEADERS", Plain, floods::slow_headers, 1..1 "bytes" => "closed", held),
    abuse!("slow head of HTTP/1.1", Plain, floods::slow_http1, 1..1 "bytes" => "closed", held),
    abuse!("no window, nothing read", Plain, floods::no_window, 8..500 "streams" => "RST_STREAM CANCEL", held),
    abuse!("rapid reset", Plain, floods::rapid_reset, 1000..10000 "calls" => "GOAWAY ENHANCE_YOUR_CALM"),
    abuse!("reset once served", Plain, floods::paced_reset, 100..1000 "streams" => "served, then cancelled"),
    abuse!("CONTINUATION flood", Plain, floods::continuations, 1000..10000 "frames" => "GOAWAY ENHANCE_YOUR_CALM"),
    abuse!("PING flood", Plain, floods::pings, 1000..10000 "frames" => "answered each"),
    abuse!("flood of PING answers", Plain, floods::pongs, 1000..10000 "frames" => "ignored"),
    abuse!("SETTINGS flood", Plain, floods::settings, 1000..10000 "frames" => "answered each"),
    abuse!("one stream too many", Plain, floods::too_many_streams, 128..1024 "streams" => "RST_STREAM REFUSED_STREAM"),
    abuse!("malformed frames", Plain, malformed::frames, 21..210 "connections" => "GOAWAY or RST_STREAM PROTOCOL_ERROR and the like"),
    abuse!("bytes by chance", Plain, malformed::chance, 60..300 "connections" => "closed"),
    abuse!("a message of 4 MiB and one byte", Plain, calls::too_large, 3..16 "calls" => "InvalidArgument MESSAGE_TOO_LARGE"),
    abuse!("a gzip bomb", Plain, calls::gzip_bomb, 10..200 "calls" => "Unimplemented ENCODING_UNSUPPORTED"),
    abuse!("a bomb that names no encoding", Plain, calls::nameless_bomb, 10..200 "calls" => "InvalidArgument MESSAGE_MALFORMED"),
    abuse!("malformed protobuf", Plain, calls::no_message, 100..1000 "calls" => "InvalidArgument MESSAGE_MALFORMED"),
    abuse!("no token", Auth, calls::no_token, 200..1000 "calls" => "Unauthenticated CREDENTIALS_MISSING"),
    abuse!("a forged web token", Auth, calls::forged_web_token, 100..1000 "calls" => "Unauthenticated CREDENTIALS_INVALID"),
    abuse!("an API token that is not there", Auth, calls::unknown_api_token, 200..1000 "calls" => "Unauthenticated CREDENTIALS_INVALID"),
    abuse!("a guessed secret of an API token", Auth, calls::guessed_api_token, 200..1000 "calls" => "Unauthenticated CREDENTIALS_INVALID"),
    abuse!("a revoked API token", Auth, calls::revoked_api_token, 200..1000 "calls" => "Unauthenticated CREDENTIALS_INVALID"),
    abuse!("more streams than one may have", Auth, calls::too_many_of_one_caller, 20..200 "streams" => "ResourceExhausted RATE_LIMITED"),
];
