//! What our client says of a connection that is not secure: the reason, and what to do.

use persona_registry::client::{Options, TlsFault, TlsOptions};
use persona_registry::server::tls::ClientAuth;
use rcgen::{CertificateParams, date_time_ymd};

use crate::certs::{Authority, Pair, Secure, expired, write};
use crate::harness::{Server, soon};
use crate::program::{beside, run};

/// A server with a certificate that the test makes.
async fn with(issue: impl FnOnce(&Authority) -> Pair) -> Secure {
    let mut secure = Secure::start().await;
    issue(&secure.authority).write(secure.folder.path(), "server");
    secure.server = secure.server.restart().await;
    secure
}

fn in_future(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(3000, 1, 1), date_time_ymd(3001, 1, 1));
}

#[tokio::test]
async fn a_registrys_certificate_is_verified_and_the_reason_told() {
    let secure = Secure::start().await;
    assert_eq!(secure.fault(secure.options(None)).await, None);
    let foreign = write(secure.folder.path(), "foreign.pem", &Authority::new("elsewhere").pem());
    // The same name and another key, as an authority that was made anew has.
    let twin = write(secure.folder.path(), "twin.pem", &Authority::new("authority").pem());
    for ca_cert in [Some(foreign), Some(twin), None] {
        let options = Options { tls: TlsOptions { ca_cert, ..TlsOptions::default() }, ..Options::default() };
        let told = secure.fault(options).await;
        // A machine without any list of authorities says so.
        let expected = [Some(TlsFault::UnknownAuthority), Some(TlsFault::NoAuthorities)];
        assert!(expected.contains(&told), "{told:?}");
    }
    let old = with(|authority| authority.issue(&["127.0.0.1"], "server", expired)).await;
    assert_eq!(old.fault(old.options(None)).await, Some(TlsFault::Expired));
    let early = with(|authority| authority.issue(&["127.0.0.1"], "server", in_future)).await;
    assert_eq!(early.fault(early.options(None)).await, Some(TlsFault::NotYetValid));
}

#[tokio::test]
async fn the_name_of_a_registry_is_verified_and_may_be_said() {
    let secure = with(|authority| authority.issue(&["registry.test", "10.0.0.1"], "127.0.0.1", |_| {})).await;
    let presented = vec!["registry.test".to_owned(), "10.0.0.1".to_owned()];
    let fault = TlsFault::OtherName { wanted: "127.0.0.1".to_owned(), presented };
    assert_eq!(secure.fault(secure.options(None)).await, Some(fault));
    let mut options = secure.options(None);
    options.tls.server_name = Some("registry.test".to_owned());
    assert_eq!(secure.fault(options).await, None);
}

#[tokio::test]
async fn files_of_a_client_that_are_of_no_use_are_named() {
    let secure = Secure::start().await;
    let folder = secure.folder.path();
    let (cert, key) = secure.authority.client("dev").write(folder, "dev");
    let other = secure.authority.client("other").write(folder, "other").1;
    let empty = write(folder, "empty.pem", "nothing\n");
    let missing = folder.join("missing.pem");
    for (tls, named) in [
        (TlsOptions { ca_cert: Some(missing.clone()), ..TlsOptions::default() }, &missing),
        (TlsOptions { ca_cert: Some(empty.clone()), ..TlsOptions::default() }, &empty),
        (
            TlsOptions {
                client_cert: Some(empty.clone()),
                client_key: Some(key.clone()),
                ..secure.options(None).tls
            },
            &empty,
        ),
        (
            TlsOptions {
                client_cert: Some(cert.clone()),
                client_key: Some(empty.clone()),
                ..secure.options(None).tls
            },
            &empty,
        ),
        (
            TlsOptions {
                client_cert: Some(cert.clone()),
                client_key: Some(other.clone()),
                ..secure.options(None).tls
            },
            &other,
        ),
    ] {
        match secure.fault(Options { tls, ..Options::default() }).await {
            Some(TlsFault::File { path, reason }) => assert_eq!(&path, named, "{reason}"),
            told => panic!("{named:?}: {told:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_says_what_to_do_about_each_and_exits_with_2() {
    let secure = Secure::start_with(ClientAuth::Required, |_| {}).await;
    let plain = Server::start().await;
    let folder = secure.folder.path();
    let path = |(cert, key): (std::path::PathBuf, std::path::PathBuf)| {
        (cert.display().to_string(), key.display().to_string())
    };
    let ca = secure.ca().display().to_string();
    let foreign = write(folder, "foreign.pem", &Authority::new("elsewhere").pem()).display().to_string();
    let (cert, key) = path(secure.authority.client("dev").write(folder, "dev"));
    let (bad_cert, bad_key) = path(Authority::new("elsewhere").client("dev").write(folder, "bad"));
    let to_plain = format!("https://{}", plain.address);
    let to_secure = format!("http://{}", secure.server.address);
    let trusting = ["--ca-cert", &ca];
    let good = run(beside(
        secure.url(),
        &[&["list"][..], &trusting, &["--client-cert", &cert, "--client-key", &key]].concat(),
    ));
    assert_eq!(good.await.code, Some(0));
    for (server, arguments, words, help) in [
        (secure.url(), vec![], "of an authority that is not trusted here", "--ca-cert FILE"),
        (
            secure.url(),
            vec!["--ca-cert", &foreign],
            "of an authority that is not trusted here",
            "--ca-cert FILE",
        ),
        (secure.url(), trusting.to_vec(), "takes only clients that show a certificate", "--client-cert FILE"),
        (
            secure.url(),
            [&trusting[..], &["--client-cert", &bad_cert, "--client-key", &bad_key]].concat(),
            "does not take this client's certificate: it is of an authority",
            "show another one",
        ),
        (
            secure.url(),
            [&trusting[..], &["--tls-server-name", "registry.test"]].concat(),
            "is not for registry.test, but for localhost, 127.0.0.1",
            "--tls-server-name NAME",
        ),
        (to_plain, trusting.to_vec(), "speaks no TLS", "write http://"),
        (to_secure, vec![], "", "begins with https://"),
    ] {
        let ended = soon(run(beside(&server, &[&["list"][..], &arguments].concat()))).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.err.contains(words) && ended.err.contains("  help: "), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(help), "{help:?} in {}", ended.err);
    }
}
