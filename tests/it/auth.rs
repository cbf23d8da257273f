//! Who is let in, and to do what: every method against every kind of credential, over the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use persona_registry::auth::{self, NewToken, Policy, PolicyGrant, Reload};
use persona_registry::domain::Clock as _;
use persona_registry::domain::SystemClock;
use persona_registry::wire::pb::admin_service_client::AdminServiceClient;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};
use serde_json::{Value, json};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use tonic_types::StatusExt as _;

use crate::harness::{Server, get, put, reason};
use crate::issuer::{self, Signer, claims, with};

type Put = Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send>;
type Bearing = InterceptedService<Channel, Put>;

/// Both services, called with a token or without one.
pub struct Caller {
    pub personas: PersonaServiceClient<Bearing>,
    pub admin: AdminServiceClient<Bearing>,
}

pub async fn caller(server: &Server, token: Option<&str>) -> Caller {
    let channel = server.channel().await;
    let bearing = || {
        let value = token.map(|token| format!("Bearer {token}").parse().unwrap());
        let put: Put = Box::new(move |mut request: Request<()>| {
            if let Some(value) = &value {
                request.metadata_mut().insert("authorization", tonic::metadata::MetadataValue::clone(value));
            }
            Ok(request)
        });
        InterceptedService::new(channel.clone(), put)
    };
    Caller { personas: PersonaServiceClient::new(bearing()), admin: AdminServiceClient::new(bearing()) }
}

pub fn grant(to: &str, text: &str) -> PolicyGrant {
    PolicyGrant { to: vec![to.parse().unwrap()], grant: text.parse().unwrap() }
}

/// Who may do what in these tests.
pub fn policy(issuer: auth::Issuer) -> Policy {
    Policy {
        issuers: vec![issuer],
        grants: vec![
            grant("corp:reader", "reader@default"),
            grant("corp:writer", "writer@default"),
            grant("corp:promoter", "promoter@default"),
            grant("corp:admin", "admin"),
            grant("corp:other", "admin@other"),
            grant("corp:team-*", "writer@team-a,team-b"),
        ],
        protected: vec!["production".parse().unwrap()],
        ..Policy::default()
    }
}

/// A policy that tests change while the server runs.
pub type Shared = Arc<Mutex<Policy>>;

/// A server that believes this issuer, and the policy it reads again and again.
pub async fn server(keys: auth::KeySource) -> (Server, Shared) {
    let shared: Shared = Arc::new(Mutex::new(policy(issuer::believed(keys))));
    (server_of(&shared, |_| {}).await, shared)
}

pub async fn server_of(
    shared: &Shared,
    change: impl FnOnce(&mut persona_registry::server::Options),
) -> Server {
    let shared = Arc::clone(shared);
    Server::start_with(|options| {
        let tokens = options.registry.data_dir.join("tokens.json");
        let mut auth = auth::Options::new(shared.lock().unwrap().clone(), tokens);
        auth.reload = Some(Reload(Arc::new(move || Ok(shared.lock().unwrap().clone()))));
        auth.look = Duration::from_millis(20);
        auth.refresh = Duration::from_millis(100);
        auth.refresh_pause = Duration::from_millis(20);
        options.auth = Some(auth);
        change(options);
    })
    .await
}

/// A server, its issuer's signer, and a persona `a` in `default` and one in `other`.
pub async fn seeded() -> (Server, Signer, Shared) {
    let signer = Signer::ed("one");
    let keys = issuer::KeyServer::start(issuer::set(&[&signer])).await;
    let (server, shared) = server(keys.source()).await;
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    for namespace in ["default", "other"] {
        for text in ["one", "two"] {
            let request = pb::PutPersonaRequest { namespace: namespace.to_owned(), ..put("a", text) };
            admin.personas.put_persona(request).await.unwrap();
        }
    }
    (server, signer, shared)
}

