//! What somebody tries who may call, and wants more: places in listings that they never came to, tokens that were taken away.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use persona_registry::auth::{self, KeySource, NewToken, Policy};
use persona_registry::domain::{Clock as _, SystemClock};
use persona_registry::server::tls::ClientAuth;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::auth::{Caller, caller, every_method, grant, policy, seeded, server_of, told};
use crate::auth_streams::to_its_end;
use crate::certs::Secure;
use crate::harness::{clock, get, reason, refused, soon};
use crate::issuer::{self, KeyServer, Signer, believed, claims};

/// The same token with another place: its first 42 bytes say what it belongs to, its last four are a checksum.
fn elsewhere(token: &str, place: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let mut forged = [&bytes[..42], place.as_bytes()].concat();
    forged.extend_from_slice(&crc32c::crc32c(&forged).to_be_bytes());
    URL_SAFE_NO_PAD.encode(forged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_a_page_token_with_a_place_elsewhere_shows_nothing_of_it() {
    let (server, signer, _) = seeded().await;
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    for namespace in ["default", "other"] {
        for alias in ["canary", "stable"] {
            let set = pb::SetPersonaAliasRequest {
                namespace: namespace.to_owned(),
                name: "a".to_owned(),
                alias: alias.to_owned(),
                version: 1,
                message: "secret".to_owned(),
                ..Default::default()
            };
            admin.personas.set_persona_alias(set).await.unwrap();
        }
    }
    let mut reader = caller(&server, Some(&signer.token(&claims("reader")))).await;
    for (namespace, name) in [("default", "a"), ("default", ""), ("-", "")] {
        let list = pb::ListPersonaAliasesRequest {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            page_size: 1,
            ..Default::default()
        };
        let page = reader.personas.list_persona_aliases(list.clone()).await.unwrap().into_inner();
        let next = |place: &str| pb::ListPersonaAliasesRequest {
            page_token: elsewhere(&page.next_page_token, place),
            ..list.clone()
        };
        let same = soon(reader.personas.list_persona_aliases(next("default\0a\0canary"))).await.unwrap();
        assert_eq!(same.into_inner().aliases[0].alias, "stable", "a place of its own");
        let forged = soon(reader.personas.list_persona_aliases(next("other\0a\0a"))).await;
        refused(forged, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_a_token_is_revoked_while_an_issuer_does_not_answer() {
    // It takes connections and says nothing; whoever fetches from it waits for ten seconds.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys.json", silent.local_addr().unwrap());
    let shared = Arc::new(Mutex::new(policy(believed(KeySource::Url(url)))));
    let server = server_of(&shared, |_| {}).await;
    let (waiting, _) = soon(silent.accept()).await.unwrap();
    let path = server.data_dir().join("tokens.json");
    let new = NewToken { name: "ci".to_owned(), grants: vec!["reader".parse().unwrap()], expires: None };
    let token = auth::create(&path, &new, SystemClock.now()).unwrap();
    let mut ci = caller(&server, Some(&token)).await;
    until(&mut ci, "PERSONA_NOT_FOUND").await;
    auth::revoke(&path, "ci", SystemClock.now()).unwrap();
    until(&mut ci, "CREDENTIALS_INVALID revoked").await;
    drop(waiting);
}

/// Calls until it is told this. An issuer that hangs is waited for longer than this waits.
async fn until(caller: &mut Caller, expected: &str) {
    for _ in 0..250 {
        let told = told(&caller.personas.get_persona(get("nobody")).await.map(drop));
        if told == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never was {expected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_what_an_api_token_grants_is_what_its_record_says_by_now() {
    let (server, _, _) = seeded().await;
    let path = server.data_dir().join("tokens.json");
    let new = NewToken { name: "ci".to_owned(), grants: vec!["reader".parse().unwrap()], expires: None };
    let token = auth::create(&path, &new, SystemClock.now()).unwrap();
    let mut ci = caller(&server, Some(&token)).await;
    until(&mut ci, "PERSONA_NOT_FOUND").await;
    let stream = ci.personas.watch_personas(pb::WatchPersonasRequest::default()).await.unwrap();
    let narrowed = std::fs::read_to_string(&path).unwrap().replace("reader@*", "reader@other");
    std::fs::write(&path, narrowed).unwrap();
    until(&mut ci, "PERMISSION_DENIED").await;
    let (_, _, ended) = to_its_end(stream.into_inner()).await;
    assert_eq!(reason(&ended), ErrorReason::AccessChanged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_streams_of_nobody_take_no_places_of_calls_and_have_one_share() {
    let keys = KeyServer::start(issuer::set(&[])).await;
    let shared = Arc::new(Mutex::new(policy(believed(keys.source()))));
    let server = server_of(&shared, |options| {
        (options.limits.all_calls, options.limits.streams) = (3, 3);
    })
    .await;
    let mut health = HealthClient::new(server.channel().await);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(health.watch(HealthCheckRequest::default()).await.unwrap());
    }
    assert!(health.check(HealthCheckRequest::default()).await.is_ok(), "a call has its place");
    let refused = health.watch(HealthCheckRequest::default()).await.map(drop);
    assert_eq!(reason(&refused.unwrap_err()), ErrorReason::RateLimited);
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_a_certificate_that_ends_lets_nobody_in_any_more() {
    let clock = clock();
    let end = u64::try_from(clock.now().0 / 1_000_000).unwrap() + 3600;
    let secure = Secure::start_with(ClientAuth::Required, |options| {
        options.registry.clock = clock.clone();
        let grants = vec![grant("cert:cn:dev", "reader")];
        let policy = Policy { certificates: true, grants, ..Policy::default() };
        let mut auth = auth::Options::new(policy, options.registry.data_dir.join("tokens.json"));
        auth.look = Duration::from_millis(20);
        options.auth = Some(auth);
    })
    .await;
    let pair = secure.authority.issue(&[], "dev", |params| {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
    });
    let client = secure.client(Some(&pair)).await;
    let refused = client.get(get("nobody")).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::PersonaNotFound));
    clock.advance(Duration::from_secs(3601));
    let refused = client.get(get("nobody")).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::CredentialsInvalid), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_records_name_the_credential_and_the_method_and_what_was_configured() {
    let (server, signer, shared) = seeded().await;
    let path = server.data_dir().join("tokens.json");
    let new = NewToken { name: "ci".to_owned(), grants: Vec::new(), expires: None };
    let token = auth::create(&path, &new, SystemClock.now()).unwrap();
    let id = token.split('_').nth(1).unwrap();
    shared.lock().unwrap().grants.push(grant("corp:somebody", "reader"));
    let mut ci = caller(&server, Some(&token)).await;
    until(&mut ci, "PERMISSION_DENIED").await;
    for shown in [
        format!("prsn_{id}_{}", "0".repeat(64)),
        Signer::ed("one").token(&claims("the-subject")),
        signer
            .token(&issuer::with(claims("the-subject"), serde_json::json!({"iss": "https://evil.example"}))),
    ] {
        let mut forger = caller(&server, Some(&shown)).await;
        forger.personas.get_persona(get("a")).await.unwrap_err();
    }
    let mut nobody = caller(&server, Some(&signer.token(&claims("nobody")))).await;
    let methods = every_method(&mut nobody, "default", "a").await;
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    let records = loop {
        let list = pb::ListAuditRecordsRequest { page_size: 500, ..Default::default() };
        let page = soon(admin.admin.list_audit_records(list)).await.unwrap().into_inner();
        let of_nobody = page.audit_records.iter().filter(|one| one.principal == "corp:nobody").count();
        if of_nobody == methods.len() {
            break page.audit_records;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let details: BTreeSet<_> = records
        .iter()
        .filter(|one| one.reason == "CREDENTIALS_INVALID")
        .map(|one| one.detail.as_str())
        .collect();
    let by_id = format!("unproven: API token {id} of token:ci");
    assert_eq!(details, BTreeSet::from(["", "unproven: a token of issuer corp", by_id.as_str()]));
    assert!(records.iter().all(|one| !format!("{one:?}").contains("the-subject")));
    let configured = |what: &str| {
        let one = records.iter().find(|one| one.what == what).unwrap();
        one.before_digest.starts_with("sha256:") && one.before_digest != one.after_digest
    };
    assert!(configured("policy") && configured("tokens"));
    // Newest first; each method by its own name, in the order of the calls.
    let recorded = records.iter().rev().filter(|one| one.principal == "corp:nobody");
    let recorded: Vec<_> = recorded.map(|one| one.method.clone()).collect();
    let camel = |snake: &str| -> String {
        let words = snake.split('_').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]));
        words.collect::<String>()
    };
    let called: Vec<_> = methods
        .iter()
        .map(|(method, _)| camel(if *method == "set_protected_alias" { "set_persona_alias" } else { method }))
        .collect();
    assert_eq!(recorded, called);
    let set: prost_types::FileDescriptorSet =
        prost::Message::decode(persona_registry::wire::DESCRIPTORS).unwrap();
    let services = set.file.iter().flat_map(|file| &file.service);
    let all: BTreeSet<_> =
        services.flat_map(|service| &service.method).map(|one| one.name().to_owned()).collect();
    assert_eq!(recorded.into_iter().collect::<BTreeSet<_>>(), all, "a method that was not called");
}
