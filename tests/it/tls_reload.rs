//! New certificates while the server runs: good ones take over for new connections, broken ones are told and left.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use persona_registry::client::{Options, Selection, Start, Step, TlsFault, TlsOptions, Watch};
use persona_registry::server::tls::ClientAuth;
use persona_registry::wire::pb;
use persona_registry::wire::pb::watch_personas_response::Event;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::version::TLS13;

use crate::certs::{Authority, Pair, Secure, config, dial, fault, write};
use crate::harness::{put, soon};
use crate::program::{Program, command};

/// The certificate that new connections see.
async fn shown(secure: &Secure) -> CertificateDer<'static> {
    shown_at(secure.server.address, &secure.authority).await
}

async fn shown_at(address: SocketAddr, authority: &Authority) -> CertificateDer<'static> {
    let stream = dial(address, config(&authority.pem(), &[&TLS13], &["h2"], None)).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

async fn until_shown(secure: &Secure, expected: &CertificateDer<'_>) {
    soon(async {
        while shown(secure).await != *expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The next event, over a stream that does not break.
async fn event(watch: &mut Watch) -> Event {
    match soon(watch.next()).await.unwrap() {
        Step::Message(message) => message.event.unwrap(),
        Step::Lost { cause, .. } => panic!("the stream was cut: {cause}"),
    }
}

/// A server in a process of its own, whose log is read.
struct Logged {
    program: Program,
    address: SocketAddr,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Logged {
    async fn start(more: &[&str]) -> Self {
        let (authority, folder) = (Authority::new("authority"), tempfile::tempdir().unwrap());
        authority.server().write(folder.path(), "server");
        write(folder.path(), "ca.pem", &authority.pem());
        let usual = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--min-free", "1"];
        let tls = ["--tls-cert", "server.pem", "--tls-key", "server-key.pem", "--tls-reload", "0.02"];
        let mut serve = command(folder.path(), &[&usual[..], &tls, more].concat());
        serve.env("RUST_LOG", "persona_registry=debug");
        let mut program = Program::start(serve);
        let address = program.out.next().await.strip_prefix("listening on ").unwrap().parse().unwrap();
        program.err.until("serving").await;
        Self { program, address, authority, folder }
    }

    async fn shown(&self) -> CertificateDer<'static> {
        shown_at(self.address, &self.authority).await
    }

    fn options(&self, shown: Option<&Pair>) -> Options {
        let (client_cert, client_key) = shown.map(|pair| pair.write(self.folder.path(), "shown")).unzip();
        let ca_cert = Some(self.folder.path().join("ca.pem"));
        Options {
            tls: TlsOptions { ca_cert, client_cert, client_key, server_name: None },
            ..Options::default()
        }
    }

    async fn fault(&self, shown: Option<&Pair>) -> Option<TlsFault> {
        fault(&format!("https://{}", self.address), self.options(shown)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_new_files_take_over_under_100_watch_streams_and_none_is_cut() {
    let secure = Secure::start().await;
    let mut watches = Vec::new();
    for _ in 0..100 {
        // A connection each.
        let client = secure.client(None).await;
        let mut watch = client.watch(Selection::default(), Start::Snapshot).await.unwrap();
        while !matches!(event(&mut watch).await, Event::Synced(_)) {}
        watches.push(watch);
    }
    for version in 1..=3 {
        let new = secure.authority.server();
        new.write(secure.folder.path(), "server");
        until_shown(&secure, &new.der()).await;
        let answer = secure.client(None).await.put(put("a", &version.to_string())).await.unwrap();
        assert_eq!(answer.version, version);
        for watch in &mut watches {
            loop {
                if let Event::Changes(changes) = event(watch).await {
                    assert_eq!(changes.revision, answer.revision);
                    break;
                }
            }
        }
    }
    assert_eq!(secure.server.registry.status().watches, 100);
}

#[tokio::test]
async fn tls_a_change_is_seen_by_its_content_and_broken_files_leave_the_old_ones_in_use() {
    let mut server = Logged::start(&[]).await;
    let folder = server.folder.path().to_owned();
    let first = server.shown().await;
    let (took, broken) = ("new files of TLS are in use", "the old ones stay in use");
    let count = |lines: &[String], part: &str| lines.iter().filter(|line| line.contains(part)).count();

    // Garbage, a key of somebody else, nothing at all: each is told once, with the file.
    let stranger = Authority::new("other").server().key;
    for (file, content, told) in [
        ("server.pem", Some("garbage"), "server.pem holds no certificate"),
        ("server-key.pem", Some(stranger.as_str()), "server.pem holds no certificate"),
        ("server.pem", None, "cannot read the certificate server.pem"),
    ] {
        match content {
            Some(content) => drop(write(&folder, file, content)),
            None => fs::remove_file(folder.join(file)).unwrap(),
        }
        let lines = server.program.err.until(broken).await;
        let last = lines.last().unwrap();
        assert!(last.contains("ERROR") && last.contains(told), "{last}");
        assert_eq!((count(&lines, broken), count(&lines, took)), (1, 0), "{lines:#?}");
        assert_eq!(server.shown().await, first);
        assert_eq!(server.fault(None).await, None);
    }

    // Good ones.
    let new = server.authority.server();
    new.write(&folder, "server");
    let lines = server.program.err.until(took).await;
    assert_eq!(server.shown().await, new.der());
    // A certificate whose key is still to come may have been told of, and nothing else.
    assert!(count(&lines, broken) <= 1, "{lines:#?}");

    // The same bytes written anew are no change; the old time with new bytes is one.
    new.write(&folder, "server");
    let path = folder.join("server.pem");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let newest = server.authority.server();
    newest.write(&folder, "server");
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    server.program.err.until(took).await;
    assert_eq!(server.shown().await, newest.der(), "the first news is that of the newest");
}

#[tokio::test]
async fn tls_a_new_authority_of_clients_holds_for_new_connections() {
    let secure = Secure::start_with(ClientAuth::Required, |_| {}).await;
    let old = secure.authority.client("dev");
    let client = secure.client(Some(&old)).await;
    client.status().await.unwrap();
    let elsewhere = Authority::new("elsewhere");
    let both = secure.authority.pem() + &elsewhere.pem();
    let new = elsewhere.client("dev");
    // Clients go on trusting the server's own authority.
    let shown = |pair| {
        let mut options = secure.options(Some(pair));
        options.tls.ca_cert = Some(write(secure.folder.path(), "trusted.pem", &secure.authority.pem()));
        options
    };
    let unknown = TlsFault::ClientCertificateRefused("it is of an authority that is not trusted there");
    assert_eq!(secure.fault(shown(&new)).await, Some(unknown.clone()));
    write(secure.folder.path(), "ca.pem", &both);
    soon(async { while secure.fault(shown(&new)).await.is_some() {} }).await;
    assert_eq!(secure.fault(shown(&old)).await, None);
    write(secure.folder.path(), "ca.pem", &elsewhere.pem());
    soon(async { while secure.fault(shown(&old)).await != Some(unknown.clone()) {} }).await;
    // What was verified goes on.
    client.put(pb::PutPersonaRequest { ..put("a", "1") }).await.unwrap();
}

#[tokio::test]
async fn tls_who_connects_is_logged_by_the_names_of_its_certificate() {
    let mut server = Logged::start(&["--tls-client-ca", "ca.pem", "--tls-client-auth", "optional"]).await;
    let uri = rcgen::SanType::URI("spiffe://test/agent".try_into().unwrap());
    let agent = server.authority.issue(&["agent.test"], "agent", |params| params.subject_alt_names.push(uri));
    assert_eq!(server.fault(Some(&agent)).await, None);
    let lines = server.program.err.until("a connection is secure").await;
    let names = r#"[\"uri:spiffe://test/agent\", \"dns:agent.test\", \"cn:agent\"]"#;
    assert!(lines.last().unwrap().contains(names), "{lines:#?}");
    assert_eq!(server.fault(None).await, None);
    let lines = server.program.err.until("a connection is secure").await;
    assert!(!lines.last().unwrap().contains("names"), "{lines:#?}");
    for (shown, reason) in
        [(Authority::new("elsewhere").client("x"), "its certificate is refused: UnknownIssuer")]
    {
        assert!(server.fault(Some(&shown)).await.is_some());
        server.program.err.until(reason).await;
    }
    let mut plain = tokio::net::TcpStream::connect(server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    server.program.err.until("it speaks no TLS").await;
}