/// Every method, called in a namespace about a persona, in this order; what comes of it.
pub async fn every_method(
    caller: &mut Caller,
    namespace: &str,
    name: &str,
) -> Vec<(&'static str, Result<(), Status>)> {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let Caller { personas, admin } = caller;
    let mut all = Vec::new();
    macro_rules! call {
        ($client:ident . $method:ident ( $request:expr )) => {
            all.push((stringify!($method), $client.$method($request).await.map(drop)))
        };
    }
    let watch = pb::WatchPersonasRequest { namespace: namespace.clone(), ..Default::default() };
    call!(personas.get_persona(pb::GetPersonaRequest { namespace: namespace.clone(), ..get(&name) }));
    call!(personas.batch_get_personas(pb::BatchGetPersonasRequest {
        namespace: namespace.clone(),
        names: vec![name.clone()],
        ..Default::default()
    }));
    call!(
        personas
            .list_personas(pb::ListPersonasRequest { namespace: namespace.clone(), ..Default::default() })
    );
    call!(personas.list_persona_versions(pb::ListPersonaVersionsRequest {
        namespace: namespace.clone(),
        name: name.clone(),
        ..Default::default()
    }));
    call!(personas.list_persona_aliases(pb::ListPersonaAliasesRequest {
        namespace: namespace.clone(),
        name: name.clone(),
        ..Default::default()
    }));
    call!(personas.list_namespaces(pb::ListNamespacesRequest::default()));
    call!(personas.validate_persona(pb::ValidatePersonaRequest {
        content: "x".into(),
        namespace: namespace.clone(),
        ..Default::default()
    }));
    call!(personas.put_persona(pb::PutPersonaRequest {
        namespace: namespace.clone(),
        validate_only: true,
        ..put(&name, "three")
    }));
    call!(personas.delete_persona(pb::DeletePersonaRequest {
        namespace: namespace.clone(),
        name: name.clone(),
        validate_only: true,
        ..Default::default()
    }));
    let set = |alias: &str| pb::SetPersonaAliasRequest {
        namespace: namespace.clone(),
        name: name.clone(),
        alias: alias.to_owned(),
        version: 1,
        validate_only: true,
        ..Default::default()
    };
    call!(personas.set_persona_alias(set("canary")));
    all.push(("set_protected_alias", personas.set_persona_alias(set("production")).await.map(drop)));
    call!(personas.delete_persona_alias(pb::DeletePersonaAliasRequest {
        namespace: namespace.clone(),
        name: name.clone(),
        alias: "canary".to_owned(),
        validate_only: true,
        ..Default::default()
    }));
    let operation = pb::batch_write_personas_request::Operation {
        kind: Some(pb::batch_write_personas_request::operation::Kind::Put(
            pb::batch_write_personas_request::Put {
                content: put(&name, "four").content,
                ..Default::default()
            },
        )),
    };
    call!(personas.batch_write_personas(pb::BatchWritePersonasRequest {
        namespace: namespace.clone(),
        operations: vec![operation],
        validate_only: true,
        ..Default::default()
    }));
    call!(personas.purge_persona_version(pb::PurgePersonaVersionRequest {
        namespace: namespace.clone(),
        name: name.clone(),
        version: 1,
        validate_only: true,
        ..Default::default()
    }));
    call!(personas.watch_personas(watch));
    call!(admin.get_status(pb::GetStatusRequest {}));
    call!(admin.list_refused_sources(pb::ListRefusedSourcesRequest {
        namespace: namespace.clone(),
        ..Default::default()
    }));
    call!(admin.compact_history(pb::CompactHistoryRequest { revision: 1 }));
    call!(admin.list_audit_records(pb::ListAuditRecordsRequest::default()));
    call!(admin.backup_store(pb::BackupStoreRequest {}));
    all
}

fn metadata(status: &Status) -> BTreeMap<String, String> {
    status.get_error_details().error_info().unwrap().metadata.clone().into_iter().collect()
}

