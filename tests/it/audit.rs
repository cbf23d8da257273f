//! The audit log over the wire: what is recorded of whom, what is refused, and reading it.

use persona_registry::domain::{Caller, Digest};
use persona_registry::registry::AuditEvent;
use persona_registry::wire::pb::audit_record::Action;
use persona_registry::wire::pb::{self, ErrorReason};
use serde_json::Value;
use tonic::{Code, Request};

use crate::harness::{Server, delete, document, put, reason, refused, soon};
use crate::journal_commits::Dice;
use crate::program::{beside, run, yaml_documents};

/// Everything that a request asks for, newest first, in pages of this many.
pub async fn listed(server: &Server, request: pb::ListAuditRecordsRequest) -> Vec<pb::AuditRecord> {
    let mut admin = server.admin().await;
    let (mut records, mut request) = (Vec::new(), request);
    loop {
        let page = admin.list_audit_records(request.clone()).await.unwrap().into_inner();
        let most = if request.page_size == 0 { 50 } else { request.page_size as usize };
        assert!(page.audit_records.len() <= most);
        records.extend(page.audit_records);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return records;
        }
    }
}

/// The whole log, oldest first.
pub async fn log(server: &Server) -> Vec<pb::AuditRecord> {
    let mut records =
        listed(server, pb::ListAuditRecordsRequest { page_size: 500, ..Default::default() }).await;
    records.reverse();
    records
}

