//! Promise W5: what keeps a document from being stored, and how it is told.

use proptest::prelude::*;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{Server, metadata, put, refused};
use persona_registry::domain::limits;
use persona_registry::wire::pb::{self, ErrorReason};

/// What most gRPC libraries take of headers or trailers by default, in bytes.
const TRAILERS: usize = 8 * 1024;

fn content(text: &str) -> pb::PutPersonaRequest {
    pb::PutPersonaRequest { content: text.as_bytes().to_vec().into(), ..Default::default() }
}

fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let bad = details.bad_request().expect("a BadRequest");
    bad.field_violations.iter().map(|one| (one.field.clone(), one.description.clone())).collect()
}

/// Asserts that the status fits into trailers: its details in base64, its message with every odd byte as three.
fn fits(status: &Status) {
    assert!(status.details().len() <= limits::STATUS_BYTES);
    let encoded = |byte: u8| if byte.is_ascii_alphanumeric() { 1 } else { 3 };
    let message: usize = status.message().bytes().map(encoded).sum();
    let all = message + status.details().len().div_ceil(3) * 4;
    assert!(all + 512 <= TRAILERS, "{all} bytes of trailers");
}

/// A document with this many labels whose keys are too long.
fn labels(count: usize, key: &str) -> String {
    let keys: Vec<_> = (0..count).map(|number| format!("  {key}{number:03}: x\n")).collect();
    format!("---\nname: a\ndescription: x\nlabels:\n{}---\nbody\n", keys.concat())
}

#[tokio::test]
async fn w5_the_first_twenty_findings_that_block_are_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (count, told) in [(1, 1), (19, 19), (20, 20), (21, 20), (64, 20)] {
        let request = content(&labels(count, &"k".repeat(61)));
        let status =
            refused(client.put_persona(request).await, Code::InvalidArgument, ErrorReason::PersonaInvalid);
        assert_eq!(metadata(&status, "errors"), count.to_string());
        let told_here = violations(&status);
        assert_eq!(told_here.len(), told);
        let (field, description) = &told_here[0];
        assert!(field.starts_with("frontmatter.labels."), "{field}");
        assert!(description.contains(" SYN011 "), "{description}");
        fits(&status);
    }
    let status = refused(
        client.put_persona(content("---\nname: a\n---\n")).await,
        Code::InvalidArgument,
        ErrorReason::PersonaInvalid,
    );
    let fields: Vec<_> = violations(&status).into_iter().map(|one| one.0).collect();
    assert_eq!(fields, ["frontmatter.description", "body"]);
}

#[tokio::test]
async fn w5_the_status_fits_into_trailers_whatever_the_document_says() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let wide = '\u{1f600}';
    for key in [wide.to_string().repeat(60), "é".repeat(60)] {
        let request = content(&labels(64, &key));
        let status =
            refused(client.put_persona(request).await, Code::InvalidArgument, ErrorReason::PersonaInvalid);
        assert!(!violations(&status).is_empty());
        fits(&status);
    }
    for text in [
        "\0".repeat(1000),
        format!("---\nname: [{}]\ndescription: {{{wide}: {wide}}}\n---\nx", "\u{1f600}, ".repeat(2000)),
        format!("---\nname: \"{}\"\ndescription: [\n---\nx", wide.to_string().repeat(3000)),
        format!("---\n{}: x\n---\nx", wide.to_string().repeat(3000)),
    ] {
        let status = refused(
            client.put_persona(content(&text)).await,
            Code::InvalidArgument,
            ErrorReason::PersonaInvalid,
        );
        fits(&status);
    }
    // Requests can be as bad as documents.
    let names = vec![wide.to_string().repeat(500); 100];
    let batch = pb::BatchGetPersonasRequest { names: names.clone(), ..Default::default() };
    let status = client.batch_get_personas(batch).await.unwrap_err();
    assert!(!violations(&status).is_empty());
    fits(&status);
    let rules = pb::ValidatePersonaRequest { select: names, ..Default::default() };
    let status =
        refused(client.validate_persona(rules).await, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    fits(&status);
    let odd = pb::PutPersonaRequest { request_id: "\u{1}".repeat(128), ..put("a", "1") };
    client.put_persona(odd.clone()).await.unwrap();
    let other = pb::PutPersonaRequest { message: "another".to_owned(), ..odd };
    let status =
        refused(client.put_persona(other).await, Code::InvalidArgument, ErrorReason::RequestIdReused);
    fits(&status);
}

#[tokio::test]
async fn w5_a_document_over_256_kib_is_refused_with_its_size() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let request = put("a", &"x".repeat(300 * 1024));
    let size = request.content.len();
    let status =
        refused(client.put_persona(request).await, Code::InvalidArgument, ErrorReason::PersonaTooLarge);
    assert_eq!(metadata(&status, "size_bytes"), size.to_string());
    assert_eq!(metadata(&status, "limit_bytes"), limits::DOCUMENT_BYTES.to_string());
}

