//! Promises R: revisions and identity.

use tonic::Code;

use crate::harness::{Server, bytes_of, delete, document, get, put, refused};
use persona_registry::wire::pb::{self, ErrorReason};

#[tokio::test]
async fn r1_revisions_strictly_increase() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut last = 0;
    for round in 0..20 {
        let name = format!("persona-{}", round % 3);
        let written = client.put_persona(put(&name, &round.to_string())).await.unwrap().into_inner();
        assert!(written.revision > last);
        last = written.revision;
        if round % 5 == 4 {
            let gone = client.delete_persona(delete(&name)).await.unwrap().into_inner();
            assert!(gone.revision > last);
            last = gone.revision;
        }
    }
    let server = server.restart().await;
    let mut client = server.client().await;
    let written = client.put_persona(put("persona-0", "after the restart")).await.unwrap().into_inner();
    assert!(written.revision > last);
}

#[tokio::test]
async fn r2_a_write_that_returned_before_another_was_sent_has_the_smaller_revision() {
    let server = Server::start().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let mut client = server.client().await;
        writers.spawn(async move {
            let mut seen = Vec::new();
            for round in 0..20 {
                let sent = std::time::Instant::now();
                let request = put(&format!("persona-{writer}"), &round.to_string());
                let revision = client.put_persona(request).await.unwrap().into_inner().revision;
                seen.push((sent, std::time::Instant::now(), revision));
            }
            seen
        });
    }
    let all: Vec<_> = writers.join_all().await.concat();
    for (_, returned, earlier) in &all {
        for (sent, _, later) in &all {
            assert!(returned >= sent || earlier < later);
        }
    }
}

#[tokio::test]
async fn r3_numbers_of_another_store_are_refused() {
    let (one, other) = (Server::start().await, Server::start().await);
    let (mut client, mut stranger) = (one.client().await, other.client().await);
    client.put_persona(put("a", "1")).await.unwrap();
    stranger.put_persona(put("a", "1")).await.unwrap();
    let store_id = one.registry.store_id().to_string();
    let options =
        |min_revision| Some(pb::ReadOptions { store_id: store_id.clone(), min_revision, at_revision: 0 });
    let asked = pb::GetPersonaRequest { read_options: options(1), ..get("a") };
    client.get_persona(asked.clone()).await.unwrap();
    refused(stranger.get_persona(asked).await, Code::FailedPrecondition, ErrorReason::StoreMismatch);

    let listing = pb::ListPersonasRequest { page_size: 1, ..Default::default() };
    client.put_persona(put("b", "1")).await.unwrap();
    let page = client.list_personas(listing.clone()).await.unwrap().into_inner();
    let next = pb::ListPersonasRequest { page_token: page.next_page_token, ..listing };
    refused(stranger.list_personas(next).await, Code::FailedPrecondition, ErrorReason::StoreMismatch);
}

#[tokio::test]
async fn r4_a_version_denotes_the_same_bytes_for_ever() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for round in 1..=3 {
        client.put_persona(put("a", &format!("text {round}"))).await.unwrap();
    }
    client.delete_persona(delete("a")).await.unwrap();
    let again = client.put_persona(put("a", "text 4")).await.unwrap().into_inner();
    assert_eq!(again.version, 4, "a number is never used twice");
    let server = server.restart().await;
    let mut client = server.client().await;
    for version in 1..=4 {
        let selector = Some(pb::get_persona_request::Selector::Version(version));
        let found = client.get_persona(pb::GetPersonaRequest { selector, ..get("a") }).await.unwrap();
        let persona = found.into_inner().persona.unwrap();
        assert_eq!(bytes_of(&persona), document("a", &format!("text {version}")));
    }
}

#[tokio::test]
async fn r5_a_put_that_changes_nothing_takes_no_revision() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = client.put_persona(put("a", "1")).await.unwrap().into_inner();
    let message = "another message is no change".to_owned();
    let again =
        client.put_persona(pb::PutPersonaRequest { message, ..put("a", "1") }).await.unwrap().into_inner();
    assert!(!first.unchanged && again.unchanged);
    assert_eq!((again.version, again.revision, &again.etag), (first.version, first.revision, &first.etag));
    assert_eq!(again.header, first.header);
}

#[tokio::test]
async fn r6_documents_come_back_byte_for_byte() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let odd: [&[u8]; 5] = [
        b"---\r\nname: a\r\ndescription: CRLF\r\n---\r\nbody\r\n\r\n",
        b"\xef\xbb\xbf---\nname: a\ndescription: BOM\n---\nbody\n",
        b"---\nname: a\ndescription: blanks   \nx-unknown: [1, two]   \n---\n\n\nbody   \n\t\n",
        b"---\nname: a\ndescription: no newline at the end\n---\nbody",
        "---\nname: a\ndescription: \u{65e5}\u{672c}\u{8a9e}\n---\nbody \u{1f600}\n---\nmore\n".as_bytes(),
    ];
    for content in odd {
        let request = pb::PutPersonaRequest { content: content.to_vec().into(), ..Default::default() };
        client.put_persona(request).await.unwrap();
        let found = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
        assert_eq!(bytes_of(&found), content);
        assert_eq!(found.size_bytes as usize, content.len());
    }
}