/// Waits until the log has this many records of an action, and gives them back.
pub async fn until(server: &Server, action: Action, count: usize) -> Vec<pb::AuditRecord> {
    soon(async {
        loop {
            let mut found = log(server).await;
            found.retain(|record| record.action() == action);
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
}

fn digest(name: &str, body: &str) -> String {
    Digest::of(&document(name, body)).to_string()
}

fn called<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    request
}

fn set(name: &str, alias: &str, version: i64) -> pb::SetPersonaAliasRequest {
    pb::SetPersonaAliasRequest {
        name: name.to_owned(),
        alias: alias.to_owned(),
        version,
        ..Default::default()
    }
}

fn purge(name: &str, version: i64) -> pb::PurgePersonaVersionRequest {
    pb::PurgePersonaVersionRequest { name: name.to_owned(), version, ..Default::default() }
}

#[tokio::test]
async fn every_change_leaves_its_record_with_who_what_and_digests() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = pb::PutPersonaRequest { message: "begin".to_owned(), ..put("a", "one") };
    client.put_persona(called("call-1", first)).await.unwrap();
    client.put_persona(called("call-2", put("a", "two"))).await.unwrap();
    client.set_persona_alias(called("call-3", set("a", "production", 1))).await.unwrap();
    client.set_persona_alias(called("call-4", set("a", "production", 2))).await.unwrap();
    let removed = pb::DeletePersonaAliasRequest {
        name: "a".to_owned(),
        alias: "production".to_owned(),
        ..Default::default()
    };
    client.delete_persona_alias(called("call-5", removed)).await.unwrap();
    client.purge_persona_version(called("call-6", purge("a", 1))).await.unwrap();
    client.set_persona_alias(called("call-7", set("a", "canary", 2))).await.unwrap();
    // Both in one commit, and the same put once more, which changes nothing.
    use pb::batch_write_personas_request::{Operation, operation::Kind};
    let operation = |kind| Operation { kind: Some(kind) };
    let b =
        pb::batch_write_personas_request::Put { content: document("b", "one").into(), ..Default::default() };
    let a = pb::batch_write_personas_request::Delete { name: "a".to_owned(), ..Default::default() };
    let batch = pb::BatchWritePersonasRequest {
        operations: vec![operation(Kind::Put(b)), operation(Kind::Delete(a))],
        message: "both".to_owned(),
        ..Default::default()
    };
    client.batch_write_personas(called("call-8", batch)).await.unwrap();
    let same = pb::PutPersonaRequest { request_id: "once".to_owned(), ..put("b", "one") };
    client.put_persona(called("call-9", same.clone())).await.unwrap();
    client.put_persona(called("call-10", same)).await.unwrap();
    client.put_persona(called("call-11", put("a", "three"))).await.unwrap();
    let mut admin = server.admin().await;
    admin.compact_history(called("call-12", pb::CompactHistoryRequest::default())).await.unwrap();

    let records = log(&server).await;
    let told: Vec<_> = records
        .iter()
        .filter(|record| record.call_id.starts_with("call-"))
        .map(|record| {
            assert_eq!((record.principal.as_str(), record.time.is_some()), ("anonymous", true));
            let version = |version: i64| if version == 0 { String::new() } else { format!(" v{version}") };
            format!(
                "{} {} {}{}{} {}{}>{}",
                record.call_id,
                record.revision,
                pb::audit_record::Action::as_str_name(&record.action()).trim_start_matches("ACTION_"),
                if record.name.is_empty() {
                    String::new()
                } else {
                    format!(" {}/{}", record.namespace, record.name)
                },
                version(record.version),
                record.alias,
                version(record.before_version),
                version(record.after_version),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "call-1 1 PUT default/a v1 >",
            "call-2 2 PUT default/a v2 >",
            "call-3 3 ALIAS_SET default/a production> v1",
            "call-4 4 ALIAS_SET default/a production v1> v2",
            "call-5 5 ALIAS_DELETE default/a production v2>",
            "call-6 6 PURGE default/a v1 >",
            "call-7 7 ALIAS_SET default/a canary> v2",
            "call-8 8 PUT default/b v1 >",
            "call-8 8 DELETE default/a v2 >",
            "call-9 8 UNCHANGED default/b v1 >",
            "call-11 9 PUT default/a v3 >",
            "call-12 9 COMPACT >",
        ]
    );
    let of = |call: &str, action: Action| {
        let found =
            records.iter().find(|record| record.call_id == call && record.action() == action).unwrap();
        (found.before_digest.clone(), found.after_digest.clone(), found.message.clone())
    };
    let none = String::new;
    assert_eq!(of("call-1", Action::Put), (none(), digest("a", "one"), "begin".to_owned()));
    assert_eq!(of("call-2", Action::Put), (digest("a", "one"), digest("a", "two"), none()));
    assert_eq!(of("call-6", Action::Purge), (digest("a", "one"), none(), none()));
    assert_eq!(of("call-8", Action::Put), (none(), digest("b", "one"), "both".to_owned()));
    assert_eq!(of("call-8", Action::Delete), (digest("a", "two"), none(), "both".to_owned()));
    assert_eq!(of("call-11", Action::Put), (none(), digest("a", "three"), none()), "it was deleted before");
    let deleted = records.iter().find(|record| record.action() == Action::Delete).unwrap();
    assert_eq!(deleted.aliases, ["canary"]);
    let numbers: Vec<_> = records.iter().map(|record| record.sequence).collect();
    assert_eq!(numbers, (1..=records.len() as i64).collect::<Vec<_>>());
    assert!(records.windows(2).all(|pair| {
        let time = |record: &pb::AuditRecord| record.time.map(|time| (time.seconds, time.nanos));
        time(&pair[0]) <= time(&pair[1])
    }));
    // Nothing of a document stands in any file of it.
    for file in std::fs::read_dir(server.data_dir().join("audit")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("Use in tests") && !text.contains("# a"), "{text}");
    }
}

#[tokio::test]
async fn a_folder_is_named_with_the_file_that_it_brought() {
    let mut folder = std::path::PathBuf::new();
    let server = Server::start_with(|options| {
        folder = options.registry.data_dir.with_file_name("team");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("x.md"), document("x", "one")).unwrap();
        options.sources =
            vec![persona_registry::seed::Source { namespace: Default::default(), dir: folder.clone() }];
    })
    .await;
    let puts = until(&server, Action::Put, 1).await;
    assert_eq!((puts[0].name.as_str(), puts[0].path.as_str()), ("x", "x.md"));
    assert!(puts[0].source.ends_with("team") && puts[0].principal == "seed", "{puts:?}");
}

