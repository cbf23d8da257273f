//! TLS as people turn it on: settings that go together, files that are of use, where a server may listen, and dev-certs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::certs::{Authority, expired, write};
use crate::harness::soon;
use crate::program::{Ended, Program, command, run};

fn serving(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let usual = ["serve", "--data-dir", "data", "--min-free", "1"];
    command(folder, &[&usual[..], arguments].concat())
}

async fn refused(folder: &Path, arguments: &[&str]) -> String {
    let Ended { code, out, err } = soon(run(serving(folder, arguments))).await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
    assert!(!folder.join("data").exists(), "nothing was begun");
    err
}

#[tokio::test]
async fn a_server_that_others_reach_has_tls_or_is_said_to_be_insecure() {
    let folder = tempfile::tempdir().unwrap();
    let told = refused(folder.path(), &["--listen", "0.0.0.0:0"]).await;
    assert!(told.starts_with("error: --listen: 0.0.0.0:0 can be reached by other machines"), "{told}");
    assert!(told.contains("--tls-cert and --tls-key") && told.contains("--insecure"), "{told}");
    let mut meant = Program::start(serving(folder.path(), &["--listen", "0.0.0.0:0", "--insecure"]));
    assert!(meant.out.next().await.starts_with("listening on 0.0.0.0:"));
    meant.err.until("without TLS").await;
    meant.signal("-TERM");
    assert_eq!(meant.end().await.code, Some(0));
}

#[tokio::test]
async fn settings_of_tls_that_do_not_go_together_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let pair = ["--tls-cert", "a.pem", "--tls-key", "b.pem"];
    for (arguments, words) in [
        (
            &["--tls-cert", "a.pem"][..],
            "error: --tls-cert: the certificate lacks its key\n  help: give it with --tls-key\n",
        ),
        (
            &["--tls-key", "b.pem"],
            "error: --tls-key: the key lacks its certificate\n  help: give it with --tls-cert\n",
        ),
        (
            &["--tls-client-ca", "c.pem"],
            "error: --tls-client-ca: clients show certificates over TLS only, which is off\n  help: turn it on with \
             --tls-cert and --tls-key\n",
        ),
        (
            &[&pair[..], &["--tls-client-auth", "required"]].concat(),
            "error: --tls-client-auth: client certificates cannot be verified without their authority\n  help: give its \
             certificate with --tls-client-ca, or --tls-client-auth none\n",
        ),
    ] {
        assert_eq!(refused(folder.path(), arguments).await, words, "{arguments:?}");
    }
    for (given, lacking) in [("--client-cert", "--client-key"), ("--client-key", "--client-cert")] {
        let ended = run(command(folder.path(), &["list", given, "x.pem"])).await;
        assert_eq!(ended.code, Some(2));
        let words = format!("  help: give it with {lacking}\n");
        assert!(
            ended.err.starts_with(&format!("error: {given}: ")) && ended.err.ends_with(&words),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn files_of_tls_that_are_of_no_use_stop_the_start_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("authority");
    authority.server().write(folder.path(), "server");
    authority.server().write(folder.path(), "other");
    write(folder.path(), "text.pem", "no PEM\n");
    write(folder.path(), "cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    write(folder.path(), "junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let sealed = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    write(folder.path(), "sealed.pem", sealed);
    for (cert, key, words) in [
        ("none.pem", "server-key.pem", "cannot read the certificate none.pem: "),
        ("server.pem", "none.pem", "cannot read the key none.pem: "),
        ("text.pem", "server-key.pem", "text.pem holds no certificate"),
        ("cut.pem", "server-key.pem", "cut.pem holds no certificate"),
        ("junk.pem", "server-key.pem", "junk.pem holds no certificate"),
        ("server.pem", "text.pem", "text.pem holds no private key"),
        ("server.pem", "sealed.pem", "and not encrypted"),
        (
            "server.pem",
            "other-key.pem",
            "the key other-key.pem does not belong to the certificate server.pem",
        ),
    ] {
        let told = refused(folder.path(), &["--tls-cert", cert, "--tls-key", key]).await;
        assert!(
            told.starts_with("error: TLS cannot be turned on: ") && told.contains(words),
            "{words}: {told}"
        );
        assert_eq!(told.lines().filter(|line| !line.starts_with('{')).count(), 1, "once: {told}");
    }
    let arguments =
        ["--tls-cert", "server.pem", "--tls-key", "server-key.pem", "--tls-client-ca", "text.pem"];
    let told = refused(folder.path(), &arguments).await;
    assert!(told.contains("text.pem holds no certificate"), "{told}");
}

#[tokio::test]
async fn a_key_that_others_read_and_a_certificate_that_has_expired_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key) =
        Authority::new("authority").issue(&["localhost"], "old", expired).write(folder.path(), "old");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--tls-cert", "old.pem", "--tls-key", "old-key.pem"];
    let mut program = Program::start(serving(folder.path(), &arguments));
    program.out.next().await;
    let said = program.err.until("serving").await.join("\n");
    assert!(said.contains("WARN") && said.contains("the certificate has expired"), "{said}");
    assert!(said.contains("old-key.pem") && said.contains("chmod 600"), "{said}");
}

