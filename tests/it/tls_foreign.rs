//! A stranger over TLS: `openssl s_client`, which shares no code with the server.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use persona_registry::server::tls::ClientAuth;

use crate::certs::{Authority, Secure, expired};
use crate::harness::soon;

/// What `openssl` says, and whether it was content; none where there is no `openssl`.
async fn openssl(arguments: Vec<String>, said: &'static [u8]) -> Option<(bool, String)> {
    let ask = move || {
        let child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            child => child.unwrap(),
        };
        drop(child.stdin.take().unwrap().write_all(said));
        let output = child.wait_with_output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&words).into_owned()))
    };
    soon(tokio::task::spawn_blocking(ask)).await.unwrap()
}

fn file(path: &Path) -> String {
    path.display().to_string()
}

async fn dial(secure: &Secure, more: &[&str]) -> Option<(bool, String)> {
    let place = secure.server.address.to_string();
    let ca = file(&secure.ca());
    let usual = ["s_client", "-connect", &place, "-CAfile", &ca, "-verify_return_error", "-alpn", "h2"];
    let arguments = usual.iter().chain(more).map(|word| (*word).to_owned()).collect();
    openssl(arguments, b"").await
}

#[tokio::test]
async fn tls_openssl_speaks_1_2_and_1_3_and_is_refused_what_is_older() {
    let secure = Secure::start().await;
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let Some((content, words)) = dial(&secure, &[flag]).await else {
            eprintln!("openssl is not on PATH: this test has shown nothing");
            return;
        };
        assert!(content && words.contains(version) && words.contains("ALPN protocol: h2"), "{flag}: {words}");
    }
    for flag in ["-tls1", "-tls1_1"] {
        // Its own guards are taken away, so that it is the server that refuses.
        let (content, words) = dial(&secure, &[flag, "-cipher", "ALL:@SECLEVEL=0"]).await.unwrap();
        assert!(!content, "{flag}: {words}");
        if !words.contains("SSL alert number") {
            eprintln!(
                "this openssl does not speak {flag} itself: the server was not asked, and nothing is shown"
            );
        }
    }
    // What is no TLS any more has no version to be refused by.
    let (content, words) = dial(&secure, &["-tls1_2", "-cipher", "AES128-SHA"]).await.unwrap();
    assert!(!content && words.contains("handshake failure"), "{words}");
}

#[tokio::test]
async fn tls_openssl_shows_its_certificate_or_is_refused() {
    let secure = Secure::start_with(ClientAuth::Required, |_| {}).await;
    let folder = secure.folder.path();
    let shown = |(cert, key): (std::path::PathBuf, std::path::PathBuf)| (file(&cert), file(&key));
    let (cert, key) = shown(secure.authority.client("dev").write(folder, "dev"));
    let (old, old_key) = shown(secure.authority.issue(&[], "old", expired).write(folder, "old"));
    let (far, far_key) = shown(Authority::new("elsewhere").client("far").write(folder, "far"));
    for (arguments, alert) in [
        (vec!["-cert", cert.as_str(), "-key", key.as_str()], None),
        (vec![], Some("certificate required")),
        (vec!["-cert", old.as_str(), "-key", old_key.as_str()], Some("certificate expired")),
        (vec!["-cert", far.as_str(), "-key", far_key.as_str()], Some("unknown ca")),
    ] {
        // Over TLS 1.2 the handshake itself tells.
        let Some((content, words)) = dial(&secure, &[&["-tls1_2"], &arguments[..]].concat()).await else {
            eprintln!("openssl is not on PATH: this test has shown nothing");
            return;
        };
        assert_eq!(content, alert.is_none(), "{arguments:?}: {words}");
        assert!(alert.is_none_or(|alert| words.contains(alert)), "{arguments:?}: {words}");
    }
}