#[tokio::test]
async fn w5_hiding_a_finding_does_not_unblock() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let text = "---\nname: My Agent\ndescription: x\ntools: 5\n---\n";
    let validate = |select: &[&str], ignore: &[&str]| pb::ValidatePersonaRequest {
        content: text.as_bytes().to_vec().into(),
        select: select.iter().map(ToString::to_string).collect(),
        ignore: ignore.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    for (select, ignore, codes) in [
        (&[][..], &[][..], &["SCH103", "SCH102", "CNT201"][..]),
        (&["SCH"], &[], &["SCH103", "SCH102"]),
        (&["SCH", "CNT201"], &["SCH102"], &["SCH103", "CNT201"]),
        (&["empty-body"], &[], &["CNT201"]),
        (&[], &["CNT", "SCH"], &[]),
        (&["CNT201"], &["CNT201"], &[]),
    ] {
        let answer = client.validate_persona(validate(select, ignore)).await.unwrap().into_inner();
        let mut found: Vec<_> = answer.diagnostics.iter().map(|one| one.code.as_str()).collect();
        let mut codes = codes.to_vec();
        found.sort_unstable();
        codes.sort_unstable();
        assert_eq!(found, codes);
        assert!(!answer.storable);
    }
    for unknown in ["", "SYN999", "syn999", "XYZ"] {
        let answer = client.validate_persona(validate(&[], &["SCH", unknown])).await;
        let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
        assert_eq!(metadata(&status, "field"), "ignore[1]");
    }
    refused(client.put_persona(content(text)).await, Code::InvalidArgument, ErrorReason::PersonaInvalid);
}

/// A line of front matter, good or bad.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,8}".prop_map(|name| format!("name: {name}\n")),
        3 => Just("description: Use in tests.\n".to_owned()),
        1 => Just("description: one: two: three\n".to_owned()),
        1 => Just("description:\n".to_owned()),
        1 => Just("name: My Agent\n".to_owned()),
        1 => Just("name: 5\n".to_owned()),
        1 => Just("tools: [Read, Bash]\n".to_owned()),
        1 => Just("tools: 5\n".to_owned()),
        1 => Just("labels: {a: b, c: [d]}\n".to_owned()),
        1 => Just("x: &anchor 1\ny: *anchor\n".to_owned()),
        1 => Just("x: [1, 2\n".to_owned()),
        1 => Just("---\n".to_owned()),
    ]
}

fn any_document() -> impl Strategy<Value = Vec<u8>> {
    let front = prop::collection::vec(line(), 0..6).prop_map(|lines| lines.concat());
    let body = prop_oneof![
        Just(String::new()),
        Just("Be good.\n".to_owned()),
        Just("# Title\n\n## Identity\n\n## Interaction Protocol\n".to_owned()),
        "[ -~\n\u{0}é]{0,40}",
    ];
    let whole = (front, body).prop_map(|(front, body)| format!("---\n{front}---\n{body}").into_bytes());
    prop_oneof![8 => whole, 1 => prop::collection::vec(any::<u8>(), 0..60)]
}

#[test]
fn w5_validating_and_putting_agree() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::start());
    let client = runtime.block_on(server.client());
    let rules = prop::collection::vec(prop::sample::select(vec!["SYN", "SCH", "CNT201", "SYN008"]), 0..3);
    let name = prop_oneof![2 => Just(String::new()), 1 => "[a-z]{1,2}", 1 => Just("my-agent".to_owned())];
    let strategy = (any_document(), name, 0..9, 0..4, rules.clone(), rules);
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((document, name, dialect, profile, select, ignore) in strategy)| {
        let put = pb::PutPersonaRequest {
            content: document.clone().into(),
            name: name.clone(),
            dialect,
            profile,
            ..Default::default()
        };
        let validate = pb::ValidatePersonaRequest {
            content: document.into(),
            name,
            namespace: "default".to_owned(),
            dialect,
            profile,
            ..Default::default()
        };
        let owned = |rules: Vec<&str>| rules.into_iter().map(str::to_owned).collect();
        let hiding =
            pb::ValidatePersonaRequest { select: owned(select), ignore: owned(ignore), ..validate.clone() };
        let mut client = client.clone();
        let (said, hidden, done) = runtime.block_on(async {
            let said = client.validate_persona(validate).await;
            (said, client.validate_persona(hiding).await, client.put_persona(put).await)
        });
        let Ok(said) = said else {
            let (said, done) = (said.unwrap_err(), done.unwrap_err());
            prop_assert_eq!((said.code(), said.details()), (done.code(), done.details()));
            prop_assert!(hidden.is_err());
            return Ok(());
        };
        let (said, hidden) = (said.into_inner(), hidden.unwrap().into_inner());
        prop_assert_eq!((said.storable, &said.name), (hidden.storable, &hidden.name));
        prop_assert!(hidden.diagnostics.iter().all(|one| said.diagnostics.contains(one)));
        let blocking = said.diagnostics.iter().filter(|one| one.blocks_storing).count();
        prop_assert_eq!(said.storable, done.is_ok(), "{:?} {:?}", said, done);
        match done {
            Ok(done) => {
                let done = done.into_inner();
                prop_assert_eq!(&done.diagnostics, &said.diagnostics);
                prop_assert_eq!(&done.name, &said.name);
                prop_assert_eq!(blocking, 0);
            }
            Err(status) if blocking > 0 => {
                let status = refused(Err::<(), _>(status), Code::InvalidArgument, ErrorReason::PersonaInvalid);
                prop_assert_eq!(metadata(&status, "errors"), blocking.to_string());
            }
            Err(status) => {
                refused(Err::<(), _>(status), Code::InvalidArgument, ErrorReason::NameInvalid);
                prop_assert_eq!(said.name, "");
            }
        }
    });
    runtime.block_on(server.stop());
}