#[tokio::test]
async fn dev_certs_makes_what_serve_and_list_take_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(command(
        folder.path(),
        &["dev-certs", "certs", "--name", "registry.test", "--client", "dev", "--client", "ci"],
    ));
    let made = made.await;
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.err.contains("warning: these certificates are for trying only"), "{}", made.err);
    let clients = ["client-ci.pem", "client-ci-key.pem", "client-dev.pem", "client-dev-key.pem"];
    let names = [&["ca.pem", "server.pem", "server-key.pem"][..], &clients].concat();
    for name in &names {
        let mode = fs::metadata(folder.path().join("certs").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(folder.path().join("certs")).unwrap().count(), names.len());

    // The commands that it shows, but for a port that is free.
    let shown: Vec<Vec<&str>> = made
        .err
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix("persona ")?.split(' ').collect()))
        .collect();
    assert_eq!(shown.len(), 4, "{}", made.err);
    let free = ["--listen", "127.0.0.1:0", "--data-dir", "data", "--min-free", "1", "--log-format", "pretty"];
    for pair in shown.chunks(2) {
        let mut serve = command(folder.path(), &[&pair[0][..], &free].concat());
        serve.env("RUST_LOG", "off");
        let mut program = Program::start(serve);
        let address = program.out.next().await.replace("listening on ", "https://");
        let screen = program.err.until("grpcurl").await;
        let mut list = pair[1].clone();
        let at = list.iter().position(|word| *word == "https://localhost:50051").unwrap();
        list[at] = &address;
        assert_eq!(run(command(folder.path(), &list)).await.code, Some(0), "{list:?}");
        let as_dev = [&list[..], &["--tls-server-name", "registry.test"]].concat();
        assert_eq!(run(command(folder.path(), &as_dev)).await.code, Some(0));
        // And those that the server itself shows.
        let told = screen.iter().find_map(|line| line.split_once(" list ")).unwrap().1;
        let told: Vec<&str> = std::iter::once("list").chain(told.split(' ')).collect();
        assert_eq!(run(command(folder.path(), &told)).await.code, Some(0), "{told:?}");
        program.signal("-TERM");
        assert_eq!(program.end().await.code, Some(0));
    }
}

#[tokio::test]
async fn dev_certs_writes_over_nothing_unless_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let ask = async |more: &[&str]| run(command(folder.path(), &[&["dev-certs"], more].concat())).await;
    let made = ask(&["-o", "json", "--days", "2"]).await;
    let told: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(told["ca"], "dev-certs/ca.pem");
    assert_eq!(told["names"], serde_json::json!(["localhost", "127.0.0.1", "::1"]));
    assert_eq!(told["clients"][0]["key"], "dev-certs/client-dev-key.pem");
    assert!(told["expire_time"].is_string());
    let before = fs::read(folder.path().join("dev-certs/ca.pem")).unwrap();
    let again = ask(&[]).await;
    assert_eq!((again.code, again.out.as_str()), (Some(2), ""));
    assert!(again.err.contains("dev-certs/ca.pem") && again.err.contains("--force"), "{}", again.err);
    assert_eq!(fs::read(folder.path().join("dev-certs/ca.pem")).unwrap(), before);
    assert_eq!(ask(&["--force"]).await.code, Some(0));
    assert_ne!(fs::read(folder.path().join("dev-certs/ca.pem")).unwrap(), before);
}
