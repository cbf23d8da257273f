//! TLS as the server speaks it: versions, protocols, slow and strange clients, and who must show a certificate.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::time::Duration;

use http::{Request, Response};
use persona_registry::client::TlsFault;
use persona_registry::edge::cors::Origins;
use persona_registry::edge::{Conduct, Peer, PeerCertificate, WithPeer};
use persona_registry::grpc::{Reply, Web};
use persona_registry::server::tls::ClientAuth;
use persona_registry::wire::pb;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use tonic::Code;
use tonic::body::Body;

use crate::certs::{Authority, Secure, config, expired, fault, secured};
use crate::harness::{Server, get, put, soon};
use crate::raw::{GET, WATCH, framed, over};

/// What comes until the end, be it in order or a reset.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match soon(stream.read(&mut part)).await {
            Ok(0) | Err(_) => return all,
            Ok(read) => all.extend(&part[..read]),
        }
    }
}

/// The first bytes of a good handshake.
fn hello(secure: &Secure) -> Vec<u8> {
    let config = config(&secure.authority.pem(), &[&TLS13], &["h2"], None);
    let name = ServerName::try_from("localhost").unwrap();
    let mut said = Vec::new();
    ClientConnection::new(config.into(), name).unwrap().write_tls(&mut said).unwrap();
    said
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_calls_are_answered_over_both() {
    let secure = Secure::start().await;
    let ca = secure.authority.pem();
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let stream = secure.stream(config(&ca, &[version], &["h2", "http/1.1"], None)).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(expected));
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        let answer =
            over(stream, secure.server.address, GET, &[], framed(0, &get("a").encode_to_vec())).await;
        assert_eq!(answer.result().unwrap_err().code(), Code::NotFound);
    }
    let error = secure.stream(config(&ca, &[&TLS13], &["h3"], None)).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn tls_pages_call_over_http_1_1() {
    let secure = Secure::start().await;
    let alpn = ["http/1.1"];
    let mut stream = secure.stream(config(&secure.authority.pem(), &[&TLS13], &alpn, None)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let message = framed(0, &get("a").encode_to_vec());
    let head = format!(
        "POST {GET} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        message.len()
    );
    stream.write_all(&[head.as_bytes(), &message].concat()).await.unwrap();
    let answer = String::from_utf8_lossy(&rest(&mut stream).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("grpc-status:5"), "{answer}");
}

#[tokio::test]
async fn tls_a_handshake_that_stands_still_is_given_up_and_delays_nobody() {
    let limit = Duration::from_secs(1);
    let secure = Secure::start_with(ClientAuth::None, |options| options.first_bytes = limit).await;
    let hello = hello(&secure);
    let mut stuck = Vec::new();
    for beginning in [&b""[..], &hello[..1], &hello[..hello.len() / 2], &hello] {
        for _ in 0..8 {
            let mut stream = TcpStream::connect(secure.server.address).await.unwrap();
            stream.write_all(beginning).await.unwrap();
            stuck.push(stream);
        }
    }
    // One that is secure and then says nothing has no more time.
    let mut silent = secure.stream(config(&secure.authority.pem(), &[&TLS13], &["h2"], None)).await.unwrap();
    // While they all stand there others are served.
    secure.client(None).await.status().await.unwrap();
    for mut stream in stuck {
        rest(&mut stream).await;
    }
    assert_eq!(rest(&mut silent).await, b"");
    secure.client(None).await.status().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_a_page_that_stops_reading_is_cut_off() {
    let limit = Duration::from_millis(500);
    let secure = Secure::start_with(ClientAuth::None, |options| options.stall_limit = limit).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = socket.connect(secure.server.address).await.unwrap();
    let config = config(&secure.authority.pem(), &[&TLS13], &["http/1.1"], None);
    let mut stalled = secured(stream, config).await.unwrap();
    let watch = pb::WatchPersonasRequest { view: pb::PersonaView::Full.into(), ..Default::default() };
    let message = framed(0, &watch.encode_to_vec());
    let head = format!(
        "POST {WATCH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: {}\r\n\r\n",
        message.len()
    );
    stalled.write_all(&[head.as_bytes(), &message].concat()).await.unwrap();
    let watches = || secure.server.registry.status().watches;
    soon(async {
        while watches() != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await
        }
    })
    .await;
    // More than the kernel holds for a reader, if need be; and then it is over.
    let client = secure.client(None).await;
    soon(async {
        let mut number = 0;
        while watches() != 0 {
            number += 1;
            client.put(put("a", &format!("{number} {}", "word ".repeat(50_000)))).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn tls_a_drain_waits_for_no_handshake() {
    // Times that no test waits for.
    let patient = Duration::from_secs(600);
    let secure = Secure::start_with(ClientAuth::None, |options| {
        (options.first_bytes, options.grace) = (patient, patient);
    })
    .await;
    let hello = hello(&secure);
    let mut stuck = Vec::new();
    for beginning in [&b""[..], &hello[..hello.len() / 2], b"no TLS at all"] {
        let mut stream = TcpStream::connect(secure.server.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        stuck.push(stream);
    }
    let silent = secure.stream(config(&secure.authority.pem(), &[&TLS13], &["h2"], None)).await.unwrap();
    secure.server.stop().await;
    drop((stuck, silent));
}

#[tokio::test]
async fn tls_and_plain_clients_on_the_wrong_port_are_ended_at_once() {
    // A limit that no test waits for.
    let patient = Duration::from_secs(600);
    let secure = Secure::start_with(ClientAuth::None, |options| options.first_bytes = patient).await;
    for said in
        [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..], b"POST / HTTP/1.1\r\nhost: x\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(secure.server.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    }
    let plain = Server::start_with(|options| options.first_bytes = patient).await;
    let url = format!("https://{}", plain.address);
    assert_eq!(fault(&url, secure.options(None)).await, Some(TlsFault::NoTls));
}

#[tokio::test]
async fn tls_clients_show_a_certificate_where_they_must_and_a_good_one_where_they_may() {
    let foreign = Authority::new("elsewhere").client("dev");
    for auth in [ClientAuth::None, ClientAuth::Optional, ClientAuth::Required] {
        let secure = Secure::start_with(auth, |_| {}).await;
        let good = secure.authority.client("dev");
        let old = secure.authority.issue(&[], "dev", expired);
        assert_eq!(secure.fault(secure.options(Some(&good))).await, None, "{auth:?}");
        let without = secure.fault(secure.options(None)).await;
        let strange = secure.fault(secure.options(Some(&foreign))).await;
        let late = secure.fault(secure.options(Some(&old))).await;
        if auth == ClientAuth::Required {
            assert_eq!(without, Some(TlsFault::ClientCertificateRequired));
        } else {
            assert_eq!(without, None, "{auth:?}");
        }
        if auth == ClientAuth::None {
            assert_eq!((strange, late), (None, None), "nobody asked for it");
        } else {
            let refused = |why| Some(TlsFault::ClientCertificateRefused(why));
            assert_eq!(strange, refused("it is of an authority that is not trusted there"), "{auth:?}");
            assert_eq!(late, refused("it has expired"), "{auth:?}");
        }
    }
}

#[tokio::test]
async fn tls_1_2_wants_certificates_too() {
    let secure = Secure::start_with(ClientAuth::Required, |_| {}).await;
    let ca = secure.authority.pem();
    let good = secure.authority.client("dev");
    secure.stream(config(&ca, &[&TLS12], &["h2"], Some(&good))).await.unwrap();
    for shown in [None, Some(&Authority::new("elsewhere").client("dev"))] {
        // Over TLS 1.2 the handshake itself tells.
        let error = secure.stream(config(&ca, &[&TLS12], &["h2"], shown)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert!(error.to_string().contains("fatal alert"), "{error}");
    }
}

#[tokio::test]
async fn who_calls_is_known_to_every_request_whatever_protocol_it_came_by() {
    let certificate = PeerCertificate::from_der(&Authority::new("authority").client("dev").der()).unwrap();
    let peer = Peer { address: "127.0.0.1:7".parse().unwrap(), certificate: Some(certificate.into()) };
    let expected = peer.clone();
    let inner = tower::service_fn(move |request: Request<Body>| {
        assert_eq!(request.extensions().get::<Peer>(), Some(&expected));
        std::future::ready(Ok::<_, Infallible>(Response::new(Reply::default())))
    });
    let origins = Origins::parse(&["https://page.test".to_owned()]).unwrap();
    let conduct = Conduct::new(Duration::from_secs(1));
    let mut service = WithPeer::new(Web::new(inner, origins, Duration::from_secs(1)), peer, conduct);
    for kind in ["application/grpc", "application/grpc-web+proto", "application/grpc-web-text+proto"] {
        let request = Request::post(GET).version(http::Version::HTTP_2).header("content-type", kind);
        let request = request.header("origin", "https://page.test").body(Body::empty()).unwrap();
        let answer = tower::Service::call(&mut service, request).await.unwrap();
        assert_eq!(answer.status(), 200, "{kind}");
    }
}

#[tokio::test]
async fn tls_a_certificate_is_verified_on_every_connection() {
    let secure = Secure::start_with(ClientAuth::Required, |_| {}).await;
    let good = secure.authority.client("dev");
    for version in [&TLS12, &TLS13] {
        let config = config(&secure.authority.pem(), &[version], &["h2"], Some(&good));
        for _ in 0..3 {
            // The same configuration would resume what it can.
            let stream = secure.stream(config.clone()).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            let message = framed(0, &get("a").encode_to_vec());
            over(stream, secure.server.address, GET, &[], message).await;
        }
    }
}
