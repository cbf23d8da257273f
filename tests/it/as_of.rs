//! Reads as of a revision, the floor, and what goes below it.

use std::sync::Arc;
use std::time::Duration;

use pb::get_persona_request::Selector;
use pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;
use tonic::transport::Channel;

use crate::aliases::set;
use crate::harness::{Server, bytes_of, clock, delete, document, get, metadata, put, refused, soon};
use crate::recorder::{everything, resuming};

fn at(server: &Server, at_revision: i64) -> Option<pb::ReadOptions> {
    let store_id = server.registry.store_id().to_string();
    Some(pb::ReadOptions { store_id, min_revision: 0, at_revision })
}

/// A get, a batch and a listing as of a revision: the version of `a`, in each way.
async fn seen(server: &Server, client: &mut PersonaServiceClient<Channel>, revision: i64) -> Option<i64> {
    let request = pb::GetPersonaRequest { read_options: at(server, revision), ..get("a") };
    let got = client.get_persona(request).await;
    let batch = pb::BatchGetPersonasRequest {
        names: vec!["a".to_owned()],
        read_options: at(server, revision),
        ..Default::default()
    };
    let batch = client.batch_get_personas(batch).await;
    let list = pb::ListPersonasRequest { read_options: at(server, revision), ..Default::default() };
    let listing = client.list_personas(list).await.unwrap().into_inner();
    assert_eq!(listing.header.unwrap().revision, revision);
    let listed = listing.personas.iter().find(|persona| persona.name == "a").map(|it| it.version);
    match got {
        Ok(got) => {
            let got = got.into_inner();
            assert_eq!(got.header.unwrap().revision, revision);
            let persona = got.persona.unwrap();
            let body = format!("body {}", persona.version);
            assert_eq!(bytes_of(&persona), document("a", &body));
            assert_eq!(batch.unwrap().into_inner().personas[0], persona);
            assert_eq!(listed, Some(persona.version));
        }
        Err(status) => {
            refused::<()>(Err(status), Code::NotFound, ErrorReason::PersonaNotFound);
            refused(batch, Code::NotFound, ErrorReason::PersonaNotFound);
            assert_eq!(listed, None);
        }
    }
    listed
}

#[tokio::test]
async fn c4_every_read_as_of_a_revision_shows_the_registry_as_it_was() {
    let server = Server::start().await;
    let mut client = server.client().await;
    // What `a` is after each revision, from 0 on.
    let (mut states, mut version) = (vec![None], 0);
    for round in 0..24 {
        if round % 7 == 6 {
            client.delete_persona(delete("a")).await.unwrap();
            states.push(None);
        } else {
            version += 1;
            client.put_persona(put("a", &format!("body {version}"))).await.unwrap();
            states.push(Some(version));
        }
        client.put_persona(put("b", &round.to_string())).await.unwrap();
        states.push(states.last().copied().flatten());
    }
    for _ in 0..2 {
        for (revision, state) in states.iter().enumerate().skip(1) {
            let revision = i64::try_from(revision).unwrap();
            assert_eq!(seen(&server, &mut client, revision).await, *state, "at {revision}");
        }
    }
    let head = i64::try_from(states.len()).unwrap() - 1;
    let request = pb::GetPersonaRequest { read_options: at(&server, head + 1), ..get("a") };
    refused(client.get_persona(request).await, Code::OutOfRange, ErrorReason::RevisionInFuture);
    let server = server.restart().await;
    let mut client = server.client().await;
    assert_eq!(seen(&server, &mut client, 3).await, states[3]);
}

