//! What calls are told of the personas beside a document: names that look alike, bodies of one text, versions before.

use persona_registry::wire::pb;
use tonic::transport::Channel;

use crate::harness::{Server, delete};

type Client = pb::persona_service_client::PersonaServiceClient<Channel>;

fn document(name: &str, keys: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: Use it in tests.\n{keys}---\n# {name}\n\n{body}\n")
}

fn codes(found: &[pb::Diagnostic]) -> Vec<&str> {
    let codes = found.iter().map(|one| one.code.as_str());
    codes.filter(|code| code.starts_with("REG") || *code == "REF305").collect()
}

/// What ValidatePersona says in the namespace, and that it says nothing of neighbours where none is named; then what the put says.
async fn put(client: &mut Client, namespace: &str, content: String) -> Vec<String> {
    let validate = |namespace: &str| pb::ValidatePersonaRequest {
        content: content.clone().into(),
        namespace: namespace.to_owned(),
        ..Default::default()
    };
    let alone = client.validate_persona(validate("")).await.unwrap().into_inner();
    assert!(codes(&alone.diagnostics).is_empty(), "{:?}", alone.diagnostics);
    let said = client.validate_persona(validate(namespace)).await.unwrap().into_inner();
    let put = pb::PutPersonaRequest {
        namespace: namespace.to_owned(),
        content: content.clone().into(),
        ..Default::default()
    };
    let done = client.put_persona(put).await.unwrap().into_inner();
    assert!(said.storable && said.diagnostics == done.diagnostics, "{said:?} {done:?}");
    let told = done.diagnostics.iter().filter(|one| codes(&done.diagnostics).contains(&one.code.as_str()));
    told.map(|one| format!("{} {}", one.code, one.message)).collect()
}

const NOTHING: Vec<String> = Vec::new();

#[tokio::test]
async fn a_new_name_that_looks_like_another_is_told_once() {
    let server = Server::start().await;
    let mut client = server.client().await;
    assert_eq!(put(&mut client, "default", document("backend-developer", "", "One.")).await, NOTHING);
    let other = || document("backend_deve1oper", "", "Two.");
    assert_eq!(put(&mut client, "elsewhere", other()).await, NOTHING);
    let told = put(&mut client, "default", other()).await;
    assert_eq!(
        told,
        [
            r#"REG503 "backend_deve1oper" is hard to tell from "backend-developer" of "default/backend-developer""#
        ]
    );
    // It has its name now.
    assert_eq!(put(&mut client, "default", document("backend_deve1oper", "", "Three.")).await, NOTHING);
    assert_eq!(put(&mut client, "default", document("backend-developer", "", "Four.")).await, NOTHING);
    // One that is gone is mistaken for nobody.
    for name in ["backend-developer", "backend_deve1oper"] {
        client.delete_persona(delete(name)).await.unwrap();
    }
    assert_eq!(put(&mut client, "default", document("backend-deve1oper", "", "Five.")).await, NOTHING);
}

#[tokio::test]
async fn a_body_that_another_has_is_told_for_as_long_as_that_has_it() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let same =
        |name: &str| format!("---\nname: {name}\ndescription: Use it in tests.\n---\n# The same\n\nText.\n");
    assert_eq!(put(&mut client, "default", same("first")).await, NOTHING);
    assert_eq!(put(&mut client, "elsewhere", same("second")).await, NOTHING);
    let told = [r#"REG504 the body is that of "first" in "default/first", word for word"#];
    assert_eq!(put(&mut client, "default", same("second")).await, told);
    // White space around it makes no other text.
    assert_eq!(put(&mut client, "default", same("second") + "\n\n").await, told);
    assert_eq!(put(&mut client, "default", document("first", "", "Another text.")).await, NOTHING);
    assert_eq!(put(&mut client, "default", same("second")).await, NOTHING);
}

#[tokio::test]
async fn what_a_version_may_that_the_stored_one_may_not_is_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = document("agent", "tools: [Read, Grep]\n", "## Steps\n\nRead.\n\n## Limits\n\nNone.");
    assert_eq!(put(&mut client, "default", first.clone()).await, NOTHING);
    let wider = document("agent", "tools: [Read, Grep, Bash]\n", "## Steps\n\nRead.");
    let told = put(&mut client, "default", wider.clone()).await;
    assert_eq!(
        told,
        [
            "REG505 `Bash` is granted, which the stored version does not have",
            "REG505 sections of the stored version are gone: `limits`",
        ]
    );
    // Against what is stored now, and in a batch too.
    let operation = pb::batch_write_personas_request::Operation {
        kind: Some(pb::batch_write_personas_request::operation::Kind::Put(
            pb::batch_write_personas_request::Put {
                content: document("agent", "", "## Steps\n\nRead.").into(),
                ..Default::default()
            },
        )),
    };
    let batch = pb::BatchWritePersonasRequest { operations: vec![operation], ..Default::default() };
    let done = client.batch_write_personas(batch).await.unwrap().into_inner();
    let told: Vec<_> = done.results.iter().flat_map(|one| codes(&one.diagnostics)).collect();
    assert_eq!(told, ["REG505"]);
}

#[tokio::test]
async fn personas_that_are_named_and_not_there_are_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (name, body) in [("planner", "Plans."), ("reviewer", "Reviews.")] {
        assert_eq!(put(&mut client, "default", document(name, "", body)).await, NOTHING);
    }
    let told =
        put(&mut client, "default", document("lead", "handoffs: []\nagents: [planner, reviewr]\n", "Leads."))
            .await;
    assert_eq!(told, [r#"REF305 "reviewr" is no persona or skill that is known here"#]);
}