#[tokio::test]
async fn a_refused_write_is_recorded_with_the_reason_that_the_caller_was_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(put("a", "one")).await.unwrap();
    let create = pb::PutPersonaRequest { create_only: true, ..put("a", "two") };
    let stale = pb::PutPersonaRequest { etag: "7-0123456789abcdef".to_owned(), ..put("a", "two") };
    let invalid = pb::PutPersonaRequest {
        content: "---\ndescription: x\n---\nSECRET-BODY\n".into(),
        name: "c".to_owned(),
        ..Default::default()
    };
    let mut told: Vec<(&str, String, &str)> = Vec::new();
    let mut note = |method, status: tonic::Status, name| {
        let reason = reason(&status).as_str_name().trim_start_matches("ERROR_REASON_").to_owned();
        told.push((method, reason, name));
    };
    note("PutPersona", client.put_persona(create.clone()).await.unwrap_err(), "a");
    note("PutPersona", client.put_persona(stale).await.unwrap_err(), "a");
    note("PutPersona", client.put_persona(invalid).await.unwrap_err(), "c");
    note("DeletePersona", client.delete_persona(delete("nobody")).await.unwrap_err(), "nobody");
    note("SetPersonaAlias", client.set_persona_alias(set("a", "x", 9)).await.unwrap_err(), "a");
    note("SetPersonaAlias", client.set_persona_alias(set("a", "latest", 1)).await.unwrap_err(), "a");
    note("PurgePersonaVersion", client.purge_persona_version(purge("a", 1)).await.unwrap_err(), "a");
    let batch = pb::BatchWritePersonasRequest::default();
    note("BatchWritePersonas", client.batch_write_personas(batch).await.unwrap_err(), "");
    let future = pb::CompactHistoryRequest { revision: 99 };
    note("CompactHistory", server.admin().await.compact_history(future).await.unwrap_err(), "");
    // Neither a rehearsal nor a read is a refused write.
    let rehearsed = pb::PutPersonaRequest { validate_only: true, ..create };
    client.put_persona(rehearsed).await.unwrap_err();
    client.get_persona(crate::harness::get("nobody")).await.unwrap_err();
    client.put_persona(put("b", "one")).await.unwrap();
    let found = until(&server, Action::Refused, told.len()).await;
    let found: Vec<_> =
        found.iter().map(|one| (one.method.as_str(), one.reason.clone(), one.name.as_str())).collect();
    assert_eq!(found, told);
    assert!(found.iter().any(|(_, reason, _)| reason == "PERSONA_INVALID"), "{found:?}");
    let file = server.data_dir().join("audit/audit-00000000000000000001.jsonl");
    assert!(!std::fs::read_to_string(file).unwrap().contains("SECRET-BODY"));
}