#[tokio::test]
async fn c4_an_alias_is_where_it_pointed_then() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for body in ["body 1", "body 2", "body 3"] {
        client.put_persona(put("a", body)).await.unwrap();
    }
    for version in [2, 1, 3] {
        client.set_persona_alias(set("a", "production", version)).await.unwrap();
    }
    for (revision, expected) in [(3, None), (4, Some(2)), (5, Some(1)), (6, Some(3))] {
        let selector = Some(Selector::Alias("production".to_owned()));
        let request = pb::GetPersonaRequest { selector, read_options: at(&server, revision), ..get("a") };
        let got = client.get_persona(request).await;
        match expected {
            Some(version) => assert_eq!(got.unwrap().into_inner().persona.unwrap().version, version),
            None => drop(refused(got, Code::NotFound, ErrorReason::AliasNotFound)),
        }
        let list = pb::ListPersonasRequest {
            alias: "production".to_owned(),
            read_options: at(&server, revision),
            ..Default::default()
        };
        let listed = client.list_personas(list).await.unwrap().into_inner().personas;
        assert_eq!(listed.first().map(|it| it.version), expected);
    }
    // A version is there from its revision on.
    let later = |revision| pb::GetPersonaRequest {
        selector: Some(Selector::Version(3)),
        read_options: at(&server, revision),
        ..get("a")
    };
    let status = refused(client.get_persona(later(2)).await, Code::NotFound, ErrorReason::VersionNotFound);
    assert_eq!(metadata(&status, "cause"), "later");
    client.get_persona(later(3)).await.unwrap();
}

