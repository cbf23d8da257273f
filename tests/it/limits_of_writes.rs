//! Limits of aliases, batches, sections and filters, each met and passed by one, over the wire.

use tonic::Code;

use crate::aliases::{set, unset};
use crate::batches::{batch, puts};
use crate::harness::{Server, document, get, put, refused};
use persona_registry::wire::pb::{self, ErrorReason};

const KIB: usize = 1024;

#[tokio::test]
async fn limits_of_aliases_hold_at_the_last_one() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(put("a", "one")).await.unwrap();
    client.set_persona_alias(set("a", &"a".repeat(64), 1)).await.unwrap();
    let answer = client.set_persona_alias(set("a", &"a".repeat(65), 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::NameInvalid);
    for number in 1..32 {
        client.set_persona_alias(set("a", &format!("alias-{number}"), 1)).await.unwrap();
    }
    let answer = client.set_persona_alias(set("a", "one-too-many", 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    client.put_persona(put("a", "two")).await.unwrap();
    client.set_persona_alias(set("a", "alias-1", 2)).await.unwrap();
    client.delete_persona_alias(unset("a", "alias-1")).await.unwrap();
    client.set_persona_alias(set("a", "one-in-its-place", 1)).await.unwrap();
}

#[tokio::test]
async fn limits_of_a_batch_hold_at_the_last_operation_and_byte() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let many = |count| batch((0..count).map(|number| puts(&format!("p-{number}"), "text")).collect());
    let answer = client.batch_write_personas(many(41)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    client.batch_write_personas(many(40)).await.unwrap();

    let fixed = document("d", "").len();
    let sized = |name: &str, size: usize| puts(name, &"word ".repeat(size / 5 + 1)[..size - fixed]);
    let of = |last| batch(vec![sized("d", 256 * KIB), sized("e", 256 * KIB), sized("f", last)]);
    let answer = client.batch_write_personas(of(128 * KIB + 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::BatchTooLarge);
    client.batch_write_personas(of(128 * KIB)).await.unwrap();
}

#[tokio::test]
async fn limits_of_sections_filters_and_messages_hold_at_the_last_one() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(put("a", "# One\ntext\n")).await.unwrap();
    let path =
        client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap().outline[0].path.clone();
    let sections = |count| pb::GetPersonaRequest { sections: vec![path.clone(); count], ..get("a") };
    client.get_persona(sections(64)).await.unwrap();
    let answer = client.get_persona(sections(65)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);

    let filter = |bytes: usize| {
        let filter = format!("name = \"{}\"", "a".repeat(bytes - 9));
        assert_eq!(filter.len(), bytes);
        pb::ListPersonasRequest { filter, ..Default::default() }
    };
    client.list_personas(filter(4 * KIB)).await.unwrap();
    let answer = client.list_personas(filter(4 * KIB + 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::FilterInvalid);

    let noted = |bytes| pb::SetPersonaAliasRequest { message: "m".repeat(bytes), ..set("a", "x", 1) };
    let answer = client.set_persona_alias(noted(1025)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    client.set_persona_alias(noted(1024)).await.unwrap();
}