#[tokio::test]
async fn starts_stops_and_configuration_are_recorded_and_events_of_others_too() {
    let server = Server::start().await;
    let caller = Caller::internal("server", "reload");
    server.registry.audit(AuditEvent::Config {
        caller: caller.clone(),
        what: "policy".to_owned(),
        detail: "12 rules".to_owned(),
        before: Some(Digest::of(b"old")),
        after: Some(Digest::of(b"new")),
    });
    let peer = Some("10.0.0.9:1234".parse().unwrap());
    let event = AuditEvent::refused(&Caller::internal("mallory", "call"), "GetPersona", "PERMISSION_DENIED");
    let AuditEvent::Refused { caller, method, reason, .. } = event else { panic!("a refusal") };
    let (namespace, name, detail) = ("ops".to_owned(), "x".repeat(5000), String::new());
    server.registry.audit(AuditEvent::Refused { caller, method, reason, namespace, name, peer, detail });
    let refusal = until(&server, Action::Refused, 1).await.remove(0);
    assert_eq!((refusal.principal.as_str(), refusal.peer.as_str()), ("mallory", "10.0.0.9:1234"));
    assert_eq!((refusal.reason.as_str(), refusal.name.len()), ("PERMISSION_DENIED", 256));
    let config = until(&server, Action::Config, 1).await.remove(0);
    assert_eq!((config.what.as_str(), config.detail.as_str()), ("policy", "12 rules"));
    assert_eq!(config.before_digest, Digest::of(b"old").to_string());
    let server = server.restart().await;
    until(&server, Action::Start, 2).await;
    let actions: Vec<_> = log(&server).await.iter().map(pb::AuditRecord::action).collect();
    let expected =
        [Action::LogBegun, Action::Start, Action::Config, Action::Refused, Action::Stop, Action::Start];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn of_a_flood_of_refusals_some_are_recorded_and_the_rest_is_counted() {
    let server = Server::start().await;
    let caller = Caller::internal("flood", "call");
    for _ in 0..2000 {
        server.registry.audit(AuditEvent::refused(&caller, "GetPersona", "CREDENTIALS_MISSING"));
    }
    let all = soon(async {
        loop {
            let found = until(&server, Action::Refused, 50).await;
            let counted: i64 =
                found.iter().map(|one| one.suppressed + i64::from(!one.method.is_empty())).sum();
            if counted == 2000 {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(all.len() <= 151, "{} records", all.len());
}

fn random_request(dice: &mut Dice, all: &[pb::AuditRecord]) -> pb::ListAuditRecordsRequest {
    let mut request =
        pb::ListAuditRecordsRequest { page_size: 1 + dice.below(7) as i32, ..Default::default() };
    let one = &all[dice.below(all.len())];
    if dice.below(3) == 0 {
        request.principal = one.principal.clone();
    }
    if dice.below(3) == 0 {
        request.namespace = if dice.below(4) == 0 { "-".to_owned() } else { one.namespace.clone() };
    }
    if dice.below(3) == 0 {
        request.name = one.name.clone();
    }
    if dice.below(3) == 0 {
        request.action = one.action;
    }
    if dice.below(3) == 0 {
        request.start_time = one.time;
    }
    if dice.below(3) == 0 {
        request.end_time = all[dice.below(all.len())].time;
    }
    request
}

#[tokio::test]
async fn pages_newest_first_with_any_filter_equal_a_model() {
    let server = Server::start_with(|options| options.registry.audit.segment_bytes = 3000).await;
    let mut client = server.client().await;
    for n in 0..40 {
        let namespace = ["default", "ops"][n % 2].to_owned();
        let name = ["a", "b", "c"][n % 3];
        client.put_persona(pb::PutPersonaRequest { namespace, ..put(name, &n.to_string()) }).await.unwrap();
        if n % 7 == 0 {
            client.delete_persona(delete("nobody")).await.unwrap_err();
        }
    }
    until(&server, Action::Refused, 6).await;
    let all = log(&server).await;
    assert!(std::fs::read_dir(server.data_dir().join("audit")).unwrap().count() > 3);
    let mut dice = Dice(5);
    for round in 0..60 {
        let request = random_request(&mut dice, &all);
        let text = |wanted: &str, found: &str| wanted.is_empty() || wanted == "-" || wanted == found;
        let moment =
            |time: Option<prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos / 1000));
        let expected: Vec<_> = all
            .iter()
            .rev()
            .filter(|record| {
                text(&request.principal, &record.principal)
                    && text(&request.namespace, &record.namespace)
                    && text(&request.name, &record.name)
                    && (request.action == 0 || request.action == record.action)
                    && request.start_time.is_none_or(|_| moment(record.time) >= moment(request.start_time))
                    && request.end_time.is_none_or(|_| moment(record.time) < moment(request.end_time))
            })
            .cloned()
            .collect();
        assert_eq!(listed(&server, request.clone()).await, expected, "round {round}: {request:?}");
    }
}

#[tokio::test]
async fn a_page_token_belongs_to_its_request_and_fields_out_of_range_are_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for n in 0..5 {
        client.put_persona(put("a", &n.to_string())).await.unwrap();
    }
    let mut admin = server.admin().await;
    let request = pb::ListAuditRecordsRequest { page_size: 2, ..Default::default() };
    let token = admin.list_audit_records(request.clone()).await.unwrap().into_inner().next_page_token;
    let other = if token.as_bytes()[20] == b'A' { "B" } else { "A" };
    let damaged = [&token[..20], other, &token[21..]].concat();
    for other in [
        pb::ListAuditRecordsRequest { page_token: token.clone(), name: "a".to_owned(), ..request.clone() },
        pb::ListAuditRecordsRequest { page_token: token.clone(), action: 1, ..request.clone() },
        pb::ListAuditRecordsRequest { page_token: damaged.clone(), ..request.clone() },
    ] {
        let answer = admin.list_audit_records(other).await;
        refused(answer, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    }
    let moment = Some(prost_types::Timestamp { seconds: 1, nanos: -1 });
    for bad in [
        pb::ListAuditRecordsRequest { page_size: 501, ..Default::default() },
        pb::ListAuditRecordsRequest { action: 99, ..Default::default() },
        pb::ListAuditRecordsRequest { start_time: moment, ..Default::default() },
        pb::ListAuditRecordsRequest { principal: "x".repeat(513), ..Default::default() },
    ] {
        refused(admin.list_audit_records(bad).await, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    }
    let bad = pb::ListAuditRecordsRequest { name: "Not A Name".to_owned(), ..Default::default() };
    refused(admin.list_audit_records(bad).await, Code::InvalidArgument, ErrorReason::NameInvalid);
    // Another store's token says so.
    let other = Server::start().await;
    let request = pb::ListAuditRecordsRequest { page_token: token, ..request };
    let answer = other.admin().await.list_audit_records(request).await;
    refused(answer, Code::FailedPrecondition, ErrorReason::StoreMismatch);
}

#[tokio::test]
async fn the_command_shows_the_log_as_a_table_json_and_yaml() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = pb::PutPersonaRequest { message: "begin".to_owned(), ..put("a", "one") };
    client.put_persona(first).await.unwrap();
    client.set_persona_alias(set("a", "production", 1)).await.unwrap();
    client.delete_persona(delete("nobody")).await.unwrap_err();
    until(&server, Action::Refused, 1).await;
    let says = async |arguments: &[&str]| {
        let ended = run(beside(server.address, &[&["audit"], arguments].concat())).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        ended.out
    };
    let table = says(&["-n", "3"]).await;
    let shown: Vec<_> = table
        .lines()
        .skip(1)
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            [&words[..1], &words[3..]].concat().join(" ")
        })
        .collect();
    assert!(table.starts_with("RECORD  WHEN (UTC)        ACTION     WHO        REVISION  ABOUT"), "{table}");
    assert_eq!(
        shown,
        [
            "5 refused anonymous - default/nobody DeletePersona PERSONA_NOT_FOUND",
            "4 alias.set anonymous 2 default/a production: none to version 1",
            "3 put anonymous 1 default/a version 1 · begin",
        ]
    );
    let json = says(&["--action", "put", "-o", "json"]).await;
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&told["action"], &told["message"], &told["version"]),
        (&"put".into(), &"begin".into(), &1.into())
    );
    assert_eq!((&told["before_digest"], &told["after_digest"]), (&Value::Null, &digest("a", "one").into()));
    let yaml = yaml_documents(&says(&["--name", "a", "-o", "yaml"]).await);
    assert_eq!((yaml.len(), &yaml[0]["alias"]), (2, &"production".into()));
    assert_eq!(says(&["--until", "2001-01-01"]).await, "");
    assert_eq!(says(&["--since", "2001-01-01", "--principal", "anonymous"]).await.lines().count(), 4);
    let bad = run(beside(server.address, &["audit", "--action", "puts"])).await;
    assert!(bad.code == Some(2) && bad.err.contains("alias.set"), "{}", bad.err);
}