/// What a caller is told.
pub fn told(result: &Result<(), Status>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(status) => {
            let reason = reason(status).as_str_name().trim_start_matches("ERROR_REASON_").to_owned();
            match metadata(status).get("cause") {
                Some(cause) if status.code() == Code::Unauthenticated => format!("{reason} {cause}"),
                _ => reason,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_every_method_against_every_credential() {
    let (server, signer, _) = seeded().await;
    let foreign = Signer::ed("one");
    let bad: Vec<(&str, Option<String>, &str)> = vec![
        ("no credential", None, "CREDENTIALS_MISSING"),
        ("no token at all", Some("abc".to_owned()), "CREDENTIALS_INVALID malformed"),
        (
            "unknown API token",
            Some(format!("prsn_{}_{}", "0".repeat(16), "0".repeat(64))),
            "CREDENTIALS_INVALID unknown_token",
        ),
        (
            "wrong issuer",
            Some(signer.token(&with(claims("admin"), json!({"iss": "https://evil.example"})))),
            "CREDENTIALS_INVALID unknown_issuer",
        ),
        ("expired", Some(signer.token(&issuer::claims_for("admin", -10))), "CREDENTIALS_INVALID expired"),
        (
            "not yet valid",
            Some(signer.token(&with(claims("admin"), json!({"nbf": issuer::now() + 600})))),
            "CREDENTIALS_INVALID not_yet_valid",
        ),
        (
            "wrong audience",
            Some(signer.token(&with(claims("admin"), json!({"aud": "billing"})))),
            "CREDENTIALS_INVALID audience",
        ),
        (
            "no audience",
            Some(signer.token(&with(claims("admin"), json!({"aud": null})))),
            "CREDENTIALS_INVALID claims",
        ),
        (
            "no expiry",
            Some(signer.token(&with(claims("admin"), json!({"exp": null})))),
            "CREDENTIALS_INVALID claims",
        ),
        (
            "expiry as text",
            Some(signer.token(&with(claims("admin"), json!({"exp": "9999999999"})))),
            "CREDENTIALS_INVALID claims",
        ),
        (
            "start as text",
            Some(signer.token(&with(claims("admin"), json!({"nbf": "9999999999"})))),
            "CREDENTIALS_INVALID claims",
        ),
        (
            "no subject",
            Some(signer.token(&with(claims("admin"), json!({"sub": null})))),
            "CREDENTIALS_INVALID claims",
        ),
        ("a pattern as subject", Some(signer.token(&claims("*"))), "CREDENTIALS_INVALID claims"),
        (
            "wrong key under the right id",
            Some(foreign.token(&claims("admin"))),
            "CREDENTIALS_INVALID signature",
        ),
        ("unknown key", Some(Signer::ed("two").token(&claims("admin"))), "CREDENTIALS_INVALID unknown_key"),
        ("none", Some(issuer::unsigned(&claims("admin"))), "CREDENTIALS_INVALID algorithm"),
        (
            "HMAC with the public key",
            Some(issuer::by_hmac("one", &signer.public_bytes(), &claims("admin"))),
            "CREDENTIALS_INVALID algorithm",
        ),
        (
            "another algorithm's name",
            Some(signer.with_header(&json!({"alg": "ES256", "kid": "one"}), &claims("admin"))),
            "CREDENTIALS_INVALID unknown_key",
        ),
        (
            "what must be understood",
            Some(signer.with_header(&json!({"alg": "EdDSA", "kid": "one", "crit": ["x"]}), &claims("admin"))),
            "CREDENTIALS_INVALID malformed",
        ),
    ];
    println!("{:<32} {:<32}", "credential", "every method");
    for (what, token, expected) in &bad {
        let mut caller = caller(&server, token.as_deref()).await;
        for (method, result) in every_method(&mut caller, "default", "a").await {
            assert_eq!(told(&result), *expected, "{method} with {what}");
            assert_eq!(result.unwrap_err().code(), Code::Unauthenticated);
        }
        println!("{what:<32} {expected:<32}");
    }
    // What each role may, in a namespace of its own, and what it is told elsewhere.
    let reads = [
        "get_persona",
        "batch_get_personas",
        "list_personas",
        "list_persona_versions",
        "list_persona_aliases",
        "watch_personas",
        "validate_persona",
    ];
    let anywhere = ["list_namespaces", "get_status"];
    let writes = ["put_persona", "delete_persona", "batch_write_personas", "list_refused_sources"];
    let moves = ["set_persona_alias", "delete_persona_alias"];
    let registry_wide = ["compact_history", "backup_store", "list_audit_records"];
    for (role, may) in [
        ("reader", [false, false, false, false]),
        ("writer", [true, true, false, false]),
        ("promoter", [false, true, true, false]),
        ("admin", [true, true, true, true]),
    ] {
        let mut caller = caller(&server, Some(&signer.token(&claims(role)))).await;
        let [write, moving, protected, administer] = may;
        let mut line = String::new();
        for (method, result) in every_method(&mut caller, "default", "a").await {
            let allowed = match method {
                _ if reads.contains(&method) || anywhere.contains(&method) => true,
                _ if writes.contains(&method) => write,
                _ if moves.contains(&method) => moving,
                "set_protected_alias" => protected,
                "purge_persona_version" => administer,
                _ if registry_wide.contains(&method) => administer,
                other => panic!("{other} is in no group"),
            };
            // There is no such alias: what matters is that it was looked for.
            let expected = match (allowed, method) {
                (true, "delete_persona_alias") => "ALIAS_NOT_FOUND",
                (true, _) => "ok",
                (false, _) => "PERMISSION_DENIED",
            };
            assert_eq!(told(&result), expected, "{method} as {role}: {result:?}");
            line.push_str(&format!(" {method}:{expected}"));
        }
        println!("{role}:{line}");
    }
    // An administrator of another namespace has no right here, and everybody else none there.
    for (subject, namespace) in
        [("other", "default"), ("reader", "other"), ("writer", "other"), ("nobody", "other")]
    {
        let mut caller = caller(&server, Some(&signer.token(&claims(subject)))).await;
        for (method, result) in every_method(&mut caller, namespace, "a").await {
            let allowed = anywhere.contains(&method) && subject != "nobody";
            let expected = if allowed { "ok" } else { "PERMISSION_DENIED" };
            assert_eq!(told(&result), expected, "{method} as {subject} in {namespace}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_what_is_not_yours_is_told_as_what_is_not_there() {
    let (server, signer, _) = seeded().await;
    let mut caller = caller(&server, Some(&signer.token(&claims("reader")))).await;
    let there = every_method(&mut caller, "other", "a").await;
    let absent = every_method(&mut caller, "other", "nobody").await;
    let nowhere = every_method(&mut caller, "nowhere", "a").await;
    for ((method, result), ((_, absent), (_, nowhere))) in there.iter().zip(absent.iter().zip(&nowhere)) {
        let text = |result: &Result<(), Status>| {
            let Err(status) = result else { return "ok".to_owned() };
            format!("{:?} {} {:?}", status.code(), status.message(), metadata(status))
        };
        assert_eq!(text(result), text(absent), "{method}");
        assert_eq!(text(result), text(nowhere).replace("nowhere", "other"), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_every_algorithm_and_kind_of_key_set() {
    let dir = tempfile::tempdir().unwrap();
    let (rsa, ec, ed) = (Signer::rsa("r"), Signer::ec("e"), Signer::ed("d"));
    let path = dir.path().join("keys.json");
    // Keys of other kinds and for other uses stand beside ours in real sets.
    let mut set: Value = serde_json::from_str(&issuer::set(&[&rsa, &ec, &ed])).unwrap();
    set["keys"].as_array_mut().unwrap().extend([
        json!({"kty": "oct", "kid": "h", "k": "c2VjcmV0"}),
        json!({"kty": "EC", "crv": "P-384", "kid": "q", "x": "AA", "y": "AA"}),
        json!({"kty": "unheard-of", "kid": "u"}),
        json!(7),
    ]);
    std::fs::write(&path, set.to_string()).unwrap();
    let (server, _) = server(auth::KeySource::File(path)).await;
    for signer in [&rsa, &ec, &ed] {
        let mut caller = caller(&server, Some(&signer.token(&claims("reader")))).await;
        assert_eq!(
            told(&caller.personas.list_personas(pb::ListPersonasRequest::default()).await.map(drop)),
            "ok"
        );
        // A token that names no key is the only one's of its kind.
        let nameless = signer.with_header(
            &json!({"alg": match signer.id.as_str() { "r" => "RS256", "e" => "ES256", _ => "EdDSA" }}),
            &claims("reader"),
        );
        let mut caller = crate::auth::caller(&server, Some(&nameless)).await;
        assert!(caller.personas.list_personas(pb::ListPersonasRequest::default()).await.is_ok());
    }
    let secret = issuer::by_hmac("h", b"secret", &claims("admin"));
    let mut caller = caller(&server, Some(&secret)).await;
    let refused = caller.admin.get_status(pb::GetStatusRequest {}).await.map(drop);
    assert_eq!(told(&refused), "CREDENTIALS_INVALID algorithm");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_roles_come_from_claims_and_from_api_tokens() {
    let (server, signer, shared) = seeded().await;
    let token =
        signer.token(&with(claims("anybody"), json!({"roles": ["reader@other", "of-somebody-else"]})));
    let mut by_claim = caller(&server, Some(&token)).await;
    let there = pb::GetPersonaRequest { namespace: "other".to_owned(), ..get("a") };
    assert!(by_claim.personas.get_persona(there.clone()).await.is_ok());
    assert_eq!(told(&by_claim.personas.get_persona(get("a")).await.map(drop)), "PERMISSION_DENIED");
    let path = server.data_dir().join("tokens.json");
    let new =
        NewToken { name: "ci".to_owned(), grants: vec!["writer@other".parse().unwrap()], expires: None };
    let token = auth::create(&path, &new, SystemClock.now()).unwrap();
    assert!(auth::create(&path, &new, SystemClock.now()).is_err(), "the name is taken");
    let content = std::fs::read_to_string(&path).unwrap();
    let secret = token.rsplit('_').next().unwrap();
    assert!(!content.contains(secret) && content.contains("$argon2id$"), "{content}");
    let mut ci = caller(&server, Some(&token)).await;
    let accepted = async |caller: &mut Caller, request: &pb::GetPersonaRequest, expected: &str| {
        for _ in 0..500 {
            let told = told(&caller.personas.get_persona(request.clone()).await.map(drop));
            if told == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never was {expected}");
    };
    accepted(&mut ci, &there, "ok").await;
    let written = pb::PutPersonaRequest { namespace: "other".to_owned(), ..put("b", "by ci") };
    ci.personas.put_persona(written).await.unwrap();
    let b = pb::GetPersonaRequest { namespace: "other".to_owned(), ..get("b") };
    let persona = ci.personas.get_persona(b).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(persona.actor, "token:ci");
    // The policy grants to tokens too, and takes away again.
    accepted(&mut ci, &get("a"), "PERMISSION_DENIED").await;
    shared.lock().unwrap().grants.push(grant("token:*", "reader@default"));
    accepted(&mut ci, &get("a"), "ok").await;
    // One letter of the secret, and the id alone, let nobody in.
    let last = if token.ends_with('0') { "1" } else { "0" };
    for wrong in
        [format!("{}{last}", &token[..token.len() - 1]), token.rsplit_once('_').unwrap().0.to_owned()]
    {
        let mut caller = caller(&server, Some(&wrong)).await;
        let refused = caller.personas.get_persona(there.clone()).await.unwrap_err();
        assert_eq!(reason(&refused), ErrorReason::CredentialsInvalid);
    }
    auth::revoke(&path, "ci", SystemClock.now()).unwrap();
    accepted(&mut ci, &there, "CREDENTIALS_INVALID revoked").await;
    assert!(auth::create(&path, &new, SystemClock.now()).is_ok(), "the name is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w2_a_request_id_of_one_principal_never_replays_for_another() {
    let (server, signer, _) = seeded().await;
    let mut team_a = caller(&server, Some(&signer.token(&claims("team-one")))).await;
    let mut team_b = caller(&server, Some(&signer.token(&claims("team-two")))).await;
    let request = pb::PutPersonaRequest {
        namespace: "team-a".to_owned(),
        request_id: "the same".to_owned(),
        ..put("x", "one")
    };
    let first = team_a.personas.put_persona(request.clone()).await.unwrap().into_inner();
    let other = team_b.personas.put_persona(request.clone()).await.unwrap().into_inner();
    assert!(first.created && !first.replayed && !other.replayed && other.unchanged);
    assert!(team_a.personas.put_persona(request.clone()).await.unwrap().into_inner().replayed);
    // Nor for the same one who may not any more.
    let mut nobody = caller(&server, Some(&signer.token(&claims("nobody")))).await;
    assert_eq!(told(&nobody.personas.put_persona(request).await.map(drop)), "PERMISSION_DENIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w8_protected_aliases_take_a_right_of_their_own() {
    let (server, signer, _) = seeded().await;
    let mut writer = caller(&server, Some(&signer.token(&claims("writer")))).await;
    let mut promoter = caller(&server, Some(&signer.token(&claims("promoter")))).await;
    let set = |alias: &str| crate::aliases::set("a", alias, 1);
    writer.personas.set_persona_alias(set("canary")).await.unwrap();
    let refused = writer.personas.set_persona_alias(set("production")).await.unwrap_err();
    assert_eq!(metadata(&refused)["alias"], "production");
    promoter.personas.set_persona_alias(set("production")).await.unwrap();
    // Neither in a batch, nor by deleting what has it.
    let operation = pb::batch_write_personas_request::Operation {
        kind: Some(pb::batch_write_personas_request::operation::Kind::DeleteAlias(
            pb::batch_write_personas_request::DeleteAlias {
                name: "a".to_owned(),
                alias: "production".to_owned(),
                ..Default::default()
            },
        )),
    };
    let batch = pb::BatchWritePersonasRequest { operations: vec![operation], ..Default::default() };
    let refused = writer.personas.batch_write_personas(batch).await.unwrap_err();
    assert_eq!((reason(&refused), &*metadata(&refused)["index"]), (ErrorReason::PermissionDenied, "0"));
    let delete = pb::DeletePersonaRequest { name: "a".to_owned(), ..Default::default() };
    let refused = writer.personas.delete_persona(delete.clone()).await.unwrap_err();
    assert_eq!(
        (reason(&refused), &*metadata(&refused)["alias"]),
        (ErrorReason::PermissionDenied, "production")
    );
    let alias = crate::aliases::unset("a", "production");
    assert!(writer.personas.delete_persona_alias(alias.clone()).await.is_err());
    promoter.personas.delete_persona_alias(alias).await.unwrap();
    writer.personas.delete_persona(delete).await.unwrap();
}