#[tokio::test]
async fn r3_a_revision_of_another_store_is_not_read_as_of() {
    let (server, other) = (Server::start().await, Server::start().await);
    let mut client = server.client().await;
    client.put_persona(put("a", "body 1")).await.unwrap();
    let request = pb::GetPersonaRequest { read_options: at(&other, 1), ..get("a") };
    refused(client.get_persona(request).await, Code::FailedPrecondition, ErrorReason::StoreMismatch);
    let read_options = Some(pb::ReadOptions { store_id: String::new(), min_revision: 0, at_revision: 1 });
    let request = pb::GetPersonaRequest { read_options, ..get("a") };
    refused(client.get_persona(request).await, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
}

/// Waits until a version is gone.
async fn pruned(client: &mut PersonaServiceClient<Channel>, version: i64) -> tonic::Status {
    soon(async {
        loop {
            let selector = Some(Selector::Version(version));
            let got = client.get_persona(pb::GetPersonaRequest { selector, ..get("a") }).await;
            if let Err(status) = got {
                return status;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn kept(client: &mut PersonaServiceClient<Channel>) -> Vec<i64> {
    let request =
        pb::ListPersonaVersionsRequest { name: "a".to_owned(), page_size: 500, ..Default::default() };
    let versions = client.list_persona_versions(request).await.unwrap().into_inner().versions;
    versions.into_iter().map(|it| it.version).collect()
}

#[tokio::test]
async fn c6_below_the_floor_goes_what_was_overtaken_but_the_last_fifty_and_what_aliases_name() {
    let server = Server::start_with(|options| options.registry.tick = Duration::from_millis(5)).await;
    let (mut client, mut admin) = (server.client().await, server.admin().await);
    for version in 1..=60 {
        client.put_persona(put("a", &format!("body {version}"))).await.unwrap();
    }
    client.set_persona_alias(set("a", "production", 3)).await.unwrap();
    client.set_persona_alias(set("a", "canary", 4)).await.unwrap();
    // From the floor on the alias names 5; what it named before is nobody's any more.
    client.set_persona_alias(set("a", "canary", 5)).await.unwrap();
    let compact = |revision| pb::CompactHistoryRequest { revision };
    let raised = admin.compact_history(compact(0)).await.unwrap().into_inner();
    assert_eq!(raised.floor, 63);
    let status = pruned(&mut client, 1).await;
    refused::<()>(Err(status.clone()), Code::NotFound, ErrorReason::VersionNotFound);
    assert_eq!(metadata(&status, "cause"), "pruned");
    pruned(&mut client, 10).await;
    let expected: Vec<i64> = (11..=60).rev().chain([5, 3]).collect();
    assert_eq!(kept(&mut client).await, expected);

    let read = pb::GetPersonaRequest { read_options: at(&server, 62), ..get("a") };
    let status = refused(client.get_persona(read).await, Code::OutOfRange, ErrorReason::RevisionCompacted);
    assert_eq!(metadata(&status, "floor"), "63");
    let lower = admin.compact_history(compact(7)).await.unwrap().into_inner();
    assert_eq!(lower.floor, 63, "it never falls");
    let answer = admin.compact_history(compact(64)).await;
    refused(answer, Code::OutOfRange, ErrorReason::RevisionInFuture);
    let status = admin.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.floor, status.counts.unwrap().versions), (63, 52));
    refused(client.set_persona_alias(set("a", "old", 2)).await, Code::NotFound, ErrorReason::VersionNotFound);
    // The counter goes on, also after a restart and over a deletion.
    client.delete_persona(delete("a")).await.unwrap();
    let server = server.restart().await;
    let mut client = server.client().await;
    let next = client.put_persona(put("a", "body 61")).await.unwrap().into_inner();
    assert_eq!((next.version, next.created), (61, true));
    let read = pb::GetPersonaRequest { read_options: at(&server, 62), ..get("a") };
    refused(client.get_persona(read).await, Code::OutOfRange, ErrorReason::RevisionCompacted);
}

#[tokio::test]
async fn c6_the_floor_follows_thirty_days_behind_or_keeps_to_a_size() {
    let clock = clock();
    let by_age = Arc::clone(&clock);
    let server = Server::start_with(move |options| {
        options.registry.tick = Duration::from_millis(5);
        options.registry.floor_interval = Duration::ZERO;
        options.registry.clock = by_age;
    })
    .await;
    let mut client = server.client().await;
    client.put_persona(put("a", "body 1")).await.unwrap();
    clock.advance(Duration::from_secs(29 * 24 * 60 * 60));
    client.put_persona(put("a", "body 2")).await.unwrap();
    assert_eq!(server.registry.status().floor.0, 0);
    clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    soon(async {
        while server.registry.status().floor.0 != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let server = Server::start_with(|options| {
        options.registry.tick = Duration::from_millis(5);
        options.registry.floor_interval = Duration::ZERO;
        options.registry.history_max_bytes = Some(20_000);
    })
    .await;
    let mut client = server.client().await;
    for version in 1..=80 {
        client.put_persona(put("a", &format!("body {version}"))).await.unwrap();
    }
    assert_eq!(server.registry.status().floor.0, 0, "80 small documents fit");
    // What counts is what was put, and not what it takes once it is packed.
    client.put_persona(put("a", &"word ".repeat(8000))).await.unwrap();
    soon(async {
        while server.registry.status().floor.0 == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut noise = 1_u64;
    for version in 1..=80 {
        // Text that does not shrink.
        let body: String = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(version);
            char::from(b'a' + u8::try_from(noise >> 59).unwrap() % 26)
        })
        .take(1000)
        .collect();
        client.put_persona(put("b", &body)).await.unwrap();
    }
    soon(async {
        while server.registry.status().floor.0 < 100 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn s10_a_place_below_the_floor_is_refused_and_one_at_it_is_not() {
    let server = Server::start().await;
    let (mut client, mut admin) = (server.client().await, server.admin().await);
    let request = everything("default", pb::WatchMode::Latest);
    let mut tokens = Vec::new();
    for version in 1..=3 {
        client.put_persona(put("a", &format!("body {version}"))).await.unwrap();
        let page = client.list_personas(pb::ListPersonasRequest::default()).await.unwrap().into_inner();
        tokens.push(page.resume_token);
    }
    admin.compact_history(pb::CompactHistoryRequest { revision: 2 }).await.unwrap();
    let answer = client.watch_personas(resuming(&request, &tokens[0])).await;
    let status = refused(answer.map(drop), Code::OutOfRange, ErrorReason::RevisionCompacted);
    assert_eq!(metadata(&status, "floor"), "2");
    for token in &tokens[1..] {
        client.watch_personas(resuming(&request, token)).await.unwrap();
    }
    // A listing goes on where its revision can still be read, and not below.
    client.put_persona(put("b", "one")).await.unwrap();
    let first = pb::ListPersonasRequest { page_size: 1, ..Default::default() };
    let page = client.list_personas(first.clone()).await.unwrap().into_inner();
    client.put_persona(put("b", "two")).await.unwrap();
    let next = pb::ListPersonasRequest { page_token: page.next_page_token, ..first };
    client.list_personas(next.clone()).await.unwrap();
    admin.compact_history(pb::CompactHistoryRequest { revision: 0 }).await.unwrap();
    refused(client.list_personas(next).await, Code::OutOfRange, ErrorReason::RevisionCompacted);
}

#[tokio::test]
async fn a_history_tells_versions_deletions_and_aliases_in_pages() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for body in ["one", "two"] {
        let put = pb::PutPersonaRequest { message: format!("it says {body}"), ..put("a", body) };
        client.put_persona(put).await.unwrap();
    }
    let gone = pb::DeletePersonaRequest { message: "not needed".to_owned(), ..delete("a") };
    client.delete_persona(gone).await.unwrap();
    client.put_persona(put("a", "three")).await.unwrap();
    client.set_persona_alias(set("a", "production", 1)).await.unwrap();
    client.set_persona_alias(set("a", "canary", 1)).await.unwrap();
    for page_size in 1..=5 {
        let mut request =
            pb::ListPersonaVersionsRequest { name: "a".to_owned(), page_size, ..Default::default() };
        let mut entries = Vec::new();
        loop {
            let page = client.list_persona_versions(request.clone()).await.unwrap().into_inner();
            entries.extend(page.versions);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
            // What is written meanwhile is not in it.
            client.put_persona(put("a", &format!("{page_size} {}", entries.len()))).await.unwrap();
        }
        let entries = entries.split_off(entries.len() - 4);
        let told: Vec<_> =
            entries.iter().map(|it| (it.r#type().as_str_name(), it.version, it.revision)).collect();
        let expected =
            [("TYPE_VERSION", 3, 4), ("TYPE_DELETION", 2, 3), ("TYPE_VERSION", 2, 2), ("TYPE_VERSION", 1, 1)];
        assert_eq!(told, expected, "in pages of {page_size}");
        assert_eq!(entries[1].message, "not needed");
        assert_eq!(entries[3].message, "it says one");
        assert_eq!(entries[3].aliases, ["canary", "production"]);
        assert_eq!((entries[3].actor.as_str(), entries[1].digest.as_str()), ("anonymous", ""));
    }
    let nobody = pb::ListPersonaVersionsRequest { name: "nobody".to_owned(), ..Default::default() };
    refused(client.list_persona_versions(nobody).await, Code::NotFound, ErrorReason::PersonaNotFound);
}

#[tokio::test]
async fn namespaces_are_listed_with_what_lives_in_them() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (namespace, count) in [("ops", 1), ("default", 3), ("web", 2)] {
        for number in 0..count {
            let put = pb::PutPersonaRequest {
                namespace: namespace.to_owned(),
                ..put(&format!("p-{number}"), "text")
            };
            client.put_persona(put).await.unwrap();
        }
    }
    let gone = pb::DeletePersonaRequest { namespace: "ops".to_owned(), ..delete("p-0") };
    client.delete_persona(gone).await.unwrap();
    let mut request = pb::ListNamespacesRequest { page_size: 1, ..Default::default() };
    let mut told = Vec::new();
    loop {
        let page = client.list_namespaces(request.clone()).await.unwrap().into_inner();
        told.extend(page.namespaces.into_iter().map(|it| (it.namespace, it.personas)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(told, [("default".to_owned(), 3), ("web".to_owned(), 2)]);
}
