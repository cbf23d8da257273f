//! Abuse of the transport, small: every kind beside an honest caller, against the real server with short times. At full size, against
//! the binary and with figures: `benches/abuse.rs`.

#[path = "../abuse/mod.rs"]
#[allow(dead_code, reason = "the bench has use for more of it")]
pub mod kinds;

use std::sync::Arc;
use std::time::Duration;

use persona_registry::auth::{self, KeySource, NewToken, Policy};
use persona_registry::domain::{Clock as _, SystemClock};
use persona_registry::server::Options;
use persona_registry::server::tls::ClientAuth;
use tokio::sync::watch;

use self::kinds::{ALL, Against, STREAMS, Target, Tokens, honest};
use crate::certs::{Secure, write};
use crate::harness::Server;
use crate::issuer::{self, Signer, claims};

/// What a server has too much of soon, so that no test waits long.
fn short(options: &mut Options) {
    options.first_bytes = Duration::from_millis(400);
    options.stall_limit = Duration::from_millis(300);
    options.keepalive = Duration::from_millis(500);
    options.streams_per_connection = STREAMS;
    options.limits.streams = 5;
}

fn token(options: &Options, name: &str) -> String {
    let new = NewToken { name: name.to_owned(), grants: vec!["admin".parse().unwrap()], expires: None };
    auth::create(&options.registry.data_dir.join("tokens.json"), &new, SystemClock.now()).unwrap()
}

/// Turns authentication on; gives tokens, good ones and others.
fn with_auth(options: &mut Options) -> Tokens {
    let (signer, other) = (Signer::ed("one"), Signer::ed("one"));
    std::fs::create_dir_all(&options.registry.data_dir).unwrap();
    let keys = write(options.registry.data_dir.parent().unwrap(), "keys.json", &issuer::set(&[&signer]));
    let policy = Policy { issuers: vec![issuer::believed(KeySource::File(keys))], ..Policy::default() };
    let tokens = Tokens {
        good: token(options, "good"),
        greedy: token(options, "greedy"),
        revoked: token(options, "revoked"),
        forged: other.token(&claims("admin")),
    };
    let file = options.registry.data_dir.join("tokens.json");
    auth::revoke(&file, "revoked", SystemClock.now()).unwrap();
    options.auth = Some(auth::Options::new(policy, file));
    tokens
}

/// Runs all kinds of these names, one behind the other, and an honest caller beside them the whole time.
async fn suffer(target: Target, names: &[&str]) {
    let client = honest::connect(&target).await;
    let (stop, mut stopped) = watch::channel(false);
    let honest = tokio::spawn(async move { honest::calls(&client, &mut stopped).await.len() });
    for name in names {
        let abuse = ALL.iter().find(|abuse| abuse.name == *name).unwrap_or_else(|| panic!("{name}"));
        abuse.run(&target, abuse.sizes.0).await;
    }
    stop.send_replace(true);
    assert!(honest.await.unwrap() > 0);
    // And it goes on when it is over.
    honest::connect(&target).await;
}

async fn against(against: Against, names: &[&str]) {
    let target = |server: &Server| Target {
        address: server.address,
        ca: None,
        auth: against == Against::Auth,
        tokens: Arc::default(),
    };
    match against {
        Against::Plain => {
            let server = Server::start_with(short).await;
            suffer(target(&server), names).await;
            server.stop().await;
        }
        Against::Tls => {
            let secure = Secure::start_with(ClientAuth::None, short).await;
            let ca = Some(secure.ca());
            suffer(Target { ca, ..target(&secure.server) }, names).await;
            secure.server.stop().await;
        }
        Against::Auth => {
            let mut tokens = Tokens::default();
            let server = Server::start_with(|options| {
                short(options);
                tokens = with_auth(options);
            })
            .await;
            suffer(Target { tokens: Arc::new(tokens), ..target(&server) }, names).await;
            server.stop().await;
        }
    }
}

macro_rules! tests {
    ($($test:ident: $against:ident $($name:literal)+;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            against(Against::$against, &[$($name),+]).await;
        })+

        #[test]
        fn every_kind_of_abuse_is_tried_small_too() {
            let mut tried = [$($(($name, Against::$against)),+),+].map(|(name, against)| (name, against as u8));
            let mut all = ALL.each_ref().map(|abuse| (abuse.name, abuse.against as u8));
            tried.sort_unstable();
            all.sort_unstable();
            assert_eq!(tried, all);
        }
    };
}

tests! {
    abuse_connections_that_say_nothing_are_closed: Plain "half-open connections" "half a preface";
    abuse_handshakes_that_never_end_are_closed: Tls "half a TLS handshake" "no TLS at all";
    abuse_heads_that_come_byte_by_byte_are_given_up: Plain "slow HEADERS" "slow head of HTTP/1.1";
    abuse_streams_without_a_window_are_reset: Plain "no window, nothing read";
    abuse_resets_in_floods_end_the_connection: Plain "rapid reset" "reset once served";
    abuse_heads_without_an_end_end_the_connection: Plain "CONTINUATION flood";
    abuse_frames_of_the_connection_in_floods_delay_nobody: Plain "PING flood" "flood of PING answers" "SETTINGS flood";
    abuse_one_stream_too_many_is_refused: Plain "one stream too many";
    abuse_frames_that_are_none_end_the_connection: Plain "malformed frames" "bytes by chance";
    abuse_messages_too_large_compressed_or_none_are_refused:
        Plain "a message of 4 MiB and one byte" "a gzip bomb" "a bomb that names no encoding" "malformed protobuf";
    abuse_floods_without_credentials_are_refused:
        Auth "no token" "a forged web token" "an API token that is not there" "a guessed secret of an API token"
        "a revoked API token" "more streams than one may have";
}
